"""A Nightscout site over HTTP: v1 with its odd defaults, tokens for v3, and v3 itself; as strict as the real one.

One app serves a site a person, told apart by the credential, as our own doors do. `v3=False` is an old site.
"""

import hashlib
import re
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import orjson
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp

from glucoflow.simulators.fault_injection import Faults
from glucoflow.simulators.faulty_wire import Asked, FaultyWire
from glucoflow.simulators.nightscout.documents import Doc, Documents, iso, time_of
from glucoflow.simulators.scenario import Scenario
from glucoflow.simulators.settable_clock import Clock
from glucoflow.simulators.wallclock import epoch

COLLECTIONS = ("entries", "treatments", "devicestatus", "profile")
TIME_FIELD = {"entries": "date", "treatments": "created_at", "devicestatus": "created_at", "profile": "created_at"}
COUNTS = {"entries": 10, "treatments": 100, "devicestatus": 10, "profile": 10}
MOST_V3 = 1000
FOUR_DAYS = timedelta(days=4)
FOREVER = 2**40
LIFETIME_S = 8 * 3600
_FIND = re.compile(r"find\[(\w+)\](?:\[\$(\w+)\])?")


@dataclass
class Sites:
    """The sites, their tokens, and what was asked of them."""

    scenario: Scenario
    clock: Clock
    v3: bool = True
    readable_by_all: bool = False
    faults: Faults = field(default_factory=Faults)
    requests: list[Asked] = field(default_factory=list)
    failures: int = 0
    """Credentials that were refused: each costs the caller's address five seconds more on a real site."""

    def __post_init__(self) -> None:
        self.documents = {one.id: Documents(one, self.scenario.seed) for one in self.scenario.people}

    def token(self, person: str) -> str:
        """A person's token of the role `readable`."""
        return f"{person[:10]}-{_hex(self.scenario.seed, person, 'token')[:16]}"

    def secret(self, person: str) -> str:
        """A site's API secret."""
        return f"secret-{_hex(self.scenario.seed, person, 'secret')[:12]}"

    def jwt(self, person: str, issued: datetime) -> str:
        return f"jwt.{person}.{epoch(issued)}.{_hex(self.scenario.seed, person, 'jwt', epoch(issued))[:24]}"

    def person_of(self, said: str) -> str | None:
        """Whose site an `api-secret` header opens."""
        for one in self.documents:
            if said in (self.token(one), _sha1(self.token(one)), _sha1(self.secret(one))):
                return one
        return None

    def person_of_jwt(self, said: str) -> str | None:
        parts = said.split(".")
        if len(parts) != 4 or parts[1] not in self.documents or not parts[2].isdigit():
            return None
        issued = int(parts[2])
        fresh = issued <= epoch(self.clock()) < issued + LIFETIME_S
        right = parts[3] == _hex(self.scenario.seed, parts[1], "jwt", issued)[:24]
        return parts[1] if fresh and right else None


def create_app(sites: Sites) -> ASGIApp:
    """The sites as an app, behind the wire that serves the faults of `sites.faults`."""
    site = _Site(sites)
    routes = [
        Route("/api/v1/{collection}.json", site.v1),
        Route("/api/v1/{collection}/{kind}.json", site.v1),
        Route("/api/v2/authorization/request/{token}", site.authorize),
        Route("/api/v3/version", site.version),
        Route("/api/v3/{collection}", site.v3_search),
        Route("/api/v3/{collection}/history/{since:int}", site.v3_history),
    ]
    return FaultyWire(Starlette(routes=routes), sites.faults, sites.clock, sites.requests)


class _Site:
    def __init__(self, sites: Sites) -> None:
        self._sites = sites

    async def authorize(self, request: Request) -> Response:
        person = self._sites.person_of(request.path_params["token"])
        if not self._sites.v3:
            return _html(404)
        if person is None:
            return self._unauthorized()
        now = self._sites.clock()
        return _json(
            {"token": self._sites.jwt(person, now), "sub": person, "iat": epoch(now), "exp": epoch(now) + LIFETIME_S}
        )

    async def version(self, _: Request) -> Response:
        return (
            _json({"status": 200, "result": {"version": "15.0.7", "apiVersion": "3.0.5-alpha"}})
            if self._sites.v3
            else _html(404)
        )

    async def v1(self, request: Request) -> Response:
        collection = request.path_params["collection"]
        said = request.headers.get("api-secret") or request.query_params.get("token")
        person = self._sites.person_of(said) if said else None
        if said and person is None:
            return self._unauthorized()  # also on a site that anybody may read
        if person is None and self._sites.readable_by_all:
            person = next(iter(self._sites.documents))
        if person is None:
            return self._unauthorized()
        if collection == "status":
            return _json({"status": "ok", "name": "nightscout", "version": "15.0.7", "settings": {"units": "mg/dl"}})
        if collection not in COLLECTIONS:
            return _html(404)
        found = self._v1_documents(request, person, collection)
        if isinstance(found, Response):
            return found
        count = request.query_params.get("count", "")
        if count and not count.isdigit():
            return _json({"status": 400, "message": "Bad count"}, 400)
        usual = 1000 if collection == "treatments" and "find[" in str(request.url.query) else COUNTS[collection]
        return _json(found[: int(count) if count else usual])

    def _v1_documents(self, request: Request, person: str, collection: str) -> list[Doc] | Response:
        now = self._sites.clock()
        start, end, field_ = 0, FOREVER, TIME_FIELD[collection]
        if collection == "profile":
            field_ = "startDate"
        same: dict[str, str] = {}
        named = False
        for key, value in request.query_params.multi_items():
            match = _FIND.fullmatch(key)
            if match is None:
                continue
            name, operator = match[1], match[2] or "eq"
            if name in (field_, "dateString", "_id"):
                named = True
                at = _seconds(value, number=name == "date")
                if at is None:
                    return _json({"status": 500, "message": "Invalid time value", "description": "ISO-8601"}, 500)
                if operator in ("gte", "gt"):
                    start = max(start, at + (operator == "gt"))
                elif operator in ("lt", "lte"):
                    end = min(end, at + (operator == "lte"))
                else:
                    return []
            else:
                same[name] = value
        if not named:
            start = epoch(now - FOUR_DAYS)
        kind = request.path_params.get("kind")
        found = self._sites.documents[person].of(collection, start, end, now)
        if kind:
            found = [one for one in found if one.get("type") == kind]
        return [one for one in found if all(str(one.get(name)) == value for name, value in same.items())]

    async def v3_search(self, request: Request) -> Response:
        person, collection = self._opened(request), request.path_params["collection"]
        if isinstance(person, Response):
            return person
        limit = request.query_params.get("limit", str(MOST_V3))
        if not limit.isdigit() or not 0 < int(limit) <= MOST_V3:
            return _json({"status": 400, "message": "Parameter limit out of tolerance"}, 400)
        if collection not in COLLECTIONS:
            return _json({"status": 404}, 404)
        start, end, same = 0, FOREVER, dict[str, str]()
        for key, value in request.query_params.multi_items():
            name, _, operator = key.partition("$")
            if name not in ("date", "created_at", "startDate", "srvModified"):
                if operator == "eq":
                    same[name] = value
                continue
            at = _seconds(value, number=name == "date")
            if at is None:
                return _json({"status": 400, "message": "Bad or missing date field"}, 400)
            start = max(start, at + (operator == "gt")) if operator in ("gte", "gt") else start
            end = min(end, at + (operator == "lte")) if operator in ("lt", "lte") else end
        found = self._sites.documents[person].of(collection, start, end, self._sites.clock())
        found = [_v3(one, collection) for one in found if one.get("isValid") is not False]
        found = [one for one in found if all(str(one.get(name)) == value for name, value in same.items())]
        if "sort" in request.query_params:
            found.reverse()
        skip = int(request.query_params.get("skip", "0"))
        return _json({"status": 200, "result": found[skip : skip + int(limit)]})

    async def v3_history(self, request: Request) -> Response:
        """Only what was written through v3: the rest has no `srvModified`, and never appears."""
        person, collection = self._opened(request), request.path_params["collection"]
        if isinstance(person, Response):
            return person
        since = request.path_params["since"]
        found = self._sites.documents[person].of(collection, 0, FOREVER, self._sites.clock())
        changed = sorted(
            (one for one in found if one.get("srvModified", 0) > since), key=lambda one: one["srvModified"]
        )
        return _json({"status": 200, "result": [_v3(one, collection) for one in changed[:MOST_V3]]})

    def _opened(self, request: Request) -> str | Response:
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        if not self._sites.v3:
            return _html(404)
        person = self._sites.person_of_jwt(token) if scheme.lower() == "bearer" and token else None
        if person is None:
            self._sites.failures += bool(token)
            return _json({"status": 401, "message": "Missing or bad access token or JWT"}, 401)
        return person

    def _unauthorized(self) -> Response:
        self._sites.failures += 1
        return _json({"status": 401, "message": "Unauthorized", "description": "Invalid/Missing"}, 401)


def _v3(document: Doc, collection: str) -> Doc:
    changed = {key: value for key, value in document.items() if key != "_id"}
    return {"identifier": document["_id"], "date": int(time_of(collection, document) * 1000), **changed}


def _seconds(text: str, *, number: bool) -> int | None:
    try:
        if number:
            return -(-int(text.partition(".")[0]) // 1000)
        return -(-int(datetime.fromisoformat(text).timestamp() * 1000) // 1000)
    except ValueError:
        return None


def _json(body: Any, status: int = 200) -> Response:
    return Response(orjson.dumps(body), status, media_type="application/json")


def _html(status: int) -> Response:
    return Response(b"<!doctype html><title>Cannot GET</title>", status, media_type="text/html")


def _hex(*what: str | int) -> str:
    return hashlib.sha256("/".join(map(str, what)).encode()).hexdigest()


def _sha1(text: str) -> str:
    return hashlib.sha1(text.encode()).hexdigest()  # noqa: S324 – the header of Nightscout


__all__ = ["Sites", "create_app", "iso"]
