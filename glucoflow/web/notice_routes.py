"""Notices: who is told what and where, of a person and of the operator; and the link that acknowledges one.

The link needs no log-in: whoever got the message may say that it was seen. A mail scanner that opens every link does no
harm, as opening it only shows a button.
"""

from collections.abc import Mapping, Sequence
from typing import Annotated, Literal

from fastapi import APIRouter, Form, HTTPException, Request
from fastapi.responses import RedirectResponse, Response

from glucoflow.model.errors import Rejected
from glucoflow.model.notices import CAUSE_WORDS, OF_OPERATOR, OF_PERSON, USUAL, Cause
from glucoflow.model.said import joined, said
from glucoflow.model.units import in_unit
from glucoflow.service.notices.desk import Desk
from glucoflow.service.notices.texts import NO_ALARM
from glucoflow.store import Person
from glucoflow.web.access import InPerson, InServices, OurForm, Services
from glucoflow.web.forms import Text, Tried, tried
from glucoflow.web.notice_forms import terms_of
from glucoflow.web.pages import unit_of
from glucoflow.web.rights import CHANGE, OPEN, OPERATE, visitor

router = APIRouter()
LINK = "/notice/"

Causes = Annotated[list[str] | None, Form()]
Deed = Literal["test", "choose", "remove"]


def _desk(services: Services) -> Desk:
    if services.notices is None:
        raise HTTPException(404, said("No notices are sent here."))
    return services.notices


@router.get("/people/{user_id}/notices", dependencies=[CHANGE])
def notices(request: Request, services: InServices, person: InPerson) -> Response:
    return _page(request, services, person)


@router.post("/people/{user_id}/notices", dependencies=[CHANGE, OurForm])
def add(
    request: Request, services: InServices, person: InPerson, name: Text = "", address: Text = "", causes: Causes = None
) -> Response:
    """A mail address, or one of Apprise; which ones are allowed is said in docs/security.md."""
    return _added(request, services, person, name, address, causes)


@router.post("/people/{user_id}/notices/browser", dependencies=[CHANGE, OurForm])
def add_browser(
    request: Request,
    services: InServices,
    person: InPerson,
    name: Text = "",
    subscription: Text = "",
    causes: Causes = None,
) -> Response:
    """The browser that the form was sent from."""
    try:
        _desk(services).add_browser(person.id, name, subscription, causes or ())
    except Rejected as error:
        return _page(
            request, services, person, tried("browser", _entered(name, causes), error, {"subscription": "name"})
        )
    return _back(person)


@router.post("/people/{user_id}/notices/terms", dependencies=[CHANGE, OurForm])
def set_terms(
    request: Request,
    services: InServices,
    person: InPerson,
    urgent_low: Text = "",
    low: Text = "",
    high: Text = "",
    high_minutes: Text = "",
    falling: Text = "",
    repeat_minutes: Text = "",
    silent_minutes: Text = "",
    failing_hours: Text = "",
    quiet_start: Text = "",
    quiet_end: Text = "",
    urgent_anyway: Annotated[bool, Form()] = False,
) -> Response:
    """Limits in the unit that the page showed, quiet hours by the home clock."""
    values = {
        "urgent_low": urgent_low, "low": low, "high": high, "high_minutes": high_minutes, "falling": falling,
        "repeat_minutes": repeat_minutes, "silent_minutes": silent_minutes, "failing_hours": failing_hours,
        "quiet_start": quiet_start, "quiet_end": quiet_end, "urgent_anyway": "on" if urgent_anyway else "",
    }  # fmt: skip
    try:
        unit = unit_of(request, person)
        _desk(services).set_terms(person.id, terms_of(values, unit), unit)
    except Rejected as error:
        return _page(request, services, person, tried("terms", values, error, {}))
    return _back(person)


@router.post("/people/{user_id}/notices/acknowledge", dependencies=[CHANGE, OurForm])
def acknowledge(services: InServices, person: InPerson, cause: Annotated[Cause, Form()]) -> Response:
    _desk(services).acknowledge(person.id, cause, services.clock())
    return _back(person)


@router.post("/people/{user_id}/notices/{receiver_id}/{deed}", dependencies=[CHANGE, OurForm])
def do(
    request: Request, services: InServices, person: InPerson, receiver_id: str, deed: Deed, causes: Causes = None
) -> Response:
    """Try a receiver, change what it is told of, or remove it."""
    return _done(request, services, person, receiver_id, deed, causes)


@router.get("/notices", dependencies=[OPERATE])
def operators(request: Request, services: InServices) -> Response:
    return _page(request, services, None)


@router.post("/notices", dependencies=[OPERATE, OurForm])
def operators_add(
    request: Request, services: InServices, name: Text = "", address: Text = "", causes: Causes = None
) -> Response:
    """Any address that Apprise knows."""
    return _added(request, services, None, name, address, causes)


@router.post("/notices/{receiver_id}/{deed}", dependencies=[OPERATE, OurForm])
def operators_do(
    request: Request, services: InServices, receiver_id: str, deed: Deed, causes: Causes = None
) -> Response:
    return _done(request, services, None, receiver_id, deed, causes)


@router.get(LINK + "{token}", dependencies=[OPEN])
def seen(request: Request, services: InServices, token: str) -> Response:
    """What a message was about, and a button. Opening it changes nothing."""
    return _link_page(request, services, token)


@router.post(LINK + "{token}", dependencies=[OPEN, OurForm])
def confirm(request: Request, services: InServices, token: str) -> Response:
    """Nothing more is said of it until it is over."""
    services.store.notices.acknowledge(token, services.clock())
    return _link_page(request, services, token)


def _added(
    request: Request, services: Services, person: Person | None, name: str, address: str, causes: list[str] | None
) -> Response:
    """Without a person it is the operator's own."""
    try:
        _desk(services).add(_id(person), name, address, causes or (), operator=visitor(request).operator)
    except Rejected as error:
        # The address is a secret: it is in no page, not even in the one that says what is wrong with it.
        return _page(request, services, person, tried("receiver", _entered(name, causes), error, {}))
    return _back(person)


def _done(
    request: Request, services: Services, person: Person | None, receiver_id: str, deed: Deed, causes: list[str] | None
) -> Response:
    desk, user_id = _desk(services), _id(person)
    try:
        if deed == "test":
            return _page(request, services, person, tested=(receiver_id, desk.test(user_id, receiver_id)))
        if deed == "choose":
            desk.choose(user_id, receiver_id, causes or ())
        else:
            desk.remove(user_id, receiver_id)
    except Rejected as error:
        return _page(request, services, person, tried(receiver_id, {}, error, {"receiver": "causes"}))
    return _back(person)


def _link_page(request: Request, services: Services, token: str) -> Response:
    found = services.store.notices.of_link(token)
    if found is None:
        raise HTTPException(404, said("There is no such notice any more; they are kept for 30 days."))
    person = services.store.people.find(found.user_id) if found.user_id else None
    return services.pages.render(
        request,
        "notice.html",
        services.clock(),
        notice=found,
        name=person.display_name if person else "glucoflow",
        cause_words=CAUSE_WORDS,
        no_alarm=NO_ALARM,
        token=token,
    )


def _page(
    request: Request,
    services: Services,
    person: Person | None,
    wrong: Tried | None = None,
    tested: tuple[str, str | None] | None = None,
) -> Response:
    """A person's page, or the operator's."""
    desk, user_id = _desk(services), _id(person)
    return services.pages.render(
        request,
        "notices_operator.html" if person is None else "notices.html",
        services.clock(),
        422 if wrong else 200,
        receivers=desk.receivers(user_id),
        standing=desk.standing(user_id),
        known=OF_OPERATOR if person is None else OF_PERSON,
        usual=OF_OPERATOR if person is None else USUAL,
        cause_words=CAUSE_WORDS,
        told_of=_told_of,
        base=_base(person),
        tested=tested,
        tried=wrong,
        **({} if person is None else _of_person(request, desk, person)),
    )


def _of_person(request: Request, desk: Desk, person: Person) -> dict[str, object]:
    """What a person's page has beside."""
    unit, terms = unit_of(request, person), desk.terms(person.id)
    return {
        "person": person,
        "unit": unit,
        "current": "notices",
        "terms": terms,
        "falling": in_unit(terms.falling, unit),
        "push_key": desk.push_key(),
        "live": ", ".join(desk.live),
    }


def _told_of(causes: Sequence[Cause]) -> str:
    return joined(", ", [CAUSE_WORDS[one] for one in causes]) if causes else "–"


def _entered(name: str, causes: list[str] | None) -> Mapping[str, str]:
    return {"name": name, "causes": ",".join(causes or ())}


def _id(person: Person | None) -> str | None:
    return None if person is None else person.id


def _base(person: Person | None) -> str:
    return "/notices" if person is None else f"/people/{person.id}/notices"


def _back(person: Person | None) -> RedirectResponse:
    return RedirectResponse(_base(person), 303)
