"""What a provider can tell us about a person, in one shape for all providers.

Structs are msgspec's: frozen, typed, and an order of magnitude cheaper to make and encode than dataclasses, which
matters when a year is 105,120 of them. Times are aware UTC by the device's clock; `offset_min` is what the person's
own clock added to it, None where the provider did not say.
"""

from datetime import datetime
from typing import Literal

import msgspec

from glucoflow.model.ranges import SensorLimits
from glucoflow.model.units import Unit

NO_PAYLOAD = msgspec.Raw()
"""One object everywhere, since encoding leaves out a default only where it is the same object."""


MOST_UNITS, MOST_CARBS_G, LONGEST_MIN, LONGEST_NOTE = 250.0, 1000.0, 7 * 1440.0, 10_000
"""What a dose, a meal, an activity (minutes) and a text (characters) can come to: more was mistyped."""


class Device(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The device behind a record, as far as the provider names it."""

    id: str | None = None
    model: str | None = None
    manufacturer: str | None = None
    name: str | None = None
    serial_number: str | None = None
    transmitter_id: str | None = None
    generation: str | None = None
    display: str | None = None


class Annotation(msgspec.Struct, frozen=True, omit_defaults=True):
    """A remark on a record in the Tidepool data model's codes, e.g. `bg/out-of-range`, low, 40 (mg/dL)."""

    code: str
    value: str | None = None
    threshold: float | None = None


class Record(msgspec.Struct, frozen=True, kw_only=True):
    """What every record has. `key` is the provider's natural key: the same record always has the same one."""

    time: datetime
    key: str
    offset_min: int | None = None
    zone: str | None = None
    record_id: str | None = None
    device: Device | None = None
    annotations: tuple[Annotation, ...] = ()
    payload: msgspec.Raw = NO_PAYLOAD
    """The record as the provider sent it, as JSON."""


class Reading(Record, frozen=True, kw_only=True):
    """One CGM value. `trend_rate` in mg/dL/min; `trend_word` is the provider's own; `ticks` orders a transmitter's."""

    value: float
    unit: Unit
    trend_word: str | None = None
    trend_rate: float | None = None
    interval_ms: int | None = None
    backfilled: bool | None = None
    ticks: int | None = None
    sensor_limits: SensorLimits | None = None
    """Where its sensor ends, where that is not where the provider's usual ones do."""


class Calibration(Record, frozen=True, kw_only=True):
    """A finger-stick value entered to calibrate the sensor."""

    value: float
    unit: Unit


class Fingerstick(Record, frozen=True, kw_only=True):
    """A blood-glucose meter's value."""

    value: float
    unit: Unit
    subtype: Literal["manual", "linked", "scanned"] | None = None


class Bolus(Record, frozen=True, kw_only=True):
    """Insulin given at once (`normal`), over time (`extended`) or both, in units; `expected_*` when cut short."""

    delivery_type: str = "normal"
    action: Literal["fast", "long"] | None = None
    normal: float | None = None
    extended: float | None = None
    expected_normal: float | None = None
    expected_extended: float | None = None
    duration_ms: int | None = None
    expected_duration_ms: int | None = None


class Basal(Record, frozen=True, kw_only=True):
    """Background insulin: `rate` in U/h over `duration_ms`, or one long-acting dose in `amount` units."""

    delivery_type: str
    action: Literal["fast", "long"] | None = None
    rate: float | None = None
    amount: float | None = None
    duration_ms: int | None = None
    expected_duration_ms: int | None = None


class Food(Record, frozen=True, kw_only=True):
    """Something eaten; carbohydrate in grams, None where the person noted a meal without an amount."""

    carbs_g: float | None = None


class Exercise(Record, frozen=True, kw_only=True):
    """Physical activity."""

    intensity: str | None = None
    duration_ms: int | None = None


class Health(Record, frozen=True, kw_only=True):
    """A health event: illness, stress, high or low symptoms, cycle, alcohol."""

    kind: str


class Note(Record, frozen=True, kw_only=True):
    """Free text."""

    text: str


class Alert(Record, frozen=True, kw_only=True):
    """An alert that a device showed, in the provider's words."""

    name: str
    state: str


class LevelAlert(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A high or low alert's setting; level in mg/dL, snooze in ms."""

    enabled: bool
    level_mg_dl: float | None = None
    snooze_ms: int | None = None


class OutOfRangeAlert(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The signal-loss alert's setting; `threshold_ms` is how long without a reading."""

    enabled: bool
    threshold_ms: int | None = None
    snooze_ms: int | None = None


class RateAlert(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A rise or fall alert's setting; rate in mg/dL/min, positive for rise, negative for fall."""

    enabled: bool
    rate_mg_dl_min: float | None = None


class DeviceSettings(Record, frozen=True, kw_only=True):
    """A CGM's settings at a moment, after Tidepool's cgmSettings v1."""

    units: Unit = "mg/dL"
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


class DeviceStatus(Record, frozen=True, kw_only=True):
    """That a device is known to the provider, and when it last uploaded."""

    last_upload: datetime | None = None
