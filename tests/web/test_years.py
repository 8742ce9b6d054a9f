"""Long ago: a page looks at the days it shows and at none else, and still knows the newest reading and every day."""

import re
from datetime import UTC, date, datetime, timedelta
from typing import Any

import httpx
import pytest

from glucoflow.es.queries import Queries, only
from tests.web.serving import Site

ZONE = timedelta(hours=1)
LAST = datetime(2025, 2, 10, 11, tzinfo=UTC)
FIRST = LAST - timedelta(days=500)


@pytest.fixture
def long_ago(town: Site) -> tuple[Site, str]:
    """Six hours of readings, 500 days later as many more, and nothing since; months before today."""
    if town.store.people.find("olga") is None:
        town.store.people.add("olga", "Olga", datetime.now(UTC), zone="Etc/GMT-1")
        for end in (FIRST, LAST):
            town.put("olga", days=0.25, seed=5, end=end)
    return town, "olga"


def got(served: Site, path: str) -> str:
    with httpx.Client(base_url=served.url, timeout=120) as browser:
        return browser.get(path).raise_for_status().text


@pytest.mark.parametrize("query", ["", "?last=90d"])
def test_the_newest_reading_is_known_however_old_it_is(long_ago: tuple[Site, str], query: str) -> None:
    assert "from=2025-02-10&amp;to=2025-02-10" in got(long_ago[0], f"/people/olga{query}")


def test_figures_of_dates_long_ago_are_of_the_readings_of_those_dates(long_ago: tuple[Site, str]) -> None:
    day = (FIRST + ZONE).date()
    shown = got(long_ago[0], f"/people/olga?from={day}&to={day}")
    assert re.search(r"\b73\b[^<]*readings", shown)


def test_every_day_of_years_has_its_figures_in_the_table(long_ago: tuple[Site, str]) -> None:
    first, last = (FIRST + ZONE).date(), (LAST + ZONE).date()
    table = got(long_ago[0], f"/people/olga/days?from={first}&to={last}")
    rows: dict[str, str] = dict(re.findall(r'<th scope="row"><a href="[^"]*from=([\d-]+)&.*?</th>(.*?)</tr>', table))
    assert len(rows) == 501
    worn = {date.fromisoformat(day) for day, row in rows.items() if '<td class="number">73</td>' in row}
    assert worn == {first, last}


def test_readings_of_a_long_span_come_in_pieces_and_are_the_same(long_ago: tuple[Site, str]) -> None:
    served, person = long_ago
    queries = Queries(served.client, served.names)
    found = queries.readings(person, FIRST - timedelta(days=1), LAST + timedelta(days=1))
    asked: Any = served.client.search(
        index=served.names.alias(person), query=only(["cgm.reading"]), size=1_000, sort=[{"@timestamp": "asc"}]
    )
    held = [hit["_source"] for hit in asked["hits"]["hits"]]
    assert found.utc.tolist() == [hit["sort"][0] for hit in asked["hits"]["hits"]]
    assert found.mg_dl.tolist() == [one["glucose"]["mg_dl"] for one in held]
    assert set(found.offset_min.tolist()) == {one["time"]["utc_offset_min"] for one in held} == {60}
    assert set(found.interval_ms.tolist()) == {300_000}
