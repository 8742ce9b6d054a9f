"""The front page, a person's seven pages, their status, and the small forms on them."""

from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from typing import Annotated, Any
from zoneinfo import ZoneInfo

import msgspec
from fastapi import APIRouter, Form, HTTPException, Query, Request
from fastapi.responses import RedirectResponse, Response

from glucoflow.model.units import MG_DL, Unit
from glucoflow.service.ports import Connection, Person
from glucoflow.web.access import InParts, InPerson, OurForm, Services, local_path
from glucoflow.web.charts import View, told
from glucoflow.web.dashboard_pages import BOARDS, DashboardPage, board, placed, too_short
from glucoflow.web.extras import part_of
from glucoflow.web.figures import Lately, figures_agg, lately_body, read_figures, read_lately
from glucoflow.web.pages import UNIT_CODES, YEAR, unit_cookie, unit_of
from glucoflow.web.span import BadSpan, Span, minute_after, read_span, rolling

router = APIRouter()


class Card(msgspec.Struct, frozen=True, kw_only=True):
    """One person on the front page."""

    person: Person
    unit: Unit
    lately: Lately
    connections: tuple[Connection, ...]


CARDS = 48
"""People on one front page."""


@router.get("/")
def front(request: Request, parts: InParts, page: Annotated[int, Query(ge=1)] = 1) -> Response:
    now = parts.clock()
    people = parts.people.people()
    shown = people[(page - 1) * CARDS : page * CARDS]
    with ThreadPoolExecutor(8) as pool:
        cards = list(pool.map(lambda person: _card(request, parts, person, now), shown))
    return parts.pages.render(
        request, "front.html", now, cards=cards, page=page, pages=max(1, -(-len(people) // CARDS))
    )  # fmt: skip


@router.post("/people", dependencies=[OurForm])
def add(
    parts: InParts,
    name: Annotated[str, Form()],
    unit: Annotated[Unit, Form()] = MG_DL,
    zone: Annotated[str, Form()] = "UTC",
) -> Response:
    person = parts.people.add(name, unit, zone, parts.clock())
    return RedirectResponse(f"/people/{person.id}/status", 303)


@router.post("/people/{user_id}/unit", dependencies=[OurForm])
def choose_unit(person: InPerson, unit: Annotated[Unit, Form()], back: Annotated[str, Form()] = "/") -> Response:
    """Remember the unit for this person in this browser."""
    response = RedirectResponse(local_path(back), 303)
    response.set_cookie(unit_cookie(person.id), UNIT_CODES[unit], max_age=YEAR, httponly=True, samesite="lax")
    return response


@router.get("/people/{user_id}/status")
def status(request: Request, parts: InParts, person: InPerson, connected: str = "", loading: bool = False) -> Response:
    now = parts.clock()
    newest = read_lately(parts.glucose.aggregate(person.id, lately_body(now, person.targets)), now).newest
    titles = {one.name: one.title for one in parts.connect.providers()}
    return parts.pages.render(
        request, "status.html", now, person=person, unit=unit_of(request, person), boards=BOARDS, current="status",
        connections=parts.people.connections(person.id), rejects=parts.people.rejected_records(person.id),
        runs=parts.people.runs(person.id, 10), providers=parts.connect.providers(), titles=titles,
        newest=newest, connected=titles.get(connected), loading=loading, span=None,
        today=now.astimezone(ZoneInfo(person.zone)).date(),
    )  # fmt: skip


@router.get("/people/{user_id}")
def person_page(request: Request, parts: InParts, person: InPerson) -> Response:
    return _board_page(request, parts, person, BOARDS[0])


@router.get("/people/{user_id}/{slug}")
def board_page(request: Request, parts: InParts, person: InPerson, slug: str) -> Response:
    found = board(slug)
    if found is None:
        raise HTTPException(404, f"There is no page called “{slug[:40]}” for {person.display_name}.")
    return _board_page(request, parts, person, found)


def _board_page(request: Request, parts: Services, person: Person, chosen: DashboardPage) -> Response:
    now = parts.clock()
    problem = None
    try:
        span = read_span(request.query_params, person.zone, now, chosen.window)
    except BadSpan as error:
        problem, span = str(error), rolling(chosen.window, person.zone, now)
    unit = unit_of(request, person)
    with ThreadPoolExecutor(1) as beside:
        part = beside.submit(part_of, chosen, parts.glucose, person, unit, span)
        figures = _figures(parts, person, span, now)
        values = figures | part.result() | _charts(parts, person, unit, chosen, span, now)
    return parts.pages.render(
        request, "board.html", now, 400 if problem else 200, person=person, unit=unit, boards=BOARDS,
        current=chosen.slug, board=chosen, span=span, problem=problem,
        compare=request.query_params.get("compare") == "1", connections=parts.people.connections(person.id),
        left_out=[
            one for one in parts.marks.exclusions(person.id)
            if one.undone_at is None and one.start < span.end and one.end > span.start
        ],
        **values,
    )  # fmt: skip


def _charts(
    parts: Services, person: Person, unit: Unit, chosen: DashboardPage, span: Span, now: datetime
) -> dict[str, Any]:  # fmt: skip
    """The charts of the page with what each says of itself, and the names of those that need a longer span."""
    today = now.astimezone(ZoneInfo(person.zone)).date()
    view = View(start=span.start, end=span.end, unit=unit, targets=person.targets)
    meta = {name: told(chart.meta, view) for name, chart in parts.charts.items()}
    return {
        "today": today,
        "panels": [(one, meta[one.chart]) for one in placed(chosen, span, today) if one.chart in meta],
        "too_short": {
            days: [meta[name].title for name in names if name in meta]
            for days, names in too_short(chosen, span).items()
        },
    }  # fmt: skip


def _figures(parts: Services, person: Person, span: Span, now: datetime) -> dict[str, Any]:
    """Lately, the figures of the span, and those of the span before it, in one search."""
    now = minute_after(now)
    start, end = span.preceding()
    body = lately_body(now, person.targets)
    body["aggs"] |= {
        "span": figures_agg(span.start, span.end, person.targets),
        "before": figures_agg(start, end, person.targets),
    }
    answer = parts.glucose.aggregate(person.id, body)
    aggs = answer.get("aggregations", {})
    return {
        "lately": read_lately(answer, now),
        "figures": read_figures(aggs.get("span", {}), span.start, min(span.end, now)),
        "before": read_figures(aggs.get("before", {}), start, end),
    }


def _card(request: Request, parts: Services, person: Person, now: datetime) -> Card:
    answer = parts.glucose.aggregate(person.id, lately_body(now, person.targets))
    return Card(
        person=person, unit=unit_of(request, person), lately=read_lately(answer, now),
        connections=tuple(parts.people.connections(person.id)),
    )  # fmt: skip
