"""`egvs` → Reading. 105,120 of them are a year, so the usual record takes few steps and the odd one a slower way."""

from collections.abc import Sequence
from datetime import datetime

import msgspec

from connectors.dexcom.times import offset_min
from connectors.dexcom.wire import (
    AHEAD,
    EARLIEST,
    Common,
    Devices,
    Word,
    instant,
    natural_key,
    page,
    understand,
)
from glucoflow.model.errors import Rejected
from glucoflow.model.ingestion import RejectedRecord, Window
from glucoflow.model.records import Reading
from glucoflow.model.units import MG_DL, MG_DL_PER_MMOL_L, Unit, in_mg_dl, parse_unit, to_mmol_l
from glucoflow.provider import Page

LOWEST, HIGHEST = 39, 401
"""Dexcom writes 39 for LOW (below 40) and 401 for HIGH (above 400). Lower numbers are old receivers' error codes."""

LIKELY = 0.01
"""mg/dL by which a converted mmol/L value may lie outside."""

FASTEST = 100.0
"""mg/dL/min beyond which a rate is rejected, as Tidepool does; Dexcom's own words end at 8."""


class _Egv(Common, frozen=True, rename="camel", gc=False):
    value: float | None = None
    unit: Word | None = None
    status: Word | None = None
    trend: Word | None = None
    trend_rate: float | None = None
    rate_unit: Word | None = None
    transmitter_ticks: int | None = None


_EGV = msgspec.json.Decoder(_Egv)


class Readings:
    """Converts pages of EGVs; remembers devices and offsets between records, nothing else."""

    endpoint, record_type = "egvs", "egv"

    def __init__(self, now: datetime) -> None:
        self._now = now
        self._latest = now + AHEAD
        self._devices = Devices()
        self._offsets: dict[str, int | None] = {}

    def page(self, window: Window, raws: Sequence[msgspec.Raw]) -> Page:
        """All readings of an answer in time order; of two about one moment of one transmitter only one."""
        records, rejected = understand(raws, self.reading)
        whole = page(window, records, rejected)
        return _once_a_moment(whole)

    def reading(self, raw: msgspec.Raw) -> Reading:
        """One reading. Raises Rejected or msgspec.DecodeError."""
        wire = _EGV.decode(raw)
        time = self._time(wire.system_time)
        unit: Unit = MG_DL
        if wire.unit != MG_DL:
            unit = _unit(wire.unit)
        value = wire.value
        if value is None:
            raise Rejected("value", "null: the sensor gave none")
        if unit != MG_DL or not LOWEST <= value <= HIGHEST:
            value = _bounded(value, unit, wire.status)
        rate = wire.trend_rate
        if rate is not None:
            rate = _rate(rate, wire.rate_unit)
        display = wire.display_time
        ticks = wire.transmitter_ticks
        return Reading(
            time=time,
            key=wire.record_id or natural_key(wire, time, "egv", ticks),
            offset_min=self._offset(display, time) if display else None,
            record_id=wire.record_id or None,
            device=self._devices.of(wire),
            payload=raw,
            value=value,
            unit=unit,
            trend_word=wire.trend,
            trend_rate=rate,
            ticks=ticks,
        )

    def _time(self, text: str | None) -> datetime:
        if text and len(text) == 20 and text[10] == "T" and text[19] == "Z":
            try:
                time = datetime.fromisoformat(text)
            except ValueError:
                raise Rejected("systemTime", "not a time") from None
            if EARLIEST <= time <= self._latest:
                return time
        return instant(text, self._now)

    def _offset(self, display: str, time: datetime) -> int | None:
        if len(display) == 25 and display[19] in "+-":  # 2026-03-08T01:55:03-08:00
            suffix = display[19:]
            if suffix not in self._offsets:
                self._offsets[suffix] = offset_min(display, time)
            return self._offsets[suffix]
        return offset_min(display, time)


def _unit(word: str | None) -> Unit:
    if not word:
        raise Rejected("unit", "missing")
    try:
        return parse_unit(word)
    except ValueError:
        raise Rejected("unit", "neither mg/dL nor mmol/L") from None


def _bounded(value: float, unit: Unit, status: str | None) -> float:
    """The value if a sensor can give it. What calls itself low or high beyond the limits becomes 39 or 401."""
    mg_dl = in_mg_dl(value, unit)
    if LOWEST - LIKELY <= mg_dl <= HIGHEST + LIKELY:
        return value
    word = (status or "").lower()
    if word in ("low", "high") and (mg_dl < LOWEST) == (word == "low") and 0 <= mg_dl <= 1000:
        limit = LOWEST if word == "low" else HIGHEST
        return float(limit) if unit == MG_DL else to_mmol_l(limit)
    if mg_dl < LOWEST:
        raise Rejected("value", "below 39 mg/dL without being called low: an error code, not glucose")
    raise Rejected("value", "above 401 mg/dL: no sensor measures that")


def _rate(rate: float, unit: str | None) -> float | None:
    """mg/dL/min; None where its unit is not known (the payload keeps it)."""
    word = (unit or "mg/dL/min").lower()
    if word.startswith("mmol/l/min"):
        rate *= MG_DL_PER_MMOL_L
    elif not word.startswith("mg/dl/min"):
        return None
    if not -FASTEST <= rate <= FASTEST:
        raise Rejected("trendRate", "beyond 100 mg/dL/min")
    return rate


def _once_a_moment(whole: Page) -> Page:
    """Another integration saw one systemTime twice in an answer: keep the record with the smallest key, every time.

    A twin with the same value is the same reading and held already; one with another value is rejected.
    """
    seen: dict[tuple[datetime, str], Reading] = {}
    contrary: list[RejectedRecord] = []
    for record in whole.records:
        if isinstance(record, Reading):
            moment = (record.time, record.device.transmitter_id or "" if record.device else "")
            first = seen.setdefault(moment, record)
            if (first.value, first.unit) != (record.value, record.unit):
                contrary.append(
                    RejectedRecord(
                        field="systemTime",
                        reason="another record has another value at the same moment of the same transmitter",
                        key=record.key,
                        payload=bytes(record.payload),
                    )
                )
    if len(seen) == len(whole.records):
        return whole
    return msgspec.structs.replace(whole, records=list(seen.values()), rejected=[*whole.rejected, *contrary])
