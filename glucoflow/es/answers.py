"""The answers of Elasticsearch about readings, as values."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Literal

import msgspec

from glucoflow.es.scan import Hit
from glucoflow.model.documents import Document, Source
from glucoflow.model.localtime import MINUTE_MS, epoch_ms
from glucoflow.model.ranges import Band, Limit
from glucoflow.model.trends import Direction

if TYPE_CHECKING:  # a command that reads no arrays does without
    import numpy as np
    from numpy.typing import NDArray

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
USUAL_INTERVAL_MS = 300_000

READING_ORDER: tuple[dict[str, Any], ...] = (
    {"@timestamp": "asc"},
    {"_seq_no": "asc"},
    {"glucose.mg_dl": {"order": "asc", "missing": -1}},
    {"time.utc_offset_min": {"order": "asc", "missing": 0}},
    {"sample.interval_ms": {"order": "asc", "missing": USUAL_INTERVAL_MS}},
    {"sample.superseded": {"order": "asc", "missing": 0}},
    {"glucose.limit": {"order": "asc"}},
)
"""Oldest first. Behind the first two nothing is left to order: their values come with the place of a hit, which costs
half of what it takes to fetch them as fields."""


class Latest(msgspec.Struct, frozen=True, kw_only=True):
    """The newest reading. `rate` in mg/dL/min."""

    time: datetime
    mg_dl: float
    mmol_l: float
    range: Band
    utc_offset_min: int
    direction: Direction | None = None
    rate: float | None = None
    limit: Limit | None = None


class Before(msgspec.Struct, frozen=True):
    """Readings just before a moment, oldest first: what `context.Tail` is made from."""

    times_ms: list[int]
    mg_dl: list[float]
    devices: list[str]


class Intake(msgspec.Struct, frozen=True):
    """Times of meals and boluses in epoch ms, ascending: what `context.Meals` is made from."""

    meals_ms: list[int]
    boluses_ms: list[int]


class EventRow(msgspec.Struct, frozen=True):
    """A meal (grams of carbohydrate), bolus (units) or exercise (minutes); `amount` None where it was not said."""

    kind: Literal["meal", "bolus", "exercise"]
    time_ms: int
    amount: float | None


class ReadingArrays(msgspec.Struct, frozen=True):
    """Readings by time, one entry each in every array; what `analytics.Series.of` takes. utc in epoch ms."""

    utc: "NDArray[np.int64]"
    offset_min: "NDArray[np.int16]"
    mg_dl: "NDArray[np.float64]"
    interval_ms: "NDArray[np.int64]"
    superseded: "NDArray[np.bool_]"
    beyond: "NDArray[np.int8]"


class Paged(msgspec.Struct, frozen=True):
    """A document and its place: behind which the next page begins."""

    document: Document
    place: tuple[int, int]


def moment(aggregation: Mapping[str, Any] | None) -> datetime | None:
    """The time that a min or max aggregation found."""
    value = aggregation.get("value") if aggregation else None
    return None if value is None else _EPOCH + timedelta(milliseconds=value)


def typed(hit: Mapping[str, Any]) -> Source:
    """A hit's document, from a dictionary."""
    return msgspec.convert(hit["_source"], Source)


def latest_of(source: Source) -> Latest | None:
    """A reading's document as the newest one; None where it holds no glucose."""
    glucose, trend = source.glucose, source.trend
    if glucose is None:
        return None
    return Latest(
        time=source.timestamp,
        mg_dl=glucose.mg_dl,
        mmol_l=glucose.mmol_l,
        range=glucose.range,
        utc_offset_min=source.time.utc_offset_min,
        direction=trend.direction if trend else None,
        rate=trend.rate if trend else None,
        limit=glucose.limit,
    )


def before_of(sources: Iterable[Source]) -> Before:
    """Readings' documents, oldest first; those without glucose are passed over."""
    rows = [(epoch_ms(one.timestamp), one.glucose.mg_dl, device_of(one)) for one in sources if one.glucose]
    return Before([row[0] for row in rows], [row[1] for row in rows], [row[2] for row in rows])


def device_of(source: Source) -> str:
    """What tells sensors apart when a trend is computed; the same as in `enrich`."""
    device = source.device
    return (device.transmitter_id or device.id or "") if device else ""


_BEYOND = {"low": -1, "high": 1}


def arrays_of(hits: Iterable[Hit]) -> ReadingArrays:
    """Hits in `READING_ORDER` as arrays."""
    import numpy as np

    rows = [hit.sort for hit in hits if hit.sort[2] >= 0]
    # Of a view, whose pages have a place of their own behind these.
    time_ms, _, mg_dl, offset, interval, superseded, limit, *_ = zip(*rows, strict=True) if rows else ((),) * 7
    return ReadingArrays(
        utc=np.array(time_ms, np.int64),
        offset_min=np.array(offset, np.int16),
        mg_dl=np.array(mg_dl, np.float64),
        interval_ms=np.array(interval, np.int64),
        superseded=np.array(superseded, np.bool_),
        beyond=np.array([_BEYOND.get(one, 0) for one in limit], np.int8),
    )


def joined(pieces: Sequence[ReadingArrays]) -> ReadingArrays:
    """The arrays one after the other."""
    import numpy as np

    return ReadingArrays(
        *(np.concatenate([getattr(p, name) for p in pieces]) for name in ReadingArrays.__struct_fields__)
    )


EVENT_FIELDS = (
    "event.dataset",
    "food.carbs_g",
    "insulin.normal",
    "insulin.extended",
    "insulin.amount",
    "exercise.duration_ms",
)


def event_of(hit: Hit) -> EventRow:
    """A hit with `EVENT_FIELDS`, sorted by time."""
    fields = {name: values[0] for name, values in msgspec.json.decode(hit.fields).items()}
    match fields["event.dataset"]:
        case "food":
            return EventRow("meal", hit.sort[0], fields.get("food.carbs_g"))
        case "exercise":
            length = fields.get("exercise.duration_ms")
            return EventRow("exercise", hit.sort[0], None if length is None else length / MINUTE_MS)
    parts = [fields[name] for name in ("insulin.normal", "insulin.extended") if name in fields]
    return EventRow("bolus", hit.sort[0], fields.get("insulin.amount", sum(parts) if parts else None))
