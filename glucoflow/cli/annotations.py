"""The commands for what people annotate and choose: targets, exclude, protocol, insights, summarize."""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal, NamedTuple
from zoneinfo import ZoneInfo

import typer

from glucoflow.cli.console import Json, User, listed, opened_runtime, print_json, say, show_table
from glucoflow.model.errors import Rejected
from glucoflow.model.units import glucose
from glucoflow.model.words import count

if TYPE_CHECKING:
    from glucoflow.service.annotations import Annotations
    from glucoflow.store import Person, Store

MOMENTS = ["%Y-%m-%d %H:%M", "%Y-%m-%dT%H:%M", "%Y-%m-%d"]
When = Annotated[datetime | None, typer.Option("--from", formats=MOMENTS, help="First moment, by the home clock.")]
Until = Annotated[datetime | None, typer.Option("--to", formats=MOMENTS, help="First moment after it.")]
Profile = Literal["adult", "older_high_risk", "pregnancy", "gestational"]


def targets(
    user: User,
    profile: Annotated[Profile | None, typer.Option(help="Take this profile's range and goals.")] = None,
    low: Annotated[float | None, typer.Option(help="Own lower limit, in the person's unit.")] = None,
    high: Annotated[float | None, typer.Option(help="Own upper limit, in the person's unit.")] = None,
) -> None:
    """Show a person's targets, or change them; every figure follows."""
    with _open() as opened:
        if profile is None and low is None and high is None:
            _show_targets(opened.store.people.get(user))
            return
        _show_targets(opened.annotations.set_targets(user, profile, low, high))


def exclude(
    user: User,
    start: When = None,
    end: Until = None,
    reason: Annotated[str, typer.Option(help="Why: sensor warm-up, compression low, faulty sensor …")] = "",
    undo: Annotated[int | None, typer.Option(help="Bring the span with this number back.")] = None,
) -> None:
    """Exclude a span from all figures, bring it back, or list what is excluded. Its readings stay."""
    with _open() as opened:
        person, now = opened.store.people.get(user), opened.now
        if undo is not None:
            opened.annotations.undo(user, undo, now)
        elif start is not None and end is not None:
            made = opened.annotations.exclude(user, start, end, reason, now)
            say(f"{count(made.n, 'reading')} excluded from all figures. `--undo {made.id}` brings them back.")
        elif start is not None or end is not None:
            raise Rejected("--from and --to", "are needed together")
        rows = []
        for one in opened.annotations.exclusions(user):
            undone = "" if one.undone_at is None else _local(one.undone_at, person)
            span = _local(one.start, person), _local(one.end, person)
            rows.append((str(one.id), *span, one.reason, f"{one.n:,}", undone))
        if rows:
            show_table("Excluded", ("number", "from", "to", "reason", "readings", "undone"), rows)
        else:
            say("Nothing is excluded.")


def protocol(
    user: User,
    name: Annotated[str | None, typer.Argument(help="Name of the protocol; without it all are listed.")] = None,
    kept: Annotated[list[str] | None, typer.Option(help="Days it was kept, YYYY-MM-DD, by comma.")] = None,
    not_kept: Annotated[list[str] | None, typer.Option(help="Days it was not kept.")] = None,
    file: Annotated[Path | None, typer.Option("--import", help="CSV with the columns date and kept.")] = None,
) -> None:
    """Record days on which a protocol was kept or not, and compare glucose on both."""
    with _open() as opened:
        person = opened.store.people.get(user)
        if name is None:
            names = [f"{one.name}: {count(len(one.days), 'day')}" for one in opened.annotations.protocols(user)]
            say("\n".join(names) or "No protocol is recorded yet. Give a name and days with --kept and --not-kept.")
            return
        days = dict.fromkeys(_dates(kept), True) | dict.fromkeys(_dates(not_kept), False)
        if days:
            say(f"{count(opened.annotations.record(user, name, days, opened.now), 'day')} recorded.")
        if file is not None:
            done = opened.annotations.record_csv(user, name, _read(file), opened.now)
            say("\n".join([f"{count(done.days, 'day')} recorded.", *done.problems]))
        for one in opened.annotations.adherence(user, name, person.unit):
            say(one.text)
            if one.difference is None:
                return  # the same is missing for every measure


def insights(
    user: User,
    days: Annotated[Literal["14", "30", "90"], typer.Option(help="How many days back.")] = "14",
    as_json: Json = False,
) -> None:
    """What changed, what is off its goal, what comes back: each with its numbers and rule. Never a dose."""
    with _open() as opened:
        unit = opened.store.people.get(user).unit
        found = opened.annotations.insights(user, int(days), unit, opened.now)
    if as_json:
        print_json(found)
    elif found.period is None:
        say("There are no readings yet.")
    else:
        for one in found.insights:
            say(f"{_sign(one.tone)} {one.text}." + (f" {one.suggestion}" if one.suggestion else ""))
        say(f"{found.period.start} to {found.period.end}, {count(found.period.metrics.n, 'reading')}. Not for dosing.")


def summarize(
    user: Annotated[str | None, typer.Argument(help="Only this person.")] = None,
    days: Annotated[int, typer.Option(min=1, max=7320, help="How many days back.")] = 35,
) -> int:
    """Compute daily figures, periods and episodes again. Repeating it changes nothing."""
    from flows.summarize import summarize_people

    with opened_runtime() as rt:
        done, failed = summarize_people(rt, user, days)
    for one in done:
        written = f"{one.written} written, {one.unchanged} unchanged, {one.deleted} deleted"
        say(f"{one.user_id}: {count(one.days, 'day')}, {written}")
    for name, error in failed.items():
        say(f"{name}: {error}")
    return max((error.exit_code for error in failed.values()), default=0)


class _Open(NamedTuple):
    store: "Store"
    annotations: "Annotations"
    now: datetime


@contextmanager
def _open() -> Iterator[_Open]:
    from glucoflow.service.annotations import Annotations, summarizing

    with opened_runtime() as rt:
        yield _Open(rt.store, Annotations(rt.store, rt.queries, summarizing(rt)), rt.clock())


def _show_targets(person: "Person") -> None:
    chosen = person.targets
    low, high = glucose(chosen.low, person.unit), glucose(chosen.high, person.unit)
    goal = "no goal set" if chosen.goal_in_range is None else f"goal over {chosen.goal_in_range:.0f} % in range"
    own = ", own limits" if person.own_targets else ""
    say(f"{person.display_name}: {low}–{high} {person.unit}, {goal} (profile {person.profile}{own}).")


def _dates(texts: Iterable[str] | None) -> Sequence[date]:
    words = [word for text in texts or () for word in listed(text)]
    try:
        return [date.fromisoformat(word) for word in words]
    except ValueError:
        raise Rejected("day", f"{', '.join(words)} is not a list of dates like 2026-03-08,2026-03-09") from None


def _read(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise Rejected("file", f"{file} cannot be read as text ({type(error).__name__})") from error


def _local(moment: datetime, person: "Person") -> str:
    return f"{moment.astimezone(ZoneInfo(person.zone)):%Y-%m-%d %H:%M}"


def _sign(tone: str) -> str:
    return {"better": "+", "worse": "!"}.get(tone, "·")
