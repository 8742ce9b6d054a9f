"""Nightscout's API v3, which AndroidAPS speaks: one document a request, and a history of everything that changed.

An app drops a document from its queue at 200, 201, 400 and 404 and keeps it at anything else: 400 is only for what can
never be stored.
"""

import re
import uuid
from collections.abc import Sequence

import msgspec

from glucoflow.api.exchange import Answer, Asked, Refused, as_json
from glucoflow.api.held import Found
from glucoflow.api.site import Site, not_found, reader, uploader
from glucoflow.api.status import VERSION, api_permissions, seconds_text
from glucoflow.api.uploads import Put
from glucoflow.api.v3_asking import (
    criteria_of,
    limit_of,
    sortable,
    sorting_of,
    time_of_header,
    whole_number,
    with_fields,
)
from glucoflow.model.localtime import epoch_ms
from glucoflow.nightscout.incoming import SHARED, Collection, Doc, NotStorable, made_whole
from glucoflow.nightscout.moments import instant, ms_of
from glucoflow.nightscout.outgoing import v3_form
from glucoflow.store import App

API_VERSION = "3.0.5"
EMPTY = ("food", "settings")
IMMUTABLE = ("identifier", "date", "utcOffset", "eventType", "device", "app")
OF_THE_SERVER = ("srvCreated", "subject", "srvModified", "modifiedBy", "isValid")
WIDEST_OFFSET = 1_440
NAMESPACE = uuid.UUID(bytes=b"NightscoutRocks!")
"""Of the identifiers that Nightscout makes for documents without one."""

_OURS = frozenset({"srvModified", "srvCreated", "subject", "modifiedBy", "isValid", "isReadOnly", "mills", "_id"})
"""What the server says of a document, and no app changes."""


def version(site: Site) -> Answer:
    storage = {"storage": "elasticsearch", "version": "9"}
    body = {"version": VERSION, "apiVersion": API_VERSION, "srvDate": epoch_ms(site.clock()), "storage": storage}
    return _result(body)


def status(site: Site, app: App | None) -> Answer:
    """With what the app may do to each collection."""
    if app is None:
        raise Refused(401, "Missing or bad access token or JWT")
    body = msgspec.json.decode(version(site).body)["result"]
    return _result(body | {"apiPermissions": api_permissions(app)})


def last_modified(site: Site, app: App | None) -> Answer:
    who = reader(app)
    collections = {name: ms for name, ms in site.held(who).last_written().items() if ms}
    return _result({"srvDate": epoch_ms(site.clock()), "collections": collections})


def search(site: Site, asked: Asked, app: App | None, name: str) -> Answer:
    """Those that match, in the order asked for; without one, the newest first."""
    who = reader(app)
    limit, skip = limit_of(asked), whole_number(asked.first("skip"), "skip", 0, 10**6)
    if name in EMPTY:
        return _result([])
    collection = _collection(name)
    criteria = criteria_of(asked)
    descending, by = sorting_of(asked)
    typed = collection != "entries" or "type" in criteria.fields
    rows = site.held(who).search(
        collection, criteria, limit + skip if by is None else 100_000, newest_first=descending, every_type=typed
    )
    found = list(rows)
    if by is not None:
        found.sort(key=lambda one: sortable(one.as_asked.get(by)), reverse=descending)
    found = found[skip : skip + limit]
    newest = max((one.stored.written_ms for one in found), default=0)
    return _page(asked, found, newest)


def history(site: Site, asked: Asked, app: App | None, name: str, since: str | None) -> Answer:
    """What was written strictly after `since` (or Last-Modified), oldest first; deleted ones with `isValid` false."""
    who = reader(app)
    said = since if since is not None else asked.headers.get("last-modified")
    since_ms = ms_of(said) if said and not re.fullmatch(r"\d{1,14}", said) else int(said) if said else None
    if since_ms is None:
        raise Refused(400, "Bad or missing Last-Modified header/parameter")
    if name in EMPTY:
        return _page(asked, [], since_ms)
    found = site.held(who).history(_collection(name), since_ms, limit_of(asked))
    return _page(asked, found, max((one.stored.written_ms for one in found), default=since_ms))


def read(site: Site, asked: Asked, app: App | None, name: str, identifier: str) -> Answer:
    found = _one(site, reader(app), name, identifier)
    if found is None:
        raise not_found()
    if found.deleted:
        raise Refused(410, "Gone")
    modified = {"Last-Modified": seconds_text(instant(found.stored.written_ms))}
    since = time_of_header(asked, "if-modified-since")
    if since is not None and found.stored.written_ms // 1000 * 1000 <= since:
        return Answer(status=304, headers=modified)
    return as_json({"status": 200, "result": with_fields(asked, _formed(found))}, headers=modified)


def create(site: Site, asked: Asked, app: App | None, name: str) -> Answer:
    """A new document (201), or in the place of one that is there already (200)."""
    who = uploader(app)
    collection = _collection(name)
    document = _sent(site, asked, collection)
    document.setdefault("identifier", _identifier(document))
    put = site.uploads(who).put(collection, [{**document, "subject": who.name}], site.clock(), stamp=True)[0]
    return _written(put, collection, 201 if put.is_new else 200, twin=not put.is_new)


def replace(site: Site, asked: Asked, app: App | None, name: str, identifier: str) -> Answer:
    """The document of an identifier, made or replaced."""
    who = uploader(app)
    collection = _collection(name)
    found = _one(site, who, name, identifier)
    _changeable(asked, found)
    if found is not None:
        _unchanged(found, {key: value for key, value in _object(asked).items() if key != "identifier"})
    document = _sent(site, asked, collection)
    named = {"_id": found.own_id} if found is not None else {}
    ours = {"identifier": identifier, "subject": who.name, **named}
    put = site.uploads(who).put(collection, [{**document, **ours}], site.clock(), stamp=True)[0]
    return _written(put, collection, 201 if put.is_new else 200)


def patch(site: Site, asked: Asked, app: App | None, name: str, identifier: str) -> Answer:
    """Some fields of a document."""
    who = uploader(app)
    collection = _collection(name)
    found = _one(site, who, name, identifier)
    if found is None:
        raise not_found()
    _changeable(asked, found)
    sent = _object(asked)
    _unchanged(found, sent)
    kept = {key: value for key, value in {**found.document, **sent}.items() if key not in _OURS}
    ours = {"_id": found.own_id, "subject": found.document.get("subject"), "modifiedBy": who.name}
    put = site.uploads(who).put(collection, [{**kept, **ours}], site.clock(), stamp=True)[0]
    return _written(put, collection, 200)


def delete(site: Site, asked: Asked, app: App | None, name: str, identifier: str) -> Answer:
    """Mark a document deleted; with `permanent=true` forget it."""
    who = uploader(app)
    found = _one(site, who, name, identifier)
    if found is None or not found.by_app:
        raise not_found()
    now, keep = site.clock(), asked.first("permanent") != "true"
    if not found.deleted:
        site.uploads(who).delete(_collection(name), [found], now, leave_mark=keep)
    elif not keep:
        site.uploads(who).forget([found], now)
    return as_json({"status": 200, "identifier": identifier, "lastModified": epoch_ms(now)})


def _one(site: Site, app: App, name: str, identifier: str) -> Found | None:
    if name in EMPTY:
        return None
    parts = site.held(app).by_id(_collection(name), identifier)
    return next((one for one in parts if not one.deleted), parts[0] if parts else None)


def _collection(name: str) -> Collection:
    if name not in SHARED:
        raise not_found()
    return name


def _sent(site: Site, asked: Asked, collection: Collection) -> Doc:
    """The body as a document that can be stored. Raises Refused (400) for one that never can."""
    sent = _object(asked)
    if "date" in sent and ms_of(sent["date"]) is None:
        raise Refused(400, "Bad or missing date field")
    offset = sent.get("utcOffset", 0)
    if not isinstance(offset, int | float) or not -WIDEST_OFFSET <= offset <= WIDEST_OFFSET:
        raise Refused(400, "Bad or missing utcOffset field")
    if not isinstance(sent.get("app"), str) or not sent["app"]:
        raise Refused(400, "Bad or missing app field")
    document = {key: value for key, value in sent.items() if key not in _OURS}
    if collection == "treatments" and ms_of(document.get("created_at")) is None and "date" in document:
        document["created_at"] = document["date"]
    if "date" not in document and not any(document.get(key) for key in ("created_at", "dateString", "startDate")):
        raise Refused(400, "Bad or missing date field")
    try:
        made_whole(collection, document, epoch_ms(site.clock()))
    except NotStorable as error:
        raise Refused(400, str(error)) from error
    return document


def _object(asked: Asked) -> Doc:
    """The body. Raises Refused for what is no document."""
    sent = asked.sent()
    if not isinstance(sent, dict) or not sent:
        raise Refused(400, "Bad or missing request body")
    return sent


def _identifier(document: Doc) -> str:
    """What Nightscout calls a document of a device at a time: the same for the same."""
    kind = document.get("eventType")
    key = f"{document.get('device', 'undefined')}_{ms_of(document.get('date'))}" + (f"_{kind}" if kind else "")
    return str(uuid.uuid5(NAMESPACE, key))


def _changeable(asked: Asked, found: Found | None) -> None:
    if found is None:
        return
    before = time_of_header(asked, "if-unmodified-since")
    if before is not None and found.stored.written_ms // 1000 * 1000 > before:
        raise Refused(412, "Precondition Failed")
    if not found.by_app:
        raise Refused(400, "Field identifier cannot be modified by the client")
    if found.deleted:
        raise Refused(410, "Gone")


def _unchanged(found: Found, sent: Doc) -> None:
    """Raises Refused for a field that no app may change."""
    held = _formed(found)
    for name in OF_THE_SERVER:
        if name in sent and sent[name] != held.get(name):
            raise Refused(400, f"Field {name} cannot be modified by the client")
    for name in IMMUTABLE:
        if name in sent and name in held and sent[name] != held[name] and ms_of(sent[name]) != ms_of(held[name]):
            raise Refused(400, f"Field {name} cannot be modified by the client")
        if name in sent and name in held and sent[name] != held[name] and ms_of(held[name]) is None:
            raise Refused(400, f"Field {name} cannot be modified by the client")


def _written(put: Put, collection: Collection, status: int, *, twin: bool = False) -> Answer:
    identifier = put.document.get("identifier") or put.document["_id"]
    body = {"status": status, "identifier": identifier, "lastModified": put.written_ms}
    if twin:
        body["isDeduplication"] = True
    location = {"Location": f"/api/v3/{collection}/{identifier}"} if status == 201 and identifier.isascii() else {}
    return as_json(body, status, {"Last-Modified": seconds_text(instant(put.written_ms)), **location})


def _formed(found: Found) -> Doc:
    return v3_form(dict(found.document), found.ms, deleted=found.deleted)


def _page(asked: Asked, found: Sequence[Found], newest_ms: int) -> Answer:
    """With the tag that AndroidAPS goes on from: nothing but its digits between `W/"` and `"`."""
    headers = {"ETag": f'W/"{newest_ms}"', "Last-Modified": seconds_text(instant(newest_ms))}
    return as_json({"status": 200, "result": [with_fields(asked, _formed(one)) for one in found]}, headers=headers)


def _result(body: object) -> Answer:
    return as_json({"status": 200, "result": body})
