"""What is known of each person's readings, for tables and JSON. Every figure comes with its unit, window and n."""

from datetime import datetime, timedelta

import msgspec
from rich.table import Table

from glucoflow.model.trends import ARROWS
from glucoflow.model.units import MG_DL, Unit, in_unit
from glucoflow.service.runtime import Runtime
from glucoflow.store import Person

EARLIEST = datetime.fromisoformat("2000-01-01T00:00:00+00:00")


class PersonSummary(msgspec.Struct, frozen=True, kw_only=True):
    """All that is held of one person. `tir` is the share of readings in 70–180 mg/dL, in percent (0–100)."""

    id: str
    name: str
    unit: Unit
    readings: int
    newest: datetime | None
    tir: float | None
    mean_mg_dl: float | None
    index: str
    first: datetime | None = None
    arrow: str = ""


def summaries(rt: Runtime) -> list[PersonSummary]:
    """One a person, by id, over everything that is held of them."""
    return [summary(rt, person) for person in rt.store.people.list()]


def summary(rt: Runtime, person: Person) -> PersonSummary:
    held = rt.queries.overview(person.id, EARLIEST, rt.clock() + timedelta(days=2))
    latest = rt.queries.latest(person.id)
    in_range = held.shares.get("in_range") if held.n else None
    return PersonSummary(
        id=person.id,
        name=person.display_name,
        unit=person.unit,
        readings=held.n,
        newest=held.last,
        first=held.first,
        tir=None if in_range is None else round(in_range, 1),
        mean_mg_dl=None if held.mean_mg_dl is None else round(held.mean_mg_dl, 1),
        index=rt.names.alias(person.id),
        arrow=ARROWS.get(latest.direction or "", "") if latest else "",
    )


def people_table(people: list[PersonSummary], now: datetime) -> Table:
    """Person, readings, newest, time in range and mean in the person's own unit, with the days they stand for."""
    table = Table(title="People", title_justify="left")
    table.add_column("person")
    for heading in ("readings", "newest", "in range 70–180 mg/dL", "mean", "over"):
        table.add_column(heading, justify="right")
    for one in people:
        table.add_row(
            f"{one.name} ({one.id})",
            f"{one.readings:,}",
            "–" if one.newest is None else f"{age(now - one.newest)} ago {one.arrow}",
            "–" if one.tir is None else f"{one.tir:.0f} %",
            "–" if one.mean_mg_dl is None else shown(one.mean_mg_dl, one.unit),
            "–" if one.first is None or one.newest is None else f"{(one.newest - one.first).days + 1} days",
        )
    return table


def shown(mg_dl: float, unit: Unit) -> str:
    """A value in the person's unit, with the unit."""
    return f"{in_unit(mg_dl, unit):.{0 if unit == MG_DL else 1}f} {unit}"


def age(span: timedelta) -> str:
    """A span in words, coarse: 40 s, 12 min, 3 h, 5 days."""
    seconds = max(0, int(span.total_seconds()))
    if seconds < 60:
        return f"{seconds} s"
    if seconds < 5400:
        return f"{seconds // 60} min"
    if seconds < 172_800:
        return f"{seconds // 3600} h"
    return f"{seconds // 86_400} days"
