"""Protocols people keep (a habit, a medicine taken or not, a diet day) and what glucose was like with and without.

Nothing is claimed below 10 days a side. What is said is a difference with its interval, never a cause: days with and
without a protocol may differ in much else.
"""

import csv
import math
from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from typing import Literal

import msgspec

from glucoflow.analytics.days import DayTable, day_table
from glucoflow.analytics.resampling import difference_of_days, holm
from glucoflow.analytics.series import Series
from glucoflow.model.goals import share
from glucoflow.model.said import Said, said
from glucoflow.model.targets import PROFILES, Targets
from glucoflow.model.units import MG_DL, Unit, decimals_of, glucose_unit, in_unit
from glucoflow.model.words import count, signed

FEWEST_DAYS = 10
NAME_LIMIT = 80
Measure = Literal["in_range", "below", "above", "mean", "cv"]
MEASURES: Mapping[Measure, Said] = {
    "in_range": said("time in range"),
    "below": said("time below range"),
    "above": said("time above range"),
    "mean": said("mean glucose"),
    "cv": said("variability (CV)"),
}
_YES = frozenset({"1", "yes", "y", "true", "done", "x", "taken"})
_NO = frozenset({"0", "no", "n", "false", "", "-", "not"})


class Entry(msgspec.Struct, frozen=True):
    """Whether a person kept a protocol on a local date. A later entry of the same date and name replaces an earlier."""

    date: date
    protocol: str
    done: bool
    note: str = ""


class Adherence(msgspec.Struct, frozen=True, kw_only=True):
    """A protocol's days and one measure on days with and without it, in percent or mg/dL.

    `difference`, `low` and `high` (95 %, which allows for days next to each other being alike) and `p_value` are None
    below 10 usable days a side; `text` then says how many there are. `clear` is True where the interval leaves out
    zero; where all measures are looked at together, only after correction for their number.
    """

    protocol: str
    measure: Measure
    n_with: int
    n_without: int
    mean_with: float | None = None
    mean_without: float | None = None
    difference: float | None = None
    low: float | None = None
    high: float | None = None
    p_value: float | None = None
    clear: bool = False
    text: str = ""
    verdict: str = ""
    """The end of `text`: what the interval says."""
    dates_with: tuple[date, ...] = ()
    dates_without: tuple[date, ...] = ()


def read_entries(text: str) -> tuple[tuple[Entry, ...], tuple[str, ...]]:
    """Entries of a CSV with the columns `date,protocol,done` (and `note`), and a sentence for every row left out.

    Dates are YYYY-MM-DD; `done` is yes or no, 1 or 0, true or false. Raises ValueError when a column is missing.
    """
    rows = csv.DictReader(text.lstrip("\ufeff").splitlines())
    names = {(name or "").strip().lower(): name for name in rows.fieldnames or ()}
    missing = [name for name in ("date", "protocol", "done") if name not in names]
    if missing:
        raise ValueError(f"the file has no column {' and no column '.join(missing)}; the first line must name them")
    entries, problems = [], []
    for row in rows:
        fields = {name: (row.get(given) or "").strip() for name, given in names.items()}
        try:
            entries.append(_entry(fields))
        except ValueError as error:
            problems.append(said("line %(n)s: %(why)s", n=rows.line_num, why=error.args[0]))
    return tuple(entries), tuple(problems)


def adherence(
    series: Series,
    entries: Sequence[Entry],
    protocol: str,
    measure: Measure = "in_range",
    *,
    targets: Targets = PROFILES["adult"],
    unit: Unit = MG_DL,
    seed: int = 0,
) -> Adherence:
    """Compares days with and without a protocol. Only days with an entry and worn for 70 % count.

    A day without an entry is unknown, not a day without. The same seed gives the same interval.
    """
    known = {entry.date: entry.done for entry in entries if entry.protocol == protocol}
    if not known:
        return Adherence(protocol=protocol, measure=measure, n_with=0, n_without=0, text=said("no days recorded yet"))
    first, end = min(known), max(known) + timedelta(days=1)
    table = day_table(series, first, end, targets)
    sides: dict[bool, list[tuple[date, float]]] = {True: [], False: []}
    for day, done in sorted(known.items()):
        value = _value(table, (day - first).days, measure)
        if value is not None:
            sides[done].append((day, value))
    having, lacking = sides[True], sides[False]
    result = Adherence(
        protocol=protocol,
        measure=measure,
        n_with=len(having),
        n_without=len(lacking),
        dates_with=tuple(day for day, _ in having),
        dates_without=tuple(day for day, _ in lacking),
    )
    if min(len(having), len(lacking)) < FEWEST_DAYS:
        return msgspec.structs.replace(result, text=_too_few(len(having), len(lacking)))
    return _compared(result, having, lacking, unit, seed)


def _too_few(having: int, lacking: int) -> Said:
    return said(
        "not enough data: %(fewest)s days with and without are needed, "
        "there are %(having)s with and %(lacking)s without",
        fewest=FEWEST_DAYS,
        having=having,
        lacking=lacking,
    )


def adherence_of_all(
    series: Series,
    entries: Sequence[Entry],
    protocol: str,
    *,
    targets: Targets = PROFILES["adult"],
    unit: Unit = MG_DL,
    seed: int = 0,
) -> tuple[Adherence, ...]:
    """Every measure at once. `clear` and the text are corrected for their number (Holm): one of five differs easily."""
    found = [
        adherence(series, entries, protocol, measure, targets=targets, unit=unit, seed=seed) for measure in MEASURES
    ]
    levels = holm([1.0 if one.p_value is None else one.p_value for one in found])
    return tuple(
        one if one.p_value is None else _judged(one, unit, one.p_value < level, len(found))
        for one, level in zip(found, levels, strict=True)
    )


def _compared(
    result: Adherence, having: list[tuple[date, float]], lacking: list[tuple[date, float]], unit: Unit, seed: int
) -> Adherence:
    both = sorted([(day, value, True) for day, value in having] + [(day, value, False) for day, value in lacking])
    days = [day.toordinal() for day, _, _ in both]
    found = difference_of_days(days, [value for _, value, _ in both], [kept for _, _, kept in both], seed)
    result = msgspec.structs.replace(result, **msgspec.structs.asdict(found))
    return _judged(result, unit, found.excludes_zero)


def _judged(result: Adherence, unit: Unit, clear: bool, looked_at: int = 1) -> Adherence:
    """The result with its verdict in words, among so many measures looked at."""
    difference, low, high = result.difference or 0.0, result.low or 0.0, result.high or 0.0
    if clear:
        verdict = said("the interval leaves out zero")
    elif low > 0 or high < 0:
        verdict = said("not clear, since of %(n)s figures looked at one may differ as much by chance", n=looked_at)
    else:
        verdict = said("no clear difference")
    one, other = (_level(value, result.measure, unit) for value in (result.mean_with, result.mean_without))
    text = said(
        "%(measure)s was %(one)s on %(days)s with and %(other)s on %(other_days)s without "
        "(difference %(gap)s %(unit)s, 95 %% interval %(low)s to %(high)s): %(verdict)s",
        measure=MEASURES[result.measure],
        one=one,
        days=count(result.n_with, "day"),
        other=other,
        other_days=count(result.n_without, "day"),
        gap=_gap(difference, result.measure, unit),
        unit=_gap_unit(result.measure, unit),
        low=_gap(low, result.measure, unit),
        high=_gap(high, result.measure, unit),
        verdict=verdict,
    )
    return msgspec.structs.replace(result, clear=clear, text=text, verdict=verdict)


def _level(value: float | None, measure: Measure, unit: Unit) -> str:
    return glucose_unit(value, unit) if measure == "mean" else share(value)


def _gap(value: float, measure: Measure, unit: Unit) -> str:
    """A difference with its sign; what rounds to zero has none."""
    return signed(in_unit(value, unit), decimals_of(unit)) if measure == "mean" else signed(value)


def _gap_unit(measure: Measure, unit: Unit) -> str:
    return unit if measure == "mean" else said("points")


def _value(table: DayTable, row: int, measure: Measure) -> float | None:
    if not table.enough[row]:
        return None
    value = float(getattr(table, measure)[row])
    return value if math.isfinite(value) else None


def _entry(fields: dict[str, str]) -> Entry:
    try:
        day = date.fromisoformat(fields["date"])
    except ValueError:
        raise ValueError(said("%(text)s is no date like 2026-03-08", text=repr(fields["date"]))) from None
    if not fields["protocol"]:
        raise ValueError(said("the protocol has no name"))
    if len(fields["protocol"]) > NAME_LIMIT:
        raise ValueError(said("the protocol's name is longer than %(n)s characters", n=NAME_LIMIT))
    word = fields["done"].lower()
    if word not in _YES | _NO:
        raise ValueError(said("%(text)s is neither yes nor no", text=repr(fields["done"])))
    return Entry(day, fields["protocol"], word in _YES, fields.get("note", ""))
