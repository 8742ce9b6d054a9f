"""The newest reading as a page shows it: its age, whether that is usual, and the change since the one before."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec

from glucoflow.model.ranges import Band

LATE = timedelta(minutes=15)
"""A reading this much older than its provider's delay is no longer the present."""
NEIGHBOUR = timedelta(minutes=20)
"""A change is told between readings no further apart than this."""
FIELDS = (
    "@timestamp",
    "event.provider",
    "glucose.mg_dl",
    "glucose.range",
    "glucose.limit",
    "trend.direction",
    "time.utc_offset_min",
)

Delays = Mapping[str, timedelta]
"""How old the newest reading usually is when a provider gives it."""


class Change(msgspec.Struct, frozen=True):
    """From the reading before to the newest."""

    mg_dl: float
    minutes: int


class Newest(msgspec.Struct, frozen=True, kw_only=True):
    """The newest reading of a person. `delay` is its provider's."""

    time: datetime
    mg_dl: float
    band: Band
    offset_min: int = 0
    direction: str | None = None
    limit: str | None = None
    delay: timedelta = timedelta(0)
    change: Change | None = None

    @property
    def fresh_until(self) -> datetime:
        """From then on it is old even for its provider."""
        return self.time + self.delay + LATE

    def fresh(self, now: datetime) -> bool:
        return now <= self.fresh_until

    def late(self, now: datetime) -> bool:
        """Whether it tells of a while ago, though it is as new as its provider gives it."""
        return self.fresh(now) and now - self.time > LATE


def newest_agg() -> dict[str, Any]:
    """The newest reading and the one before it, as an aggregation below the readings."""
    return {"top_hits": {"size": 2, "sort": [{"@timestamp": "desc"}], "_source": list(FIELDS)}}


def read_newest(answer: Mapping[str, Any], delays: Delays) -> Newest | None:
    """From the answer to `newest_agg`; None without a reading."""
    hits: Sequence[Mapping[str, Any]] = answer.get("hits", {}).get("hits", ())
    found = [_reading(hit["_source"], delays) for hit in hits]
    if not found:
        return None
    return msgspec.structs.replace(found[0], change=_change(*found)) if len(found) > 1 else found[0]


def _reading(source: Mapping[str, Any], delays: Delays) -> Newest:
    glucose = source["glucose"]
    return Newest(
        time=datetime.fromisoformat(source["@timestamp"]).astimezone(UTC),
        mg_dl=glucose["mg_dl"],
        band=glucose["range"],
        offset_min=source.get("time", {}).get("utc_offset_min", 0),
        direction=source.get("trend", {}).get("direction"),
        limit=glucose.get("limit"),
        delay=delays.get(source.get("event", {}).get("provider", ""), timedelta(0)),
    )


def _change(newest: Newest, before: Newest) -> Change | None:
    """None where a gap lies between them, or one is beyond what its sensor can tell."""
    apart = newest.time - before.time
    if not timedelta(0) < apart <= NEIGHBOUR or newest.limit or before.limit:
        return None
    return Change(newest.mg_dl - before.mg_dl, round(apart / timedelta(minutes=1)))
