"""One Tidepool record of any type but cgmSettings, after Tidepool's data model (data.v1) and partner guide.

Client form: `units` says whether glucose is mg/dL or mmol/L, durations are ms, times RFC 3339, `deviceTime` the owner's
wall clock. The four device fields are the partner guide's common ones.
"""

from datetime import datetime

import msgspec

from glucoflow.tidepool.cgm_settings.schema import Base


class Quantity(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A value and its unit, as physicalActivity's duration and carbohydrate have it."""

    value: float | None = None
    net: float | None = None
    units: str | None = None


class Nutrition(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    carbohydrate: Quantity | None = None


class Dose(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    total: float | None = None
    units: str = "Units"


class Simple(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, rename="camel"):
    acting_type: str | None = None


class Formulation(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    simple: Simple | None = None


class State(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, rename="camel"):
    state: str
    state_other: str | None = None


class TidepoolRecord(Base, frozen=True, kw_only=True):
    """All fields of the types we write or read; a record has those of its own type."""

    # common, from the partner guide
    device_manufacturer: str | None = None
    device_model: str | None = None
    device_name: str | None = None
    device_serial_number: str | None = None
    # cbg, smbg, deviceEvent of subType calibration
    units: str | None = None
    value: float | None = None
    trend: str | None = None
    trend_rate: float | None = None
    trend_rate_units: str | None = None
    sample_interval: int | None = None
    backfilled: bool | None = None
    # bolus, basal, insulin
    sub_type: str | None = None
    delivery_type: str | None = None
    rate: float | None = None
    normal: float | None = None
    extended: float | None = None
    expected_normal: float | None = None
    expected_extended: float | None = None
    duration: float | Quantity | None = None
    expected_duration: float | None = None
    dose: Dose | None = None
    formulation: Formulation | None = None
    # food, wizard, physicalActivity, reportedState, alert
    nutrition: Nutrition | None = None
    carb_input: float | None = None
    reported_intensity: str | None = None
    states: tuple[State, ...] = ()
    name: str | None = None
    # upload
    computer_time: str | None = None
    data_set_type: str | None = None
    device_manufacturers: tuple[str, ...] = ()
    upload_time: datetime | None = None


TREND_WORDS = {
    "doubleUp": "rapidRise",
    "singleUp": "moderateRise",
    "fortyFiveUp": "slowRise",
    "flat": "constant",
    "fortyFiveDown": "slowFall",
    "singleDown": "moderateFall",
    "doubleDown": "rapidFall",
}
"""Our directions in Tidepool's words; the others have none."""

INTENSITIES = {"light": "low", "medium": "medium", "heavy": "high"}
STATES = {
    "alcohol": "alcohol",
    "cycle": "cycle",
    "illness": "illness",
    "stress": "stress",
    "highSymptoms": "hyperglycemiaSymptoms",
    "lowSymptoms": "hypoglycemiaSymptoms",
}
MG_DL_PER_MINUTE = "mg/dL/minute"
MMOL_L_PER_MINUTE = "mmol/L/minute"
