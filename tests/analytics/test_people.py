"""The demo's made-up people: figures beside iglu's, and the night lows that one of them has by construction."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

import numpy as np
import pytest

from glucoflow.analytics import Series, metrics_of, summarize_period
from glucoflow.analytics.insights import insights_of
from glucoflow.analytics.patterns import find_patterns
from glucoflow.analytics.series import epoch_ms
from glucoflow.analytics.time_in_ranges import time_in_ranges
from glucoflow.model.localtime import MINUTE_MS
from glucoflow.simulators.dexcom import demo_scenario
from glucoflow.simulators.dexcom.archive import Archive
from tests.analytics.iglu import theirs
from tests.analytics.test_against_iglu import SAME

pytestmark = pytest.mark.filterwarnings("ignore::pandas.errors.Pandas4Warning")

NOW = datetime(2026, 6, 20, tzinfo=UTC)
WORLD = demo_scenario(NOW, days=45)
ARCHIVE = Archive(WORLD)


def readings(person: str, days: int) -> list[dict[str, Any]]:
    found = ARCHIVE.truth(person, "egvs", NOW - timedelta(days=days), NOW, NOW)
    return [record for record in found if record["value"] is not None]


def series(records: list[dict[str, Any]]) -> Series:
    times = [epoch_ms(datetime.fromisoformat(record["systemTime"])) for record in records]
    offsets = [datetime.fromisoformat(record["displayTime"]).utcoffset() or timedelta() for record in records]
    values = [record["value"] for record in records]
    return Series.of(times, values, [int(offset.total_seconds()) // 60 for offset in offsets])


@pytest.mark.parametrize("person", [person.id for person in WORLD.people])
def test_thirty_days_equal_iglu(person: str) -> None:
    """No clocks change in these weeks in the zones of these people, so that iglu's wall-clock grid is ours."""
    trace = series(readings(person, 30))
    assert len(set(trace.offset_min.tolist())) == 1
    metrics = metrics_of(trace)
    read = (trace.local_ms, trace.mg_dl)
    for name, (function, column) in SAME.items():
        expected = theirs(function, column, *read)
        tolerance = 0.05 if name == "active_percent" else 1e-6  # iglu counts jitter of seconds as parts of gaps
        assert getattr(metrics, name) == pytest.approx(expected, rel=1e-6, abs=tolerance), name


def test_brunos_nights_are_found() -> None:
    """He has lows between 02:00 and 04:00 on a third of his nights."""
    trace = series(readings("bruno", 45))
    end = date(2026, 6, 19)
    start = end - timedelta(days=28)
    patterns = find_patterns(trace, start, end)
    night = next(pattern for pattern in patterns if pattern.kind == "lows_by_time")
    assert (night.minute_from, night.minute_to) == (120, 240)
    assert 5 <= night.days_with <= 14
    local = trace.where((trace.minute_of_day >= 120) & (trace.minute_of_day < 240))
    shares = time_in_ranges(local)
    assert shares is not None
    assert shares.below_70 > 2 * (metrics_of(trace).below_70_percent or 0)
    kinds = [insight.kind for insight in insights_of(summarize_period(trace, start, end), None, patterns)]
    assert "lows_by_time" in kinds


def test_over_a_clock_change_days_are_compared_by_the_clock() -> None:
    """Over the change of 29 March the curve of each instant 24 h ago is an hour off on the clock: MODD as iglu's."""
    start = datetime(2026, 3, 26, 23, tzinfo=UTC)
    times = epoch_ms(start) + np.arange(1, 6 * 288 + 1, dtype=np.int64) * 5 * MINUTE_MS
    values = np.rint(140 + 40 * np.sin(np.arange(6 * 288) / 288 * 2 * np.pi))
    change = epoch_ms(datetime(2026, 3, 29, 1, tzinfo=UTC))
    trace = Series.of(times, values, np.where(times < change, 60, 120))
    read = (trace.local_ms, trace.mg_dl)
    # iglu has no reading in the hour that is skipped and draws no line over it: neither do we.
    assert metrics_of(trace).modd_mg_dl == pytest.approx(theirs("modd", "MODD", *read), abs=0.02)
    assert metrics_of(trace).conga24_mg_dl == pytest.approx(theirs("conga", "CONGA", *read), abs=0.1)
