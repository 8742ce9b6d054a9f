"""Invitations as whoever gets one sees them: a page that says what it is to, and a form for an account."""

from typing import Annotated

from fastapi import APIRouter, Form, HTTPException, Request
from fastapi.responses import RedirectResponse, Response
from pydantic import SecretStr

from glucoflow.model.errors import GlucoflowError, Rejected
from glucoflow.service.inviting import USED_UP, Accepted, accept_with, accept_with_new_account
from glucoflow.store.audit import Deed
from glucoflow.store.invites import NewInvite
from glucoflow.store.login_sessions import Holder
from glucoflow.web.access import InServices, OurForm, Services, origin_of
from glucoflow.web.audit_trail import note
from glucoflow.web.forms import Text, Tried, tried
from glucoflow.web.login_routes import let_in
from glucoflow.web.rights import OPEN

router = APIRouter()
MESSAGE = """Hello {name},

{by} invites you to glucoflow, where glucose readings are kept and looked at.
Open this link within seven days. It works once:

{link}

If you do not know what this is about, do nothing.
"""


@router.get("/invite/{token}", dependencies=[OPEN])
def invitation(request: Request, services: InServices, token: str) -> Response:
    return _page(request, services, token)


@router.post("/invite/{token}", dependencies=[OPEN, OurForm])
def accept(
    request: Request,
    services: InServices,
    token: str,
    name: Text = "",
    password: Annotated[SecretStr, Form()] = SecretStr(""),
) -> Response:
    """Make an account; whoever made it is logged in, on the page of the person whom it is to."""
    try:
        done = accept_with_new_account(services.store, services.passwords, token, name, password, services.clock())
    except Rejected as error:
        if error.field == "invitation":
            raise HTTPException(410, f"This invitation {USED_UP}.") from None
        return _page(request, services, token, tried("account", {"name": name}, error, {}))
    note(request, joined(done))
    return let_in(request, services, Holder(account_id=done.account.id), first_page(services, done), way="invitation")


@router.post("/invite/{token}/join", dependencies=[OPEN, OurForm])
def join(request: Request, services: InServices, token: str) -> Response:
    """The same for somebody who is logged in already."""
    own = request.state.visitor.account if request.state.visitor else None
    if own is None:
        raise HTTPException(401, "Log in first, then open the link again.")
    try:
        done = accept_with(services.store, token, own, services.clock())
    except Rejected:
        raise HTTPException(410, f"This invitation {USED_UP}.") from None
    note(request, joined(done))
    return RedirectResponse(first_page(services, done), 303)


def invite_link(request: Request, made: NewInvite) -> str:
    return f"{origin_of(request)}/invite/{made.token}"


def sent_by_mail(request: Request, services: Services, made: NewInvite) -> str | GlucoflowError:
    """The address that it was sent to; "" where none was given or no server is set; or why it could not be sent."""
    if not made.invite.email or services.mail is None:
        return ""
    text = MESSAGE.format(name=made.invite.name, by=made.invite.created_by, link=invite_link(request, made))
    try:
        services.mail.send(made.invite.email, "An invitation to glucoflow", text)
    except GlucoflowError as error:
        return error
    return made.invite.email


def joined(done: Accepted) -> Deed:
    name = done.account.name
    return Deed(who=name, action="opened", what="invitation", user_id=done.user_id, account_id=done.account.id)


def first_page(services: Services, done: Accepted) -> str:
    """Whoever brings their own data connects first."""
    to_connect = done.level == "own" and not services.store.connections.for_user(done.user_id)
    return f"/people/{done.user_id}" + ("/status" if to_connect else "")


def _page(request: Request, services: Services, token: str, wrong: Tried | None = None) -> Response:
    now = services.clock()
    found = services.store.invites.open(token, now)
    if found is None:
        raise HTTPException(410, f"This invitation {USED_UP}.")
    who = request.state.visitor
    person = services.store.people.find(found.user_id) if found.user_id else None
    return services.pages.render(
        request,
        "invite.html",
        now,
        422 if wrong else 200,
        invite=found,
        about=person,
        address=request.url.path,
        own=who.account if who else None,
        token=token,
        sign_on=services.sign_on.title if services.sign_on else None,
        tried=wrong,
    )
