"""From raw records to a page, one by one: a record that cannot be understood never takes its page with it.

For connectors of every provider. An answer's body becomes raw records (`records_of`); each is decoded by the typed
decoder of its kind (`lenient.LenientDecoder`), and its raw bytes are its payload.
"""

import json
import re
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime, timedelta
from operator import attrgetter
from typing import Annotated, Any, Generic, TypeVar

import msgspec

from connectors.lenient import ABSURD_NUMBER, loads
from glucoflow.http import decoded, not_understood
from glucoflow.model.errors import Rejected
from glucoflow.model.ingestion import RejectedRecord, Window
from glucoflow.model.records import Record
from glucoflow.provider import Page

EARLIEST = datetime(2010, 1, 1, tzinfo=UTC)
"""No provider's cloud is older: a record before this comes from a device whose clock was never set."""

AHEAD = timedelta(hours=24)
"""How far a device's clock may run ahead of ours before its records are rejected (Tidepool warns from here on)."""

LARGEST_RECORD = 2**20
"""Bytes. Real records have half a thousand; one beyond this is rejected, since it would be stored as it came."""

PAYLOAD_LIMIT = 64 * 1024

Word = Annotated[str, msgspec.Meta(max_length=256)]
"""A word, id or time of a provider's. Words we do not know are kept as they are."""

R = TypeVar("R", bound=Record)

NOT_UNDERSTOOD = (Rejected, msgspec.DecodeError, UnicodeDecodeError)

_ARRAY = msgspec.json.Decoder(list[msgspec.Raw])
_PATH = re.compile(r" - at `\$\.?([^`]*)`$")
_MISSING = re.compile(r"missing required field `([^`]*)`")


class NoValue(Exception):
    """A record without a value: a sensor's warm-up or failure. It is counted, and nothing is wrong with it."""


class _Ids(
    msgspec.Struct,
    rename={"record": "recordId", "own": "_id", "transmitter": "transmitterId", "ticks": "transmitterTicks"},
):
    """The names that providers have for a record's id, and what is as good as one where there is none."""

    record: object = None
    own: object = None
    identifier: object = None
    id: object = None
    transmitter: object = None
    ticks: object = None


def records_of(title: str, body: bytes) -> list[msgspec.Raw]:
    """The records of an answer that is an array of them. Raises Retryable for one that is not."""
    body = compact(body)
    try:
        if not ABSURD_NUMBER.search(body):
            return _ARRAY.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        pass  # nearly JSON, perhaps
    try:
        found = loads(body)
        if isinstance(found, list):
            return [msgspec.Raw(json.dumps(one, separators=(",", ":")).encode()) for one in found]
    except (ValueError, RecursionError):
        raise not_understood(title, body, "an answer that breaks off or is not JSON") from None
    raise not_understood(title, body, "an answer without records")


def compact(body: bytes) -> bytes:
    """JSON on one line: a payload with line breaks would break the bulk request it is stored by."""
    if b"\n" not in body:
        return body
    try:
        return msgspec.json.format(body, indent=-1)
    except (msgspec.DecodeError, RecursionError):
        return body  # what is wrong with it is found, and said, when it is decoded


def within_clocks(time: datetime, now: datetime, field: str) -> datetime:
    """A record's time, within what a device's clock can mean. Raises Rejected."""
    if time > now + AHEAD:
        raise Rejected(field, "more than 24 hours in the future: the device's clock is wrong")
    if time < EARLIEST:
        raise Rejected(field, "before 2010: the device's clock was never set")
    return time


def sized(raw: msgspec.Raw) -> msgspec.Raw:
    """The record, unless it is larger than any can be. Raises Rejected."""
    if len(raw) > LARGEST_RECORD:
        raise Rejected("record", "larger than 1 MiB")
    return raw


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
    return RejectedRecord(field=within + field, reason=reason, key=_id_of(raw), payload=payload)


def _id_of(raw: msgspec.Raw) -> str | None:
    ids = decoded(raw, _Ids)
    if ids is None:
        return None
    said = (ids.record, ids.identifier, ids.own, ids.id)
    own = next((one[:256] for one in said if isinstance(one, str) and one), None)
    if own is None and isinstance(ids.transmitter, str) and ids.transmitter and isinstance(ids.ticks, int):
        return f"{ids.transmitter[:256]}/{ids.ticks}"
    return own


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
    """A page in time order. Of records with one key the last sent stays: some come twice within an answer."""
    by_key = {record.key: record for record in records}
    if len(by_key) < len(records):
        records = list(by_key.values())
    records.sort(key=attrgetter("time", "key"))
    return Page(window=window, records=records, deleted=deleted, rejected=rejected)
