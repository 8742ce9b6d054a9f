"""Spans, shares and words: what a page says, by hand."""

import hashlib
import re
from datetime import UTC, date, datetime, timedelta

import pytest

from glucoflow.web import pictures, wording
from glucoflow.web.metrics import SpanMetrics
from glucoflow.web.pages import FOLDER
from glucoflow.web.settings_history import changes
from glucoflow.web.span import BadSpan, dates, read_span, rolling

NOW = datetime(2026, 11, 21, 22, 30, tzinfo=UTC)
"""Half an hour before midnight in Berlin, after it in Tokyo."""


def test_a_day_is_the_wearers_also_when_clocks_change() -> None:
    spring = dates(date(2026, 3, 29), date(2026, 3, 29), "Europe/Berlin")
    assert spring.end - spring.start == timedelta(hours=23)
    assert dates(date(2026, 10, 25), date(2026, 10, 25), "Europe/Berlin").days == pytest.approx(25 / 24)
    assert rolling("24h", "Asia/Tokyo", NOW).last == date(2026, 11, 22)
    assert rolling("24h", "Europe/Berlin", NOW).last == date(2026, 11, 21)


def test_rolling_days_are_whole_and_end_today() -> None:
    """Seven days up to now begin at a midnight of the wearer's: a day has one value on whatever page."""
    week = rolling("7d", "Asia/Tokyo", NOW)
    assert (week.first, week.last, week.whole_days) == (date(2026, 11, 16), date(2026, 11, 22), 7)
    assert week.start == datetime(2026, 11, 15, 15, tzinfo=UTC)
    assert week.preceding() == (datetime(2026, 11, 8, 15, tzinfo=UTC), week.start)
    assert rolling("24h", "UTC", NOW).preceding()[0] == NOW - timedelta(hours=48)


def test_previous_and_next_meet_without_gap_or_overlap() -> None:
    span = dates(date(2026, 11, 1), date(2026, 11, 7), "UTC")
    assert span.before == "from=2026-10-25&to=2026-10-31"
    assert span.after(date(2026, 11, 21)) == "from=2026-11-08&to=2026-11-14"
    assert span.after(date(2026, 11, 9)) == "from=2026-11-03&to=2026-11-09"
    assert span.after(date(2026, 11, 7)) is None
    assert rolling("24h", "UTC", NOW).before == "from=2026-11-20&to=2026-11-20"


@pytest.mark.parametrize(
    ("first", "last", "label"),
    [
        (date(2026, 11, 8), date(2026, 11, 21), "8 – 21 Nov 2026"),
        (date(2026, 10, 30), date(2026, 11, 2), "30 Oct – 2 Nov 2026"),
        (date(2025, 12, 31), date(2026, 1, 1), "31 Dec 2025 – 1 Jan 2026"),
        (date(2026, 11, 21), date(2026, 11, 21), "Sat 21 Nov 2026"),
    ],
)
def test_labels(first: date, last: date, label: str) -> None:
    assert dates(first, last, "UTC").label == label


@pytest.mark.parametrize("query", [{"from": "0001-01-01"}, {"from": "2010-01-01", "to": "2026-01-01"}, {"last": "x"}])
def test_spans_that_cannot_be(query: dict[str, str]) -> None:
    with pytest.raises(BadSpan):
        read_span(query, "UTC", NOW, "14d")


def test_one_date_is_enough_and_the_end_is_capped_at_today() -> None:
    assert read_span({"from": "2026-11-20"}, "UTC", NOW, "14d").label == "Fri 20 Nov 2026"
    assert read_span({"from": "2026-11-20", "to": "2027-01-01"}, "UTC", NOW, "14d").last == date(2026, 11, 21)


def test_shares_add_up_to_100_and_nothing_there_is_hidden() -> None:
    shares = {"very_low": 0.1, "low": 2.4, "in_range": 64.9, "high": 25.3, "very_high": 7.3}
    metrics = SpanMetrics(n=4032, days=14, time_in_ranges=shares, active_percent=100)  # type: ignore[arg-type]
    assert metrics.shares is not None
    assert sum(metrics.shares.bands.values()) == pytest.approx(100)
    assert wording.band_share(metrics.shares, "very_low") == "0.1\u00a0%"
    bars = pictures.share_bar(metrics.time_in_ranges)
    assert bars[-1][1] + bars[-1][2] == pytest.approx(100, abs=0.01)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (20, "just now"),
        (240, "4 min ago"),
        (5280, "88 min ago"),
        (10_800, "3 h ago"),
        (345_600, "4 days ago"),
        (-2820, "in 47 min"),
    ],
)
def test_ages(seconds: int, text: str) -> None:
    assert wording.age(NOW - timedelta(seconds=seconds), NOW) == text


def test_a_line_breaks_at_a_gap_but_not_between_readings_of_a_15_minute_sensor() -> None:
    minute = 1 / 360
    points = [(0.0, 100.0), (15 * minute, 110.0), (20 * minute, None), (60 * minute, 120.0)]
    assert pictures.line(points, 300, 84).count("M") == 2


def test_settings_tell_what_changed() -> None:
    def record(day: int, level: float, rate: float | None = None) -> dict[str, object]:
        settings: dict[str, object] = {"low_alert": {"enabled": True, "level_mg_dl": level}}
        if rate:
            settings["fall_alert"] = {"enabled": True, "rate_mg_dl_min": rate}
        return {"@timestamp": f"2026-03-0{day}T10:00:00+00:00", "device": {"name": "G7"}, "settings": settings}

    found = changes([record(3, 75, -3), record(1, 70), record(2, 70)], "mg/dL")
    assert [one.lines for one in found] == [
        ("low alert 70 mg/dL",),
        ("low alert 70 mg/dL → 75 mg/dL", "fall alert −3 mg/dL/min"),
    ]


def test_vendored_libraries_are_what_their_readme_says() -> None:
    vendor = FOLDER / "static" / "vendor"
    stated = dict(re.findall(r"`([\w.-]+\.js)`.*`([0-9a-f]{64})`", (vendor / "README.md").read_text()))
    held = {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in vendor.glob("*.js")}
    assert held == stated
    page = (FOLDER / "templates" / "dashboard.html").read_text()
    assert set(re.findall(r"vendor/([\w.-]+\.js)", page)) == set(held)
