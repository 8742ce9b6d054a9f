"""`calibrations` → Calibration: the finger-stick values by which a sensor was calibrated. G7 users often have none."""

from collections.abc import Sequence
from datetime import datetime

import msgspec

from connectors.dexcom.naming import Devices
from connectors.dexcom.times import offset_min
from connectors.dexcom.wire import Common, Refused, Word, instant, natural_key, page, understand
from glucoflow.model.ingestion import Window
from glucoflow.model.records import Calibration
from glucoflow.model.units import MG_DL, Unit, in_mg_dl, parse_unit
from glucoflow.provider import Page

LOWEST, HIGHEST = 10.0, 1000.0
"""mg/dL that a blood-glucose meter can show."""


class _Calibration(Common, frozen=True, rename="camel", gc=False):
    value: float | None = None
    unit: Word | None = None
    transmitter_ticks: int | None = None


_DECODER = msgspec.json.Decoder(_Calibration)


class Calibrations:
    def __init__(self, now: datetime) -> None:
        self._now = now
        self._devices = Devices()

    def page(self, window: Window, raws: Sequence[msgspec.Raw]) -> Page:
        return page(window, *understand(raws, self.calibration))

    def calibration(self, raw: msgspec.Raw) -> Calibration:
        """One calibration. Raises Refused or msgspec.DecodeError."""
        wire = _DECODER.decode(raw)
        time = instant(wire.system_time, self._now)
        value, unit = meter_value(wire.value, wire.unit)
        return Calibration(
            time=time,
            key=natural_key(wire, time, "calibration", wire.transmitter_ticks),
            offset_min=offset_min(wire.display_time, time),
            record_id=wire.record_id or None,
            device=self._devices.of(wire),
            payload=raw,
            value=value,
            unit=unit,
        )


def meter_value(value: float | None, unit_word: str | None) -> tuple[float, Unit]:
    """A meter's value and unit. The unit may be null, and then is mg/dL as everywhere in this API. Raises Refused."""
    if value is None:
        raise Refused("value", "missing")
    try:
        unit = parse_unit(unit_word) if unit_word and unit_word != "unknown" else MG_DL
    except ValueError:
        raise Refused("unit", "neither mg/dL nor mmol/L") from None
    if not LOWEST <= in_mg_dl(value, unit) <= HIGHEST:
        raise Refused("value", "outside 10 to 1000 mg/dL")
    return value, unit
