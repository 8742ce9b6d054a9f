"""A person's data by window, kind and `updatedSince`, in Tidepool's data model and nearly by its own address."""

from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from typing import Annotated, Any

import msgspec
from fastapi import APIRouter, Depends, HTTPException, Query, Request
from fastapi.responses import JSONResponse, Response
from pydantic import AwareDatetime, BaseModel, Field

from glucoflow.es.answers import Paged
from glucoflow.es.queries import Queries, only
from glucoflow.model.documents import Dataset
from glucoflow.model.units import MG_DL, MMOL_L, Unit
from glucoflow.partner_api.limits import Limits, Rate
from glucoflow.partner_api.oauth import subject_of
from glucoflow.partner_api.records import SharedRecord, shared_record
from glucoflow.partner_api.scopes import SCOPES, datasets_of
from glucoflow.people_api.asked import cursor_of, place_of
from glucoflow.service.answers import Problem
from glucoflow.service.uploading import SETTLES
from glucoflow.store import PartnerGrant
from glucoflow.store.partners import ACCESS_LASTS, REFRESH_LASTS
from glucoflow.web.access import InServices, address_of

SESSION = "x-tidepool-session-token"
"""Where Tidepool's own programs put a token."""


DOOR = "the partner API"
"""As the audit trail calls it."""
PAGE = 5_000
MS = timedelta(milliseconds=1)
router = APIRouter(prefix="/partner/v1")


class Me(BaseModel):
    """Whom a token stands for, and what it may read."""

    userId: str = Field(description="The person, by the id under which this partner knows them.")  # noqa: N815
    scope: str
    grantedAt: datetime  # noqa: N815


class Published(BaseModel):
    """What is asked of a partner."""

    requestsPerMinute: int = Field(description="For one consent; beyond it 429 with Retry-After.")  # noqa: N815
    longestWindowDays: int = Field(description="Days from startDate to endDate.")  # noqa: N815
    rowsPerPage: int  # noqa: N815
    accessTokenMinutes: int  # noqa: N815
    refreshTokenDays: int  # noqa: N815
    maintenanceStart: str | None = Field(description="Daily, UTC; until its end 503 with Retry-After.")  # noqa: N815
    maintenanceEnd: str | None  # noqa: N815
    geographicalRestrictions: str | None = None  # noqa: N815
    ipRestrictions: str | None = None  # noqa: N815


_WORDS = {
    400: "What is asked for cannot be.",
    401: "The token is missing, expired or revoked.",
    403: "The consent does not cover this, or is for somebody else.",
    422: "A parameter has no usable value.",
    429: "Too many requests: come again after Retry-After seconds.",
    503: "Maintenance or an outage: come again after Retry-After seconds.",
}
PROBLEMS: dict[int | str, dict[str, Any]] = {
    status: {"model": Problem, "description": text} for status, text in _WORDS.items()
}


def granted(request: Request, services: InServices) -> PartnerGrant:
    """The consent of the request's token. Raises HTTPException: 401, 403, 429, 503."""
    limits: Limits = request.app.state.limits
    rate: Rate = request.app.state.rate
    now = services.clock()
    away = limits.away_for(now)
    if away is not None:
        raise HTTPException(503, "Maintenance is going on.", {"Retry-After": str(round(away.total_seconds()) + 1)})
    scheme, _, bearer = request.headers.get("authorization", "").partition(" ")
    session = request.headers.get(SESSION, "")
    token = bearer.strip() if scheme.lower() == "bearer" else session
    grant = services.store.partners.by_access(token, now) if token else None
    if grant is None:
        # Programs that speak as Tidepool's know a refused token by this status.
        raise HTTPException(403 if session else 401, "The token is missing, expired or revoked.")
    wait = rate.wait(grant.id, now)
    if wait is not None:
        raise HTTPException(429, "Too many requests.", {"Retry-After": str(wait)})
    return grant


InGrant = Annotated[PartnerGrant, Depends(granted)]


@router.get("/limits", response_model=Published)
def limits(request: Request) -> Response:
    """How often and how much may be asked, and when not. For everybody."""
    of: Limits = request.app.state.limits
    told = Published(
        requestsPerMinute=of.per_minute,
        longestWindowDays=of.longest_days,
        rowsPerPage=of.rows,
        accessTokenMinutes=ACCESS_LASTS // timedelta(minutes=1),
        refreshTokenDays=REFRESH_LASTS.days,
        maintenanceStart=of.maintenance_start.isoformat("minutes") if of.maintenance_start else None,
        maintenanceEnd=of.maintenance_end.isoformat("minutes") if of.maintenance_end else None,
    )
    return JSONResponse(told.model_dump(mode="json"))


@router.get("/me", response_model=Me, responses=PROBLEMS)
def me(grant: InGrant) -> Response:
    """Whom the token stands for."""
    told = Me(userId=subject_of(grant), scope=grant.scope, grantedAt=grant.granted_at)
    return JSONResponse(told.model_dump(mode="json"))


RECORDS: dict[int | str, dict[str, Any]] = {
    **PROBLEMS,
    200: {
        "description": "Records. `Link` names the next page, if there is one.",
        "content": {
            "application/json": {
                "schema": {
                    "type": "array",
                    "items": {
                        "anyOf": [
                            {"$ref": "#/components/schemas/TidepoolRecord"},
                            {"$ref": "#/components/schemas/CgmSettings"},
                        ]
                    },
                }
            }
        },
    },
}


@router.get("/data/{userId}", responses=RECORDS)
def data(
    request: Request,
    services: InServices,
    grant: InGrant,
    userId: str,  # noqa: N803
    type: Annotated[str | None, Query(max_length=300, description="Tidepool types, by comma.")] = None,  # noqa: A002
    subType: Annotated[str | None, Query(max_length=50)] = None,  # noqa: N803
    startDate: Annotated[AwareDatetime | None, Query(description="RFC 3339, included.")] = None,  # noqa: N803
    endDate: Annotated[AwareDatetime | None, Query(description="RFC 3339, included.")] = None,  # noqa: N803
    updatedSince: Annotated[  # noqa: N803
        AwareDatetime | None,
        Query(description="Only what was written since: X-Updated-Until of the time before."),
    ] = None,
    latest: Annotated[bool, Query(description="Only the newest record of each kind in the window.")] = False,
    units: Annotated[
        str | None, Query(pattern="^(mg/dL|mmol/L)$", description="Of glucose; default: as measured.")
    ] = None,
    limit: Annotated[int | None, Query(ge=1, le=10_000, description="Records of a page at most.")] = None,
    cursor: Annotated[str | None, Query(max_length=200)] = None,
) -> Response:
    """Records of a window of at most 31 days, all at once or, with `limit`, a page at a time; or what is new.

    A record has the same `id` always: the later one counts. With `updatedSince` they come in the order in which they
    were written, whenever they are of. Not of a type that the consent does not cover: that is 403.
    """
    if userId != subject_of(grant):
        raise HTTPException(403, "This token is for somebody else.")
    partner = services.store.partners.find(grant.partner_id)
    services.programs.read(partner.name if partner else "a partner", grant.user_id, DOOR, address_of(request))
    types = [one for one in (type or "").split(",") if one]
    datasets = _datasets(grant, types)
    asked = _Asked(
        grant.user_id, datasets, types, subType, _unit(units), startDate, endDate, updatedSince, limit, place_of(cursor)
    )
    limits: Limits = request.app.state.limits
    queries: Queries = request.app.state.queries
    until = services.clock() - SETTLES
    if latest:
        return _answer(asked.records(_newest(queries, asked)), None, request, until)
    if updatedSince is None and limit is None:
        _not_too_long(asked, limits, services.clock())
        return _answer(asked.records(_every(queries, asked)), None, request, until)
    found = _page(queries, asked, limit or limits.rows)
    more = cursor_of(found[-1].place) if len(found) == (limit or limits.rows) else None
    return _answer(asked.records(found), more, request, until)


class _Asked(msgspec.Struct, frozen=True):
    user_id: str
    datasets: list[Dataset]
    types: list[str]
    sub_type: str | None
    units: Unit | None
    start: datetime | None
    end: datetime | None
    since: datetime | None
    limit: int | None
    after: tuple[int, int] | None

    @property
    def query(self) -> dict[str, Any]:
        """Of readings of a moment that a better source has too, only the better."""
        query = only(self.datasets, self.start, self.end + MS if self.end else None, superseded=False)
        if self.since is not None:
            query["bool"]["filter"].append({"range": {"event.ingested": {"gte": self.since.isoformat()}}})
        return query

    def records(self, found: Iterable[Paged]) -> Iterator[SharedRecord]:
        for row in found:
            record = shared_record(row.document, self.units)
            if record is None or (self.types and record.type not in self.types):
                continue
            if self.sub_type is None or getattr(record, "sub_type", None) == self.sub_type:
                yield record


def _datasets(grant: PartnerGrant, types: list[str]) -> list[Dataset]:
    known = {one for part in SCOPES.values() for one in part.types}
    if unknown := sorted(set(types) - known - OF_TIDEPOOL_ONLY):
        raise HTTPException(400, f"No such type: {', '.join(unknown)[:100]}. Known: {', '.join(sorted(known))}.")
    datasets = datasets_of(grant.scope, types)
    if types and not datasets and set(types) & known:
        raise HTTPException(403, "The consent does not cover these types.")
    return datasets


OF_TIDEPOOL_ONLY = {"wizard", "water", "pumpSettings", "pumpStatus", "dosingDecision", "bloodKetone", "deviceStatus"}
"""Types that Tidepool has and no document of ours: there are none of them."""


def _unit(units: str | None) -> Unit | None:
    return MG_DL if units == MG_DL else MMOL_L if units == MMOL_L else None


def _not_too_long(asked: _Asked, limits: Limits, now: datetime) -> None:
    longest = timedelta(days=limits.longest_days)
    if asked.start is None or (asked.end or now) - asked.start > longest:
        raise HTTPException(
            400, f"A window has {limits.longest_days} days at most; or ask with limit, or with updatedSince."
        )


def _page(queries: Queries, asked: _Asked, rows: int) -> list[Paged]:
    by: Any = "@timestamp" if asked.since is None else "event.ingested"
    return queries.page(asked.user_id, asked.query, rows, by=by, after=asked.after) if asked.datasets else []


def _every(queries: Queries, asked: _Asked) -> Iterator[Paged]:
    after = asked.after
    while True:
        found = queries.page(asked.user_id, asked.query, PAGE, after=after) if asked.datasets else []
        yield from found
        if len(found) < PAGE:
            return
        after = found[-1].place


def _newest(queries: Queries, asked: _Asked) -> Iterator[Paged]:
    for one in asked.datasets:
        query = msgspec.structs.replace(asked, datasets=[one]).query
        yield from queries.page(asked.user_id, query, 1, newest_first=True)


def _answer(records: Iterable[SharedRecord], more: str | None, request: Request, until: datetime) -> Response:
    body = b"[" + b",".join(msgspec.json.encode(one) for one in records) + b"]"
    headers = {"Cache-Control": "no-store", "X-Updated-Until": until.isoformat(timespec="milliseconds")}
    if more is not None:
        headers["Link"] = f'<{request.url.include_query_params(cursor=more)}>; rel="next"'
    return Response(body, media_type="application/json", headers=headers)
