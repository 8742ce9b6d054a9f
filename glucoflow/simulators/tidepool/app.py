"""Tidepool over HTTP: 403 where others say 401, 500 for a bad query, windows that include both ends, and readings that
are hidden unless one asks for them."""

import base64
import binascii
import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import orjson
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp

from glucoflow.model.units import to_mmol_l
from glucoflow.simulators.chance import DAY
from glucoflow.simulators.entered import Entry, entered
from glucoflow.simulators.fault_injection import Faults
from glucoflow.simulators.faulty_wire import Asked, FaultyWire
from glucoflow.simulators.patient import PatientModel
from glucoflow.simulators.scenario import Scenario
from glucoflow.simulators.settable_clock import Clock
from glucoflow.simulators.tidepool.data_sets import DELETES_ORIGIN, DataSet
from glucoflow.simulators.wallclock import epoch, moment, offset

SESSION_S = 24 * 3600
TYPES_IN_USE = ("cbg", "smbg", "bolus", "insulin", "food", "physicalActivity", "reportedState", "upload")


@dataclass
class Cloud:
    """Accounts, sessions, who shares with whom, and what a test puts into them."""

    scenario: Scenario
    clock: Clock
    faults: Faults = field(default_factory=Faults)
    requests: list[Asked] = field(default_factory=list)
    shares: dict[str, list[str]] = field(default_factory=dict)
    """Whose data an account may see besides its own."""
    put: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    """Records that a test adds to a person's."""
    gone: set[str] = field(default_factory=set)
    data_sets: dict[str, DataSet] = field(default_factory=dict)
    """What programs uploaded, by the data set's id."""
    may_not_write: set[str] = field(default_factory=set)
    """Whose account takes no data, as that of somebody who shares it for looking only."""
    logins: int = 0
    _sessions: dict[str, tuple[str, float]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.patients = {one.id: PatientModel(one, self.scenario.seed) for one in self.scenario.people}

    def password(self, person: str) -> str:
        return f"{person}-tidepool"

    def expire(self) -> None:
        """All sessions end."""
        self._sessions.clear()

    def session(self, person: str) -> str:
        token = _hex(person, self.clock().timestamp(), self.logins)
        self._sessions[token] = (person, self.clock().timestamp() + SESSION_S)
        return token

    def person_of(self, token: str) -> str | None:
        person, until = self._sessions.get(token, (None, 0.0))
        return person if until > self.clock().timestamp() else None

    def records(self, person: str, start: int, end: int) -> Iterator[dict[str, Any]]:
        """All records of [start, end] in no order, those of the model and those put."""
        first, last = max(start, epoch(self.patients[person].person.since)), min(end, epoch(self.clock()))
        if first <= last:
            for day in range(first // DAY, last // DAY + 1):
                yield from self._day(person, max(first, day * DAY), min(last + 1, (day + 1) * DAY))
        for one in self.put.get(person, []):
            if start <= datetime.fromisoformat(one["time"]).timestamp() <= end:
                yield one
        for data_set in self.data_sets.values():
            for one in data_set.records.values() if data_set.person == person else ():
                if start <= datetime.fromisoformat(one["time"]).timestamp() <= end:
                    yield one

    def new_data_set(self, person: str, client: str) -> DataSet:
        made = DataSet(_hex("data set", person, len(self.data_sets))[:32], person, client)
        self.data_sets[made.id] = made
        return made

    def _day(self, person: str, start: int, end: int) -> Iterator[dict[str, Any]]:
        patient = self.patients[person]
        found = patient.readings(start, end)
        for at, value, rate in zip(found.times.tolist(), found.values.tolist(), found.rates.tolist(), strict=True):
            body: dict[str, Any] = {"units": "mmol/L", "value": to_mmol_l(value)}
            if rate == rate:
                body |= {
                    "trendRate": round(rate / 18.01559, 5),
                    "trendRateUnits": "mmol/L/minute",
                    "trend": _trend(rate),
                }
            if value in (39, 401):
                low = value == 39
                note = {"code": "bg/out-of-range", "value": "low" if low else "high", "threshold": 40 if low else 400}
                body["annotations"] = [note]
            yield self._record(person, "cbg", at, **body, sampleInterval=300_000)
        seen = {(one.kind, one.at, one.name): one for one in entered(patient, start, end) if start <= one.at < end}
        for entry in seen.values():
            if (made := _entered(entry)) is not None:
                kind, body = made
                yield self._record(person, kind, entry.at, entry.name, **body)
        if start % DAY == 0:
            yield self._record(person, "upload", start, timezone=patient.person.zone, deviceModel="Dexcom G7")

    def _record(self, person: str, kind: str, at: int, name: str = "", **body: Any) -> dict[str, Any]:
        ahead = offset(self.patients[person].person, at) // 60
        return {
            "id": _hex(person, kind, at, name)[:32],
            "type": kind,
            "time": _iso(at),
            "deviceTime": _iso(at + ahead * 60)[:-1],
            "timezoneOffset": ahead,
            "deviceId": "DexG7_made-up",
            "uploadId": _hex(person, "upload")[:32],
            "origin": {"id": _hex("origin", person, kind, at)[:36], "name": "org.tidepool.made-up", "type": "service"},
            **body,
        }


def user_id(person: str) -> str:
    """Ten hex digits, as Tidepool has them."""
    return _hex("user", person)[:10]


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


def _entered(entry: Entry) -> tuple[str, dict[str, Any]] | None:
    value = float(entry.value) if entry.value and entry.kind != "notes" else None
    match entry.kind:
        case "carbs":
            return "food", {"nutrition": {"carbohydrate": {"net": value, "units": "grams"}}}
        case "insulin" if entry.subtype == "fastActing":
            return "bolus", {"subType": "normal", "normal": value}
        case "insulin":
            return "insulin", {
                "dose": {"total": value, "units": "Units"},
                "formulation": {"simple": {"actingType": "long"}},
            }
        case "exercise":
            intensity = {"light": "low", "medium": "medium", "heavy": "high"}[entry.subtype or "light"]
            return "physicalActivity", {
                "duration": {"value": value, "units": "minutes"},
                "reportedIntensity": intensity,
            }
        case "bloodGlucose":
            return "smbg", {"subType": "manual", "units": "mmol/L", "value": to_mmol_l(value or 0)}
        case "notes":
            return "reportedState", {"notes": [entry.value]}
    return None


def _trend(rate: float) -> str:
    size = abs(rate)
    if size < 1:
        return "constant"
    word = "slow" if size < 2 else "moderate" if size < 3 else "rapid"
    return word + ("Rise" if rate > 0 else "Fall")


def _moment(text: str | None) -> int | None:
    """Epoch seconds of RFC 3339 with a zone; a missing one is the beginning."""
    if text is None:
        return 0
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        return None
    return None if found.tzinfo is None else int(found.timestamp())


def _iso(seconds: int) -> str:
    return moment(seconds).astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


async def _sent(request: Request) -> object:
    try:
        return orjson.loads(await request.body())
    except orjson.JSONDecodeError:
        return None


def _bad(why: str) -> Response:
    return _json({"errors": [{"code": "value-not-valid", "detail": why, "status": "400"}]}, 400)


def _cannot_view() -> Response:
    return _json({"code": "data_cant_view", "message": "user is not authorized to view data", "status": 403}, 403)


def _hex(*what: str | int | float) -> str:
    return hashlib.sha256("/".join(map(str, what)).encode()).hexdigest()


def _json(body: Any, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    return Response(orjson.dumps(body), status, headers, media_type="application/json")
