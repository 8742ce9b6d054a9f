"""The simulated cloud as a web app: consent, tokens and the six kinds of data, as strict as the real one."""

import hashlib
import re
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, get_args

import orjson
from fastapi import FastAPI, Request, Response
from fastapi.exceptions import HTTPException
from starlette.exceptions import HTTPException as StarletteHTTPException
from starlette.types import ASGIApp

from glucoflow.simulators.dexcom.archive import Archive, Holdings, RecordKind
from glucoflow.simulators.dexcom.grants import Family, GrantError, Grants
from glucoflow.simulators.dexcom.oauth import RefreshAttempt, oauth_routes
from glucoflow.simulators.fault_injection import Faults
from glucoflow.simulators.faulty_wire import Asked, FaultyWire
from glucoflow.simulators.scenario import Client, Scenario
from glucoflow.simulators.settable_clock import Clock, real_clock

LONGEST_WINDOW = timedelta(days=30)
RECORD_TYPE: dict[str, str] = {
    "egvs": "egv",
    "events": "event",
    "calibrations": "calibration",
    "alerts": "alert",
    "devices": "device",
}
_MOMENT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d", re.ASCII)


@dataclass
class Records:
    """What took place at the wire, for tests to look at."""

    faults: Faults = field(default_factory=Faults)
    requests: list[Asked] = field(default_factory=list)
    refreshes: list[RefreshAttempt] = field(default_factory=list)
    on_answer: list[Callable[[Asked], None]] = field(default_factory=list)
    """Called when an answer is made and before it is sent: what happens in the world while somebody reads."""


class BadRequest(Exception):
    """A parameter is missing or wrong: the answer is 400 with `errors` by parameter."""

    def __init__(self, parameter: str, why: str) -> None:
        super().__init__(f"{parameter}: {why}")
        self.parameter = parameter
        self.why = why


def create_app(
    scenario: Scenario,
    clock: Clock = real_clock,
    clients: Mapping[str, Client] | None = None,
    records: Records | None = None,
    grants: Grants | None = None,
    archive: Holdings | None = None,
    calls_per_hour: int = 60_000,
) -> ASGIApp:
    """The simulator as an ASGI app (FastAPI behind the wire that serves the faults of `records.faults`).

    `clients` are the registered apps by id. `calls_per_hour`: calls of all of them (for all people) in a clock hour
    before 429, as Dexcom states it.
    """
    records, clients = records or Records(), {Client.id: Client()} if clients is None else clients
    grants, archive = grants or Grants(), archive or Archive(scenario)
    app = FastAPI(title="glucoflow simulator", openapi_url=None, docs_url=None, redoc_url=None, redirect_slashes=False)
    _errors(app)
    _open_routes(app, scenario)
    app.include_router(oauth_routes(scenario, clients, grants, clock, records.refreshes))
    _data_routes(app, scenario, grants, archive, clock, calls_per_hour)
    return FaultyWire(app, records.faults, clock, records.requests, grants.bearer, records.on_answer)


def _open_routes(app: FastAPI, scenario: Scenario) -> None:
    @app.get("/health")
    async def health() -> dict[str, str]:
        return {"status": "ok"}

    @app.get("/people")
    async def people() -> list[dict[str, str]]:
        """Who can be connected; not part of the provider's API."""
        return [{"id": one.id, "name": one.name, "unit": one.unit, "zone": one.zone} for one in scenario.people]


def _data_routes(
    app: FastAPI, scenario: Scenario, grants: Grants, archive: Holdings, clock: Clock, calls_per_hour: int
) -> None:
    calls: Counter[int] = Counter()

    def entered(request: Request) -> Family:
        """Whose data the bearer token opens, and for which app. Raises HTTPException (401, 429)."""
        now = clock()
        hour = int(now.timestamp()) // 3600
        calls[hour] += 1
        if calls[hour] > calls_per_hour:
            raise _fault(429, "Rate limit quota violation", "policies.ratelimit.QuotaViolation")
        token = _bearer(request)
        try:
            family = grants.opened(token, now)
            if getattr(request.state, "revoke", False):
                grants.revoke(family.person)
                family = grants.opened(token, now)
        except GrantError as error:
            text = "Access Token expired" if error.why == "expired" else "Invalid Access Token"
            raise _fault(401, text, f"keymanagement.service.{text.lower().replace(' ', '_')}") from error
        return family

    @app.get("/v3/users/self/dataRange")
    async def data_range(request: Request) -> Response:
        family, since = entered(request), request.query_params.get("lastSyncTime")
        moment = None if since is None else _with_offset("lastSyncTime", since)
        held = archive.data_range(family.person, clock(), moment)
        return _json(orjson.dumps({**_envelope("dataRange", family, scenario.seed), **held}))

    @app.get("/v3/users/self/{kind}")
    async def data(kind: str, request: Request) -> Response:
        if kind not in get_args(RecordKind):
            raise StarletteHTTPException(404)
        family = entered(request)
        known: RecordKind = kind  # type: ignore[assignment]  # checked two lines above
        start, end = _window(request) if kind != "devices" else (clock(), clock())
        envelope = orjson.dumps(_envelope(RECORD_TYPE[kind], family, scenario.seed))
        records = archive.page(family.person, known, start, end, clock(), family.client)
        return _json(envelope[:-1] + b',"records":' + records + b"}")


def _bearer(request: Request) -> str:
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not token:
        raise _fault(401, "Failed to resolve API Key variable", "steps.oauth.v2.FailedToResolveAPIKey")
    return token


def _window(request: Request) -> tuple[datetime, datetime]:
    start, end = (_without_zone(name, request.query_params.get(name)) for name in ("startDate", "endDate"))
    if start > end:
        raise BadRequest("startDate", "startDate must not be after endDate")
    if end - start > LONGEST_WINDOW:
        raise BadRequest("endDate", "the time window must not be longer than 30 days")
    return start, end


def _without_zone(name: str, text: str | None) -> datetime:
    """A moment as the data endpoints want it: `YYYY-MM-DDThh:mm:ss`, meaning UTC. Raises BadRequest."""
    if not text:
        raise BadRequest(name, f"{name} is required")
    if not _MOMENT.fullmatch(text):
        raise BadRequest(name, f"{name} must be YYYY-MM-DDThh:mm:ss, without fraction and zone")
    try:
        return datetime.fromisoformat(text).replace(tzinfo=UTC)
    except ValueError as error:
        raise BadRequest(name, f"{name} is no date: {error}") from error


def _with_offset(name: str, text: str) -> datetime:
    """A moment as `dataRange` wants it: with Z or an offset, unlike elsewhere. Raises BadRequest."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise BadRequest(name, f"{name} is no date: {error}") from error
    if moment.tzinfo is None:
        raise BadRequest(name, f"{name} needs Z or an offset")
    return moment


def _envelope(record_type: str, family: Family, seed: int) -> dict[str, Any]:
    user = hashlib.sha256(f"{family.client}/{seed}/{family.person}".encode()).hexdigest()
    return {"recordType": record_type, "recordVersion": "3.0", "userId": user}


def _errors(app: FastAPI) -> None:
    """Error bodies: `errors` for wrong parameters, `fault` from the gateway for everything else."""

    @app.exception_handler(BadRequest)
    async def bad(_: Request, error: BadRequest) -> Response:
        return _json(orjson.dumps({"errors": {error.parameter: [error.why]}}), 400)

    @app.exception_handler(StarletteHTTPException)
    async def fault(_: Request, error: StarletteHTTPException) -> Response:
        if isinstance(error.detail, dict):
            return _json(orjson.dumps(error.detail), error.status_code)
        status = error.status_code
        text = {404: "Unable to identify proxy for host and url", 405: "Method not allowed"}.get(status, "Error")
        return _json(orjson.dumps(_fault(status, text, "messaging.adaptors.http.flow").detail), status)


def _fault(status: int, text: str, code: str) -> HTTPException:
    return HTTPException(status, detail={"fault": {"faultstring": text, "detail": {"errorcode": code}}})


def _json(body: bytes, status: int = 200) -> Response:
    return Response(body, status_code=status, media_type="application/json")
