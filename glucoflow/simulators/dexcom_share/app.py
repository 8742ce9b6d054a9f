"""Dexcom Share over HTTP: three POST calls, errors as HTTP 500 with a code, a zero id instead of a refusal at times."""

from dataclasses import dataclass, field
from typing import Any
from uuid import NAMESPACE_URL, UUID, uuid5

import orjson
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp

from glucoflow.simulators.dexcom.readings import trend_word
from glucoflow.simulators.fault_injection import Faults
from glucoflow.simulators.faulty_wire import Asked, FaultyWire
from glucoflow.simulators.patient import PatientModel
from glucoflow.simulators.scenario import Scenario
from glucoflow.simulators.settable_clock import Clock
from glucoflow.simulators.wallclock import epoch, offset

APPLICATIONS = {
    "d89443d2-327c-4a6f-89e5-496bbb0317db": ("us", "ous"),
    "d8665ade-9673-4e27-9ff6-92db4ce13d13": ("jp",),
}
BASE = "/ShareWebServices/Services"
ZERO = str(UUID(int=0))
SESSION_S = 24 * 3600
HELD_S = 24 * 3600
MOST_MINUTES, MOST_COUNT = 1440, 288
MOST_ATTEMPTS = 5
WORDS = (
    "None",
    "DoubleUp",
    "SingleUp",
    "FortyFiveUp",
    "Flat",
    "FortyFiveDown",
    "SingleDown",
    "DoubleDown",
    "NotComputable",
    "RateOutOfRange",
)


class Refusal(Exception):
    """A refusal of the service, as it words it."""

    def __init__(self, code: str, message: str = "") -> None:
        super().__init__(code)
        self.code = code
        self.message = message


@dataclass
class Cloud:
    """Accounts and sessions. `old_form`: numbers for trends and `/Date(ms)/`, as older servers send them."""

    scenario: Scenario
    clock: Clock
    region: str = "us"
    old_form: bool = False
    jitter_ms: int = 0
    """How far `ST` is off, another way at each request."""
    faults: Faults = field(default_factory=Faults)
    requests: list[Asked] = field(default_factory=list)
    values: dict[tuple[str, int], int] = field(default_factory=dict)
    """What a test says that a person's sensor measured at a moment, in mg/dL."""
    passwords: dict[str, str] = field(default_factory=dict)
    """Passwords that were changed."""
    attempts: int = 0
    asked: list[tuple[int, int]] = field(default_factory=list)
    """`minutes` and `maxCount` of each read."""
    zero_ids: bool = False
    """A failed log-in is a zero id with status 200."""
    _failures: dict[str, int] = field(default_factory=dict)
    _sessions: dict[str, tuple[str, float]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.patients = {one.id: PatientModel(one, self.scenario.seed) for one in self.scenario.people}

    def account(self, person: str) -> str:
        """A person's account id."""
        return str(uuid5(NAMESPACE_URL, f"share/{self.scenario.seed}/{person}"))

    def password(self, person: str) -> str:
        return self.passwords.get(person, f"{person}-share")

    def expire(self) -> None:
        """All sessions end."""
        self._sessions.clear()

    def locked(self, person: str) -> bool:
        return self._failures.get(person, 0) >= MOST_ATTEMPTS

    def authenticated(self, person: str | None, password: str) -> str:
        """The person whose account and password these are. Raises Refusal."""
        self.attempts += 1
        if person is not None and self.locked(person):
            raise Refusal("SSO_AuthenticateMaxAttemptsExceeded", "Maximum attempts exceeded")
        if person is None or password != self.password(person):
            if person is not None:
                self._failures[person] = self._failures.get(person, 0) + 1
            raise Refusal("AccountPasswordInvalid", "Publisher account password failed")
        self._failures.pop(person, None)
        return person

    def session(self, person: str) -> str:
        name = str(uuid5(NAMESPACE_URL, f"session/{person}/{self.clock().timestamp()}/{self.attempts}"))
        self._sessions[name] = (person, self.clock().timestamp() + SESSION_S)
        return name

    def opened(self, session: str) -> str:
        """Whose session it is. Raises Refusal."""
        if session not in self._sessions:
            raise Refusal("SessionIdNotFound", "Session ID not found")
        person, until = self._sessions[session]
        if until <= self.clock().timestamp():
            raise Refusal("SessionNotValid", "Session not active or timed out")
        return person

    def readings(self, person: str, minutes: int, most: int) -> list[dict[str, Any]]:
        """Newest first, as the wire has them."""
        now = epoch(self.clock())
        found = self.patients[person].readings(now - min(minutes * 60, HELD_S), now + 1)
        rows = zip(found.times.tolist(), found.values.tolist(), found.rates.tolist(), strict=True)
        made = [self._reading(person, at, self.values.get((person, at), value), rate) for at, value, rate in rows]
        return made[::-1][:most]

    def _reading(self, person: str, at: int, value: int, rate: float) -> dict[str, Any]:
        ms = at * 1000 + (len(self.requests) * 377 % (self.jitter_ms + 1) if self.jitter_ms else 0)
        ahead = offset(self.patients[person].person, at)
        word = trend_word(rate)
        number = WORDS.index(word[0].upper() + word[1:])
        if self.old_form:
            shown = f"/Date({ms + ahead * 1000})/"
            return {"DT": shown, "ST": f"/Date({ms})/", "WT": f"/Date({ms})/", "Value": value, "Trend": number}
        sign = "-" if ahead < 0 else "+"
        suffix = f"{sign}{abs(ahead) // 3600:02}{abs(ahead) % 3600 // 60:02}"
        return {
            "WT": f"Date({ms})",
            "ST": f"Date({ms})",
            "DT": f"Date({ms}{suffix})",
            "Value": value,
            "Trend": WORDS[number],
        }


def create_app(cloud: Cloud) -> ASGIApp:
    """The cloud as an app, behind the wire that serves its faults."""
    api = _Api(cloud)
    routes = [
        Route(f"{BASE}/General/AuthenticatePublisherAccount", api.authenticate, methods=["POST"]),
        Route(f"{BASE}/General/LoginPublisherAccountById", api.log_in, methods=["POST"]),
        Route(f"{BASE}/Publisher/ReadPublisherLatestGlucoseValues", api.read, methods=["POST"]),
    ]
    return FaultyWire(Starlette(routes=routes), cloud.faults, cloud.clock, cloud.requests)


class _Api:
    def __init__(self, cloud: Cloud) -> None:
        self._cloud = cloud

    async def authenticate(self, request: Request) -> Response:
        sent = await _sent(request)
        name = str(sent.get("accountName", ""))
        person = next((one for one in self._cloud.patients if name == f"{one}@example.org"), None)
        return self._answered(sent, person, lambda found: self._cloud.account(found))

    async def log_in(self, request: Request) -> Response:
        sent = await _sent(request)
        person = next((one for one in self._cloud.patients if sent.get("accountId") == self._cloud.account(one)), None)
        return self._answered(sent, person, self._cloud.session)

    def _answered(self, sent: dict[str, Any], person: str | None, make: Any) -> Response:
        if self._cloud.region not in APPLICATIONS.get(str(sent.get("applicationId")), ()):
            return _refused(Refusal("InvalidArgument", "applicationId"))
        try:
            return _json(make(self._cloud.authenticated(person, str(sent.get("password", "")))))
        except Refusal as refusal:
            return _json(ZERO) if self._cloud.zero_ids else _refused(refusal)

    async def read(self, request: Request) -> Response:
        query = {name.lower(): value for name, value in request.query_params.items()}  # bridges say sessionID
        try:
            person = self._cloud.opened(query.get("sessionid", ""))
            minutes, most = int(query.get("minutes", "")), int(query.get("maxcount", ""))
        except Refusal as refusal:
            return _refused(refusal)
        except ValueError:
            return _refused(Refusal("InvalidArgument", "minutes, maxCount"))
        if not (1 <= minutes <= MOST_MINUTES and 1 <= most <= MOST_COUNT):
            return _refused(Refusal("InvalidArgument", "minutes, maxCount"))
        self._cloud.asked.append((minutes, most))
        return _json(self._cloud.readings(person, minutes, most))


async def _sent(request: Request) -> dict[str, Any]:
    try:
        found = orjson.loads(await request.body())
    except orjson.JSONDecodeError:
        return {}
    return found if isinstance(found, dict) else {}


def _refused(refusal: Refusal) -> Response:
    return _json(
        {"Code": refusal.code, "Message": refusal.message, "SubCode": refusal.message, "TypeName": "FaultException"},
        500,
    )


def _json(body: Any, status: int = 200) -> Response:
    return Response(orjson.dumps(body), status, media_type="application/json")
