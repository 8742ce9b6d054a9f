"""Who may see a person: accounts and guests, links to some pages, and what everybody did."""

from datetime import date, datetime, time, timedelta
from typing import Annotated
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Form, HTTPException, Request
from fastapi.responses import RedirectResponse, Response

from glucoflow.model.errors import GlucoflowError, Rejected
from glucoflow.model.said import said
from glucoflow.service.visitors import is_open_home
from glucoflow.store import Person
from glucoflow.store.audit import Deed
from glucoflow.store.invites import Invited, NewInvite
from glucoflow.store.kibana_guests import NewKibanaGuest
from glucoflow.store.login_sessions import Holder
from glucoflow.store.shares import NewShare
from glucoflow.web.access import InPerson, InServices, OurForm, Services, origin_of
from glucoflow.web.accounts_routes import NOT_YET
from glucoflow.web.audit_trail import note
from glucoflow.web.forms import Text, Tried, day_of, tried
from glucoflow.web.invite_routes import invite_link, sent_by_mail
from glucoflow.web.login_routes import let_in
from glucoflow.web.rights import CHANGE, OPEN, PAGES, visitor

router = APIRouter()
USUAL = timedelta(days=30)
"""For how long somebody is let in, if nothing else is chosen."""
GONE = "This link was revoked, or its time is over. Ask whoever sent it for another."


@router.get("/people/{user_id}/access", dependencies=[CHANGE])
def access(request: Request, services: InServices, person: InPerson) -> Response:
    return _page(request, services, person)


@router.post("/people/{user_id}/guests", dependencies=[CHANGE, OurForm])
def invite_guest(
    request: Request,
    services: InServices,
    person: InPerson,
    name: Text = "",
    email: Text = "",
    may: Text = "read",
    until: Text = "",
) -> Response:
    """A link to an account that sees this person: to read until a day, or like the person themselves for good."""
    try:
        if is_open_home(services.store, services.options.password):
            raise Rejected("name", NOT_YET)
        ends = _end_of(person, until) if until else None
        if may == "read" and ends is None:
            raise Rejected("until", "choose the last day")
        asked = Invited(
            name=name, email=email, unit=person.unit, zone=person.zone, level="own" if may == "own" else "read",
            until=ends, user_id=person.id,
        )  # fmt: skip
        made = services.store.invites.add(asked, visitor(request).name, services.clock())
    except Rejected as error:
        values = {"name": name, "email": email, "may": may, "until": until}
        return _page(request, services, person, tried("guest", values, error, {}))
    return _page(request, services, person, invited=made)


@router.post("/people/{user_id}/guests/withdraw", dependencies=[CHANGE, OurForm])
def withdraw_guest(request: Request, services: InServices, person: InPerson, account: Text) -> Response:
    """The account sees this person no more. Nobody shuts themselves out."""
    own = visitor(request).account
    if own is not None and own.id == account:
        raise HTTPException(409, "This is your own account; you would see nothing of this any more.")
    services.store.login_accounts.withdraw(account, person.id)
    return RedirectResponse(f"/people/{person.id}/access", 303)


@router.post("/people/{user_id}/invites/withdraw", dependencies=[CHANGE, OurForm])
def withdraw_invite(services: InServices, person: InPerson, invite: Text) -> Response:
    if invite not in {one.id for one in services.store.invites.of_person(person.id, services.clock())}:
        raise HTTPException(404, "This invitation is not there any more.")
    services.store.invites.withdraw(invite, services.clock())
    return RedirectResponse(f"/people/{person.id}/access", 303)


@router.post("/people/{user_id}/shares", dependencies=[CHANGE, OurForm])
def share(
    request: Request,
    services: InServices,
    person: InPerson,
    name: Text = "",
    pages: Annotated[list[str] | None, Form()] = None,
    until: Text = "",
) -> Response:
    """A link to some pages, for whoever has it."""
    now = services.clock()
    chosen = [one for one in PAGES if one in (pages or [])]
    try:
        if is_open_home(services.store, services.options.password):
            raise Rejected("name", NOT_YET)
        ends = _end_of(person, until)
        made = services.store.shares.add(person.id, name, chosen, ends, visitor(request).name, now)
    except Rejected as error:
        values = {"name": name, "until": until, "pages": ",".join(chosen)}
        return _page(request, services, person, tried("share", values, error, {}))
    return _page(request, services, person, shared=made)


@router.post("/people/{user_id}/shares/{share_id}/revoke", dependencies=[CHANGE, OurForm])
def revoke(services: InServices, person: InPerson, share_id: str) -> Response:
    if share_id not in {one.id for one in services.store.shares.list(person.id)}:
        raise HTTPException(404, "This link is not there any more.")
    services.store.shares.revoke(share_id, services.clock())
    return RedirectResponse(f"/people/{person.id}/access", 303)


@router.post("/people/{user_id}/kibana-guests", dependencies=[CHANGE, OurForm])
def kibana_guest(
    request: Request, services: InServices, person: InPerson, name: Text = "", until: Text = ""
) -> Response:
    """A login in Kibana, for whoever works there. Whoever may make logins makes it; the pages may not."""
    if services.request_guests is None:
        raise HTTPException(404, said("There is no Kibana here."))
    try:
        ends = _end_of(person, until)
        made = services.store.kibana_guests.ask(person.id, name, ends, visitor(request).name, services.clock())
    except Rejected as error:
        return _page(request, services, person, tried("kibana", {"name": name, "until": until}, error, {}))
    services.request_guests()
    return _page(request, services, person, in_kibana=made)


@router.post("/people/{user_id}/kibana-guests/{guest_id}/withdraw", dependencies=[CHANGE, OurForm])
def withdraw_kibana_guest(services: InServices, person: InPerson, guest_id: str) -> Response:
    if not services.store.kibana_guests.withdraw(person.id, guest_id, services.clock()):
        raise HTTPException(404, said("This guest is not there any more."))
    if services.request_guests is not None:
        services.request_guests()
    return RedirectResponse(f"/people/{person.id}/access", 303)


@router.get("/share/{token}", dependencies=[OPEN])
def open_share(request: Request, services: InServices, token: str) -> Response:
    """Let this browser in as long as the link works, and on to its first page; the link is in no address any more.

    Nobody's log-in is taken from them by a link that somebody sends them.
    """
    now, who = services.clock(), request.state.visitor
    found = services.store.shares.of_token(token, now)
    if found is None:
        raise HTTPException(410, GONE)
    first = f"/people/{found.user_id}/" + {"report": "report.pdf"}.get(found.pages[0], found.pages[0])
    if who is not None and who.share is None:
        if who.may_read(found.user_id):
            return RedirectResponse(first, 303)
        raise HTTPException(409, f"You are logged in as {who.name}: log out, or open the link in another browser.")
    note(request, Deed(who=found.name, action="opened", what="link", user_id=found.user_id, share_id=found.id))
    return let_in(request, services, Holder(share_id=found.id), first, found.until - now, way="link")


def _end_of(person: Person, day: str) -> datetime:
    """The end of that local day. Raises Rejected for no day."""
    chosen: date = day_of("until", day)
    return datetime.combine(chosen + timedelta(days=1), time(0), ZoneInfo(person.zone))


def _page(
    request: Request,
    services: Services,
    person: Person,
    wrong: Tried | None = None,
    *,
    invited: NewInvite | None = None,
    shared: NewShare | None = None,
    in_kibana: NewKibanaGuest | None = None,
) -> Response:
    now = services.clock()
    services.programs.flush()
    today = now.astimezone(ZoneInfo(person.zone)).date()
    link = f"{origin_of(request)}/share/{shared.token}" if shared else ""
    mailed: str | GlucoflowError = sent_by_mail(request, services, invited) if invited else ""
    return services.pages.render(
        request,
        "access.html",
        now,
        422 if wrong else 200,
        person=person,
        unit=person.unit,
        current="access",
        accounts=services.store.login_accounts.with_grant(person.id, now),
        invites=[one for one in services.store.invites.of_person(person.id, now) if one.account_id is None],
        shares=services.store.shares.list(person.id),
        entries=services.store.audit.of_person(person.id, 100),
        invited={"name": invited.invite.name, "link": invite_link(request, invited)} if invited else None,
        mailed=mailed,
        shared={"name": shared.share.name, "link": link} if shared else None,
        in_kibana=in_kibana,
        kibana=services.request_guests is not None,
        kibana_guests=services.store.kibana_guests.list(person.id),
        pages_to_share=PAGES,
        today=today,
        usual=today + USUAL,
        open_home=is_open_home(services.store, services.options.password),
        tried=wrong,
    )
