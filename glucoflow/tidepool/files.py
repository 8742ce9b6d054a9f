"""Files of Tidepool records or of our own documents → documents: `import-file`.

Three kinds of file are told apart by what is in them: our `ndjson` export, our `tidepool` export (one record a line,
brought back exactly), and any other JSON array of Tidepool records (its API's answer or its export), which is read,
enriched and keyed like records of a provider.
"""

import logging
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import BinaryIO

import msgspec

from glucoflow.context import Meals
from glucoflow.enrich import Enricher, Owner, document_id
from glucoflow.file_reading.source import whole
from glucoflow.model import records as r
from glucoflow.model.documents import Document, Source
from glucoflow.model.errors import Rejected, UnreadableFile
from glucoflow.model.ingestion import RejectedRecord
from glucoflow.model.localtime import epoch_ms
from glucoflow.tidepool import read_exactly, to_record, type_of, unstrung

log = logging.getLogger(__name__)

BATCH = 2_000

DERIVED = ("summary.", "episode", "insight")
_OURS = b'"glucoflow":'
"""Stands in the origin of every record that we write."""


class Batch(msgspec.Struct, frozen=True, kw_only=True):
    """Some documents of a file, in order; what was rejected, and how many of which type glucoflow does not hold."""

    documents: Sequence[Document] = ()
    rejected: Sequence[RejectedRecord] = ()
    not_held: dict[str, int] = {}


def read_file(path: Path, owner: Owner) -> Iterator[Batch]:
    """The documents of a file for `owner.user_id`, a batch at a time, bounded in memory for files of our own.

    A record that cannot be understood is rejected with its reason. `owner.connection_id` and `.provider` are those of
    records from elsewhere; what glucoflow exported keeps its own. Raises UnreadableFile for one
    that cannot be read, or is no export.
    """
    try:
        with path.open("rb") as file:
            first, second = file.readline().strip(), file.readline().strip().rstrip(b",")
            file.seek(0)
            if not first or first.startswith(b'{"_id"'):
                yield from _batches(_ndjson(file, owner.user_id))
            elif first == b"[" and second.startswith(b"{") and second.endswith(b"}"):
                yield from _batches(_lines(file, owner.user_id))
            else:
                yield from _array(_whole(file, path), owner)
    except OSError as error:
        raise UnreadableFile(f"{path} cannot be read ({error.strerror or error}).") from error


def is_records(path: Path) -> bool:
    """Whether we wrote the file, so that it is brought back exactly. Raises UnreadableFile."""
    try:
        with path.open("rb") as file:
            head = file.read(64 * 1024)
    except OSError as error:
        raise UnreadableFile(f"{path} cannot be read ({error.strerror or error}).") from error
    text = head.lstrip(b"\xef\xbb\xbf \t\r\n")
    if text.startswith(b'{"_id"'):
        return b'"_source"' in text
    return text.startswith(b"[") and _OURS in head.replace(b" ", b"")


Item = Document | RejectedRecord | str
"""A document, a rejected record, or the type of a record that is not held."""


def _batches(items: Iterable[Item]) -> Iterator[Batch]:
    iterator = iter(items)
    while chunk := list(islice(iterator, BATCH)):
        yield Batch(
            documents=[item for item in chunk if isinstance(item, Document)],
            rejected=[item for item in chunk if isinstance(item, RejectedRecord)],
            not_held=dict(Counter(item for item in chunk if isinstance(item, str))),
        )


class _Line(msgspec.Struct, rename={"id": "_id", "source": "_source"}):
    id: str
    source: msgspec.Raw


class _Event(msgspec.Struct):
    dataset: str


class _Head(msgspec.Struct):
    event: _Event


_LINE = msgspec.json.Decoder(_Line)
_HEAD = msgspec.json.Decoder(_Head)
_SOURCE = msgspec.json.Decoder(Source)


def _ndjson(file: BinaryIO, user_id: str) -> Iterator[Item]:
    for line in file:
        if not line.strip():
            continue
        try:
            found = _LINE.decode(line)
            dataset = _HEAD.decode(found.source).event.dataset
            yield dataset if dataset.startswith(DERIVED) else _restored(found, user_id)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            yield _rejected("document", str(error), line)


def _restored(line: _Line, user_id: str) -> Document:
    """The document as it was. For another person than its own it gets another `_id`, always the same."""
    source = _SOURCE.decode(line.source)
    event = msgspec.structs.replace(source.event, hash=None, ingested=None)
    if source.user.id == user_id:
        return Document(line.id, msgspec.structs.replace(source, event=event))
    user = msgspec.structs.replace(source.user, id=user_id)
    identity = document_id(user_id, event.provider, "imported", line.id)
    return Document(identity, msgspec.structs.replace(source, event=event, user=user))


def _lines(file: BinaryIO, user_id: str) -> Iterator[Item]:
    """Our own Tidepool export: `[`, a record a line, `]`."""
    for line in file:
        text = line.strip().rstrip(b",")
        if text in (b"", b"[", b"]"):
            continue
        try:
            document = read_exactly(text, user_id)
        except Rejected as error:
            yield _rejected(error.field, error.reason, text)
            continue
        yield document or _rejected("origin", "a record that glucoflow did not write, in a file that it did", text)


def _whole(file: BinaryIO, path: Path) -> Sequence[msgspec.Raw]:
    body = whole(file, path.name)
    try:
        return msgspec.json.decode(body, type=list[msgspec.Raw])
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise UnreadableFile(
            f"{path.name} is neither an export of glucoflow nor a JSON array of Tidepool records, or it breaks off.",
            remedy="Export it again, and import the .json or .ndjson file as it is.",
        ) from None


class _ExportSigns(msgspec.Struct, rename="camel"):
    export_error: msgspec.Raw = msgspec.Raw()
    payload: msgspec.Raw = msgspec.Raw()
    annotations: msgspec.Raw = msgspec.Raw()


def _array(raws: Sequence[msgspec.Raw], owner: Owner) -> Iterator[Batch]:
    """Records from elsewhere, in time order, since a reading's gap and trend depend on those before it."""
    records: list[r.Record] = []
    rejected: list[RejectedRecord] = []
    not_held: Counter[str] = Counter()
    exact: list[Document] = []
    strung = any(_is_strung(raw) for raw in raws)
    for raw in raws:
        try:
            text = unstrung(raw) if strung else bytes(raw)
            document = read_exactly(text, owner.user_id)
            if document is not None:
                exact.append(document)
                continue
            record = to_record(text)
        except Rejected as error:
            rejected.append(_explained(raw, error))
        except (msgspec.DecodeError, UnicodeDecodeError, AttributeError) as error:
            rejected.append(_rejected("record", str(error), bytes(raw)))
        else:
            if record is None:
                not_held[type_of(raw)] += 1
            else:
                records.append(record)
    yield Batch(rejected=rejected, not_held=dict(not_held))
    yield from _batches(exact)
    yield from _batches(_enriched(records, owner))


def _enriched(records: list[r.Record], owner: Owner) -> Iterator[Document]:
    meals = Meals(_times(records, r.Food), _times(records, r.Bolus))
    unique = {record.key: record for record in records}
    ordered = sorted(unique.values(), key=lambda record: (record.time, record.key))
    yield from Enricher(owner, "tidepool", meals).documents(ordered)


def _times(records: Iterable[r.Record], kind: type[r.Record]) -> list[int]:
    return [epoch_ms(record.time) for record in records if isinstance(record, kind)]


def _is_strung(raw: msgspec.Raw) -> bool:
    """Whether this is of Tidepool's export, where JSON stands within strings."""
    try:
        signs = msgspec.json.decode(raw, type=_ExportSigns)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return False
    return any(bytes(part).startswith(b'"') for part in (signs.payload, signs.annotations))


def _explained(raw: msgspec.Raw, error: Rejected) -> RejectedRecord:
    try:
        broken = bytes(msgspec.json.decode(raw, type=_ExportSigns).export_error)
    except (msgspec.DecodeError, UnicodeDecodeError):
        broken = b""
    if broken:
        return _rejected("exportError", "Tidepool's export broke off here: the file is not complete", bytes(raw))
    return _rejected(error.field, error.reason, bytes(raw))


def _rejected(field: str, reason: str, payload: bytes) -> RejectedRecord:
    return RejectedRecord(field=field, reason=reason, payload=payload[: 64 * 1024])
