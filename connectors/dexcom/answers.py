"""From an answer's bytes to records, one by one: a record that cannot be understood never takes its page with it.

The envelope is decoded once into raw records; each is then decoded by the typed decoder of its kind, and its raw bytes
are its payload.
"""

import json
from datetime import datetime

import msgspec

from connectors.dexcom import GENERATIONS
from connectors.dexcom.api import not_understood
from connectors.dexcom.times import system_time
from connectors.lenient import ABSURD_NUMBER, loads
from connectors.understanding import Word, compact, within_clocks
from glucoflow.model.errors import Rejected
from glucoflow.model.records import Device


class Common(msgspec.Struct, frozen=True, rename="camel", gc=False):
    """What records of all kinds have. Absent and null are the same: real records lack what is said to be required."""

    record_id: Word | None = None
    system_time: Word | None = None
    display_time: Word | None = None
    transmitter_id: Word | None = None
    transmitter_generation: Word | None = None
    transmitter_generation_variant: Word | None = None
    display_device: Word | None = None
    display_app: Word | None = None


class Envelope(msgspec.Struct, rename="camel"):
    """An answer of any endpoint but `dataRange`: the records, undecoded, and the id of the account."""

    records: list[msgspec.Raw]
    record_type: str | None = None
    user_id: object = None

    @property
    def account(self) -> str | None:
        """Text on the wire; a number would name it as well."""
        said = self.user_id
        return str(said) if said and isinstance(said, str | int) and not isinstance(said, bool) else None


RECORD_TYPES = ("egv", "event", "calibration", "alert", "device")


_ENVELOPE = msgspec.json.Decoder(Envelope)


def envelope(body: bytes, record_type: str) -> Envelope:
    """An answer's envelope. Raises Retryable for an answer that is not such a page."""
    body = compact(body)
    try:
        found = _leniently(body) if ABSURD_NUMBER.search(body) else _ENVELOPE.decode(body)
    except msgspec.ValidationError:
        raise not_understood(body, "an answer without records") from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        found = _leniently(body)
    if found.record_type != record_type and found.record_type in RECORD_TYPES:
        raise not_understood(body, f"records of another type than {record_type}")
    return found


def _leniently(body: bytes) -> Envelope:
    """For what is not quite JSON, or holds absurd numbers: they are made text, and rejected where they matter."""
    try:
        answer = loads(body)
        return Envelope(
            records=[msgspec.Raw(json.dumps(record, separators=(",", ":")).encode()) for record in answer["records"]],
            record_type=answer.get("recordType"),
            user_id=answer.get("userId"),
        )
    except (ValueError, RecursionError):
        raise not_understood(body, "an answer that breaks off or is not JSON") from None
    except (KeyError, TypeError, AttributeError):
        raise not_understood(body, "an answer without records") from None


def instant(text: str | None, now: datetime, field: str = "systemTime") -> datetime:
    """A record's time, within what a device's clock can mean. Raises Rejected."""
    if not text:
        raise Rejected(field, "missing")
    try:
        time = system_time(text)
    except ValueError:
        raise Rejected(field, "not a time") from None
    return within_clocks(time, now, field)


def natural_key(wire: Common, time: datetime, kind: str, ticks: int | None = None) -> str:
    """`recordId`; without one, transmitter and ticks; without these, time and kind (providers change none of them)."""
    if wire.record_id:
        return wire.record_id
    if wire.transmitter_id and ticks is not None:
        return f"{wire.transmitter_id}/{ticks}"
    return f"{time.isoformat()}/{kind}"


MANUFACTURER = "Dexcom"
SHORT_ID = 16
"""Characters of the transmitter's 64-character hash that go into a device's id."""

_BY_VARIANT = {"d1+": "ONE+", "g6": "G6", "g7": "G7", "g715day": "G7 15 Day", "stelo": "Stelo"}
_BY_APP = {"dexcomone": "ONE", "d1g7": "ONE+", "stelo": "Stelo"}
_BY_GENERATION = {word: generation.name for word, generation in GENERATIONS.items()}
INTERVALS_MS = {generation.name: generation.sample_interval_ms for generation in GENERATIONS.values()}
"""By model; None where it is the usual one."""
KNOWN_MODELS = frozenset([*_BY_VARIANT.values(), *_BY_APP.values(), *_BY_GENERATION.values()])


class Devices:
    """Device values by the fields that name them: a year of readings comes from some forty.

    Named as Tidepool's partner guide asks: manufacturer, model, display name, id.
    """

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
    """G6, G7, ONE+ …, None where the record does not say: variant first, then the app, then the generation.

    A generation that we do not know is shown as it is.
    """
    word = plain(wire.transmitter_generation)
    return (
        _BY_VARIANT.get(plain(wire.transmitter_generation_variant))
        or _BY_APP.get(plain(wire.display_app))
        or _BY_GENERATION.get(word)
        or (None if word in ("", "unknown") else wire.transmitter_generation)
    )


_BETWEEN = str.maketrans("", "", " -_")


def plain(word: str | None) -> str:
    """A word as it is looked up: "g6 pro" was seen, "g6Pro", and "G7 15-day"."""
    return (word or "").lower().translate(_BETWEEN)


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
