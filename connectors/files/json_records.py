"""Records of a JSON file: an array, an object that holds arrays, or one after the other, as mongoexport writes."""

import json
from collections.abc import Iterator
from typing import Any

import msgspec

from glucoflow.file_reading.findings import Findings
from glucoflow.file_reading.source import Source, encoding_of, whole

BROKEN = "The file breaks off or is damaged: what stands behind that place is not here."
_PLAIN_TYPES = ("$numberLong", "$numberInt", "$numberDouble", "$numberDecimal", "$oid", "$date")


def records_of(source: Source, found: Findings) -> Iterator[tuple[int, dict[str, Any]]]:
    """Number (from 1) and fields of each record. Where the file breaks off, `found.broken_off` says so.

    Raises UnreadableFile for a file too large to be read whole.
    """
    with source.open() as stream:
        body = whole(stream, source.name)
    for number, record in enumerate(_records(body, found), 1):
        yield number, simple(record)


def _records(body: bytes, found: Findings) -> Iterator[dict[str, Any]]:
    try:
        whole = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        yield from _one_by_one(body.decode(encoding_of(body), errors="replace").lstrip("\ufeff"), found)
        return
    if isinstance(whole, dict):
        lists = [value for value in whole.values() if isinstance(value, list)]
        whole = [record for part in lists for record in part] or [whole]
    yield from (record for record in whole if isinstance(record, dict))


def _one_by_one(text: str, found: Findings) -> Iterator[dict[str, Any]]:
    decoder = json.JSONDecoder()
    at = 0
    while True:
        while at < len(text) and text[at] in " \t\r\n,[":
            at += 1
        if at >= len(text) or text[at] == "]":
            return
        try:
            record, at = decoder.raw_decode(text, at)
        except (ValueError, RecursionError):
            found.broken_off = BROKEN
            found.unread_other(text.count("\n", 0, at) + 1, "the file breaks off here", text[at : at + 80])
            return
        if isinstance(record, dict):
            yield record


def simple(record: Any) -> Any:
    """Mongo's typed values as plain ones."""
    if isinstance(record, dict):
        if len(record) == 1 and (name := next(iter(record))) in _PLAIN_TYPES:
            return simple(record[name])
        return {name: simple(value) for name, value in record.items()}
    return [simple(value) for value in record] if isinstance(record, list) else record
