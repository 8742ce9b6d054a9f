"""People: whose readings these are."""

from collections.abc import Sequence
from datetime import date, datetime
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import msgspec
from sqlalchemy import delete, select, update
from sqlalchemy.orm import Session

from glucoflow.languages import NAMES
from glucoflow.model.errors import Rejected
from glucoflow.model.person_id import why_not
from glucoflow.model.said import said
from glucoflow.model.same_names import made_of
from glucoflow.model.targets import LEAST, MOST, PROFILES, where_limits_lie
from glucoflow.model.units import MG_DL, MMOL_L, Unit
from glucoflow.store import owned
from glucoflow.store.access_tables import AuditRow, LoginAccountRow
from glucoflow.store.database import Database
from glucoflow.store.tables import Base, PersonRow
from glucoflow.store.values import OwnTargets, Person


class People:
    """The people of this installation."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(
        self,
        user_id: str,
        display_name: str,
        now: datetime,
        *,
        unit: Unit = MG_DL,
        zone: str = "UTC",
        profile: str = "adult",
        own_targets: OwnTargets | None = None,
    ) -> Person:
        """A new person. Raises Rejected for a bad value, or an id that is taken."""
        person = Person(
            id=user_id,
            display_name=display_name.strip(),
            unit=unit,
            zone=zone,
            profile=profile,
            own_targets=own_targets,
            created_at=now,
        )
        _check(person)
        with self._database.write() as session:
            if session.get(PersonRow, user_id) is not None:
                raise Rejected("user", f"there already is a person with the id {user_id}")
            row = PersonRow(id=user_id, created_at=now)
            _fill(row, person)
            session.add(row)
        return person

    def find(self, user_id: str) -> Person | None:
        """The person, or None."""
        with self._database.read() as session:
            row = session.get(PersonRow, user_id)
            return None if row is None else _person(row)

    def get(self, user_id: str) -> Person:
        """The person. Raises Rejected naming the known ids if there is none."""
        with self._database.read() as session:
            row = session.get(PersonRow, user_id)
            if row is not None:
                return _person(row)
            known = session.scalars(select(PersonRow.id).order_by(PersonRow.id).limit(20)).all()
        raise unknown_person(user_id, known)

    def list(self) -> tuple[Person, ...]:
        """Everyone, by name."""
        with self._database.read() as session:
            rows = session.scalars(select(PersonRow).order_by(PersonRow.display_name, PersonRow.id))
            return tuple(_person(row) for row in rows)

    def update(
        self,
        user_id: str,
        *,
        display_name: str | None = None,
        unit: Unit | None = None,
        zone: str | None = None,
        profile: str | None = None,
        own_targets: OwnTargets | msgspec.UnsetType | None = msgspec.UNSET,
        born: date | msgspec.UnsetType | None = msgspec.UNSET,
        newer_sensor: bool | None = None,
        language: str | None = None,
    ) -> Person:
        """Change what is given; None as `own_targets` is the profile's again, as `born` forgets it. Raises Rejected."""
        with self._database.write() as session:
            row = session.get(PersonRow, user_id, with_for_update=True)
            if row is None:
                raise unknown_person(user_id)
            old = _person(row)
            person = msgspec.structs.replace(
                old,
                display_name=old.display_name if display_name is None else display_name.strip(),
                unit=unit or old.unit,
                zone=zone or old.zone,
                profile=profile or old.profile,
                own_targets=old.own_targets if isinstance(own_targets, msgspec.UnsetType) else own_targets,
                born=old.born if isinstance(born, msgspec.UnsetType) else born,
                newer_sensor=old.newer_sensor if newer_sensor is None else newer_sensor,
                language=language or old.language,
            )
            _check_facts(person)
            _fill(row, person)
        return person

    def held(self, user_id: str) -> dict[str, int]:
        """How many rows of each table are a person's, or go with them."""
        with self._database.read() as session:
            return {name: session.scalar(count) or 0 for name, count in owned.counts(user_id).items()}

    def delete(self, user_id: str) -> bool:
        """Forget a person with all that the store holds of them (their index is another matter). False if unknown.

        So is every account that saw nobody else. A sync that is under way loses its lease, so nothing it does
        afterwards is recorded.
        """
        with self._database.write() as session:
            row = session.get(PersonRow, user_id)
            if row is None:
                return False
            gone = session.scalars(select(LoginAccountRow.id).where(owned.accounts_alone_with(user_id))).all()
            _forget_deeds(session, gone)
            session.execute(delete(LoginAccountRow).where(LoginAccountRow.id.in_(gone)))
            session.delete(row)
        return True


def _forget_deeds(session: Session, accounts: Sequence[str]) -> None:
    """What these accounts did to nobody's data goes; in the trails of others nobody is named any more."""
    row = AuditRow
    session.execute(delete(row).where(row.account_id.in_(accounts), row.user_id.is_(None)))
    nobody = {"who": "a deleted account", "account_id": None, "once": None}
    session.execute(update(row).where(row.account_id.in_(accounts)).values(**nobody))


def refuse_unknown(session: Session, user_id: str) -> None:
    """Raises Rejected for an id that nobody has."""
    if session.get(PersonRow, user_id) is None:
        raise unknown_person(user_id)


def add_of_person(session: Session, row: Base, user_id: str) -> None:
    """A new row of a person's, as it is then. Raises Rejected for an id that nobody has."""
    refuse_unknown(session, user_id)
    session.add(row)
    session.flush()


def unknown_person(user_id: str, known: Sequence[str] = ()) -> Rejected:
    """The error for an id that nobody has; `known` are those that somebody has."""
    error = Rejected("user", f"there is no person with the id {user_id!r}.")
    error.remedy = f"Known are: {', '.join(known)}." if known else "Add them first."
    return error


def _person(row: PersonRow) -> Person:
    low, high = row.target_low_mg_dl, row.target_high_mg_dl
    own = None if low is None or high is None else OwnTargets(low=low, high=high)
    return made_of(row, Person, own_targets=own)


def _fill(row: PersonRow, person: Person) -> None:
    row.display_name, row.unit, row.zone, row.profile = person.display_name, person.unit, person.zone, person.profile
    row.born, row.newer_sensor, row.language = person.born, person.newer_sensor, person.language
    row.target_low_mg_dl = person.own_targets.low if person.own_targets else None
    row.target_high_mg_dl = person.own_targets.high if person.own_targets else None


def _check(person: Person) -> None:
    if reason := why_not(person.id):
        raise Rejected("user", reason)
    _check_facts(person)


def _check_facts(person: Person) -> None:
    """Everything but the id: rows that are older than its rule can still be changed."""
    if not 1 <= len(person.display_name) <= 200:
        raise Rejected("display name", said("has 1 to 200 characters"))
    if person.unit not in (MG_DL, MMOL_L):
        raise Rejected("unit", f"is {MG_DL} or {MMOL_L}")
    if person.profile not in PROFILES:
        raise Rejected("profile", f"is one of {', '.join(PROFILES)}")
    try:
        ZoneInfo(person.zone)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise Rejected("zone", said("is an IANA name such as Europe/Berlin")) from None
    if person.language is not None and person.language not in NAMES:
        raise Rejected("language", said("is one of %(known)s", known=", ".join(NAMES)))
    if person.born and person.born.year < 1900:
        raise Rejected("born", said("is a date from 1900 on"))
    targets = person.own_targets
    if targets and not LEAST <= targets.low < targets.high <= MOST:
        raise Rejected("targets", where_limits_lie(person.unit))
