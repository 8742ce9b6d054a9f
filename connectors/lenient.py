"""Records whose side fields are odd: what a record needs is found, and the rest is taken as it can be or left out.

Tidepool had to relax its checks of this API again and again (commits 942e0b483 and 9dc140fbe): numbers come as text,
integers as floats, words as numbers. The usual record is decoded at once; only one that does not fit comes this way.
"""

import json
import math
import re
from collections import Counter
from typing import Any, Generic, TypeVar

import msgspec

from glucoflow.model.errors import Rejected

T = TypeVar("T", bound=msgspec.Struct)

LONGEST_NUMBER = 300
"""Digits. JSON allows any number of them; Python stops reading integers at 4,300, Elasticsearch at 1,000."""

ABSURD_NUMBER = re.compile(rb"[:,\[]\s*-?(?:[0-9.]{%d}|[0-9.]+[eE]\+?[0-9]{3})" % LONGEST_NUMBER)
"""A number that not everybody reads. In a text it is no harm."""


def loads(body: bytes) -> Any:
    """JSON, or nearly: broken UTF-8 is mended, and NaN, infinities and numbers of absurd length become text. Raises
    ValueError, RecursionError."""
    return json.loads(body.decode("utf-8", "replace"), parse_constant=str, parse_int=_whole, parse_float=_real)


def _whole(digits: str) -> int | str:
    return int(digits) if len(digits) <= LONGEST_NUMBER else digits


def _real(digits: str) -> float | str:
    number = float(digits)
    return number if math.isfinite(number) and len(digits) <= LONGEST_NUMBER else digits


class LenientDecoder(Generic[T]):
    """Decodes records of one kind. Counts the fields that it left out."""

    def __init__(self, form: type[T], needed: frozenset[str]) -> None:
        """`needed`: fields, as the wire names them, without which the record is none."""
        self.left_out: Counter[str] = Counter()
        self._form = form
        self._needed = needed
        self._decoder = msgspec.json.Decoder(form)
        self._fields = [(field.name, field.encode_name, field.type) for field in msgspec.structs.fields(form)]

    def decode(self, raw: msgspec.Raw) -> tuple[T, msgspec.Raw]:
        """The record, and the payload to keep: as sent, unless nobody could read that again.

        Raises Rejected for a needed field, msgspec.DecodeError for what is no object.
        """
        try:
            return self._decoder.decode(raw), raw
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            try:
                sent = loads(bytes(raw))
            except (ValueError, RecursionError):
                raise error from None
            if not isinstance(sent, dict):
                raise
        return self._form(**self._taken(sent)), _kept(raw, sent)

    def _taken(self, sent: dict[str, Any]) -> dict[str, Any]:
        taken: dict[str, Any] = {}
        for name, word, form in self._fields:
            value = sent.get(word)
            if value is None:
                continue
            try:
                taken[name] = _as(value, form, is_id=word.endswith("Id"))
            except ValueError:
                if word in self._needed:
                    raise Rejected(word, "not of the kind that this field holds") from None
                self.left_out[word] += 1
        return taken


def _as(value: Any, form: Any, *, is_id: bool) -> Any:
    """The value as the field's type. Raises ValueError (msgspec's errors are such)."""
    try:
        found = msgspec.convert(value, form)
    except msgspec.ValidationError:
        if is_id and isinstance(value, int) and not isinstance(value, bool):
            value = str(value)
        elif not isinstance(value, str | int | float):
            raise
        found = msgspec.convert(value.strip() if isinstance(value, str) else value, form, strict=False)
    if isinstance(found, float) and not math.isfinite(found):
        raise ValueError("no finite number")
    if isinstance(found, str):
        found.encode()  # half a surrogate pair could not be stored
    return found


def _kept(raw: msgspec.Raw, sent: dict[str, Any]) -> msgspec.Raw:
    body = bytes(raw)
    try:
        body.decode()
    except UnicodeDecodeError:
        readable = False
    else:
        readable = not ABSURD_NUMBER.search(body)
    return raw if readable else msgspec.Raw(json.dumps(sent, separators=(",", ":")).encode())
