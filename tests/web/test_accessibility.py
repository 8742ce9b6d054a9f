"""WCAG 2.2 AA, as far as a machine can tell: axe-core over every page there is, as everybody who may see it.

The pages are found by the routes, so that a new one is looked at by itself; one that needs a value in its address says
so here. The operator's are looked at light and wide, and dark on a phone; the others' pages, which differ in what may
be done on them, once each.
"""

from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlencode

import axe_playwright_python
import pytest
from elasticsearch import Elasticsearch
from fastapi.routing import APIRoute
from playwright.sync_api import Browser

from glucoflow.es.provision import provision
from glucoflow.partner_api.app import DOCS as PARTNER_DOCS
from glucoflow.partner_api.consent_routes import AUTHORIZE
from glucoflow.people_api.app import DOCS
from glucoflow.store.invites import Invited
from glucoflow.web.dashboard_pages import DASHBOARD_PAGES
from glucoflow.web.rights import PAGES
from tests.web.conftest import NAMES
from tests.web.serving import CREDENTIALS, Site, site
from tests.web.visiting import Visitor, account, visiting

AXE = Path(axe_playwright_python.__file__).parent / "axe.min.js"
RULES = {
    "resultTypes": ["violations"],
    "runOnly": {"type": "tag", "values": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]},
}
LOOK = """async rules => {
  document.querySelectorAll("details").forEach(one => { one.open = true; });
  const found = (await axe.run(document, rules)).violations;
  return found.flatMap(one => one.nodes.map(node => [one.id, node.target.join(" "), node.failureSummary]));
}"""
"""Everything opened, and what is wrong then."""
NOW = datetime.now(UTC)
Looks = tuple[Literal["light", "dark"], int]
LOOKS: dict[str, tuple[Looks, ...]] = {
    "Olga": (("light", 1440), ("dark", 390)),
    "Anna": (("dark", 1440),),
    "Gil": (("light", 390),),
    "link": (("dark", 390),),
    "nobody": (("light", 1440),),
}
NO_PAGE = {
    "/oauth/callback", "/oauth/finish/{tag}", "/receipt/{token}/receipt.txt", "/login/sign-on/callback",
    "/notice/{token}", "/health", "/ready", "/metrics",
}  # fmt: skip
"""Addresses that lead on, or show what was sent or made; else they say what went wrong, as every address does."""


@pytest.fixture(scope="module")
def lived_in(es: Elasticsearch, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A house in which something of everything is there, and some of its people have accounts."""
    with site(tmp_path_factory.mktemp("lived-in"), es, NAMES) as served:
        store = served.store
        provision(es, NAMES)
        for user_id in ("axel", "berta"):
            store.people.add(user_id, user_id.title(), NOW, zone="Europe/Berlin")
        made = store.connections.add("axel", "dexcom", "us", NOW, CREDENTIALS)
        store.connections.record_success(made.id, NOW)
        served.put("axel", days=15, seed=5, end=NOW.replace(second=0, microsecond=0))
        account(served, "Olga", operator=True)
        account(served, "Anna", "axel")
        account(served, "Gil", "axel", "read")
        yield served


def _values(served: Site) -> dict[str, tuple[str, ...]]:
    """What stands in addresses, by its name there."""
    store = served.store
    invited = store.invites.add(Invited(name="Nadia", unit="mg/dL", zone="UTC"), "Olga", NOW)
    shared = store.shares.add("axel", "Dr. Berger", tuple(PAGES), NOW + timedelta(days=1), "Olga", NOW)
    return {
        "/invite/{token}": (f"/invite/{invited.token}",),
        "/share/{token}": (f"/share/{shared.token}",),
        "/receipt/{token}": (f"/receipt/{store.receipts.ask('berta', NOW)}",),
        "{user_id}": ("axel",),
        "{slug}": tuple(one.slug for one in DASHBOARD_PAGES),
        "{provider}": tuple(served.app.state.services.connect.titles),
    }


def _addresses(served: Site, values: dict[str, tuple[str, ...]]) -> Iterator[str]:
    """Everything that a browser could ask the pages for, and the pages of the other doors."""
    included = [getattr(one, "original_router", served.app).routes for one in served.app.routes]
    routes = [one for part in included for one in part if isinstance(one, APIRoute) and "GET" in (one.methods or ())]
    for route in routes:
        found = [route.path]
        for name, known in values.items():
            found = [address.replace(name, value) for address in found for value in known if name in address] or found
        if route.path not in NO_PAGE:
            yield from found
    yield from (DOCS, PARTNER_DOCS, f"{AUTHORIZE}?{_asked_by_a_partner(served)}")


def _asked_by_a_partner(served: Site) -> str:
    partner = served.store.partners.add("Diary", ["https://diary.example/back"], NOW)
    asked = {
        "client_id": partner.partner.id, "response_type": "code", "redirect_uri": "https://diary.example/back",
        "scope": "data.read", "state": "s", "code_challenge": "c" * 43, "code_challenge_method": "S256",
    }  # fmt: skip
    return urlencode(asked)


def _pages(browser: Visitor, addresses: list[str], *, strict: bool) -> list[str]:
    """Those of the addresses that show a page to this visitor; `strict`: none may be wrong."""
    found = []
    for address in addresses:
        if "{" in address:
            pytest.fail(f"{address} needs a value: give one in `_values`")
        answer = browser.get(address)
        if not answer.headers.get("content-type", "").startswith("text/html") or answer.is_redirect:
            continue
        if answer.status_code == 200:
            found.append(address)
        else:
            assert not strict, f"{address} answers {answer.status_code}"
    return found


@pytest.fixture(scope="module")
def seen(lived_in: Site) -> Iterator[dict[str, tuple[Visitor, list[str]]]]:
    """Each visitor, with the pages that they see."""
    values = _values(lived_in)
    addresses = list(dict.fromkeys(_addresses(lived_in, values)))
    browsers = {name: visiting(lived_in, name) for name in ("Olga", "Anna", "Gil")}
    browsers |= {"link": visiting(lived_in), "nobody": visiting(lived_in)}
    browsers["link"].get(values["/share/{token}"][0])
    yield {name: (one, _pages(one, addresses, strict=name == "Olga")) for name, one in browsers.items()}
    for one in browsers.values():
        one.close()


def test_every_page_is_among_those_that_are_looked_at(seen: dict[str, tuple[Visitor, list[str]]]) -> None:
    pages = {name: set(found) for name, (_, found) in seen.items()}
    assert len(pages["Olga"]) > 25
    assert pages["Anna"] > pages["Gil"] > pages["link"] - pages["nobody"] > set()
    assert {"/accounts", DOCS} <= pages["Olga"] - pages["Gil"] | {DOCS}


@pytest.mark.parametrize("who", LOOKS)
def test_no_page_keeps_anybody_out(
    lived_in: Site, seen: dict[str, tuple[Visitor, list[str]]], browser: Browser, who: str
) -> None:
    visitor, pages = seen[who]
    cookies: Any = [{"name": one.name, "value": one.value, "url": lived_in.url} for one in visitor.cookies.jar]
    wrong = []
    for theme, width in LOOKS[who]:
        with closing(
            browser.new_context(viewport={"width": width, "height": 900}, color_scheme=theme, locale="en-GB")
        ) as context:
            context.add_cookies(cookies)
            context.add_init_script(path=AXE)
            page = context.new_page()
            page.set_default_timeout(120_000)
            if who != "Olga":  # her pages have shown the charts
                page.route("**/charts.js*", lambda route: route.fulfill(body=""))
            for address in pages:
                page.goto(lived_in.url + address)
                if who == "Olga" and page.locator("[data-charts]").count():
                    page.wait_for_selector("[data-charts][data-state=done]", state="attached")
                wrong += [(address, theme, *one) for one in page.evaluate(LOOK, RULES)]
                if page.evaluate("document.documentElement.scrollWidth") > width:
                    wrong.append((address, theme, "wider than the window"))
    assert wrong == []
