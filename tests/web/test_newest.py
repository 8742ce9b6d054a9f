"""The newest reading: what is the present, what is old for its provider, and what changed since the one before."""

from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from glucoflow.web import wording
from glucoflow.web.newest import LATE, read_newest
from tests.web.conftest import Open
from tests.web.serving import CREDENTIALS, Site

NOW = datetime(2026, 3, 9, 12, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)
DELAYS = {"dexcom": HOUR, "share": timedelta(0)}


def hit(minutes_ago: float, mg_dl: float, provider: str = "dexcom", limit: str | None = None) -> dict[str, Any]:
    time = (NOW - timedelta(minutes=minutes_ago)).isoformat()
    glucose = {"mg_dl": mg_dl, "range": "in_range"} | ({"limit": limit} if limit else {})
    return {"_source": {"@timestamp": time, "event": {"provider": provider}, "glucose": glucose}}


def answer(*hits: dict[str, Any]) -> dict[str, Any]:
    return {"hits": {"hits": list(hits)}}


@given(st.integers(0, 600), st.sampled_from(sorted(DELAYS)))
def test_a_reading_is_fresh_until_a_quarter_of_an_hour_after_its_providers_delay(minutes: int, provider: str) -> None:
    found = read_newest(answer(hit(minutes, 100, provider)), DELAYS)
    assert found is not None
    age = timedelta(minutes=minutes)
    assert found.fresh(NOW) == (age <= DELAYS[provider] + LATE)
    assert found.late(NOW) == (LATE < age <= DELAYS[provider] + LATE)


@pytest.mark.parametrize(
    ("before", "says"),
    [
        (hit(6, 104), "−4 in 5\u00a0min"),
        (hit(16, 93), "+7 in 15\u00a0min"),
        (hit(6, 100), "0 in 5\u00a0min"),
        (hit(40, 93), None),
        (hit(6, 39, limit="low"), None),
    ],
)
def test_the_change_is_from_the_reading_before_if_that_is_its_neighbour(
    before: dict[str, Any], says: str | None
) -> None:
    found = read_newest(answer(hit(1, 100), before), DELAYS)
    assert found is not None
    change = found.change and wording.change(found.change.mg_dl, found.change.minutes, "mg/dL")
    assert change == says


def test_a_change_is_told_in_the_persons_unit() -> None:
    assert wording.change(-18.0, 5, "mmol/L") == "−1.0 in 5\u00a0min"


def test_a_providers_delay_is_told_in_hours_where_it_is_hours() -> None:
    assert [wording.hours(timedelta(minutes=n)) for n in (60, 180, 90)] == ["1\u00a0h", "3\u00a0h", "90\u00a0min"]


def test_without_readings_there_is_none() -> None:
    assert read_newest({}, DELAYS) is None


def test_an_old_low_is_grey_says_its_age_and_points_nowhere(empty_site: Site, open_page: Open) -> None:
    now = datetime.now(UTC)
    empty_site.store.people.add("lena", "Lena", now)
    empty_site.put("lena", days=2, seed=4, end=now - timedelta(hours=3, minutes=41), level=66)
    for path in ("", "/people/lena"):
        page = open_page(empty_site.url + path)
        shown = page.locator(".newest").first
        assert "stale" in (shown.get_attribute("class") or "")
        assert shown.locator(".age").inner_text() == "4 h ago"
        assert shown.locator(".arrow").count() == 0
        assert "What glucose is now is not known here." in shown.inner_text()
        grey, text = (
            page.evaluate(f"getComputedStyle(document.querySelector('{where}')).color")
            for where in (".newest strong", ".newest .about")
        )
        assert grey == text


def test_what_is_as_new_as_the_provider_gives_it_has_its_bands_colour_and_what_changed(
    empty_site: Site, open_page: Open
) -> None:
    now = datetime.now(UTC)
    empty_site.store.people.add("mia", "Mia", now)
    empty_site.store.connections.add("mia", "dexcom", "us", now, CREDENTIALS)
    empty_site.put("mia", days=2, seed=4, end=now - timedelta(minutes=62))
    page = open_page(f"{empty_site.url}/people/mia")
    shown = page.locator(".newest").first
    assert "stale" not in (shown.get_attribute("class") or "").split()
    assert shown.locator(".age").inner_text() == "62 min ago"
    assert "in 5" in shown.inner_text()
    assert not shown.locator(".notice").is_visible()
    page.evaluate(
        "document.querySelector('.newest').dataset.freshUntil = new Date(Date.now() - 1000).toISOString(); tick()"
    )
    assert shown.locator(".notice").is_visible(), "an open page greys by itself"
    assert httpx.get(f"{empty_site.url}/people/mia").status_code == 200
