"""What an app sends, made whole as Nightscout does it: times in UTC, numbers as numbers, a stable `_id`.

The rules are those of cgm-remote-monitor 15 (lib/server/entries.js, treatments.js), told in nightscout.md's words.
"""

import hashlib
import re
from collections.abc import Mapping
from functools import partial
from typing import Any, Literal

import msgspec

from glucoflow.nightscout.moments import ms_of, offset_of, utc_text

Collection = Literal["entries", "treatments", "devicestatus", "profile", "activity"]
SHARED: tuple[Collection, ...] = ("entries", "treatments", "devicestatus", "profile")
COLLECTIONS: tuple[Collection, ...] = (*SHARED, "activity")
"""All are in v1; v3 has no activity."""
Doc = dict[str, Any]

OBJECT_ID = re.compile(r"[0-9a-f]{24}")
NUMBERS = (
    "insulin", "carbs", "glucose", "duration", "percent", "absolute", "relative", "rate", "targetTop", "targetBottom",
    "preBolus", "protein", "fat", "sgv", "mbg", "delta", "noise", "filtered", "unfiltered", "rssi",
)  # fmt: skip
"""Fields that are numbers, though some apps write them as text."""

LONGEST_ID = 256


class NotStorable(Exception):
    """A document that can never be stored; the text says which field and why."""


class Whole(msgspec.Struct, frozen=True, kw_only=True):
    """A document ready to be stored. `place` is what Nightscout tells twins by where no id does.

    One whose time cannot be read is `odd`: it is kept as it came, as of now, and is no record.
    """

    document: Doc
    collection: Collection
    ms: int
    offset_min: int | None
    given_id: str | None
    identifier: str | None
    place: str
    odd: bool = False


def made_whole(collection: Collection, sent: Any, now_ms: int, *, lenient: bool = False) -> Whole:
    """The document with its time; without any it is of now.

    Raises NotStorable for what is no object, and for a time that cannot be read. With `lenient` such a document is odd,
    as one of a batch must not hold up the others.
    """
    if not isinstance(sent, dict):
        raise NotStorable("A document is a JSON object")
    document = {key: value for key, value in sent.items() if value is not None and key not in ("secret", "token")}
    for name in NUMBERS:
        if name in document:
            _as_number(document, name)
    given, identifier = _ids(document)
    whole = partial(Whole, document=document, collection=collection, given_id=given, identifier=identifier)
    try:
        ms, offset = _moment(collection, document, now_ms)
    except NotStorable:
        if not lenient:
            raise
        sign = object_id("odd", repr(sorted(document.items(), key=str)))
        return whole(ms=now_ms, offset_min=None, place=f"odd/{sign}", odd=True)
    _normal_times(collection, document, ms, offset)
    if collection == "treatments":
        _tidy_treatment(document)
    return whole(ms=ms, offset_min=offset, place=_place(collection, document, ms))


def object_id(*what: object) -> str:
    """24 hex digits that depend on nothing but these."""
    return hashlib.blake2b("\x1f".join(map(str, what)).encode("utf-8", "replace"), digest_size=12).hexdigest()


def pre_bolus(whole: Whole) -> Doc | None:
    """The meal of a bolus given `preBolus` minutes before it, as a document of its own; it leaves the bolus."""
    document = whole.document
    minutes, carbs = document.get("preBolus"), document.get("carbs")
    if not isinstance(minutes, int | float) or not minutes or whole.odd:
        return None
    if not carbs or not document.get("insulin"):
        return None
    del document["carbs"]
    meal = {"eventType": document.get("eventType"), "enteredBy": document.get("enteredBy"), "carbs": carbs}
    return {**meal, "created_at": utc_text(whole.ms + round(minutes * 60_000))}


def _as_number(document: Doc, name: str) -> None:
    value = document[name]
    if not isinstance(value, str):
        return
    try:
        number = float(value.replace(",", "."))
    except ValueError:
        return
    if number == number and abs(number) < 1e12:
        document[name] = int(number) if number.is_integer() else number


_TIMES: Mapping[Collection, tuple[str, ...]] = {
    "entries": ("date", "dateString", "sysTime", "created_at"),
    "treatments": ("eventTime", "created_at", "timestamp", "date", "mills"),
    "devicestatus": ("created_at", "date", "mills"),
    "profile": ("startDate", "created_at", "date", "mills"),
    "activity": ("created_at", "timestamp", "timeStamp", "date", "mills"),
}
"""Where a document's time stands, the first that is there."""


def time_fields_of(collection: Collection) -> tuple[str, ...]:
    """Fields of a stored document that say its moment."""
    return {
        "entries": ("date", "dateString", "sysTime", "mills"),
        "treatments": ("created_at", "date", "mills"),
        "devicestatus": ("created_at", "date", "mills"),
        "profile": ("startDate", "date", "mills"),
        "activity": ("created_at", "date", "mills"),
    }[collection]


def _moment(collection: Collection, document: Doc, now_ms: int) -> tuple[int, int | None]:
    said = [(name, document[name]) for name in _TIMES[collection] if document.get(name) not in (None, "")]
    found = next(((name, ms) for name, value in said if (ms := ms_of(value)) is not None), None)
    if said and found is None:
        raise NotStorable(f"Bad or missing {said[0][0]} field: cannot be parsed as a valid ISO-8601 date")
    offset = document.get("utcOffset")
    if isinstance(offset, int | float) and not isinstance(offset, bool) and abs(offset) <= 14 * 60:
        minutes: int | None = round(offset)
    else:
        minutes = next((shift for _, value in said if (shift := offset_of(value)) is not None), None)
    return (now_ms if found is None else found[1]), minutes


def _ids(document: Doc) -> tuple[str | None, str | None]:
    """A hex `_id` stays; any other one is the document's identifier."""
    given, identifier = document.pop("_id", None), document.get("identifier")
    if isinstance(given, dict):
        given = given.get("$oid")
    identifier = identifier if isinstance(identifier, str) and 0 < len(identifier) <= LONGEST_ID else None
    if isinstance(given, str) and OBJECT_ID.fullmatch(given.lower()):
        return given.lower(), identifier
    if isinstance(given, str) and 0 < len(given) <= LONGEST_ID and given != "NA" and identifier is None:
        document["identifier"] = identifier = given
    return None, identifier


def _normal_times(collection: Collection, document: Doc, ms: int, offset: int | None) -> None:
    text = utc_text(ms)
    document["utcOffset"] = offset or 0
    match collection:
        case "entries":
            document["date"], document["dateString"], document["sysTime"] = ms, text, text
            document.setdefault("type", "sgv" if "sgv" in document else "mbg" if "mbg" in document else "unknown")
        case "treatments" | "devicestatus" | "activity":
            document.pop("eventTime", None)
            document["created_at"] = text
        case "profile":
            document["startDate"] = text
            document["created_at"] = utc_text(ms_of(document.get("created_at")) or ms)


def _tidy_treatment(document: Doc) -> None:
    for name in ("carbs", "insulin"):
        if document.get(name) in (0, ""):
            del document[name]
    if not document.get("glucose"):
        for name in ("glucose", "glucoseType", "units"):
            if name != "units" or "targetTop" not in document:  # a target has a unit of its own
                document.pop(name, None)
    document.setdefault("eventType", "<none>")


def kind_in(collection: Collection, document: Doc) -> object:
    """What tells documents of one moment apart, besides their ids."""
    match collection:
        case "entries":
            return document.get("type")
        case "treatments":
            return document.get("eventType")
        case "devicestatus":
            return document.get("device")
        case "profile":
            return document.get("created_at")
        case "activity":
            return document.get("type", document.get("activityType"))


def _place(collection: Collection, document: Doc, ms: int) -> str:
    return f"{ms}/{kind_in(collection, document)}"
