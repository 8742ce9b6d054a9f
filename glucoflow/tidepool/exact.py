"""Export that loses nothing: what Tidepool's form cannot say of a document travels in `origin.payload.glucoflow`.

A document is written as a Tidepool record, the record is read back as any other, and every section that then differs
(meal context, gap, connection …) is put beside it. So the way back is exact whatever either form can say, and a program
that knows only Tidepool's model reads a plain record.
"""

from typing import Any

import msgspec

from glucoflow.enrich import Enricher, Owner, document_id
from glucoflow.model.documents import Document, Source
from glucoflow.model.errors import Rejected
from glucoflow.model.ranges import WIDEST_LIMITS
from glucoflow.model.records import NO_PAYLOAD, DeviceStatus, Record
from glucoflow.model.units import Unit
from glucoflow.tidepool.reading import to_record, type_of
from glucoflow.tidepool.wire import TidepoolRecord
from glucoflow.tidepool.writing import tidepool_record

SECTIONS = tuple(name for name in Source.__struct_fields__ if name not in ("timestamp", "user", "payload"))


class Beside(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What the Tidepool form does not say: the `_id`, whose it was, and the sections that reading it back misses."""

    id: str
    user: str
    sections: dict[str, msgspec.Raw] = {}


class _Payload(msgspec.Struct, frozen=True):
    glucoflow: Beside


class _Origin(msgspec.Struct, frozen=True):
    name: str = ""
    id: str | None = None
    payload: msgspec.Raw = NO_PAYLOAD


class _Peek(msgspec.Struct, frozen=True):
    origin: _Origin | None = None
    id: str | None = None


_PEEK = msgspec.json.Decoder(_Peek)
_PAYLOAD = msgspec.json.Decoder(_Payload)


def written(document: Document, units: Unit | None = None) -> bytes | None:
    """The document as a Tidepool record on one line; None for what has no Tidepool form."""
    record = tidepool_record(document, units)
    if record is None:
        return None
    read_back = _plainly(msgspec.json.encode(record), document.source.user.id)
    beside = Beside(
        id=document.id, user=document.source.user.id, sections=_differing(read_back, _bare(document.source))
    )
    origin = record.origin
    if origin is not None:
        payload = msgspec.Raw(msgspec.json.encode(_Payload(beside)))
        record = msgspec.structs.replace(record, origin=msgspec.structs.replace(origin, payload=payload))
    return msgspec.json.encode(record)


def read_exactly(raw: bytes | msgspec.Raw, user_id: str) -> Document | None:
    """The document that `written` wrote, for `user_id`; None for a record that glucoflow did not write.

    Raises Rejected. For another person than the one it was exported from, the `_id` is another one, always the same.
    """
    beside = _beside(raw)
    if beside is None:
        return None
    plain = _plainly(raw, user_id)
    if plain is None:
        raise Rejected("type", "not a record that glucoflow writes")
    fields: dict[str, Any] = {name: section for name, section in msgspec.structs.asdict(plain).items() if section}
    try:
        sections = {name: _section(name, text) for name, text in beside.sections.items() if name in SECTIONS}
        source = Source(**(fields | sections))
    except (msgspec.DecodeError, TypeError) as error:
        raise Rejected("origin.payload.glucoflow", str(error)) from None
    same = beside.user == user_id
    identity = beside.id if same else document_id(user_id, source.event.provider, "imported", beside.id)
    return Document(identity, source)


def _beside(raw: bytes | msgspec.Raw) -> Beside | None:
    try:
        origin = _PEEK.decode(raw).origin
        return _PAYLOAD.decode(origin.payload).glucoflow if origin and bytes(origin.payload) else None
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None


def _plainly(raw: bytes | msgspec.Raw, user_id: str) -> Source | None:
    """What a reader who knows nothing of `glucoflow` makes of the record: our records, enriched alone."""
    record = _status(raw) if type_of(raw) == "upload" else to_record(raw)
    if record is None:
        return None
    peek = _PEEK.decode(raw)
    origin = peek.origin or _Origin()
    own_id = origin.id if origin.id != peek.id else None
    record = msgspec.structs.replace(record, record_id=own_id)
    owner = Owner(user_id=user_id, connection_id="", provider=origin.name, zone="UTC", sensor_limits=WIDEST_LIMITS)
    (document,) = Enricher(owner, "imported").documents([record])
    return document.source


def _status(raw: bytes | msgspec.Raw) -> Record:
    """An `upload` that we wrote is a device's status."""
    upload = msgspec.json.decode(raw, type=TidepoolRecord)
    if upload.time is None:
        raise Rejected("time", "missing")
    return DeviceStatus(
        time=upload.time,
        key="",
        offset_min=upload.timezone_offset,
        zone=upload.timezone,
        last_upload=upload.time,
        annotations=upload.annotations,
        payload=upload.payload,
    )


def _bare(source: Source) -> Source:
    """Without what the sink writes anew."""
    event = msgspec.structs.replace(source.event, hash=None, ingested=None)
    return msgspec.structs.replace(source, event=event)


def _differing(read_back: Source | None, wanted: Source) -> dict[str, msgspec.Raw]:
    """The sections of `wanted` that reading back misses; a section it has too much is written as null. Compared as
    they are written: -0.0 equals 0.0, and is another document."""
    differing: dict[str, msgspec.Raw] = {}
    for name in SECTIONS:
        text = msgspec.json.encode(getattr(wanted, name))
        if read_back is None or text != msgspec.json.encode(getattr(read_back, name)):
            differing[name] = msgspec.Raw(text)
    return differing


_TYPES = {field.name: field.type for field in msgspec.structs.fields(Source)}


def _section(name: str, text: msgspec.Raw) -> Any:
    return msgspec.json.decode(text, type=_TYPES[name])
