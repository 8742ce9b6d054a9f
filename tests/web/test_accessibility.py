"""WCAG 2.2 AA, as far as a machine can tell: axe-core over every page, light and dark, wide and on a phone."""

from typing import Literal

import pytest
from axe_playwright_python.sync_playwright import Axe

from tests.web.conftest import Open
from tests.web.serving import Site

RULES = {"runOnly": {"type": "tag", "values": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]}}
PAGES = (
    "/",
    "/login",
    "/people/ben",
    "/people/ben/profile",
    "/people/ben/days",
    "/people/ben/patterns",
    "/people/ben/episodes",
    "/people/ben/events",
    "/people/ben/sensor",
    "/people/anna/insights",
    "/people/anna/protocols",
    "/people/anna/settings",
    "/people/anna/notices",
    "/people/anna/status",
    "/people/dora",
)


@pytest.mark.parametrize("path", PAGES)
def test_no_page_keeps_anybody_out(town: Site, open_page: Open, path: str) -> None:
    themes: tuple[Literal["light", "dark"], ...] = ("light", "dark")
    for theme, width in zip(themes, (1280, 390), strict=True):
        page = open_page(town.url + path, theme=theme, width=width)
        found = Axe().run(page, options=RULES).response["violations"]
        told = [(one["id"], node["target"], node["failureSummary"]) for one in found for node in one["nodes"]]
        assert told == [], f"{path} in {theme}"
