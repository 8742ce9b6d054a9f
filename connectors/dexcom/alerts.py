"""`alerts` → Alert, in Dexcom's words (high, urgentLow …; inactive, activeSnoozed, activeAlarming)."""

from collections.abc import Sequence
from datetime import datetime

import msgspec

from connectors.dexcom.naming import Devices
from connectors.dexcom.times import offset_min
from connectors.dexcom.wire import Common, Refused, Word, instant, natural_key, page, understand
from glucoflow.model.ingestion import Window
from glucoflow.model.records import Alert
from glucoflow.provider import Page


class _Alert(Common, frozen=True, rename="camel", gc=False):
    alert_name: Word | None = None
    alert_state: Word | None = None


_DECODER = msgspec.json.Decoder(_Alert)


class Alerts:
    def __init__(self, now: datetime) -> None:
        self._now = now
        self._devices = Devices()

    def page(self, window: Window, raws: Sequence[msgspec.Raw]) -> Page:
        return page(window, *understand(raws, self.alert))

    def alert(self, raw: msgspec.Raw) -> Alert:
        """One alert. Raises Refused or msgspec.DecodeError. Names and states that we do not know are kept."""
        wire = _DECODER.decode(raw)
        time = instant(wire.system_time, self._now)
        if not wire.alert_name:
            raise Refused("alertName", "missing")
        return Alert(
            time=time,
            key=natural_key(wire, time, f"alert/{wire.alert_name}"),
            offset_min=offset_min(wire.display_time, time),
            record_id=wire.record_id or None,
            device=self._devices.of(wire),
            payload=raw,
            name=wire.alert_name,
            state=wire.alert_state or "unknown",
        )
