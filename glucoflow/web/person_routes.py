"""The front page, a person's seven pages, their status, and the small forms on them."""

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from typing import Annotated, Any
from zoneinfo import ZoneInfo

import msgspec
from fastapi import APIRouter, Form, HTTPException, Query, Request
from fastapi.responses import RedirectResponse, Response

from glucoflow.analytics.data_sufficiency import ACTIVE_NEEDED
from glucoflow.model.errors import Rejected
from glucoflow.model.said import Said, said
from glucoflow.model.units import MG_DL, Unit
from glucoflow.model.words import number
from glucoflow.service.jobs import backfill_words
from glucoflow.service.people import add_person
from glucoflow.store import Connection, Person
from glucoflow.web import wording
from glucoflow.web.access import InPerson, InServices, OurForm, Services, local_path
from glucoflow.web.charts import View, meta_for
from glucoflow.web.dashboard_pages import DASHBOARD_PAGES, DashboardPage, dashboard_page, placed, too_short
from glucoflow.web.extras import part_of
from glucoflow.web.forms import Text, Tried, tried, unit_chosen, zones
from glucoflow.web.metrics import Lately, look, metrics_agg, read_metrics
from glucoflow.web.pages import UNIT_CODES, YEAR, language_of, unit_cookie, unit_of
from glucoflow.web.rights import OPERATE, READ, SIGNED_IN, visitor
from glucoflow.web.span import BadSpan, Span, minute_after, read_span, rolling

router = APIRouter()


class Card(msgspec.Struct, frozen=True, kw_only=True):
    """One person on the front page."""

    person: Person
    unit: Unit
    lately: Lately
    connections: Sequence[Connection]


NOTHING_ASKED: Mapping[str, object] = {"connected": None, "loading": False, "syncing": False, "gone": None}
CARDS = 48
"""People on one front page."""


@router.get("/", dependencies=[SIGNED_IN])
def front(request: Request, services: InServices, page: Annotated[int, Query(ge=1)] = 1, leaving: str = "") -> Response:
    """`leaving`: the id of someone whose deletion was asked for. Whoever came by a link has one person's pages only."""
    who = visitor(request)
    if who.share is not None:
        return RedirectResponse(f"/people/{who.share.user_id}/{who.share.pages[0]}", 303)
    return _front(request, services, page, leaving=leaving)


def _front(
    request: Request, services: Services, page: int, *, leaving: str = "", wrong: Tried | None = None
) -> Response:
    now = services.clock()
    who = visitor(request)
    people = [one for one in services.store.people.list() if who.may_read(one.id)]
    shown = people[(page - 1) * CARDS : page * CARDS]
    with ThreadPoolExecutor(8) as pool:
        cards = list(pool.map(lambda person: _card(request, services, person, now), shown))
    return services.pages.render(
        request,
        "front.html",
        now,
        422 if wrong else 200,
        cards=cards,
        titles=services.connect.titles,
        page=page,
        pages=max(1, -(-len(people) // CARDS)),
        zones=zones(),
        leaving=leaving,
        tried=wrong,
    )


@router.post("/people", dependencies=[OPERATE, OurForm])
def add(request: Request, services: InServices, name: Text = "", unit: Text = MG_DL, zone: Text = "UTC") -> Response:
    try:
        person = add_person(services.store, name, unit_chosen(unit), zone, services.clock())
    except Rejected as error:
        values = {"name": name, "unit": unit, "zone": zone}
        fields = {"display name": "name", "user": "name"}
        return _front(request, services, 1, wrong=tried("person", values, error, fields))
    return RedirectResponse(f"/people/{person.id}/status", 303)


@router.post("/people/{user_id}/unit", dependencies=[READ, OurForm])
def choose_unit(person: InPerson, unit: Annotated[Unit, Form()], back: Text = "/") -> Response:
    """Remember the unit for this person in this browser."""
    response = RedirectResponse(local_path(back), 303)
    response.set_cookie(unit_cookie(person.id), UNIT_CODES[unit], max_age=YEAR, httponly=True, samesite="lax")
    return response


@router.get("/people/{user_id}/status", dependencies=[READ])
def status(
    request: Request,
    services: InServices,
    person: InPerson,
    connected: str = "",
    loading: bool = False,
    syncing: bool = False,
    gone: Annotated[int | None, Query(ge=0)] = None,
) -> Response:
    asked = {"connected": services.connect.titles.get(connected), "loading": loading, "syncing": syncing, "gone": gone}
    return status_page(request, services, person, asked=asked)


def status_page(
    request: Request,
    services: Services,
    person: Person,
    *,
    asked: Mapping[str, object] = NOTHING_ASKED,
    wrong: Tried | None = None,
) -> Response:
    """Connections, runs and rejected records. `asked`: what was just asked for; `wrong`: of the form for older days."""
    now = services.clock()
    store, titles = services.store, services.connect.titles
    connections = store.connections.for_user(person.id)
    lately, _ = look(services.queries, person, now, services.connect.delays(connections))
    return services.pages.render(
        request,
        "status.html",
        now,
        422 if wrong else 200,
        person=person,
        unit=unit_of(request, person),
        current="status",
        connections=services.connect.ranked(connections),
        overdue=services.connect.overdue(connections, now),
        rejected_records=store.rejected_records.counts(user_id=person.id),
        runs=store.runs.list(user_id=person.id, limit=10),
        backfills=[backfill_words(one) for one in store.backfills.open(person.id)],
        titles=titles,
        freshness=services.connect.freshness,
        takes=services.connect.takes,
        by_form={name for name in titles if services.connect.form(name)},
        newest=lately.newest,
        tried=wrong,
        **asked,
        today=now.astimezone(ZoneInfo(person.zone)).date(),
    )


@router.get("/people/{user_id}", dependencies=[READ])
def person_page(request: Request, services: InServices, person: InPerson) -> Response:
    return _dashboard(request, services, person, DASHBOARD_PAGES[0])


@router.get("/people/{user_id}/{slug}", dependencies=[READ])
def dashboard(request: Request, services: InServices, person: InPerson, slug: str) -> Response:
    found = dashboard_page(slug)
    if found is None:
        raise HTTPException(
            404, said("There is no page called “%(page)s” for %(name)s.", page=slug[:40], name=person.display_name)
        )
    return _dashboard(request, services, person, found)


def _dashboard(request: Request, services: Services, person: Person, chosen: DashboardPage) -> Response:
    now = services.clock()
    problem = None
    try:
        span = read_span(request.query_params, person.zone, now, chosen.window)
    except BadSpan as error:
        problem, span = error.text, rolling(chosen.window, person.zone, now)
    unit = unit_of(request, person)
    with ThreadPoolExecutor(1) as beside:
        part = beside.submit(part_of, chosen, services.queries, person, unit, span)
        metrics = _metrics(services, person, span, now)
        compare = request.query_params.get("compare") == "1"
        lacking = _lacking(metrics, span) if compare else None
        compared = compare and not lacking
        values = metrics | part.result()
        values |= _charts(request, services, person, unit, chosen, span, now, compared=compared)
    return services.pages.render(
        request,
        "dashboard.html",
        now,
        400 if problem else 200,
        person=person,
        unit=unit,
        current=chosen.slug,
        shown=chosen,
        span=span,
        problem=problem,
        compare=compare,
        compared=compared,
        lacking=lacking,
        excluded=[
            one
            for one in services.annotations.exclusions(person.id)
            if one.undone_at is None and one.start < span.end and one.end > span.start
        ],
        **values,
    )


def _charts(
    request: Request,
    services: Services,
    person: Person,
    unit: Unit,
    chosen: DashboardPage,
    span: Span,
    now: datetime,
    *,
    compared: bool,
) -> dict[str, Any]:
    """The charts of the page with what each says of itself, and the names of those that need a longer span."""
    today = now.astimezone(ZoneInfo(person.zone)).date()
    language = language_of(request)
    view = View(
        start=span.start, end=span.end, unit=unit, targets=person.targets, days=span.whole_days, language=language
    )
    meta = {name: meta_for(chart.meta, view) for name, chart in services.charts.items()}
    return {
        "today": today,
        "panels": [
            (one, meta[one.chart]) for one in placed(chosen, span, today, compared=compared) if one.chart in meta
        ],
        "too_short": {
            days: [meta[name].title for name in names if name in meta]
            for days, names in too_short(chosen, span).items()
        },
    }


def _lacking(found: Mapping[str, Any], span: Span) -> Said | None:
    """Which side has too little to be compared, with its share; None where both were worn for 70 % of their time."""
    for side, name in ((found["before"], span.compared), (found["metrics"], span.within)):
        if not side.n or side.active_percent < ACTIVE_NEEDED:
            return said(
                "Nothing is compared: %(span)s: %(share)s of the time worn, %(needed)s %% are needed on both sides.",
                span=name,
                share=wording.percent(side.active_percent),
                needed=number(ACTIVE_NEEDED, 0),
            )
    return None


def _metrics(services: Services, person: Person, span: Span, now: datetime) -> dict[str, Any]:
    """Lately, the figures of the span, and those of the span before it, in one search."""
    now = minute_after(now)
    start, end = span.preceding()
    connections = services.store.connections.for_user(person.id)
    both = {
        "span": metrics_agg(span.start, span.end, person.targets),
        "before": metrics_agg(start, end, person.targets),
    }
    delays = services.connect.delays(connections)
    lately, aggs = look(services.queries, person, now, delays, both, (start, span.end))
    return {
        "connections": connections,
        "titles": services.connect.titles,
        "lately": lately,
        "metrics": read_metrics(aggs.get("span", {}), span.start, min(span.end, now), person.targets),
        "before": read_metrics(aggs.get("before", {}), start, end, person.targets),
    }


def _card(request: Request, services: Services, person: Person, now: datetime) -> Card:
    connections = services.store.connections.for_user(person.id)
    delays = services.connect.delays(connections)
    lately, _ = look(services.queries, person, now, delays)
    return Card(person=person, unit=unit_of(request, person), lately=lately, connections=connections)
