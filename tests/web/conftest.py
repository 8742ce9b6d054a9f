"""One site and one browser for all page tests. Chromium comes with Playwright's own search or the system's."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Literal

import pytest
from elasticsearch import Elasticsearch
from playwright.sync_api import Browser, Page, Request

from glucoflow.es.names import Names
from tests.web.serving import Site, settle, site
from tests.web.visiting import NOW, SHARED, Visitor, account, visiting
from tests.workers import own_name

NAMES = Names.below(f"web-{own_name()}-")


@pytest.fixture(scope="session")
def town(es: Elasticsearch, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """The four people of `settle`. Tests that change something make a person of their own."""
    with site(tmp_path_factory.mktemp("web"), es, NAMES) as served:
        settle(served, datetime.now(UTC))
        yield served


@pytest.fixture
def empty_site(es: Elasticsearch, tmp_path: Path) -> Iterator[Site]:
    """A site without anyone."""
    with site(tmp_path, es, NAMES) as served:
        yield served


Open = Callable[..., Page]


@pytest.fixture
def open_page(browser: Browser) -> Iterator[Open]:
    """Opens an address in a fresh context; afterwards no page may have warned, failed or asked another host."""
    troubles: list[str] = []
    contexts = []

    def opened(
        url: str,
        *,
        width: int = 1280,
        theme: Literal["light", "dark"] = "light",
        wait: bool = True,
        locale: str = "en-GB",
    ) -> Page:
        context = browser.new_context(
            viewport={"width": width, "height": 900},
            color_scheme=theme,
            timezone_id="America/Los_Angeles",
            locale=locale,
        )
        context.set_default_timeout(120_000)  # on a slow day; nothing here is about speed
        contexts.append(context)
        page = context.new_page()
        home = url.split("/", 3)[2]
        page.on("console", lambda m: troubles.append(m.text) if m.type in {"warning", "error"} else None)
        page.on("pageerror", lambda error: troubles.append(str(error)))
        page.on("request", lambda r: troubles.append(f"foreign request: {r.url}") if _foreign(r, home) else None)
        page.goto(url)
        if wait and page.locator("[data-charts]").count():
            page.wait_for_selector("[data-charts][data-state=done]", state="attached", timeout=120_000)
        return page

    yield opened
    for context in contexts:
        context.close()
    assert troubles == []


def _foreign(request: Request, home: str) -> bool:
    """Whether a page of ours loads something from elsewhere; that a link leads away is no fault."""
    host = request.frame.url.split("/", 3)[2:3]
    leaves = request.is_navigation_request() or host != [home]
    return not (leaves or request.url.startswith(("data:", "blob:")) or request.url.split("/", 3)[2] == home)


@pytest.fixture(scope="module")
def home(es: Elasticsearch, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """Anna and Ben are here. Olga is the operator, Anna has an account of her own, Gil may look at Anna, Ben at Ben."""
    with site(tmp_path_factory.mktemp("home"), es, NAMES) as served:
        for user_id in ("anna", "ben"):
            served.store.people.add(user_id, user_id.title(), NOW, zone="Europe/Berlin")
        account(served, "Olga", operator=True)
        account(served, "Anna", "anna")
        account(served, "Gil", "anna", "read")
        account(served, "Ben", "ben")
        yield served


@pytest.fixture(scope="module")
def visitors(home: Site) -> Iterator[dict[str, Visitor]]:
    """One browser of each kind."""
    link = home.store.shares.add("anna", "Dr. Berger", SHARED, NOW + timedelta(days=1), "Anna", NOW)
    with ExitStack() as stack:
        found = {name: visiting(home, name) for name in ("Olga", "Anna", "Gil", "Ben")}
        found |= {"nobody": visiting(home), "link": visiting(home)}
        assert found["link"].get(f"/share/{link.token}").headers["location"] == "/people/anna/profile"
        yield {name: stack.enter_context(browser) for name, browser in found.items()}
