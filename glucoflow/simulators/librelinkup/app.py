"""LibreLinkUp over HTTP, as strict as the real one: headers, regions in the answer, steps to be accepted, lock-outs."""

import hashlib
from collections import deque
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from math import isnan
from typing import Any, Literal
from uuid import UUID

import orjson
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp

from glucoflow.model.units import to_mmol_l
from glucoflow.simulators.fault_injection import Faults
from glucoflow.simulators.faulty_wire import Asked, FaultyWire
from glucoflow.simulators.librelinkup import furniture
from glucoflow.simulators.patient import PatientModel
from glucoflow.simulators.scenario import Scenario
from glucoflow.simulators.settable_clock import Clock
from glucoflow.simulators.wallclock import epoch, moment, offset

HELD = timedelta(hours=12)
LOGBOOK = timedelta(days=14)
GRID_S = 300
LIFETIME = timedelta(days=180)
LEAST_VERSION = (4, 16, 0)
LOCK_AFTER, LOCK_WITHIN_S, LOCK_FOR_S = 3, 60, 300
LOWEST, HIGHEST = 40, 500
Step = Literal["tou", "pp", "verifyEmail"]


@dataclass
class Follower:
    """An account of LibreLinkUp. `region`: where it lives; `step`: what must be accepted in the app first."""

    email: str
    password: str
    follows: list[str]
    region: str = "eu"
    step: Step | None = None
    second_factor: bool = False
    mmol: bool = False
    never_synced: bool = False

    @property
    def id(self) -> str:
        return str(UUID(hashlib.sha256(self.email.encode()).hexdigest()[:32]))


@dataclass
class Cloud:
    """Followers, whom they follow, and what was asked."""

    scenario: Scenario
    clock: Clock
    region: str = "eu"
    """Which host this is: accounts of others are sent on."""
    least_version: tuple[int, int, int] = LEAST_VERSION
    followers: dict[str, Follower] = field(default_factory=dict)
    faults: Faults = field(default_factory=Faults)
    requests: list[Asked] = field(default_factory=list)
    logins: int = 0
    values: dict[tuple[str, int], int] = field(default_factory=dict)
    """What a test says that a person's sensor measured at a moment, in mg/dL."""
    locked_until: dict[str, float] = field(default_factory=dict)
    _failures: dict[str, "deque[float]"] = field(default_factory=dict)
    _tokens: dict[str, tuple[str, float]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.patients = {one.id: PatientModel(one, self.scenario.seed) for one in self.scenario.people}
        for one in self.scenario.people:
            self.follow(f"{one.id}@example.org", one.id)

    def follow(self, email: str, *people: str, **how: Any) -> Follower:
        """An account that follows these people; its password is made of the first name."""
        follower = Follower(email, f"{email.partition('@')[0]}-libre", list(people), **how)
        self.followers[email] = follower
        return follower

    def expire(self) -> None:
        """All sessions end."""
        self._tokens.clear()

    def now(self) -> float:
        return self.clock().timestamp()

    def log_in(self, email: str, password: str) -> tuple[int, dict[str, Any]]:
        """Status and body. Many outcomes are 200, as with the real one."""
        self.logins += 1
        if self.locked_until.get(email, 0) > self.now():
            return 429, _locked()
        follower = self.followers.get(email)
        if follower is None or follower.password != password:
            recent = self._failures.setdefault(email, deque(maxlen=LOCK_AFTER))
            recent.append(self.now())
            if len(recent) == LOCK_AFTER and recent[-1] - recent[0] <= LOCK_WITHIN_S:
                self.locked_until[email] = self.now() + LOCK_FOR_S
                return 429, _locked()
            return 200, {"status": 2, "error": {"message": "notAuthenticated"}}
        if follower.second_factor:
            return 430, {"status": 430, "error": {"message": "actionRequired"}}
        if follower.region != self.region:
            return 200, {"status": 0, "data": {"redirect": True, "region": follower.region}}
        token = hashlib.sha256(f"{email}/{self.now()}/{self.logins}".encode()).hexdigest()
        expires = self.now() + LIFETIME.total_seconds()
        ticket = {"token": f"eyJ.{token}", "expires": int(expires), "duration": int(LIFETIME.total_seconds() * 1000)}
        if follower.step:
            return 200, {"status": 4, "data": {"step": {"type": follower.step}, "authTicket": ticket}}
        self._tokens[ticket["token"]] = (email, expires)  # type: ignore[index]
        user = furniture.user(follower.id, follower.mmol, int(self.now()))
        return 200, {"status": 0, "data": {"user": user, "authTicket": ticket, **furniture.beside_the_ticket()}}

    def opened(self, token: str) -> Follower | None:
        email, expires = self._tokens.get(token, ("", 0.0))
        return self.followers.get(email) if expires > self.now() else None


def create_app(cloud: Cloud) -> ASGIApp:
    """The cloud as an app, behind the wire that serves its faults."""
    api = _Api(cloud)
    routes = [
        Route("/llu/auth/login", api.log_in, methods=["POST"]),
        Route("/llu/connections", api.connections),
        Route("/llu/connections/{patient}/graph", api.graph),
        Route("/llu/connections/{patient}/logbook", api.logbook),
    ]
    return FaultyWire(Starlette(routes=routes), cloud.faults, cloud.clock, cloud.requests)


class _Api:
    def __init__(self, cloud: Cloud) -> None:
        self._cloud = cloud

    async def log_in(self, request: Request) -> Response:
        if request.headers.get("product") not in ("llu.android", "llu.ios"):
            return _json({"message": "RequiredHeaderMissing"}, 400)
        try:
            sent = orjson.loads(await request.body())
            status, body = self._cloud.log_in(sent["email"], sent["password"])
        except (KeyError, TypeError, orjson.JSONDecodeError):
            return _json({"message": "Bad request"}, 400)
        return _json(body, status)

    async def connections(self, request: Request) -> Response:
        follower = self._opened(request)
        if isinstance(follower, Response):
            return follower
        return _json({"status": 0, "data": [self._connection(follower, person) for person in follower.follows]})

    async def graph(self, request: Request) -> Response:
        found = self._followed(request)
        if isinstance(found, Response):
            return found
        follower, person = found
        now = epoch(self._cloud.clock())
        points = [] if follower.never_synced else self._points(person, now - int(HELD.total_seconds()), now)
        graph = [self._item(follower, person, at, value, 0) for at, value, _ in points[:-1]]
        data = {"connection": self._connection(follower, person), "activeSensors": [], "graphData": graph}
        return _json({"status": 0, "data": data, "ticket": _ticket(request)})

    async def logbook(self, request: Request) -> Response:
        found = self._followed(request)
        if isinstance(found, Response):
            return found
        follower, person = found
        now = epoch(self._cloud.clock())
        points = self._points(person, now - int(LOGBOOK.total_seconds()), now)
        alarms = [self._item(follower, person, at, value, 2) for at, value, _ in points if value < 70][::6]
        return _json({"status": 0, "data": alarms})

    def _opened(self, request: Request) -> Follower | Response:
        version = tuple(int(part) for part in request.headers.get("version", "0").split(".") if part.isdigit())
        if request.headers.get("product") not in ("llu.android", "llu.ios"):
            return _json({"message": "RequiredHeaderMissing"}, 400)
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        follower = self._cloud.opened(token) if scheme == "Bearer" else None
        if follower is None:
            return _json({"message": "Unauthorized"}, 401)
        if version < self._cloud.least_version:
            least = ".".join(map(str, self._cloud.least_version))
            return _json({"status": 920, "data": {"minimumVersion": least}}, 403)
        if request.headers.get("account-id") != hashlib.sha256(follower.id.encode()).hexdigest():
            return _json({"message": "RequiredHeaderMissing"}, 400)
        return follower

    def _followed(self, request: Request) -> tuple[Follower, str] | Response:
        """Who asks, and the person of the address whom they follow."""
        follower = self._opened(request)
        if isinstance(follower, Response):
            return follower
        person = next((one for one in follower.follows if patient_id(one) == request.path_params["patient"]), None)
        return (follower, person) if person else _json({"status": 4, "error": {"message": "couldNotLoadPatient"}})

    def _points(self, person: str, start: int, end: int) -> list[tuple[int, int, float]]:
        """The sensor's grid of five minutes."""
        readings = self._cloud.patients[person].readings(start, end + 1)
        times = readings.times.tolist()
        measured = [
            self._cloud.values.get((person, at), value) for at, value in zip(times, readings.values, strict=True)
        ]
        values = [min(max(int(value), LOWEST - 1), HIGHEST + 1) for value in measured]
        return list(zip(times, values, readings.rates.tolist(), strict=True))

    def _item(self, follower: Follower, person: str, at: int, value: int, kind: int) -> dict[str, Any]:
        shown = min(max(value, LOWEST), HIGHEST)
        return {
            "FactoryTimestamp": _text(at),
            "Timestamp": _text(at + offset(self._cloud.patients[person].person, at)),
            "type": kind,
            "ValueInMgPerDl": shown,
            "Value": round(to_mmol_l(shown), 1) if follower.mmol else shown,
            "GlucoseUnits": 0 if follower.mmol else 1,
            "MeasurementColor": 1,
            "isHigh": value > HIGHEST,
            "isLow": value < LOWEST,
        }

    def _connection(self, follower: Follower, person: str) -> dict[str, Any]:
        now = epoch(self._cloud.clock())
        points = [] if follower.never_synced else self._points(person, now - int(HELD.total_seconds()), now)
        newest = None
        if points:
            at, value, rate = points[-1]
            drifted = at + min(60 * ((now - at) // 60), GRID_S - 60)  # about a minute fresh, off the grid
            arrow = _arrow(rate)
            newest = {**self._item(follower, person, drifted, value, 1), "TrendArrow": arrow, "TrendMessage": None}
        one = self._cloud.patients[person].person
        return {
            **furniture.connection(now),
            "id": follower.id,
            "patientId": patient_id(person),
            "firstName": one.name,
            "lastName": "Example",
            "country": "DE",
            "uom": 0 if follower.mmol else 1,
            "sensor": {
                "deviceId": "",
                "sn": f"0M{patient_id(person)[:8].upper()}",
                "a": now - 86_400,
                "w": 60,
                "pt": 4,
            },
            "glucoseMeasurement": newest,
            "glucoseItem": newest,
        }


def patient_id(person: str) -> str:
    return str(UUID(hashlib.sha256(f"patient/{person}".encode()).hexdigest()[:32]))


def _ticket(request: Request) -> dict[str, Any]:
    """Answers bring the ticket again."""
    return {"token": request.headers["authorization"].partition(" ")[2], "expires": 0, "duration": 0}


def _text(seconds: int) -> str:
    """`3/8/2026 9:55:03 AM`: month first, no zone."""
    at: datetime = moment(seconds)
    hour = at.hour % 12 or 12
    return f"{at.month}/{at.day}/{at.year} {hour}:{at:%M:%S} {'AM' if at.hour < 12 else 'PM'}"


def _arrow(rate: float) -> int:
    """5 rising fast … 1 falling fast; 3 where nobody knows."""
    if isnan(rate) or abs(rate) < 1:
        return 3
    if rate > 0:
        return 4 if rate < 2 else 5
    return 2 if rate > -2 else 1


def _locked() -> dict[str, Any]:
    data = {"code": 60, "data": {"failures": LOCK_AFTER, "interval": LOCK_WITHIN_S, "lockout": LOCK_FOR_S}}
    return {"status": 429, "data": {**data, "message": "locked"}}


def _json(body: Any, status: int = 200) -> Response:
    return Response(orjson.dumps(body), status, media_type="application/json")
