"""What was noted, in one line."""

from datetime import UTC, datetime
from typing import Any

import pytest

from glucoflow.model import records as r
from glucoflow.model.event_words import LONGEST, said

AT: dict[str, Any] = {"time": datetime(2026, 11, 20, 12, tzinfo=UTC), "key": "k"}
HOUR = 3_600_000


@pytest.mark.parametrize(
    ("record", "expected"),
    [
        (r.Bolus(normal=5.5, **AT), "Bolus 5.5 U"),
        (r.Bolus(normal=3, extended=2, duration_ms=2 * HOUR, **AT), "Bolus 3 U and 2 U over 120 min"),
        (r.Bolus(extended=2, **AT), "Bolus 2 U extended"),
        (r.Bolus(**AT), "Bolus"),
        (r.Basal(delivery_type="manual", action="long", amount=28, **AT), "Long-acting 28 U"),
        (r.Basal(delivery_type="scheduled", rate=0.85, duration_ms=HOUR, **AT), "Basal 0.85 U/h for 60 min"),
        (r.Basal(delivery_type="suspend", rate=0, **AT), "Basal 0 U/h"),
        (r.Food(carbs_g=54, **AT), "Food 54 g"),
        (r.Food(**AT), "Food"),
        (r.Exercise(intensity="medium", duration_ms=HOUR * 3 // 4, **AT), "Activity medium, 45 min"),
        (r.Exercise(**AT), "Activity"),
        (r.Health(kind="illness", **AT), "Health: illness"),
        (r.Note(text="Slept\n badly", **AT), "Note: Slept badly"),
        (r.Calibration(value=118, unit="mg/dL", **AT), None),
        (r.Alert(name="low", state="active", **AT), None),
    ],
)
def test_an_entry_is_said_in_one_line(record: r.Record, expected: str | None) -> None:
    assert said(record) == expected


def test_a_long_note_is_cut_where_its_cut_is_seen() -> None:
    line = said(r.Note(text="word " * 300, **AT)) or ""
    assert len(line) == len("Note: ") + LONGEST
    assert line.endswith("…")
