"""`egvs` → Reading. 105,120 of them are a year, so the usual record takes few steps and the odd one a slower way."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from itertools import pairwise

import msgspec

from connectors.dexcom.answers import INTERVALS_MS, KNOWN_MODELS, Common, Devices, instant, natural_key
from connectors.dexcom.receivers import Receivers
from connectors.dexcom.times import offset_min
from connectors.lenient import LenientDecoder
from connectors.understanding import AHEAD, EARLIEST, NoValue, Word, understand
from glucoflow.model.errors import Rejected
from glucoflow.model.ingestion import Window
from glucoflow.model.records import Reading
from glucoflow.model.units import MG_DL, MG_DL_PER_MMOL_L, MMOL_L, Unit, in_mg_dl, parse_unit, to_mmol_l
from glucoflow.provider import Page

LOWEST, HIGHEST = 39, 401
"""Dexcom writes 39 for LOW (below 40) and 401 for HIGH (above 400). Lower numbers are old receivers' error codes."""

LIKELY = 0.01
"""mg/dL by which a converted mmol/L value may lie outside."""

FASTEST = 100.0
"""mg/dL/min beyond which a rate is rejected, as Tidepool does; Dexcom's own words end at 8."""


MINUTE = timedelta(minutes=1)
LEAST_SPACINGS = 8
"""So many tell how often a sensor reports whose model nobody knows."""


class _Egv(Common, frozen=True, rename="camel", gc=False):
    value: float | None = None
    unit: Word | None = None
    status: Word | None = None
    trend: Word | None = None
    trend_rate: float | None = None
    rate_unit: Word | None = None
    transmitter_ticks: int | None = None


_NEEDED = frozenset({"systemTime", "value"})


class Readings:
    """Converts pages of EGVs; remembers devices and offsets between records, nothing else."""

    endpoint, record_type = "egvs", "egv"

    def __init__(self, now: datetime, receivers: Receivers | None = None) -> None:
        self._now = now
        self._latest = now + AHEAD
        self._devices = Devices()
        self._offsets: dict[str, int | None] = {}
        self._egv = LenientDecoder(_Egv, _NEEDED)
        self._receivers = receivers or Receivers()

    def page(self, window: Window, raws: Sequence[msgspec.Raw]) -> Page:
        """All readings of an answer in time order."""
        return with_spacing(understand(raws, self.reading).page(window, self._egv.left_out))

    def reading(self, raw: msgspec.Raw) -> Reading:
        """One reading. Raises Rejected, NoValue or msgspec.DecodeError."""
        wire, payload = self._egv.decode(raw)
        time = self._time(wire.system_time)
        value, unit = wire.value, MG_DL
        if value is None:
            raise NoValue
        if wire.unit != MG_DL or not LOWEST <= value <= HIGHEST:
            unit = _unit(wire.unit, value)
            value = _bounded(value, unit, wire.status)
        display = wire.display_time
        ticks = wire.transmitter_ticks
        key = wire.record_id or natural_key(wire, time, "egv", ticks)
        device = self._devices.of(wire)
        return Reading(
            time=time,
            key=key,
            offset_min=self._offset(display, time, key, wire.display_device) if display else None,
            record_id=wire.record_id or None,
            device=device,
            payload=payload,
            value=value,
            unit=unit,
            trend_word=wire.trend,
            trend_rate=None if wire.trend_rate is None else self._rate(wire.trend_rate, wire.rate_unit),
            interval_ms=INTERVALS_MS.get(device.model) if device.model else None,
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

    def _offset(self, display: str, time: datetime, key: str, shown_by: str | None) -> int | None:
        if len(display) == 25 and display[19] in "+-":  # 2026-03-08T01:55:03-08:00
            suffix = display[19:]
            if suffix not in self._offsets:
                self._offsets[suffix] = offset_min(display, time)
            return self._offsets[suffix]
        return self._receivers.offset(display, time, key, shown_by)

    def _rate(self, rate: float, unit: str | None) -> float | None:
        """mg/dL/min; None where its unit is not known, or it is none that can be (the payload keeps it)."""
        word = (unit or "mg/dL/min").lower()
        if word.startswith("mmol/l/min"):
            rate *= MG_DL_PER_MMOL_L
        elif not word.startswith("mg/dl/min"):
            return None
        if -FASTEST <= rate <= FASTEST:
            return rate
        self._egv.left_out["trendRate"] += 1
        return None


def with_spacing(page: Page) -> Page:
    """The page, where readings of a sensor whose model nobody knows stand for the time between them: a quarter of their
    spacings is no longer than it. A few readings tell nothing, nor does a spacing near the usual one."""
    unknown: dict[str, list[int]] = {}
    for at, one in enumerate(page.records):
        device = one.device
        if device and device.transmitter_id and device.model and device.model not in KNOWN_MODELS:
            unknown.setdefault(device.transmitter_id, []).append(at)
    if not unknown:
        return page
    records = list(page.records)
    for mine in unknown.values():
        spacings = sorted(records[b].time - records[a].time for a, b in pairwise(mine))
        usual = round(spacings[len(spacings) // 4] / MINUTE) if len(spacings) >= LEAST_SPACINGS else 5
        if 1 <= usual <= 2 or 8 <= usual <= 30:
            for at in mine:
                records[at] = msgspec.structs.replace(records[at], interval_ms=usual * 60_000)
    return msgspec.structs.replace(page, records=records)


def _unit(word: str | None, value: float) -> Unit:
    """The unit named; where none is that we know (`unknown` is one of Dexcom's words), the one in which the value can
    be. mg/dL is the API's; no whole number is taken for mmol/L, since old receivers' error codes are such."""
    try:
        return parse_unit(word or "")
    except ValueError:
        can_be_mmol = LOWEST - LIKELY <= in_mg_dl(value, MMOL_L) <= HIGHEST + LIKELY
        return MMOL_L if can_be_mmol and not value.is_integer() else MG_DL


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
