"""What people annotate and choose: spans to exclude, protocols, targets. Behind the pages and the commands.

Each change of what counts is followed by new summaries of the days concerned, by `summarize`.
"""

import csv
import io
import logging
import threading
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

import msgspec

from glucoflow.analytics.adherence import Adherence, read_entries
from glucoflow.es.queries import Queries
from glucoflow.languages import Language
from glucoflow.model.errors import GlucoflowError, Rejected
from glucoflow.model.said import said
from glucoflow.model.targets import LEAST, MOST, PROFILES, where_limits_lie
from glucoflow.model.units import Unit, as_shown, in_mg_dl
from glucoflow.report.sheet import Sheet
from glucoflow.service.clinic_report import clinic_page
from glucoflow.service.insights import Findings, compare_protocol, find_insights
from glucoflow.service.runtime import Runtime
from glucoflow.service.summaries import summarize_changes, summarize_span
from glucoflow.store import Exclusion, OwnTargets, Person, ProtocolDay, Store

log = logging.getLogger(__name__)

Summarize = Callable[[str, datetime | None, datetime | None], None]
"""Computes a person's summaries of the days around [start, end) again, or of all days."""


def summarizing(rt: Runtime) -> Summarize:
    """Summaries computed at once, before the command or page answers."""

    def again(user_id: str, start: datetime | None, end: datetime | None) -> None:
        if start is None or end is None:
            summarize_changes(rt, user_id, None)
        else:
            summarize_span(rt, user_id, start, end)

    return again


def behind_the_page(summarize: Summarize) -> Summarize:
    """The same, but a person's whole history is computed while the page goes on: years of it take their time."""

    def again(user_id: str, start: datetime | None, end: datetime | None) -> None:
        if start is not None:
            summarize(user_id, start, end)
        else:
            threading.Thread(target=_quietly, args=(summarize, user_id), name="summaries").start()

    return again


def _quietly(summarize: Summarize, user_id: str) -> None:
    try:
        summarize(user_id, None, None)
    except GlucoflowError as error:
        log.warning("summaries after a change of targets failed: %s", type(error).__name__)


class CountedExclusion(Exclusion, frozen=True, kw_only=True):
    """An exclusion, and how many readings lie in it."""

    n: int


class ProtocolDays(msgspec.Struct, frozen=True, kw_only=True):
    """A protocol, and the local days on which it was kept or not, newest first."""

    name: str
    days: Mapping[date, bool]


class ImportedDays(msgspec.Struct, frozen=True, kw_only=True):
    """How many days a file gave, and a sentence for every row that could not be read."""

    days: int
    problems: Sequence[str] = ()


class Annotations:
    """A person's annotations and what comes of them. Summaries follow every change by themselves."""

    def __init__(self, store: Store, queries: Queries, summarize: Summarize) -> None:
        self._store = store
        self._queries = queries
        self._summarize = summarize

    def exclusions(self, user_id: str) -> list[CountedExclusion]:
        """All that stand and all that were undone, oldest first, with how many readings lie in each."""
        found = self._store.exclusions.list(user_id, include_undone=True)
        return [self._counted(one) for one in found]

    def exclude(self, user_id: str, start: datetime, end: datetime, reason: str, now: datetime) -> CountedExclusion:
        """Exclude the local wall-clock times [start, end) by the person's home zone. Raises Rejected."""
        zone = self._store.people.get(user_id).zone
        made = self._store.exclusions.add(user_id, in_zone(start, zone), in_zone(end, zone), reason, now)
        self._summarize(user_id, made.start, made.end)
        return self._counted(made)

    def undo(self, user_id: str, number: int, now: datetime) -> None:
        """Bring a span back. Raises Rejected for a number that is not one of this person's standing exclusions."""
        standing = {one.id: one for one in self._store.exclusions.list(user_id)}
        if number not in standing or not self._store.exclusions.undo(number, now):
            known = ", ".join(map(str, standing)) or "none"
            raise Rejected("exclusion", f"{number} is not one of {user_id}'s that stand (those are: {known})")
        self._summarize(user_id, standing[number].start, standing[number].end)

    def set_targets(
        self,
        user_id: str,
        profile: str | None,
        low: float | None = None,
        high: float | None = None,
        unit: Unit | None = None,
    ) -> Person:
        """A profile's targets, or own limits (both, in `unit`, by default the person's) with the profile's goals."""
        person = self._store.people.get(user_id)
        if profile is not None and profile not in PROFILES:
            raise Rejected("profile", f"is one of {', '.join(PROFILES)}")
        if (low is None) != (high is None):
            raise Rejected("targets", said("need both limits, the low and the high one"))
        own = None
        if low is not None and high is not None:
            own = _own_limits(low, high, unit or person.unit)
        changed = self._store.people.update(user_id, profile=profile, own_targets=own)
        if changed.targets != person.targets:
            self._summarize(user_id, None, None)
        return changed

    def change_person(
        self,
        user_id: str,
        display_name: str,
        zone: str,
        unit: Unit,
        born: date | msgspec.UnsetType | None = msgspec.UNSET,
        language: str | None = None,
    ) -> Person:
        """Rename a person, move their home zone, change their unit or language; the id stays. Summaries follow.

        Raises Rejected.
        """
        person = self._store.people.get(user_id)
        changed = self._store.people.update(
            user_id, display_name=display_name, zone=zone, unit=unit, born=born, language=language
        )
        if (changed.zone, changed.unit) != (person.zone, person.unit):
            self._summarize(user_id, None, None)
        return changed

    def protocols(self, user_id: str) -> list[ProtocolDays]:
        """All of them by name, each with its recorded days."""
        return [self._days(user_id, one.name) for one in self._store.protocols.list(user_id)]

    def _days(self, user_id: str, name: str) -> ProtocolDays:
        days = reversed(self._store.protocols.days(user_id, name))
        return ProtocolDays(name=name, days={one.day: one.kept for one in days})

    def record(self, user_id: str, name: str, days: Mapping[date, bool], now: datetime) -> int:
        """Write down days; a later word on a day replaces an earlier. Raises Rejected for a bad name."""
        return self._store.protocols.record(user_id, name, [ProtocolDay(day=d, kept=k) for d, k in days.items()], now)

    def record_csv(self, user_id: str, name: str, text: str, now: datetime) -> ImportedDays:
        """Days of a CSV with the columns `date` and `kept` (or `done`), and why rows could not be read."""
        try:
            entries, problems = read_entries(_with_name(text, name))
        except (ValueError, csv.Error) as error:
            raise Rejected("file", str(error)) from error
        mine = {entry.date: entry.done for entry in entries if entry.protocol == name}
        return ImportedDays(days=self.record(user_id, name, mine, now) if mine else 0, problems=problems)

    def forget(self, user_id: str, name: str) -> bool:
        """Delete a protocol with its days."""
        return self._store.protocols.forget(user_id, name)

    def insights(self, user_id: str, days: int, unit: Unit, now: datetime) -> Findings:
        return find_insights(self._store, self._queries, user_id, days, unit, now)

    def clinic_page(
        self,
        user_id: str,
        now: datetime,
        *,
        first: date | None = None,
        last: date | None = None,
        unit: Unit | None = None,
        large: bool = False,
        language: Language | None = None,
    ) -> Sheet:
        """See `service.clinic_report`."""
        store, queries = self._store, self._queries
        return clinic_page(
            store, queries, user_id, now, first=first, last=last, unit=unit, large=large, language=language
        )

    def adherence(self, user_id: str, name: str, unit: Unit) -> Sequence[Adherence]:
        return compare_protocol(self._store, self._queries, user_id, name, unit)

    def _counted(self, one: Exclusion) -> CountedExclusion:
        n = self._queries.overview(one.user_id, one.start, one.end).n
        return CountedExclusion(**msgspec.structs.asdict(one), n=n)


def _own_limits(low: float, high: float, unit: Unit) -> OwnTargets:
    """The limits given in `unit`. Raises Rejected, with the bounds in that unit, for those that cannot be."""
    given = [in_mg_dl(value, unit) for value in (low, high)]
    least, most = as_shown(LEAST, unit), as_shown(MOST, unit)
    if all(least <= as_shown(value, unit) <= most for value in given):  # NaN excluded
        lowest, highest = (min(MOST, max(LEAST, round(value))) for value in given)
        if lowest < highest:
            return OwnTargets(low=lowest, high=highest)
    raise Rejected("targets", where_limits_lie(unit))


def in_zone(moment: datetime, zone: str) -> datetime:
    """A wall-clock time as an instant; an aware one is taken as it is."""
    return (moment if moment.tzinfo else moment.replace(tzinfo=ZoneInfo(zone))).astimezone(UTC)


def _with_name(text: str, name: str) -> str:
    """The file with the columns that `read_entries` knows: `kept` is its `done`, the protocol the one named."""
    rows = list(csv.reader(text.lstrip("\ufeff").splitlines()))
    head = [column.strip().lower() for column in rows[0]] if rows else []
    head = ["done" if column == "kept" and "done" not in head else column for column in head]
    known = "protocol" in head
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(head if known else [*head, "protocol"])
    writer.writerows(row if known or not row else [*row, name] for row in rows[1:])
    return out.getvalue()
