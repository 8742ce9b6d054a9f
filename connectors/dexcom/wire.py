"""From an answer's bytes to records, one by one: a record that cannot be understood never takes its page with it.

The envelope is decoded once into raw records; each is then decoded by the typed decoder of its kind, and its raw bytes
are its payload.
"""

import json
import re
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime, timedelta
from operator import attrgetter
from typing import Annotated, Any, Generic, TypeVar

import msgspec

from connectors.dexcom import GENERATIONS
from connectors.dexcom.api import not_understood
from connectors.dexcom.lenient import ABSURD_NUMBER, loads
from connectors.dexcom.times import system_time
from glucoflow.model.errors import Rejected
from glucoflow.model.ingestion import RejectedRecord, Window
from glucoflow.model.records import Device, Record
from glucoflow.provider import Page

EARLIEST = datetime(2010, 1, 1, tzinfo=UTC)
"""No Dexcom cloud is older: a record before this comes from a device whose clock was never set."""

AHEAD = timedelta(hours=24)
"""How far a device's clock may run ahead of ours before its records are rejected (Tidepool warns from here on)."""

LARGEST_RECORD = 2**20
"""Bytes. Real records have half a thousand; one beyond this is rejected, since it would be stored as it came."""

PAYLOAD_LIMIT = 64 * 1024

Word = Annotated[str, msgspec.Meta(max_length=256)]
"""A word, id or time of the provider's. Words we do not know are kept as they are."""


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


R = TypeVar("R", bound=Record)

NOT_UNDERSTOOD = (Rejected, msgspec.DecodeError, UnicodeDecodeError)


class Envelope(msgspec.Struct, rename="camel"):
    """An answer of any endpoint but `dataRange`: the records, undecoded, and the id of the account."""

    records: list[msgspec.Raw]
    record_type: str | None = None
    user_id: object = None

    @property
    def account(self) -> str | None:
        return self.user_id if isinstance(self.user_id, str) and self.user_id else None


class _Id(msgspec.Struct, rename="camel"):
    record_id: str | None = None


_ENVELOPE = msgspec.json.Decoder(Envelope)
_ID = msgspec.json.Decoder(_Id)
_PATH = re.compile(r" - at `\$\.?([^`]*)`$")
_MISSING = re.compile(r"missing required field `([^`]*)`")


def envelope(body: bytes, record_type: str) -> Envelope:
    """An answer's envelope. Raises Retryable for an answer that is not such a page."""
    if b"\n" in body:
        body = _compact(body)  # a payload with line breaks would break the bulk request it is stored by
    try:
        found = _leniently(body) if ABSURD_NUMBER.search(body) else _ENVELOPE.decode(body)
    except msgspec.ValidationError:
        raise not_understood(body, "an answer without records") from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        found = _leniently(body)
    if found.record_type not in (None, record_type):
        raise not_understood(body, f"records of another type than {record_type}")
    return found


def _compact(body: bytes) -> bytes:
    try:
        return msgspec.json.format(body, indent=-1)
    except (msgspec.DecodeError, RecursionError):
        return body  # what is wrong with it is found, and said, when it is decoded


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


def rejected_record(
    error: Rejected | msgspec.DecodeError | UnicodeDecodeError, raw: msgspec.Raw, within: str = ""
) -> RejectedRecord:
    """Which field was wrong (of the part `within` the record), why, and the record as sent."""
    if isinstance(error, Rejected):
        field, reason = error.field, error.reason
    else:
        text = str(error)
        path, missing = _PATH.search(text), _MISSING.search(text)
        found = (missing and missing.group(1)) or (path and path.group(1)) or "record"
        field, reason = found[:200], _PATH.sub("", text)[:300]
    payload = bytes(memoryview(raw)[:PAYLOAD_LIMIT])
    return RejectedRecord(field=within + field, reason=reason, key=_record_id(raw), payload=payload)


def _record_id(raw: msgspec.Raw) -> str | None:
    try:
        return (_ID.decode(raw).record_id or "")[:256] or None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None


def instant(text: str | None, now: datetime, field: str = "systemTime") -> datetime:
    """A record's time, within what a device's clock can mean. Raises Rejected."""
    if not text:
        raise Rejected(field, "missing")
    try:
        time = system_time(text)
    except ValueError:
        raise Rejected(field, "not a time") from None
    if time > now + AHEAD:
        raise Rejected(field, "more than 24 hours in the future: the device's clock is wrong")
    if time < EARLIEST:
        raise Rejected(field, "before 2010: the device's clock was never set")
    return time


def natural_key(wire: Common, time: datetime, kind: str, ticks: int | None = None) -> str:
    """`recordId`; without one, transmitter and ticks; without these, time and kind (providers change none of them)."""
    if wire.record_id:
        return wire.record_id
    if wire.transmitter_id and ticks is not None:
        return f"{wire.transmitter_id}/{ticks}"
    return f"{time.isoformat()}/{kind}"


def sized(raw: msgspec.Raw) -> msgspec.Raw:
    """The record, unless it is larger than any can be. Raises Rejected."""
    if len(raw) > LARGEST_RECORD:
        raise Rejected("record", "larger than 1 MiB")
    return raw


MANUFACTURER = "Dexcom"
SHORT_ID = 16
"""Characters of the transmitter's 64-character hash that go into a device's id."""

_BY_VARIANT = {"d1+": "ONE+", "g6": "G6", "g7": "G7", "g715day": "G7 15 Day", "stelo": "Stelo"}
_BY_APP = {"dexcomone": "ONE", "d1g7": "ONE+", "stelo": "Stelo"}
_BY_GENERATION = {word: generation.name for word, generation in GENERATIONS.items()}
INTERVALS_MS = {generation.name: generation.sample_interval_ms for generation in GENERATIONS.values()}
"""By model; None where it is the usual one."""


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


class NoValue(Exception):
    """A record without a value: a sensor's warm-up or failure. It is counted, and nothing is wrong with it."""


class Understood(msgspec.Struct, Generic[R], kw_only=True):
    """What became of an answer's records."""

    records: list[R] = msgspec.field(default_factory=list)
    rejected: list[RejectedRecord] = msgspec.field(default_factory=list)
    without_value: int = 0

    def page(self, window: Window, left_out: Counter[str]) -> Page:
        """The page of them; `left_out` is taken with it, and empty afterwards."""
        whole = page(window, self.records, self.rejected)
        found = msgspec.structs.replace(whole, without_value=self.without_value, left_out=dict(left_out))
        left_out.clear()
        return found


def understand(raws: Iterable[msgspec.Raw], convert: Callable[[msgspec.Raw], R]) -> Understood[R]:
    """`convert` over all records: those understood, those rejected with their reason, and those without a value."""
    found: Understood[R] = Understood()
    for raw in raws:
        try:
            found.records.append(convert(sized(raw)))
        except NoValue:
            found.without_value += 1
        except NOT_UNDERSTOOD as error:
            found.rejected.append(rejected_record(error, raw))
    return found


def page(window: Window, records: list[Any], rejected: list[RejectedRecord], deleted: Sequence[str] = ()) -> Page:
    """A page in time order. Of records with one key the last sent stays: Dexcom repeats some within an answer."""
    by_key = {record.key: record for record in records}
    if len(by_key) < len(records):
        records = list(by_key.values())
    records.sort(key=attrgetter("time", "key"))
    return Page(window=window, records=records, deleted=deleted, rejected=rejected)
