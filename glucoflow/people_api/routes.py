"""The addresses. Each answers for one person whom the caller may see."""

from datetime import date, timedelta
from typing import Annotated, Literal, TypeVar

from fastapi import APIRouter, HTTPException, Query, Request
from fastapi.responses import Response

from glucoflow.model.documents import Dataset
from glucoflow.model.glycemia import EPISODE_KINDS, EpisodeKind
from glucoflow.model.units import MG_DL, MMOL_L, Unit
from glucoflow.people_api.access import ByCaller, InPerson
from glucoflow.people_api.asked import From, InPage, InSpan, Last, To, cursor_of, dates_of, not_too_long
from glucoflow.people_api.forms import answered
from glucoflow.service.answers import (
    AdherenceAnswer,
    Answer,
    DayAnswer,
    EpisodeAnswer,
    EventAnswer,
    FiguresAnswer,
    InsightsAnswer,
    LatestAnswer,
    PersonAnswer,
    Problem,
    ReadingAnswer,
)
from glucoflow.service.questions import EVENTS, Questions
from glucoflow.web.access import services_of

_WORDS = {
    400: "What is asked for cannot be: a span, a cursor.",
    401: "The credential is missing, wrong or revoked.",
    403: "The app may only upload.",
    404: "There is nobody of this name, or not for this app.",
    422: "A parameter has no usable value.",
    503: "Elasticsearch or the database is away. Come again.",
}
PROBLEMS: dict[int | str, dict[str, object]] = {
    status: {"model": Problem, "description": text} for status, text in _WORDS.items()
}
CSV_TOO: dict[int | str, dict[str, object]] = {200: {"content": {"text/csv": {"schema": {"type": "string"}}}}}
UnitCode = Annotated[Literal["mgdl", "mmoll"] | None, Query(description="The unit of sentences; default: theirs.")]
UNITS: dict[str, Unit] = {"mgdl": MG_DL, "mmoll": MMOL_L}
DAYS_A_PAGE = 92

router = APIRouter(prefix="/api/people", responses=PROBLEMS)
T = TypeVar("T", bound=Answer)


class People(Answer):
    people: list[PersonAnswer]


class Readings(Answer):
    readings: list[ReadingAnswer]
    next: str | None


class Events(Answer):
    events: list[EventAnswer]
    next: str | None


class Days(Answer):
    days: list[DayAnswer]
    next: str | None


class Episodes(Answer):
    episodes: list[EpisodeAnswer]


class Protocols(Answer):
    measures: list[AdherenceAnswer]


def _questions(request: Request) -> Questions:
    found: Questions = request.app.state.questions
    return found


@router.get("", response_model=People)
def people(request: Request, caller: ByCaller) -> Response:
    """Everybody whom the caller may see: an app its one person."""
    everybody = () if caller.asks_too_much(request) else services_of(request).store.people.list()
    seen = [_questions(request).person(one.id) for one in everybody if caller.sees(one.id)]
    return answered(request, People(people=seen), seen, "people")


@router.get("/{user_id}/profile", response_model=PersonAnswer)
def profile(request: Request, person: InPerson) -> Response:
    """Name, zone, unit, range and goals."""
    return answered(request, _questions(request).person(person.id))


@router.get("/{user_id}/latest", response_model=LatestAnswer)
def latest(request: Request, person: InPerson) -> Response:
    """The newest reading and its age."""
    return answered(request, _questions(request).latest(person.id))


@router.get("/{user_id}/readings", response_model=Readings, responses=CSV_TOO)
def readings(
    request: Request,
    person: InPerson,
    asked: InSpan,
    page: InPage,
) -> Response:
    """Readings by time, a page at a time; by default those of the last 24 hours.

    Left out are readings of a moment that a better source has too. `next` is null on the last page.
    """
    span = asked.within(person.zone, services_of(request).clock(), "24h")
    rows, place = _questions(request).readings(
        person.id, span.start, span.end, page.limit, newest_first=page.newest_first, after=page.after
    )
    return answered(request, Readings(readings=rows, next=cursor_of(place)), rows, f"{person.id}-readings")


@router.get("/{user_id}/events", response_model=Events, responses=CSV_TOO)
def events(
    request: Request,
    person: InPerson,
    asked: InSpan,
    page: InPage,
    kind: Annotated[list[Dataset] | None, Query(description="Only these; may be given several times.")] = None,
) -> Response:
    """Insulin, food, exercise, health, notes, finger-sticks, calibrations, alerts by time; by default of 14 days."""
    span = asked.within(person.zone, services_of(request).clock(), "14d")
    kinds = [one for one in EVENTS if kind is None or one in kind]
    rows, place = _questions(request).events(
        person.id, span.start, span.end, page.limit, kinds=kinds, newest_first=page.newest_first, after=page.after
    )
    return answered(request, Events(events=rows, next=cursor_of(place)), rows, f"{person.id}-events")


@router.get("/{user_id}/figures", response_model=FiguresAnswer)
def figures(
    request: Request,
    person: InPerson,
    asked: InSpan,
) -> Response:
    """Mean, time in range, variability, risk, goals and episodes of a span, by default of 14 days."""
    span = asked.within(person.zone, services_of(request).clock(), "14d")
    not_too_long(span)
    return answered(request, _questions(request).figures(person.id, span.start, span.end))


@router.get("/{user_id}/days", response_model=Days, responses=CSV_TOO)
def days(
    request: Request,
    person: InPerson,
    last: Last = None,
    first: From = None,
    to: To = None,
    cursor: Annotated[
        str | None, Query(pattern=r"^\d{4}-\d{2}-\d{2}$", description="`next` of the page before.")
    ] = None,
) -> Response:
    """Each local date, newest first, 92 a page; by default 14. A date without readings keeps its place."""
    span = dates_of(person.zone, services_of(request).clock(), "14d", last=last, first=first, to=to)
    newest = min(span.last, _date(cursor)) if cursor else span.last
    oldest = max(span.first, newest - timedelta(days=DAYS_A_PAGE - 1))
    rows = _questions(request).days(person.id, oldest, newest) if newest >= oldest else []
    more = (oldest - timedelta(days=1)).isoformat() if oldest > span.first and rows else None
    return answered(request, Days(days=rows, next=more), rows, f"{person.id}-days")


@router.get("/{user_id}/episodes", response_model=Episodes, responses=CSV_TOO)
def episodes(
    request: Request,
    person: InPerson,
    asked: InSpan,
    kind: Annotated[list[EpisodeKind] | None, Query(description="Only these; may be given several times.")] = None,
) -> Response:
    """Lows and highs of 15 minutes or more that began in a span, newest first; by default of 14 days."""
    span = asked.within(person.zone, services_of(request).clock(), "14d")
    not_too_long(span)
    rows = _questions(request).episodes(person.id, span.start, span.end, kind or EPISODE_KINDS)
    return answered(request, Episodes(episodes=rows), rows, f"{person.id}-episodes")


@router.get("/{user_id}/insights", response_model=InsightsAnswer)
def insights(
    request: Request, person: InPerson, days: Literal["14", "30", "90"] = "14", unit: UnitCode = None
) -> Response:
    """What stands out in the last 14, 30 or 90 full days, each with its rule and the days behind it."""
    return answered(request, _questions(request).insights(person.id, int(days), UNITS.get(unit or "")))


@router.get("/{user_id}/protocols", response_model=Protocols, responses=CSV_TOO)
def protocols(
    request: Request,
    person: InPerson,
    name: Annotated[str | None, Query(max_length=200, description="Only this protocol.")] = None,
    unit: UnitCode = None,
) -> Response:
    """Each measure on days on which a protocol was kept, and on days without."""
    rows = _questions(request).adherence(person.id, name, UNITS.get(unit or ""))
    return answered(request, Protocols(measures=rows), rows, f"{person.id}-protocols")


def _date(cursor: str) -> date:
    try:
        return date.fromisoformat(cursor)
    except ValueError:
        raise HTTPException(400, "This cursor is none of ours. Begin without one.") from None
