"""How long a person's pages take over years of readings: the page, its first chart, and ninety days.

    uv run python -m benchmarks.pages [years]

One line of JSON, medians in milliseconds, and the machine's load beside them. The raw ceiling is what Elasticsearch
itself takes to count the readings of the same ninety days by day; `ratio` holds the slowest page with all its charts
against it. What Elasticsearch keeps of answers is forgotten before each page and chart, as it is after a sync. Needs
Chromium, as the tests do, and uses the node that `python -m tests.node` keeps running, else one of its own.
"""

import json
import os
import re
import shutil
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from statistics import median

import httpx
from playwright.sync_api import sync_playwright

from glucoflow.es.names import Names
from glucoflow.es.provision import provision
from tests.es.conftest import remove_everything
from tests.node import kept_node, running_node
from tests.web.serving import Site, site

YEARS = 5.0
TIMES = 5
PERSON = "/people/anna"
PAGES = ("", "/profile", "/days", "/patterns", "/episodes", "/events", "/sensor", "/insights")
NINETY = "?last=90d&days=90"
"""The span of the pages with charts, and that of the insights."""


def measured(years: float) -> dict[str, object]:
    """Everything of one person who has worn a sensor for so long."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="glucoflow-pages-")))
        node = kept_node() or stack.enter_context(running_node())
        client = stack.enter_context(node.client())
        names = Names.below(f"bench-{time.time_ns()}-")
        stack.callback(remove_everything, client, names)
        served = stack.enter_context(site(folder, client, names))
        provision(client, names)
        now = datetime.now(UTC).replace(second=0, microsecond=0)
        served.store.people.add("anna", "Anna", now, zone="Europe/Berlin")
        served.put("anna", days=365 * years, seed=1, end=now)
        return {"years": years, **found(served, now)}


def found(served: Site, now: datetime) -> dict[str, object]:
    """What was measured of somebody who is there already."""
    documents = int(served.client.count(index=served.names.alias("anna"))["count"])
    raw = _median(partial(_by_day, served, now))
    with httpx.Client(base_url=served.url, timeout=120) as browser:
        look = partial(_got, browser, served)
        front = _median(partial(look, "/"))
        shown = {page or "/": _shown(look, f"{PERSON}{page}{NINETY}") for page in PAGES}
    whole = {page: sum(parts) for page, parts in shown.items()}
    return {
        "documents": documents,
        "load": round(os.getloadavg()[0], 1),
        "first_chart_ms": _first_chart(f"{served.url}{PERSON}"),
        "first_chart_of_90_days_ms": _first_chart(f"{served.url}{PERSON}?last=90d"),
        "front_ms": front,
        "page_ms": max(parts[0] for page, parts in shown.items() if page != "/insights"),
        "pages_of_90_days_ms": whole,
        "raw_ms": raw,
        "ratio": round(max(whole.values()) / max(raw, 1), 1),
    }


def _by_day(served: Site, now: datetime) -> None:
    """The least that figures by day can cost: one search over the raw readings."""
    span = {"range": {"@timestamp": {"gte": (now - timedelta(days=90)).isoformat()}}}
    aggs = {
        "days": {"terms": {"field": "time.date", "size": 100}, "aggs": {"g": {"stats": {"field": "glucose.mg_dl"}}}}
    }
    served.client.search(index=served.names.alias("anna"), size=0, query=span, aggs=aggs, request_cache=False)


def _shown(look: Callable[[str], str], address: str) -> tuple[int, int]:
    """The page, and the slowest of its charts, which a browser asks for together."""
    charts = re.findall(r'data-chart="([^"]+)"', look(address))
    asked = [f"/api{PERSON}/charts/{one.replace('&amp;', '&')}" for one in charts]
    return _median(partial(look, address)), max((_median(partial(look, one)) for one in asked), default=0)


def _got(browser: httpx.Client, served: Site, address: str) -> str:
    served.client.indices.clear_cache(index=served.names.alias("anna"), request=True)
    return browser.get(address).raise_for_status().text


def _median(done: Callable[[], object]) -> int:
    took = []
    for _ in range(TIMES):
        began = time.perf_counter()
        done()
        took.append(time.perf_counter() - began)
    return round(1000 * median(took))


_NOTE_DRAWN = """
new MutationObserver((changes, observer) => {
  if (!changes.some((one) => one.target.dataset?.chart && one.target.dataset.state === "drawn")) return;
  window.firstDrawn = performance.now();
  observer.disconnect();
}).observe(document, { subtree: true, attributes: true, attributeFilter: ["data-state"] });
"""


def _first_chart(address: str) -> int:
    """From the address to the first chart drawn, in a browser that has everything but the page."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"))
        page, took = browser.new_page(), []
        page.add_init_script(_NOTE_DRAWN)
        for _ in range(TIMES + 1):
            page.goto(address, wait_until="commit")
            page.wait_for_selector("[data-chart][data-state=drawn]", state="attached")
            took.append(float(page.evaluate("window.firstDrawn")))
        browser.close()
    return round(median(took[1:]))


def main(arguments: list[str]) -> None:
    print(json.dumps(measured(float(arguments[0]) if arguments else YEARS)))


if __name__ == "__main__":
    main(sys.argv[1:])
