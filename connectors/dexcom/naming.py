"""Which device a record comes from, named as Tidepool's partner guide asks: manufacturer, model, display name, id."""

from connectors.dexcom.wire import Common
from glucoflow.model.records import Device

MANUFACTURER = "Dexcom"

_BY_VARIANT = {"d1+": "ONE+", "g6": "G6", "g7": "G7", "g715day": "G7 15 Day"}
_BY_APP = {"dexcomone": "ONE", "d1g7": "ONE+"}
_BY_GENERATION = {
    "g4": "G4", "g5": "G5", "g6": "G6", "g6+": "G6+", "g6pro": "G6 Pro", "g7": "G7", "g715day": "G7 15 Day",
    "dexcompro": "Pro",
}  # fmt: skip

SHORT_ID = 16
"""Characters of the transmitter's 64-character hash that go into the device id."""


class Devices:
    """Device values by the fields that name them: a year of readings comes from some forty."""

    def __init__(self) -> None:
        self._known: dict[tuple[str | None, ...], Device] = {}

    def of(self, wire: Common) -> Device:
        """The device of a record. Serial numbers are not given by this API."""
        key = (
            wire.transmitter_id,
            wire.transmitter_generation,
            wire.display_device,
            wire.display_app,
            wire.transmitter_generation_variant,
        )
        device = self._known.get(key)
        if device is None:
            if len(self._known) > 1000:
                self._known.clear()
            device = self._known[key] = _device(wire)
        return device


def model(wire: Common) -> str | None:
    """G6, G7, ONE+ …, None where the record does not say: variant first, then the app, then the generation."""
    return (
        _BY_VARIANT.get(_plain(wire.transmitter_generation_variant))
        or _BY_APP.get(_plain(wire.display_app))
        or _BY_GENERATION.get(_plain(wire.transmitter_generation))
    )


def _plain(word: str | None) -> str:
    return (word or "").lower().replace(" ", "")  # "g6 pro" was seen with its blank


def _device(wire: Common) -> Device:
    name = model(wire)
    own = f"{MANUFACTURER}{(name or '').replace(' ', '')}"
    transmitter = wire.transmitter_id or None  # new users have "" for a while
    return Device(
        id=f"{own}_{transmitter[:SHORT_ID]}" if transmitter else own,
        model=name,
        manufacturer=MANUFACTURER,
        name=f"{MANUFACTURER} {name}" if name else MANUFACTURER,
        transmitter_id=transmitter,
        generation=wire.transmitter_generation,
        display=wire.display_device,
    )
