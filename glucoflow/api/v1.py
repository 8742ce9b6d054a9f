"""Nightscout's API v1: what nearly every app uploads by and reads. v2 answers the same routes and some more."""

import hashlib
import re
from collections.abc import Iterable
from typing import Any

import orjson

from glucoflow.api.exchange import Answer, Asked, Refused, as_json, as_text
from glucoflow.api.held import MOST, Found
from glucoflow.api.site import Site, reader, uploader
from glucoflow.model.localtime import epoch_ms
from glucoflow.nightscout.criteria import Condition, Criteria, from_find, span_of
from glucoflow.nightscout.incoming import Collection, time_fields_of
from glucoflow.nightscout.outgoing import v1_form
from glucoflow.store import App

DEFAULT_COUNTS: dict[Collection, int] = {
    "entries": 10,
    "treatments": 100,
    "devicestatus": 10,
    "profile": 10,
    "activity": 10_000,  # Nightscout gives all of four days
}
_ID = re.compile(r"[0-9a-f]{24}|[0-9a-f]{32}|[0-9a-fA-F-]{36}")
FOUR_DAYS_MS = 4 * 86_400_000


def read(site: Site, asked: Asked, app: App | None, collection: Collection) -> Answer:
    """The newest that match `find`, `count` of them. An unknown `find` is refused: it never means everything."""
    criteria = from_find(asked.query)
    if collection == "entries":
        only_readings = Condition("type", "eq", ("sgv",)) in criteria.conditions
        return _entries(site, asked, app, criteria, with_all_types="type" in criteria.fields and not only_readings)
    rows = _rows(site, asked, app, collection, criteria)
    return _tagged(asked, _joined(rows, collection))


def read_entries(site: Site, asked: Asked, app: App | None, spec: str) -> Answer:
    """`entries/sgv`, `/mbg`, `/cal`, `/current`, or one by its id."""
    criteria = from_find(asked.query)
    if spec in ("current", "sgv"):
        return _entries(site, asked, app, criteria, count=1 if spec == "current" else None)
    if _ID.fullmatch(spec):
        found = [one for one in site.held(reader(app)).by_id("entries", spec) if not one.deleted]
        return _tagged(asked, _joined(found[:1], "entries"))
    typed = Criteria((*criteria.conditions, Condition("type", "eq", (spec,))), criteria.parts)
    return _entries(site, asked, app, typed, with_all_types=True)


def read_one(site: Site, asked: Asked, app: App | None, collection: Collection, own_id: str) -> Answer:
    """The document of an id, in a list; an empty list for none."""
    found = [one for one in site.held(reader(app)).by_id(collection, own_id) if not one.deleted]
    return _tagged(asked, _joined(found[:1], collection))


def current_profile(site: Site, asked: Asked, app: App | None) -> Answer:
    """The newest profile: one object, as Loop wants it."""
    found = list(site.held(reader(app)).search("profile", limit=1))
    return _tagged(asked, orjson.dumps(found[0].document) if found else b"{}")


def create(site: Site, asked: Asked, app: App | None, collection: Collection) -> Answer:
    """One document or a list; the answer is a list of the same length and order, each with its `_id`."""
    uploads = site.uploads(uploader(app))
    sent = asked.sent()
    documents = sent if isinstance(sent, list) else [sent]
    put = uploads.put(collection, documents, site.clock(), look_first=collection != "entries", lenient=True)
    return as_json([one.document for one in put])


def update(site: Site, asked: Asked, app: App | None, collection: Collection) -> Answer:
    """One document, in the place of the one with its `_id`, identifier or place."""
    uploads = site.uploads(uploader(app))
    sent = asked.sent()
    put = uploads.put(collection, sent if isinstance(sent, list) else [sent], site.clock(), lenient=True)
    return as_json([one.document for one in put] if isinstance(sent, list) else put[0].document)


def delete_one(site: Site, asked: Asked, app: App | None, collection: Collection, own_id: str) -> Answer:
    """The document with this `_id` or identifier. That there is none is no error."""
    who = uploader(app)
    if own_id == "*":
        return delete_found(site, asked, app, collection)
    return _deleted(site, who, collection, site.held(who).by_id(collection, own_id))


def delete_found(site: Site, asked: Asked, app: App | None, collection: Collection) -> Answer:
    """All that match `find`. Without a time or an id these are four days at most; without `find` it is refused."""
    who = uploader(app)
    criteria = from_find(asked.query)
    if criteria.is_empty:
        raise Refused(400, "Bad Request", "A delete needs find: everything is never deleted at once")
    times = {*time_fields_of(collection), "_id", "id", "identifier", "created_at"}
    if not criteria.fields & times:
        since = Condition("mills", "gte", (str(epoch_ms(site.clock()) - FOUR_DAYS_MS),))
        criteria = Criteria((*criteria.conditions, since), criteria.parts, criteria.mode)
    return _deleted(site, who, collection, list(site.held(who).search(collection, criteria, only_apps=True)))


def _deleted(site: Site, app: App, collection: Collection, found: Iterable[Found]) -> Answer:
    n = site.uploads(app).delete(collection, found, site.clock())
    return as_json({"n": n, "ok": 1, "deletedCount": n})


def _rows(
    site: Site, asked: Asked, app: App | None, collection: Collection, criteria: Criteria, **how: Any
) -> Iterable[Found]:
    count = how.pop("count", None) or _count(asked, collection, criteria)
    return site.held(reader(app)).search(collection, criteria, count, **how)


def _count(asked: Asked, collection: Collection, criteria: Criteria) -> int:
    """As asked; else all within the times asked for, a thousand with `find`, or the few newest."""
    said = (asked.first("count") or "").strip()
    if said and not re.fullmatch(r"[+-]?\d{1,9}(\.\d+)?", said):
        raise Refused(400, "Bad Request", "count is no number")
    if said and (count := int(float(said))) > 0:
        return min(count, MOST)
    if span_of(criteria, time_fields_of(collection)).first is not None:
        return MOST
    return DEFAULT_COUNTS[collection] if criteria.is_empty or collection != "treatments" else 1_000


def _entries(
    site: Site,
    asked: Asked,
    app: App | None,
    criteria: Criteria,
    *,
    count: int | None = None,
    with_all_types: bool = False,
) -> Answer:
    """Readings, as some apps take any other entry for one of 0; all types where a type is asked for."""
    rows = _rows(site, asked, app, "entries", criteria, every_type=with_all_types, count=count)
    if asked.form == "json" or (asked.form == "" and asked.wants_json):
        return _tagged(asked, _joined(rows, "entries"))
    comma = "," if asked.form == "csv" else "\t"
    lines = [comma.join(_cell(one.document.get(name)) for name in _COLUMNS) for one in rows]
    return as_text("\r\n".join(lines), "text/csv" if asked.form == "csv" else "text/plain; charset=utf-8")


_COLUMNS = ("dateString", "date", "sgv", "direction", "device")


def _cell(value: object) -> str:
    return orjson.dumps(value).decode() if value is not None else ""


def _joined(rows: Iterable[Found], collection: Collection) -> bytes:
    """The list as JSON, a row at a time: 100,000 rows are never held as objects."""
    parts = [orjson.dumps(v1_form(one.document, collection)) for one in rows]
    return b"[" + b",".join(parts) + b"]"


def _tagged(asked: Asked, body: bytes) -> Answer:
    """With a tag of its content, which changes whenever anything does: apps skip what they have seen."""
    tag = f'W/"{hashlib.blake2b(body, digest_size=12).hexdigest()}"'
    seen = [one.strip() for one in asked.headers.get("if-none-match", "").split(",")]
    if tag in seen:
        return Answer(status=304, headers={"ETag": tag})
    return Answer(body=body, headers={"ETag": tag, "Cache-Control": "private, no-cache"})
