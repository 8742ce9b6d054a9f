"""For the operator: who has an account, who is invited, and what was done here lately."""

from typing import Annotated

from fastapi import APIRouter, Form, HTTPException, Request
from fastapi.responses import RedirectResponse, Response
from pydantic import SecretStr

from glucoflow.model.errors import GlucoflowError, Rejected
from glucoflow.model.units import MG_DL
from glucoflow.service.visitors import is_open_home
from glucoflow.store.invites import Invited, NewInvite
from glucoflow.store.login_sessions import Holder
from glucoflow.web.access import InServices, OurForm, Services
from glucoflow.web.forms import Text, Tried, tried, unit_chosen, zones
from glucoflow.web.invite_routes import invite_link, sent_by_mail
from glucoflow.web.login_routes import let_in
from glucoflow.web.rights import OPERATE, visitor

router = APIRouter()
NOT_YET = "make an account of your own first: as long as nobody logs in here, whoever comes sees everybody"


@router.get("/accounts", dependencies=[OPERATE])
def accounts(request: Request, services: InServices) -> Response:
    return _page(request, services)


@router.post("/accounts/operator", dependencies=[OPERATE, OurForm])
def make_operator(
    request: Request, services: InServices, name: Text = "", password: Annotated[SecretStr, Form()] = SecretStr("")
) -> Response:
    """An operator's account. Where it is the first, everybody logs in from now on, and this browser is logged in."""
    try:
        hashed = services.passwords.hash(password, name)
        made = services.store.login_accounts.add(name, hashed, services.clock(), operator=True)
    except Rejected as error:
        return _page(request, services, tried("operator", {"name": name}, error, {}))
    if visitor(request).session is None:
        return let_in(request, services, Holder(account_id=made.id), "/accounts")
    return RedirectResponse("/accounts", 303)


@router.post("/accounts/{account_id}/remove", dependencies=[OPERATE, OurForm])
def remove(request: Request, services: InServices, account_id: str) -> Response:
    """The account and its sessions go; the people whom it saw stay."""
    own = visitor(request).account
    if own is not None and own.id == account_id:
        raise HTTPException(409, "This is the account that you are logged in with. Let another operator remove it.")
    services.store.login_accounts.remove(account_id)
    return RedirectResponse("/accounts", 303)


@router.post("/accounts/{account_id}/log-out", dependencies=[OPERATE, OurForm])
def log_out(services: InServices, account_id: str) -> Response:
    """Every browser of the account is logged out."""
    services.store.login_sessions.end_all(account_id)
    return RedirectResponse("/accounts", 303)


@router.post("/invites", dependencies=[OPERATE, OurForm])
def invite(
    request: Request, services: InServices, name: Text = "", email: Text = "", unit: Text = MG_DL, zone: Text = "UTC"
) -> Response:
    """A link with which a new person makes an account, connects, and sees nobody else."""
    try:
        chosen = unit_chosen(unit)
        if zone not in zones():
            raise Rejected("zone", "is an IANA name such as Europe/Berlin")
        if is_open_home(services.store, services.options.password):
            raise Rejected("name", NOT_YET)
        asked = Invited(name=name, email=email, unit=chosen, zone=zone)
        made = services.store.invites.add(asked, visitor(request).name, services.clock())
    except Rejected as error:
        values = {"name": name, "email": email, "unit": unit, "zone": zone}
        return _page(request, services, tried("invite", values, error, {}))
    return _page(request, services, made=made)


@router.post("/invites/{invite_id}/withdraw", dependencies=[OPERATE, OurForm])
def withdraw(services: InServices, invite_id: str) -> Response:
    services.store.invites.withdraw(invite_id, services.clock())
    return RedirectResponse("/accounts", 303)


def _page(request: Request, services: Services, wrong: Tried | None = None, made: NewInvite | None = None) -> Response:
    now = services.clock()
    services.programs.flush()
    names = {one.id: one.display_name for one in services.store.people.list()}
    mailed: str | GlucoflowError = sent_by_mail(request, services, made) if made else ""
    return services.pages.render(
        request,
        "accounts.html",
        now,
        422 if wrong else 200,
        accounts=services.store.login_accounts.list(now),
        names=names,
        invites=services.store.invites.list(now),
        made={"name": made.invite.name, "link": invite_link(request, made)} if made else None,
        mailed=mailed,
        entries=services.store.audit.list(100),
        open_home=is_open_home(services.store, services.options.password),
        zones=zones(),
        tried=wrong,
    )
