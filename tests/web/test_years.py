"""Long ago: a page looks at the days it shows and at none else, and still knows the newest reading and every day."""

import re
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Any

import httpx
import pytest
from elasticsearch import Elasticsearch

from glucoflow.es.provision import provision
from glucoflow.es.queries import Queries, only
from tests.web.conftest import NAMES
from tests.web.serving import Site, site

ZONE = timedelta(hours=1)
LAST = datetime(2025, 2, 10, 11, tzinfo=UTC)
FIRST = LAST - timedelta(days=500)


@pytest.fixture(scope="module")
def long_ago(es: Elasticsearch, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """Olga: six hours of readings, 500 days later as many more, and nothing since; months before today."""
    with site(tmp_path_factory.mktemp("years"), es, NAMES) as served:
        provision(es, NAMES)
        served.store.people.add("olga", "Olga", datetime.now(UTC), zone="Etc/GMT-1")
        for end in (FIRST, LAST):
            served.put("olga", days=0.25, seed=5, end=end)
        yield served


def got(served: Site, path: str) -> str:
    with httpx.Client(base_url=served.url, timeout=120) as browser:
        return browser.get(path).raise_for_status().text


@pytest.mark.parametrize("query", ["", "?last=90d"])
def test_the_newest_reading_is_known_however_old_it_is(long_ago: Site, query: str) -> None:
    assert "from=2025-02-10&amp;to=2025-02-10" in got(long_ago, f"/people/olga{query}")


def test_figures_of_dates_long_ago_are_of_the_readings_of_those_dates(long_ago: Site) -> None:
    day = (FIRST + ZONE).date()
    shown = got(long_ago, f"/people/olga?from={day}&to={day}")
    assert re.search(r"\b73\b[^<]*readings", shown)


def test_every_day_of_years_has_its_figures_in_the_table(long_ago: Site) -> None:
    first, last = (FIRST + ZONE).date(), (LAST + ZONE).date()
    table = got(long_ago, f"/people/olga/days?from={first}&to={last}")
    rows: dict[str, str] = dict(re.findall(r'<th scope="row"><a href="[^"]*from=([\d-]+)&.*?</th>(.*?)</tr>', table))
    assert len(rows) == 501
    worn = {date.fromisoformat(day) for day, row in rows.items() if '<td class="number">73</td>' in row}
    assert worn == {first, last}


def test_readings_of_a_long_span_come_in_pieces_and_are_the_same(long_ago: Site) -> None:
    queries = Queries(long_ago.client, long_ago.names)
    found = queries.readings("olga", FIRST - timedelta(days=1), LAST + timedelta(days=1))
    asked: Any = long_ago.client.search(
        index=long_ago.names.alias("olga"), query=only(["cgm.reading"]), size=1_000, sort=[{"@timestamp": "asc"}]
    )
    held = [hit["_source"] for hit in asked["hits"]["hits"]]
    assert found.utc.tolist() == [hit["sort"][0] for hit in asked["hits"]["hits"]]
    assert found.mg_dl.tolist() == [one["glucose"]["mg_dl"] for one in held]
    assert set(found.offset_min.tolist()) == {one["time"]["utc_offset_min"] for one in held} == {60}
    assert set(found.interval_ms.tolist()) == {300_000}
