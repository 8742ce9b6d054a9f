"""Who is here: adding a person by name, and what is held of each."""

from datetime import datetime, timedelta

import msgspec

from glucoflow.model.person_id import fits, from_name
from glucoflow.model.trends import ARROWS
from glucoflow.model.units import Unit
from glucoflow.service.runtime import Runtime
from glucoflow.store import Person, Store

EARLIEST = datetime.fromisoformat("2000-01-01T00:00:00+00:00")


def add_person(store: Store, display_name: str, unit: Unit, zone: str, now: datetime) -> Person:
    """A new person, with an id made from the name. Raises Rejected for a name or zone that cannot be."""
    user_id = from_name(display_name, {one.id for one in store.people.list()})
    return store.people.add(user_id, display_name, now, unit=unit, zone=zone)


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
    """One a person, by name, over everything that is held of them."""
    return [_summary(rt, person) for person in rt.store.people.list()]


def _summary(rt: Runtime, person: Person) -> PersonSummary:
    if not fits(person.id):  # a row older than the rule: it can have no index
        return PersonSummary(
            id=person.id,
            name=person.display_name,
            unit=person.unit,
            readings=0,
            newest=None,
            tir=None,
            mean_mg_dl=None,
            index="",
        )
    held = rt.queries.overview(person.id, EARLIEST, rt.clock() + timedelta(days=2))
    latest = rt.queries.latest(person.id)
    in_range = held.time_in_ranges.get("in_range") if held.n else None
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
