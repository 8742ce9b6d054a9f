"""Tidepool over HTTP: 403 where others say 401, 500 for a bad query, windows that include both ends, and readings that
are hidden unless one asks for them."""

import base64
import binascii
from collections.abc import Callable
from datetime import datetime
from typing import Any

import orjson
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp

from glucoflow.simulators.faulty_wire import FaultyWire
from glucoflow.simulators.tidepool.cloud import Cloud, user_id
from glucoflow.simulators.tidepool.data_sets import DELETES_ORIGIN, DataSet

TYPES_IN_USE = ("cbg", "smbg", "bolus", "insulin", "food", "physicalActivity", "reportedState", "upload")


def create_app(cloud: Cloud) -> ASGIApp:
    """The cloud as an app, behind the wire that serves its faults."""
    api = _Api(cloud)
    routes = [
        Route("/auth/login", api.log_in, methods=["POST"]),
        Route("/metadata/users/{user}/users", api.shared),
        Route("/data/{user}", api.data),
        Route("/v1/users/{user}/data_sets", api.list_data_sets),
        Route("/v1/users/{user}/data_sets", api.make_data_set, methods=["POST"]),
        Route("/dataservices/v1/datasets/{data_set}/data", api.add_data, methods=["POST"]),
        Route("/v1/data_sets/{data_set}/data", api.delete_data, methods=["DELETE"]),
    ]
    return FaultyWire(Starlette(routes=routes), cloud.faults, cloud.clock, cloud.requests)


class _Api:
    def __init__(self, cloud: Cloud) -> None:
        self._cloud = cloud

    async def log_in(self, request: Request) -> Response:
        self._cloud.logins += 1
        scheme, _, said = request.headers.get("authorization", "").partition(" ")
        try:
            name, _, password = base64.b64decode(said, validate=True).decode().partition(":")
        except (binascii.Error, UnicodeDecodeError):
            return _json({"code": 400, "reason": "Missing id and/or password"}, 400)
        person = next((one for one in self._cloud.patients if name == f"{one}@example.org"), None)
        if scheme.lower() != "basic" or person is None or password != self._cloud.password(person):
            return _json({"code": 401, "reason": "No user matched the given details"}, 401)
        token = self._cloud.session(person)
        body = {"userid": user_id(person), "username": name, "emailVerified": True}
        return _json(body, headers={"x-tidepool-session-token": token})

    async def shared(self, request: Request) -> Response:
        person = self._person(request)
        if person is None or request.path_params["user"] != user_id(person):
            return _cannot_view()
        others = self._cloud.shares.get(person, [])
        found = [
            {
                "userid": user_id(one),
                "profile": {"fullName": self._cloud.patients[one].person.name},
                "trustorPermissions": {"view": {}},
            }
            for one in others
        ]
        return _json(
            [*found, {"userid": "0123456789", "profile": {"fullName": "A Doctor"}, "trusteePermissions": {"view": {}}}]
        )

    async def data(self, request: Request) -> Response:
        person = self._person(request)
        visible = [] if person is None else [person, *self._cloud.shares.get(person, [])]
        wanted = next((one for one in visible if user_id(one) == request.path_params["user"]), None)
        if wanted is None:
            return _cannot_view()
        query = request.query_params
        start, end = _moment(query.get("startDate")), _moment(query.get("endDate"))
        if start is None or end is None:
            body = {"code": "invalid_parameters", "message": "one or more of the parameters are invalid", "status": 500}
            return _json(body, 500)
        kinds = query.get("type", "").split(",") if query.get("type") else list(TYPES_IN_USE)
        found = [
            one
            for one in self._cloud.records(wanted, start, end)
            if one["type"] in kinds
            and one["id"] not in self._cloud.gone
            and query.get("subType", one.get("subType")) == one.get("subType")
            and query.get("uploadId", one.get("uploadId")) == one.get("uploadId")
        ]
        if query.get("cbgFilter") != "false" and query.get("dexcom") != "true":
            found = [one for one in found if one["type"] != "cbg"]
        if query.get("latest") == "true":
            newest: dict[str, dict[str, Any]] = {}
            for one in found:
                if one["time"] >= newest.get(one["type"], one)["time"]:
                    newest[one["type"]] = one
            found = list(newest.values())
        return _json(sorted(found, key=lambda one: str(one["id"])))  # in no order

    async def list_data_sets(self, request: Request) -> Response:
        person = self._writer(request)
        if person is None:
            return _cannot_view()
        client = request.query_params.get("client.name")
        found = [one for one in self._cloud.data_sets.values() if one.person == person and client in (None, one.client)]
        return _json([{"uploadId": one.id, "type": "upload", "client": {"name": one.client}} for one in found])

    async def make_data_set(self, request: Request) -> Response:
        person = self._writer(request)
        if person is None:
            return _cannot_view()
        sent = await _sent(request)
        if not isinstance(sent, dict) or set(sent) - {"client", "dataSetType", "deduplicator"}:
            return _bad("not parsed")
        name = (sent.get("client") or {}).get("name", "")
        if sent.get("dataSetType") != "continuous" or (sent.get("deduplicator") or {}).get("name") != DELETES_ORIGIN:
            return _bad("dataSetType or deduplicator")
        if "." not in name:
            return _bad("client.name is a reverse domain")
        made = self._cloud.new_data_set(person, name)
        return _json({"data": {"uploadId": made.id, "id": made.id, "type": "upload"}}, 201)

    async def add_data(self, request: Request) -> Response:
        return await self._changed(request, DataSet.add)

    async def delete_data(self, request: Request) -> Response:
        return await self._changed(request, DataSet.delete)

    async def _changed(self, request: Request, change: Callable[[DataSet, object], str | None]) -> Response:
        found = self._cloud.data_sets.get(request.path_params["data_set"])
        if found is None:
            return _json({"errors": [{"code": "data-set-id-not-found", "status": "404"}]}, 404)
        if self._person(request) != found.person:
            return _cannot_view()
        wrong = change(found, await _sent(request))
        return _bad(wrong) if wrong else _json({"data": [], "meta": {}})

    def _writer(self, request: Request) -> str | None:
        """Who asks, if the address is their own: what is shared with somebody may be seen by them only."""
        person = self._person(request)
        own = person is not None and request.path_params["user"] == user_id(person)
        return person if own and person not in self._cloud.may_not_write else None

    def _person(self, request: Request) -> str | None:
        return self._cloud.person_of(request.headers.get("x-tidepool-session-token", ""))


def _moment(text: str | None) -> int | None:
    """Epoch seconds of RFC 3339 with a zone; a missing one is the beginning."""
    if text is None:
        return 0
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        return None
    return None if found.tzinfo is None else int(found.timestamp())


async def _sent(request: Request) -> object:
    try:
        return orjson.loads(await request.body())
    except orjson.JSONDecodeError:
        return None


def _bad(why: str) -> Response:
    return _json({"errors": [{"code": "value-not-valid", "detail": why, "status": "400"}]}, 400)


def _cannot_view() -> Response:
    return _json({"code": "data_cant_view", "message": "user is not authorized to view data", "status": 403}, 403)


def _json(body: Any, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    return Response(orjson.dumps(body), status, headers, media_type="application/json")
