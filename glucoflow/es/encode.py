"""A document as the pair of lines that a bulk request carries, with the hash that says whether its content changed."""

import hashlib
from datetime import datetime
from typing import NamedTuple, Self

import msgspec

from glucoflow.model.documents import Document, Source
from glucoflow.model.errors import Rejected

_encoder = msgspec.json.Encoder()
_decoder = msgspec.json.Decoder(Source)
_parts: msgspec.json.Decoder[dict[str, msgspec.Raw]] = msgspec.json.Decoder(dict[str, msgspec.Raw])
_EVENT = b'"event":{'


class Item(NamedTuple):
    """One action of a bulk request: its first line says what to do with which id, its second is the document.

    `body` is empty for a delete. `hash` is that of the document's content.
    """

    id: str
    header: bytes
    body: bytes = b""
    hash: str = ""

    def as_new(self) -> Self:
        """The same document, to be made if there is none with its id."""
        return self._replace(header=_create(self.id))

    def only_after(self, seq_no: int, primary_term: int) -> Self:
        """The same document, to replace the stored one if nobody has written that since."""
        key = msgspec.json.encode(self.id)
        header = b'{"index":{"_id":%b,"if_seq_no":%d,"if_primary_term":%d}}' % (key, seq_no, primary_term)
        return self._replace(header=header)

    @property
    def size(self) -> int:
        """Bytes in the request."""
        return len(self.header) + len(self.body) + 2

    def lines(self) -> bytes:
        """As the request carries it, the last newline included."""
        return b"%b\n%b\n" % (self.header, self.body) if self.body else self.header + b"\n"


def encode(document: Document, ingested: bytes) -> Item:
    """The document as new, with `event.hash` and `event.ingested` set (`ingested` from `encode_time`).

    The hash is BLAKE2b-128 over the encoded document without these two and without `sample.superseded`, so it is the
    same whenever it is written, and whatever else is held of its moment.
    Raises Rejected for a document that has no JSON form.
    """
    source = document.source
    event = source.event
    if event.hash is not None or event.ingested is not None:
        source = msgspec.structs.replace(source, event=msgspec.structs.replace(event, hash=None, ingested=None))
    body = content = _line(source)
    if source.sample is not None and source.sample.superseded:
        unmarked = msgspec.structs.replace(source.sample, superseded=False)
        content = _line(msgspec.structs.replace(source, sample=unmarked))
    digest = hashlib.blake2b(content, digest_size=16).hexdigest()
    # `event` follows the timestamp, so this finds the field and never the same text in a payload.
    at = body.index(_EVENT) + len(_EVENT)
    body = b'%b"hash":"%b","ingested":%b,%b' % (body[:at], digest.encode(), ingested, body[at:])
    return Item(document.id, _create(document.id), body, digest)


def marked(key: str, stored: bytes | msgspec.Raw, superseded: bool, ingested: bytes) -> Item:
    """A stored document with another mark, else byte for byte as it was: its content, and so its hash, is the same."""
    parts = _parts.decode(stored)
    event = _parts.decode(parts["event"]) | {"ingested": msgspec.Raw(ingested)}
    sample = _parts.decode(parts.get("sample", b"{}")) | {"superseded": msgspec.Raw(_encoder.encode(superseded))}
    body = _encoder.encode(parts | {"event": event, "sample": sample})
    return Item(key, _create(key), body, decode(stored).event.hash or "")


THINNED = "glucoflow/thinned"
"""The annotation of a reading that stands for several of its hour; its value says how many."""


def thinned(key: str, stored: bytes | msgspec.Raw, interval_ms: int, readings: int) -> Item:
    """A stored reading that stands for so many; without a hash, so that its record, read again, replaces it."""
    parts = _parts.decode(stored)
    event = _parts.decode(parts["event"]) | {"hash": msgspec.Raw(b'""')}
    sample = _parts.decode(parts.get("sample", b"{}")) | {"interval_ms": msgspec.Raw(str(interval_ms).encode())}
    known: list[dict[str, object]] = msgspec.json.decode(parts.get("annotations", b"[]"))
    before = sum(int(str(one["value"])) - 1 for one in known if one["code"] == THINNED)
    others = [one for one in known if one["code"] != THINNED]
    own = {"code": THINNED, "value": str(readings + before)}
    body = _encoder.encode(parts | {"event": event, "sample": sample, "annotations": [*others, own]})
    return Item(key, _create(key), body, "")


def _line(source: Source) -> bytes:
    try:
        body = _encoder.encode(source)
    except (msgspec.MsgspecError, TypeError, ValueError) as error:
        raise Rejected("payload", f"cannot be written as JSON ({type(error).__name__})") from error
    if b"\n" in body:
        # A payload may be pretty-printed, and a bulk body ends its lines by newline. In JSON a raw newline can only
        # stand between tokens, where it means nothing.
        body = body.replace(b"\r\n", b"").replace(b"\n", b"")
    return body


def encode_stored(key: str, body: bytes, routing: str = "") -> Item:
    """What replaces the document with this id, whatever is there: JSON on one line."""
    routed = b',"routing":%b' % msgspec.json.encode(routing) if routing else b""
    return Item(key, b'{"index":{"_id":%b%b}}' % (msgspec.json.encode(key), routed), body)


def encode_delete(key: str) -> Item:
    """The action that deletes the document with this id."""
    return Item(key, b'{"delete":{"_id":%b}}' % msgspec.json.encode(key))


def _create(key: str) -> bytes:
    return b'{"create":{"_id":%b}}' % msgspec.json.encode(key)


def encode_time(now: datetime) -> bytes:
    """A time as it stands in a document's JSON, quotes included."""
    return msgspec.json.encode(now)


def decode(raw: bytes | msgspec.Raw) -> Source:
    """The document of a stored `_source`. Fields that this version does not know are left out."""
    return _decoder.decode(raw)


class _Payload(msgspec.Struct):
    payload: msgspec.Raw = msgspec.Raw()


def payload_of(item: Item) -> bytes:
    """What the provider had sent for this item; the whole document where it has no payload."""
    return bytes(msgspec.json.decode(item.body, type=_Payload).payload) or item.body
