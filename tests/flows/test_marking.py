"""What people mark and choose: by the commands, with bad input, and what follows from it."""

import json
from collections.abc import Callable
from datetime import date, datetime, timedelta
from pathlib import Path

import pytest
from typer.testing import CliRunner

from glucoflow.analytics.adherence import FEWEST_DAYS
from glucoflow.cli.app import app
from glucoflow.model.errors import Rejected
from glucoflow.service.annotations import Annotations, summarizing
from tests.flows.conftest import NOW, House, OpenHouse, small_scenario

FIRST = date(2026, 5, 25)
Run = Callable[..., str]


@pytest.fixture
def marking(house: House) -> Annotations:
    return Annotations(house.rt.store, house.rt.queries, summarizing(house.rt))


@pytest.fixture
def command(house: House, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Runs a command against the house, as a person would; its output."""
    es = house.rt.settings.es
    assert es.password is not None
    for name, value in {
        "ES_ENDPOINT": str(es.endpoint),
        "ES_USER": es.user,
        "ES_PASSWORD": es.password.get_secret_value(),
        "ES_INDEX": es.index,
        "GLUCOFLOW_DATA_DIR": str(house.rt.settings.store.data_dir),
    }.items():
        monkeypatch.setenv(name, str(value))

    def run(*words: str) -> str:
        result = CliRunner().invoke(app, list(words), catch_exceptions=False)
        assert result.exit_code == 0, result.output
        return result.output

    return run


def test_the_commands_mark_and_show(house: House, command: Run, tmp_path: Path) -> None:
    house.sync()
    assert "70–180 mg/dL, goal over 70 %" in command("targets", "alma")
    assert "63–140 mg/dL" in command("targets", "alma", "--profile", "pregnancy")
    assert "80–160 mg/dL" in command("targets", "alma", "--low", "80", "--high", "160", "--profile", "adult")

    span = ("--from", "2026-06-15 02:00", "--to", "2026-06-15 05:00")
    told = command("exclude", "alma", *span, "--reason", "new sensor")
    (made,) = house.rt.store.exclusions.list("alma")
    assert f"--undo {made.id}" in told
    assert made.start.isoformat() == "2026-06-15T00:00:00+00:00"  # 02:00 in Berlin
    assert "new sensor" in command("exclude", "alma")
    command("exclude", "alma", "--undo", str(made.id))
    assert house.rt.store.exclusions.list("alma") == ()

    assert "2 days recorded" in command("protocol", "alma", "walk", "--kept", "2026-06-10,2026-06-11")
    file = tmp_path / "days.csv"
    file.write_text("Date,Kept\n2026-06-12,no\n2026-06-13,perhaps\n")
    told = command("protocol", "alma", "walk", "--import", str(file))
    assert "1 day recorded" in told
    assert "line 3" in told
    assert f"{FEWEST_DAYS} days with and without are needed" in told
    assert "walk: 3 days" in command("protocol", "alma")

    found = json.loads(command("insights", "alma", "--json"))
    assert found["period"]["metrics"]["n"] > 2000
    assert {"in_range_goal", "best_day"} <= {one["kind"] for one in found["insights"]}
    assert "Not enough data: has 1" in command("insights", "alma", "--days", "30")  # of 12 days, 40 %
    assert "alma: 13 days" in command("summarize", "alma", "--days", "3000")


def test_what_is_said_stands_on_its_numbers(open_house: OpenHouse) -> None:
    with open_house(small_scenario(days=40)) as house:
        house.sync()
        mine = Annotations(house.rt.store, house.rt.queries, summarizing(house.rt))
        found = mine.insights("alma", 14, "mg/dL", NOW)
        assert found.period is not None
        assert (found.period.start, found.period.end) == (date(2026, 6, 6), date(2026, 6, 20))
        assert found.insights
        assert found.patterns
        for one in found.insights:
            assert one.rule
            assert "dose" not in f"{one.text} {one.suggestion}".lower()
            assert one.suggestion is None or one.suggestion.startswith("Talk to your care team")
            assert all(found.period.start <= day < found.period.end for day in one.dates)
        days = {FIRST + timedelta(days=i): i % 2 == 0 for i in range(25)}
        mine.record("alma", "walk", days, NOW)
        compared = mine.adherence("alma", "walk", "mg/dL")
        first = compared[0]
        assert min(first.n_with, first.n_without) >= FEWEST_DAYS
        assert first.low is not None
        assert first.high is not None
        assert first.difference is not None
        assert first.low <= first.difference <= first.high
        assert compared == mine.adherence("alma", "walk", "mg/dL")  # seeded
        assert set(first.dates_with) <= {day for day, kept in days.items() if kept}


def test_limits_are_taken_in_the_persons_unit(house: House, marking: Annotations) -> None:
    house.rt.store.people.update("alma", unit="mmol/L")
    changed = marking.set_targets("alma", None, 4.0, 9.0)
    assert (changed.targets.low, changed.targets.high) == (72, 162)
    assert marking.set_targets("alma", "older_high_risk").targets.goal_below == 1
    with pytest.raises(Rejected, match=r"between 2\.2 and 22\.2 mmol/L"):
        marking.set_targets("alma", None, 2.1, 9.0)
    with pytest.raises(Rejected, match=r"between 2\.2 and 22\.2 mmol/L"):
        marking.set_targets("alma", None, 9.0, 4.0)
    with pytest.raises(Rejected, match="between 40 and 400 mg/dL"):
        marking.set_targets("alma", None, 39, 180, "mg/dL")
    widest = marking.set_targets("alma", None, 2.2, 22.2).targets
    assert (widest.low, widest.high) == (40, 400), "a bound that is entered as it is said is within"


def test_what_cannot_be_is_refused_and_changes_nothing(house: House, marking: Annotations) -> None:
    before = house.rt.store.people.get("alma")
    wrong = ((None, 70, None), (None, 180, 70), (None, 4.0, 9.0), (None, float("nan"), 180), ("athlete", None, None))
    for profile, low, high in wrong:
        with pytest.raises(Rejected):
            marking.set_targets("alma", profile, low, high)
    for text in ("", "day,kept\n2026-06-01,yes\n", "date\n2026-06-01\n", "date,kept\x00\n1,2\n"):
        with pytest.raises(Rejected):
            marking.record_csv("alma", "walk", text, NOW)
    start, end = datetime.fromisoformat("2026-06-15T02:00"), datetime.fromisoformat("2026-06-15T05:00")
    for bad in ((end, start, "swapped"), (start, start, "empty"), (start, end, "  ")):
        with pytest.raises(Rejected):
            marking.exclude("alma", *bad, NOW)
    assert (house.rt.store.people.get("alma"), marking.protocols("alma")) == (before, [])
    assert marking.exclusions("alma") == []


def test_nobody_undoes_what_is_anothers(house: House, marking: Annotations) -> None:
    start, end = datetime.fromisoformat("2026-06-15T02:00"), datetime.fromisoformat("2026-06-15T05:00")
    house.rt.store.people.add("bea", "Bea", NOW)
    hers = marking.exclude("bea", start, end, "hers", NOW)
    with pytest.raises(Rejected, match="is not one of alma's"):
        marking.undo("alma", hers.id, NOW)
    assert len(house.rt.store.exclusions.list("bea")) == 1


def test_a_file_with_bad_rows_gives_its_good_ones(marking: Annotations) -> None:
    text = "\ufeffkept,date\nyes,2026-06-01\n\nno,2026-06-02\nyes,June 3\n,\nyes,2026-06-01\n"
    done = marking.record_csv("alma", "walk, daily", text, NOW)
    assert done.days == 2
    assert len(done.problems) == 2
    (kept,) = marking.protocols("alma")
    assert kept.days == {date(2026, 6, 2): False, date(2026, 6, 1): True}
