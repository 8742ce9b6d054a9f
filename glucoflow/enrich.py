"""Record → Document: both units, band, trend, context, the reading's own clock, sample quality.

Pure and deterministic: a record enriched twice, in whatever page it comes, gives the same document, so re-reading it
rewrites nothing. What depends on neighbours (gap, computed trend, meal context) is handed in by the caller.
"""

import base64
import hashlib
from collections.abc import Iterable, Iterator

import msgspec

from glucoflow.context import Meals, Tail
from glucoflow.identity import identified
from glucoflow.model import records as r
from glucoflow.model.documents import (
    EVENT_DATASETS,
    AlertFields,
    Dataset,
    Document,
    EventFields,
    EventKind,
    ExerciseFields,
    FingerstickFields,
    FoodFields,
    GlucoseFields,
    HealthFields,
    Id,
    InsulinFields,
    NoteFields,
    SampleFields,
    SettingsFields,
    Source,
    StatusFields,
    TrendFields,
)
from glucoflow.model.event_words import said
from glucoflow.model.ingestion import Absent, RecordIds
from glucoflow.model.localtime import epoch_ms, time_fields
from glucoflow.model.ranges import USUAL_LIMITS, Context, SensorLimits, band, classification, limit, tight
from glucoflow.model.trends import SAYS_NOTHING, direction, direction_of_rate
from glucoflow.model.units import MG_DL, Unit, in_mg_dl, to_mmol_l
from glucoflow.provider import Page


class Owner(msgspec.Struct, frozen=True, kw_only=True):
    """Whose records these are, and by which connection they came. `zone` is the person's home zone (IANA).

    The other fields are the provider's (`glucoflow.provider.Quirks`).
    """

    user_id: str
    connection_id: str
    provider: str
    zone: str
    sample_interval_ms: int = 300_000
    delivers_meals: bool = False
    sensor_limits: SensorLimits = USUAL_LIMITS
    answers_whole: bool = False


def document_id(user_id: str, provider: str, kind: str, key: str) -> str:
    """The `_id` of a record: 22 characters that depend on nothing but these four."""
    digest = hashlib.blake2b(f"{user_id}\x1f{provider}\x1f{kind}\x1f{key}".encode(), digest_size=16).digest()
    return base64.urlsafe_b64encode(digest)[:22].decode()


def glucose_fields(value: float, unit: Unit, context: Context, sensor: SensorLimits | None) -> GlucoseFields:
    """Both units and everything that follows from the value alone. A meter's value passes no sensor's limit."""
    mg_dl = in_mg_dl(value, unit)
    return GlucoseFields(
        value=value,
        unit=unit,
        mg_dl=mg_dl,
        mmol_l=to_mmol_l(mg_dl) if unit == MG_DL else value,
        range=band(mg_dl),
        tight=tight(mg_dl),
        context=context,
        classification=classification(mg_dl, context),
        limit=limit(mg_dl, sensor) if sensor else None,
    )


def _out_of_range(fields: GlucoseFields, sensor: SensorLimits) -> tuple[r.Annotation, ...]:
    if fields.limit is None:
        return ()
    threshold = sensor.low if fields.limit == "low" else sensor.high
    return (r.Annotation("bg/out-of-range", fields.limit, float(threshold)),)  # as it is read back: 40.0


def _trend(reading: r.Reading, tail: Tail, device: str) -> TrendFields | None:
    """The provider's direction; where its word says nothing, the one of its rate, else of the readings."""
    word, rate = reading.trend_word, reading.trend_rate
    reported = direction(word)
    if reported not in SAYS_NOTHING:
        return TrendFields(direction=reported, rate=rate, source="provider", reported=word)
    if rate is None:
        rate = tail.rate(device)
        rate = None if rate is None else round(rate, 2)
    if rate is None:
        return TrendFields(direction=reported, source="provider", reported=word) if word else None
    return TrendFields(direction=direction_of_rate(rate), rate=rate, source="computed", reported=word)


class Enricher:
    """Turns one connection's records into documents. Holds the tail of the readings seen so far, nothing else."""

    def __init__(self, owner: Owner, kind: str, meals: Meals | None = None, tail: Tail | None = None) -> None:
        self._owner = owner
        self._user = Id(id=owner.user_id)
        self._connection = Id(id=owner.connection_id)
        self._meals = meals if meals and owner.delivers_meals else Meals()
        self._tail = tail or Tail()
        self._kind = kind

    def documents(self, records: Iterable[r.Record]) -> Iterator[Document]:
        """One document a record, in order, of a page that holds each thing once (`identity.once`).

        Readings must come in ascending time, after those of the tail.
        """
        for record, identity in identified(records):
            key = document_id(self._owner.user_id, self._owner.provider, self._kind, identity)
            source = self._reading(record) if type(record) is r.Reading else self._other(record)
            yield Document(key, source)

    def record_ids(self, page: Page) -> RecordIds:
        """By what the documents are found whose records moved or went."""
        return RecordIds(
            provider=self._owner.provider,
            datasets=KIND_DATASETS.get(self._kind, ()),
            window=page.window,
            standing=[record.record_id for record in page.records if record.record_id is not None],
            gone=page.deleted,
            connection_id=self._owner.connection_id,
            rejected=[one.key for one in page.rejected if one.key is not None],
            absent=self._absent(page),
        )

    def _absent(self, page: Page) -> Absent:
        """What is missing in a page is nothing known where a record came that cannot be told from it."""
        if page.whole and page.records and not page.rejected:
            return "gone"
        nameless = page.without_value or any(one.key is None for one in page.rejected)
        return "judged" if self._owner.answers_whole and self._kind != "devices" and not nameless else "unknown"

    def deleted_ids(self, keys: Iterable[str]) -> list[str]:
        return [document_id(self._owner.user_id, self._owner.provider, self._kind, key) for key in keys]

    def _event(self, dataset: Dataset, kind: EventKind, record: r.Record) -> EventFields:
        return EventFields(dataset=dataset, kind=kind, provider=self._owner.provider, id=record.record_id)

    def _reading(self, reading: r.Reading) -> Source:
        time_ms = epoch_ms(reading.time)
        time = time_fields(time_ms, reading.offset_min, reading.zone, self._owner.zone)
        sensor = reading.sensor_limits or self._owner.sensor_limits
        glucose = glucose_fields(reading.value, reading.unit, self._meals.context(time_ms, time.hour), sensor)
        device = reading.device.transmitter_id or reading.device.id or "" if reading.device else ""
        interval = reading.interval_ms or self._owner.sample_interval_ms
        gap = self._tail.gap_to(time_ms, interval)
        self._tail.push(time_ms, glucose.mg_dl, device)
        return Source(
            timestamp=reading.time,
            event=self._event("cgm.reading", "metric", reading),
            user=self._user,
            connection=self._connection,
            time=time,
            device=reading.device,
            glucose=glucose,
            trend=_trend(reading, self._tail, device),
            sample=SampleFields(interval_ms=interval, backfilled=reading.backfilled, gap_ms=gap),
            annotations=reading.annotations + _out_of_range(glucose, sensor),
            payload=reading.payload,
        )

    def _other(self, record: r.Record) -> Source:
        dataset, kind = DATASETS[type(record)]
        base = Source(
            timestamp=record.time,
            event=self._event(dataset, kind, record),
            user=self._user,
            connection=self._connection,
            time=time_fields(epoch_ms(record.time), record.offset_min, record.zone, self._owner.zone),
            device=record.device,
            message=said(record),
            annotations=record.annotations,
            payload=record.payload,
        )
        return with_own_fields(base, record)


DATASETS: dict[type[r.Record], tuple[Dataset, EventKind]] = {
    r.Calibration: ("cgm.calibration", "metric"),
    r.Fingerstick: ("glucose.fingerstick", "metric"),
    r.Bolus: ("insulin.bolus", "event"),
    r.Basal: ("insulin.basal", "event"),
    r.Food: ("food", "event"),
    r.Exercise: ("exercise", "event"),
    r.Health: ("health", "event"),
    r.Note: ("note", "event"),
    r.Alert: ("device.alert", "alert"),
    r.DeviceStatus: ("device.status", "state"),
    r.DeviceSettings: ("device.settings", "state"),
}
"""Every record but a Reading: its dataset and its ECS event.kind."""


KIND_DATASETS: dict[str, tuple[Dataset, ...]] = {
    "readings": ("cgm.reading",),
    "events": EVENT_DATASETS,
    "calibrations": ("cgm.calibration",),
    "alerts": ("device.alert",),
    "devices": ("device.status", "device.settings"),
}
"""What the records of a kind become."""


def with_own_fields(base: Source, record: r.Record) -> Source:
    """`base` with what only this kind of record has."""
    put = msgspec.structs.replace
    match record:
        case r.Calibration() | r.Fingerstick():
            glucose = glucose_fields(record.value, record.unit, "unknown", None)
            meter = FingerstickFields(subtype=record.subtype) if isinstance(record, r.Fingerstick) else None
            return put(base, glucose=glucose, fingerstick=meter)
        case r.Bolus() | r.Basal():
            return put(base, insulin=msgspec.convert(record, InsulinFields, from_attributes=True))
        case r.Food():
            return put(base, food=FoodFields(carbs_g=record.carbs_g))
        case r.Exercise():
            return put(base, exercise=ExerciseFields(intensity=record.intensity, duration_ms=record.duration_ms))
        case r.Health():
            return put(base, health=HealthFields(kind=record.kind))
        case r.Note():
            return put(base, note=NoteFields(text=record.text))
        case r.Alert():
            return put(base, alert=AlertFields(name=record.name, state=record.state))
        case r.DeviceStatus():
            return put(base, status=StatusFields(last_upload=record.last_upload))
        case r.DeviceSettings():
            return put(base, settings=msgspec.convert(record, SettingsFields, from_attributes=True))
    raise TypeError(f"no document is known for a {type(record).__name__}")
