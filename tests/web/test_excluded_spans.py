"""Excluded spans are grey in every trace and say why; they are told apart from a sensor that failed."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import httpx
import pytest

from glucoflow.model.targets import Targets
from glucoflow.store import Exclusion
from glucoflow.web.charts import View
from glucoflow.web.excluded_spans import shaded
from tests.web.conftest import Open
from tests.web.serving import Site

BERLIN = ZoneInfo("Europe/Berlin")
SPEC = {"layer": [{"mark": "rect"}, {"mark": "line"}]}


def exclusion(start: datetime, end: datetime) -> Exclusion:
    return Exclusion(id=1, user_id="u", start=start, end=end, reason="Faulty sensor", created_at=start, undone_at=None)


def local(year: int, month: int, day: int, hour: int = 0, minute: int = 0) -> datetime:
    return datetime(year, month, day, hour, minute, tzinfo=BERLIN).astimezone(UTC)


def view(start: datetime, end: datetime) -> View:
    return View(start=start, end=end, unit="mg/dL", targets=Targets())


def test_it_lies_behind_the_trace_by_the_wearers_clock_and_ends_with_the_view() -> None:
    shown = view(local(2026, 3, 28), local(2026, 3, 30))  # clocks go forward on the 29th
    found = shaded("trace_14d", SPEC, [exclusion(local(2026, 3, 29, 1), local(2026, 4, 2))], shown, "Europe/Berlin")
    (row,) = found["layer"][1]["data"]["values"]
    assert row["start"] == datetime(2026, 3, 29, 1, tzinfo=UTC).timestamp() * 1000
    assert row["end"] == datetime(2026, 3, 30, tzinfo=UTC).timestamp() * 1000
    assert row["reason"] == "Faulty sensor"
    assert found["layer"][2] == {"mark": "line"}
    assert len(SPEC["layer"]) == 2, "the chart itself stays as it is"


def test_one_day_has_it_by_the_minute_up_to_midnight() -> None:
    shown = view(local(2026, 3, 9), local(2026, 3, 10))
    found = shaded("day_view", SPEC, [exclusion(local(2026, 3, 9, 21, 30), local(2026, 3, 11))], shown, "Europe/Berlin")
    (row,) = found["layer"][1]["data"]["values"]
    assert (row["start"], row["end"]) == (21 * 60 + 30, 1440)


@pytest.mark.parametrize("name", ["trace_14d", "day_view", "heatmap_mean"])
def test_without_one_in_the_view_nothing_is_added(name: str) -> None:
    elsewhere = exclusion(local(2026, 1, 1), local(2026, 1, 2))
    shown = view(local(2026, 3, 9), local(2026, 3, 10))
    assert shaded(name, SPEC, [elsewhere], shown, "Europe/Berlin") == SPEC


def test_the_pages_draw_it_with_its_reason(empty_site: Site, open_page: Open) -> None:
    now = datetime.now(UTC).replace(second=0, microsecond=0)
    yesterday = (now - timedelta(days=1)).astimezone(BERLIN).date()
    empty_site.store.people.add("nils", "Nils", now, zone="Europe/Berlin")
    empty_site.put("nils", days=4, seed=4, end=now)
    noon = datetime(yesterday.year, yesterday.month, yesterday.day, 12, tzinfo=BERLIN).astimezone(UTC)
    empty_site.store.exclusions.add("nils", noon, noon + timedelta(hours=3), "Compression low", now)
    for path, chart in (("days", "day_view"), ("events", "events_trace")):
        page = open_page(f"{empty_site.url}/people/nils/{path}?from={yesterday}&to={yesterday}")
        figure = page.locator(f"[data-chart^='{chart}']")
        assert "Compression low" in figure.locator("svg.marks").inner_html()
        assert figure.get_attribute("data-state") == "drawn"
    text = httpx.get(f"{empty_site.url}/people/nils/events?from={yesterday}&to={yesterday}").text
    assert "excluded spans count as missing" in text
