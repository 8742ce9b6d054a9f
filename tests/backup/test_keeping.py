"""Which backups stay: by days, weeks and months, whatever the hours at which they were made."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr

from glucoflow.backup.keeping import Kept, backups_in, is_trial_due, name_of, note_trial, prune, superfluous
from glucoflow.cli import doctor
from glucoflow.model.errors import Unavailable
from glucoflow.settings import BackupSettings, Settings, StoreSettings
from glucoflow.store import open_store
from tests.stores import lay_store

BEGIN = datetime(2026, 1, 1, 4, 10, tzinfo=UTC)


LATER = BEGIN + timedelta(days=3650)


def kept_of(moments: list[datetime], settings: BackupSettings, now: datetime = LATER) -> list[datetime]:
    every = [Kept(Path(name_of(at)), at) for at in moments]
    gone = {one.made_at for one in superfluous(every, settings, now)}
    return [at for at in moments if at not in gone]


def test_two_years_of_nights_one_at_a_time() -> None:
    """As it goes: each night one more, then pruned. What must be there is counted by hand."""
    settings, there = BackupSettings(keep_daily=7, keep_weekly=5, keep_monthly=12), list[datetime]()
    for day in range(730):
        there = kept_of([*there, BEGIN + timedelta(days=day)], settings)
    newest = BEGIN + timedelta(days=729)  # Friday, 31 December 2027
    assert there[-7:] == [newest - timedelta(days=n) for n in reversed(range(7))]
    sundays = [datetime(2027, 12, day, 4, 10, tzinfo=UTC) for day in (5, 12, 19, 26)]
    assert set(sundays) <= set(there)
    ends = [datetime(2027, month, day, 4, 10, tzinfo=UTC) for month, day in ((1, 31), (2, 28), (6, 30), (11, 30))]
    assert set(ends) <= set(there)
    assert len(there) == 7 + 3 + 11, "two of the Sundays' weeks and one month's end are among the days"


@given(st.lists(st.integers(0, 40_000), unique=True), st.integers(1, 9), st.integers(0, 6), st.integers(0, 14))
def test_the_rule(hours: list[int], daily: int, weekly: int, monthly: int) -> None:
    settings = BackupSettings(keep_daily=daily, keep_weekly=weekly, keep_monthly=monthly)
    moments = sorted(BEGIN + timedelta(hours=n) for n in hours)
    kept = kept_of(moments, settings)
    assert len(kept) <= daily + weekly + monthly
    assert kept[-1:] == moments[-1:], "the newest always stays"
    assert len({at.date() for at in kept}) >= min(daily, len({at.date() for at in moments}))
    assert kept_of(kept, settings) == kept, "once is enough"


ODD = "glucoflow-20260231T041000Z.age"
"""Of no day."""


def test_what_a_clock_that_ran_ahead_left_takes_nobodys_place() -> None:
    settings, there = BackupSettings(keep_daily=3, keep_weekly=0, keep_monthly=0), list[datetime]()
    ahead = [BEGIN + timedelta(days=4000 + day) for day in range(5)]
    for day in range(10):
        now = BEGIN + timedelta(days=day)
        there = kept_of([*there, now, *(ahead if day == 0 else [])], settings, now)
    assert [at for at in there if at not in ahead] == [BEGIN + timedelta(days=day) for day in (7, 8, 9)]
    assert set(ahead) <= set(there), "nor do they go"


def test_only_whole_ones_of_ours_are_looked_at(tmp_path: Path) -> None:
    old, new = BEGIN, BEGIN + timedelta(days=400)
    for name in (name_of(old), name_of(new), name_of(old) + ".part", "glucoflow-mine.age", "other.age", ODD):
        (tmp_path / name).touch()
    assert [one.made_at for one in backups_in(tmp_path)] == [old, new]
    gone = prune(tmp_path, BackupSettings(keep_daily=1, keep_weekly=0, keep_monthly=0), LATER)
    assert [one.made_at for one in gone] == [old]
    assert {one.name for one in tmp_path.iterdir()} == {
        name_of(new),
        name_of(old) + ".part",
        "glucoflow-mine.age",
        "other.age",
        ODD,
    }


@pytest.mark.parametrize(
    ("there", "says"),
    [((), "There is no backup yet"), ((timedelta(days=9), -timedelta(days=900)), "is 9 days old"), ((), "none yet")],
)
def test_the_doctor_misses_what_was_never_made_whatever_a_wrong_clock_left(
    there: tuple[timedelta, ...], says: str, tmp_path: Path
) -> None:
    lay_store(tmp_path)
    now = datetime.now(UTC)
    with open_store(tmp_path) as store:
        store.people.add("anna", "Anna", now - timedelta(hours=3 if says == "none yet" else 60))
    folder = tmp_path / "backups"
    folder.mkdir()
    for age in there:
        (folder / name_of(now - age)).touch()
    settings = Settings(
        store=StoreSettings(data_dir=tmp_path), backup=BackupSettings(passphrase=SecretStr("a sentence of our own"))
    )
    try:
        said = doctor._backups(settings)
    except Unavailable as error:
        said = error.message
    assert says in said


def test_one_of_each_week_is_tried_out_even_where_mondays_failed(tmp_path: Path) -> None:
    tried = []
    for at in (BEGIN + timedelta(days=n) for n in range(21)):
        if is_trial_due(tmp_path, at) and at.day != 12:  # that Monday the trial failed
            note_trial(tmp_path, at)
            tried.append(f"{at:%a %d}")
    assert tried == ["Thu 01", "Mon 05", "Tue 13", "Mon 19"]
