"""The document: what one record becomes in Elasticsearch, field for field as `index_templates/` maps it.

Absent fields are left out when encoded, so a document holds only what is known. `Source` encodes straight to JSON.
"""

from datetime import datetime
from typing import Literal

import msgspec

from glucoflow.model.glycemia import ComparedMetrics, Episode, EpisodeCounts, GlycemicMetrics, Sufficiency
from glucoflow.model.ranges import Band, Context, Limit
from glucoflow.model.records import NO_PAYLOAD, Annotation, Device, LevelAlert, OutOfRangeAlert, RateAlert
from glucoflow.model.trends import Direction
from glucoflow.model.units import Unit

Dataset = Literal[
    "cgm.reading",
    "cgm.calibration",
    "glucose.fingerstick",
    "insulin.bolus",
    "insulin.basal",
    "food",
    "exercise",
    "health",
    "note",
    "device.alert",
    "device.status",
    "device.settings",
    "summary.day",
    "summary.period",
    "episode",
    "insight",
    "app.document",
]
"""`app.document`: what an app uploaded and wants back, but is no record of ours, and what it deleted."""

EVENT_DATASETS: tuple[Dataset, ...] = (
    "insulin.bolus",
    "insulin.basal",
    "food",
    "exercise",
    "health",
    "note",
    "glucose.fingerstick",
)
"""What happens to a person, as they or their pump tell it."""


EventKind = Literal["metric", "event", "alert", "state"]


class _Fields(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    pass


class EventFields(_Fields, frozen=True, kw_only=True):
    """ECS `event.*`. `hash` covers everything but itself and `ingested`: equal hashes mean nothing to rewrite."""

    dataset: Dataset
    kind: EventKind
    provider: str
    id: str | None = None
    hash: str | None = None
    ingested: datetime | None = None


class Id(_Fields, frozen=True, kw_only=True):
    id: str


class TimeFields(_Fields, frozen=True, kw_only=True):
    """The local wall clock of the record itself. `weekday` 1 is Monday."""

    utc_offset_min: int
    zone: str | None = None
    minute_of_day: int
    hour: int
    weekday: int
    date: str


class GlucoseFields(_Fields, frozen=True, kw_only=True):
    value: float
    unit: Unit
    mg_dl: float
    mmol_l: float
    range: Band
    tight: bool
    context: Context
    classification: str | None = None
    limit: Limit | None = None


class TrendFields(_Fields, frozen=True, kw_only=True):
    direction: Direction
    rate: float | None = None
    source: Literal["provider", "computed"]
    reported: str | None = None


class SampleFields(_Fields, frozen=True, kw_only=True):
    interval_ms: int | None = None
    backfilled: bool | None = None
    gap_ms: int | None = None
    superseded: bool = False


class InsulinFields(_Fields, frozen=True, kw_only=True):
    """Units (U), U/h and ms, after the Tidepool data model."""

    delivery_type: str | None = None
    action: str | None = None
    normal: float | None = None
    extended: float | None = None
    expected_normal: float | None = None
    expected_extended: float | None = None
    amount: float | None = None
    rate: float | None = None
    duration_ms: int | None = None
    expected_duration_ms: int | None = None


class FoodFields(_Fields, frozen=True, kw_only=True):
    carbs_g: float | None = None


class ExerciseFields(_Fields, frozen=True, kw_only=True):
    intensity: str | None = None
    duration_ms: int | None = None


class HealthFields(_Fields, frozen=True, kw_only=True):
    kind: str


class NoteFields(_Fields, frozen=True, kw_only=True):
    text: str


class AlertFields(_Fields, frozen=True, kw_only=True):
    name: str
    state: str


class FingerstickFields(_Fields, frozen=True, kw_only=True):
    subtype: str | None = None


class StatusFields(_Fields, frozen=True, kw_only=True):
    last_upload: datetime | None = None


class SettingsFields(_Fields, frozen=True, kw_only=True):
    units: Unit
    manufacturers: tuple[str, ...] = ()
    firmware_version: str | None = None
    hardware_version: str | None = None
    software_version: str | None = None
    schedule_name: str | None = None
    low_alert: LevelAlert | None = None
    high_alert: LevelAlert | None = None
    urgent_low_alert: LevelAlert | None = None
    urgent_low_soon_alert: LevelAlert | None = None
    out_of_range_alert: OutOfRangeAlert | None = None
    rise_alert: RateAlert | None = None
    fall_alert: RateAlert | None = None


class AppFields(_Fields, frozen=True, kw_only=True):
    """A document's place among what apps uploaded. `identifier` is the app's own id for it, `deleted` that it went."""

    collection: str
    identifier: str | None = None
    deleted: bool = False


class SufficiencyFields(Sufficiency, frozen=True, kw_only=True, omit_defaults=True):
    """Whether the data bear a judgement."""


class ChangeFields(ComparedMetrics, frozen=True, kw_only=True, omit_defaults=True):
    """A period's figures minus those of the equally long period before."""


class SummaryFields(GlycemicMetrics, frozen=True, kw_only=True, omit_defaults=True):
    """The figures for a local day or a period [start, end). `missing`: names of figures → why."""

    window: str
    start: datetime
    end: datetime
    date: str | None = None
    weekday: int | None = None
    days: int | None = None
    episodes: EpisodeCounts
    sufficiency: SufficiencyFields
    change: ChangeFields | None = None
    missing: msgspec.Raw = NO_PAYLOAD


class EpisodeFields(Episode, frozen=True, kw_only=True, omit_defaults=True):
    """One episode; what it shows in lists is there in both units."""

    extreme_mmol_l: float


class InsightFields(_Fields, frozen=True, kw_only=True):
    """What stands out in the local days [start, end), one thing a document. `rank` 1 is said first."""

    kind: str
    rank: int
    tone: Literal["better", "worse", "note"]
    text: str
    rule: str
    suggestion: str | None = None
    window: str
    start: datetime
    end: datetime
    dates: tuple[str, ...] = ()


class Source(_Fields, frozen=True, kw_only=True, rename={"timestamp": "@timestamp"}):
    """A whole document. `payload` is the record as the provider sent it, stored and not indexed."""

    timestamp: datetime
    event: EventFields
    user: Id
    connection: Id
    time: TimeFields
    device: Device | None = None
    glucose: GlucoseFields | None = None
    trend: TrendFields | None = None
    sample: SampleFields | None = None
    insulin: InsulinFields | None = None
    food: FoodFields | None = None
    exercise: ExerciseFields | None = None
    health: HealthFields | None = None
    note: NoteFields | None = None
    alert: AlertFields | None = None
    fingerstick: FingerstickFields | None = None
    status: StatusFields | None = None
    settings: SettingsFields | None = None
    summary: SummaryFields | None = None
    episode: EpisodeFields | None = None
    insight: InsightFields | None = None
    message: str | None = None
    app: AppFields | None = None
    annotations: tuple[Annotation, ...] = ()
    payload: msgspec.Raw = NO_PAYLOAD


class Document(msgspec.Struct, frozen=True):
    """One document and the `_id` it always has."""

    id: str
    source: Source
