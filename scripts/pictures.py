"""Pictures of the pages for README and docs, taken from a running demo (`glucoflow up --demo`).

    python scripts/pictures.py http://localhost:8321 docs/images

Needs Playwright, Chromium and Pillow, as the tests do. The person shown is the first of the front page with a reading.
"""

import shutil
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Literal

from PIL import Image
from playwright.sync_api import Browser, Page, sync_playwright

Theme = Literal["light", "dark"]
SHOTS: tuple[tuple[str, str, int, Theme], ...] = (
    ("people", "/", 1280, "light"),
    ("now", "{person}", 1280, "light"),
    ("now-dark", "{person}", 1280, "dark"),
    ("now-phone", "{person}", 390, "light"),
    ("profile", "{person}/profile", 1280, "light"),
    ("days", "{person}/days", 1280, "light"),
    ("day", "{person}/days?from={yesterday}&to={yesterday}", 1280, "light"),
    ("patterns", "{person}/patterns", 1280, "dark"),
    ("episodes", "{person}/episodes", 1280, "light"),
    ("events", "{person}/events", 1280, "light"),
    ("sensor", "{person}/sensor", 1280, "light"),
    ("status", "{person}/status", 1280, "light"),
)
"""File name, address, width, colours."""


def main(base: str, folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    yesterday = datetime.now(UTC).date() - timedelta(days=1)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"))
        person = _first_person(browser, base)
        for name, address, width, theme in SHOTS:
            page = _open(browser, base + address.format(person=person, yesterday=yesterday), width, theme)
            path = folder / f"{name}.png"
            page.screenshot(path=path, full_page=True)
            _shrink(path)
            page.context.close()
        browser.close()


def _shrink(path: Path) -> None:
    """Keep 256 colours, chosen so that no pixel is far off: less than half of the bytes."""
    picture = Image.open(path).convert("RGB")
    picture.quantize(256, Image.Quantize.MAXCOVERAGE, dither=Image.Dither.NONE).save(path, optimize=True)


def _first_person(browser: Browser, base: str) -> str:
    page = _open(browser, base, 1280, "light")
    card = page.locator("li.card:has(.newest) a.cover").first
    href = card.get_attribute("href") if card.count() else None
    if href is None:
        raise SystemExit(f"Nobody on {base} has a reading yet. Wait for the first sync of the demo, then try again.")
    return href


def _open(browser: Browser, url: str, width: int, theme: Theme) -> Page:
    page = browser.new_page(viewport={"width": width, "height": 900}, color_scheme=theme, locale="en-GB")
    page.goto(url)
    if page.locator("[data-charts]").count():
        page.wait_for_selector("[data-charts][data-state=done]", state="attached")
    return page


if __name__ == "__main__":
    if len(sys.argv) != 3:
        raise SystemExit(__doc__)
    main(sys.argv[1].rstrip("/"), Path(sys.argv[2]))
