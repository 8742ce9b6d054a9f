"""Which address is answered by what. Letter case and a slash at the end do not matter, as in Nightscout."""

from glucoflow.api import status, v1, v2, v3
from glucoflow.api.exchange import Answer, Asked
from glucoflow.api.site import Site, not_found
from glucoflow.nightscout.incoming import COLLECTIONS, Collection
from glucoflow.store import App

_READS = ("GET", "HEAD")
DOOR = "Nightscout's API"
"""As the audit trail calls it."""


def route(site: Site, asked: Asked) -> Answer:
    """The answer. Raises Refused, BadQuery, NotStorable and our errors."""
    first, *rest = asked.path
    words = [one.lower() for one in rest]
    if words[1:3] == ["authorization", "request"] and len(words) == 4 and asked.method in _READS:
        return v2.token(site, asked, rest[3])
    app = site.access.app_of(asked)
    answer = _answer(site, asked, app, [first.lower(), *words], rest)
    if app is not None and answer.status < 400:
        note = site.access.trail.read if asked.method in _READS else site.access.trail.sent
        note(app.name, app.user_id, DOOR, asked.address)
    return answer


def _answer(site: Site, asked: Asked, app: App | None, words: list[str], rest: list[str]) -> Answer:
    if words[0] == "pebble":
        return v2.pebble(site, asked, app) if asked.method in _READS and not rest else _nothing()
    if words[1] == "v3":
        return _v3(site, asked, app, words[1:], rest)
    return _v1(site, asked, app, words[1:], rest)


def _v1(site: Site, asked: Asked, app: App | None, words: list[str], rest: list[str]) -> Answer:
    reads = asked.method in _READS
    match words[1:]:
        case ["status"] if reads:
            return status.status(site, asked, app)
        case ["verifyauth"] if reads:
            return status.verify(site, asked, app)
        case ["experiments", "test"] if reads:
            return status.experiments(site, asked, app)
        case ["properties", *_] if reads and words[0] == "v2":
            return v2.properties(site, asked, app, rest[2:])
        case ["profile", "current"] if reads:
            return v1.current_profile(site, asked, app)
        case [name]:
            return _whole(site, asked, app, "profile" if name == "profiles" else name)
        case [name, _] if name in COLLECTIONS:
            return _single(site, asked, app, name, rest[2])
    return _nothing()


def _whole(site: Site, asked: Asked, app: App | None, name: str) -> Answer:
    if name not in COLLECTIONS:
        return _nothing()
    collection: Collection = name
    match asked.method:
        case "GET" | "HEAD":
            return v1.read(site, asked, app, collection)
        case "POST":
            return v1.create(site, asked, app, collection)
        case "PUT":
            return v1.update(site, asked, app, collection)
        case "DELETE":
            return v1.delete_found(site, asked, app, collection)
    return _nothing()


def _single(site: Site, asked: Asked, app: App | None, collection: Collection, own: str) -> Answer:
    match asked.method:
        case "GET" | "HEAD" if collection == "entries":
            return v1.read_entries(site, asked, app, own)
        case "GET" | "HEAD":
            return v1.read_one(site, asked, app, collection, own)
        case "DELETE":
            return v1.delete_one(site, asked, app, collection, own)
        case "PUT":
            return v1.update(site, asked, app, collection)
    return _nothing()


def _v3(site: Site, asked: Asked, app: App | None, words: list[str], rest: list[str]) -> Answer:
    match asked.method, words[1:]:
        case "GET" | "HEAD", ["version"]:
            return v3.version(site)
        case "GET" | "HEAD", ["status"]:
            return v3.status(site, app)
        case "GET" | "HEAD", ["lastmodified"]:
            return v3.last_modified(site, app)
        case "GET" | "HEAD", [name]:
            return v3.search(site, asked, app, name)
        case "GET" | "HEAD", [name, "history"]:
            return v3.history(site, asked, app, name, None)
        case "GET" | "HEAD", [name, "history", since]:
            return v3.history(site, asked, app, name, since)
        case "GET" | "HEAD", [name, _]:
            return v3.read(site, asked, app, name, rest[2])
        case "POST", [name]:
            return v3.create(site, asked, app, name)
        case "PUT", [name, _]:
            return v3.replace(site, asked, app, name, rest[2])
        case "PATCH", [name, _]:
            return v3.patch(site, asked, app, name, rest[2])
        case "DELETE", [name, _]:
            return v3.delete(site, asked, app, name, rest[2])
    return _nothing()


def _nothing() -> Answer:
    raise not_found()
