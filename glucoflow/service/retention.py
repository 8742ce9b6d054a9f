"""What is kept for how long: by kind and age, and readings thinned to hourly beyond some years. All, by default.

First a dry run says what would go; what went is told by person and kind.
"""

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any, get_args

import msgspec

from glucoflow.es.retention import count_kind, delete_kind, of_kind, older_than
from glucoflow.es.run_metrics import forget
from glucoflow.es.thinning import thin_hourly
from glucoflow.model.documents import Dataset
from glucoflow.model.errors import Misconfigured
from glucoflow.model.person_id import fits
from glucoflow.model.words import by_comma, count
from glucoflow.service.runtime import Runtime
from glucoflow.settings import RetentionSettings

EVERYTHING, RUNS, THINNED = "everything", "runs", "thinned"
READING: Dataset = "cgm.reading"
LEAST_DAYS = 30
"""Less would take what the next sync brings again."""
MOST_DAYS = 36_500
A_YEAR = timedelta(days=365.25)


class Rules(msgspec.Struct, frozen=True, kw_only=True):
    """Days to keep by kind (`everything` and `runs` among them); years after which readings are thinned."""

    days: Mapping[str, int] = {}
    hourly_after_years: int | None = None

    def __bool__(self) -> bool:
        return bool(self.days) or self.hourly_after_years is not None


class Gone(msgspec.Struct, frozen=True, kw_only=True):
    """How many of a kind went, or would go; of nobody where it is a kind of the whole installation."""

    user_id: str | None
    kind: str
    n: int


class Retained(msgspec.Struct, frozen=True, kw_only=True):
    """What a run came to. `dry`: nothing was touched."""

    dry: bool
    rules: Rules
    gone: tuple[Gone, ...] = ()

    def sentences(self) -> list[str]:
        """What there is to say about it."""
        if not self.rules:
            return ["Everything is kept: no rule is set (RETENTION_DAYS, RETENTION_HOURLY_AFTER_YEARS)."]
        total = sum(one.n for one in self.gone)
        verb = "would go" if self.dry else "went"
        return [
            f"{count(total, 'document')} {verb}." if total else f"Nothing {verb}: all is younger than the rules say."
        ]


def rules_of(settings: RetentionSettings) -> Rules:
    """The rules that are set. Raises Misconfigured for a kind that there is not, or too few days."""
    known = {*get_args(Dataset), EVERYTHING, RUNS}
    days: dict[str, int] = {}
    for part in by_comma(settings.days):
        kind, _, number = (text.strip() for text in part.partition("="))
        if kind not in known or not _is_whole(number) or not LEAST_DAYS <= int(number) <= MOST_DAYS:
            raise Misconfigured(
                f"RETENTION_DAYS has a rule that cannot be used: {part[:40]}",
                remedy=f"Write kind=days, with {LEAST_DAYS} to {MOST_DAYS} days, by comma. "
                f"Kinds: {', '.join(sorted(known))}.",
            )
        days[kind] = int(number)
    return Rules(days=days, hourly_after_years=settings.hourly_after_years)


def _is_whole(number: str) -> bool:
    return number.isdecimal() and len(number) <= len(str(MOST_DAYS))


def retain(rt: Runtime, rules: Rules, *, dry: bool) -> Retained:
    """Apply the rules to everybody, or look what they would do. Repeating it changes nothing."""
    gone = tuple(one for one in _all(rt, rules, dry) if one.n)
    return Retained(dry=dry, rules=rules, gone=gone)


def _all(rt: Runtime, rules: Rules, dry: bool) -> Iterator[Gone]:
    now = rt.clock()
    for person in rt.store.people.list():
        if fits(person.id):
            yield from _of_person(rt, person.id, rules, now, dry)
    kept = [rules.days[kind] for kind in (RUNS, EVERYTHING) if kind in rules.days]
    if kept:
        yield Gone(user_id=None, kind=RUNS, n=_runs(rt, now - timedelta(days=min(kept)), dry))


def _of_person(rt: Runtime, user_id: str, rules: Rules, now: datetime, dry: bool) -> Iterator[Gone]:
    """Each document by the first rule that takes it, in a dry run too."""
    taken: list[dict[str, Any]] = []
    for kind, days in rules.days.items():
        if kind == RUNS:
            continue
        dataset, before = None if kind == EVERYTHING else kind, now - timedelta(days=days)
        if dry:
            n = count_kind(rt.client, rt.names, user_id, dataset, before, taken)
            taken.append(of_kind(dataset, before))
        else:
            n = delete_kind(rt.client, rt.names, user_id, dataset, before, now)
        yield Gone(user_id=user_id, kind=kind, n=n)
    if rules.hourly_after_years is not None:
        before = now - rules.hourly_after_years * A_YEAR
        kept = [now - timedelta(days=rules.days[kind]) for kind in (READING, EVERYTHING) if kind in rules.days]
        since = max(kept, default=None)
        n = thin_hourly(rt.client, rt.names, user_id, before, now, dry=dry, since=since)
        yield Gone(user_id=user_id, kind=THINNED, n=n)


def _runs(rt: Runtime, before: datetime, dry: bool) -> int:
    if dry:
        return rt.store.runs.count_before(before)
    forget(rt.client, rt.names, older_than(before))
    return rt.store.runs.forget(before)
