"""What of the requests goes into the audit trail: looks at a person's pages, and everything that changes something."""

import msgspec
from fastapi import Request

from glucoflow.model.errors import GlucoflowError
from glucoflow.service.program_trail import stopping_nobody
from glucoflow.service.visitors import OPEN_HOME, Visitor
from glucoflow.store.audit import Action, Deed
from glucoflow.store.login_waits import place
from glucoflow.web.access import address_of, services_of

EXPORTS = {"/people/{user_id}/report.pdf", "/people/{user_id}/archive.zip"}
UNTOLD = {"/people/{user_id}/unit", "/logout", "/account/passkeys/begin", "/language"}
"""What a page that was told already asks for, or what changes nothing. Log-ins are told where they are tried."""


def is_told(request: Request, status: int) -> bool:
    """Whether what a visitor just asked for was done, and goes into the trail."""
    route = _route(request)
    if status >= 400 or not route or route in UNTOLD or route.startswith("/login"):
        return False
    looks = _action(request.method, route) == "looked at"
    return not looks or ("user_id" in request.path_params and request.state.visitor is not OPEN_HOME)


def keep(request: Request) -> None:
    """Keep what a visitor just did."""
    who: Visitor = request.state.visitor
    route, user_id = _route(request), request.path_params.get("user_id")
    try:
        known = user_id if user_id and services_of(request).store.people.find(user_id) else None
    except GlucoflowError:
        known = None
    tell(request, who, _action(request.method, route), _what(route, request.path_params), known)


def tell(request: Request, who: Visitor, action: Action, what: str, user_id: str | None) -> None:
    """Keep what a visitor did. A trail that cannot be written is logged and stops nobody."""
    deed = Deed(
        who=who.name,
        action=action,
        what=what,
        user_id=user_id,
        account_id=who.account.id if who.account else None,
        share_id=who.share.id if who.share else None,
    )
    with stopping_nobody():
        note(request, deed)


def note(request: Request, deed: Deed) -> None:
    """Keep a deed, with where it came from."""
    services = services_of(request)
    services.store.audit.add(msgspec.structs.replace(deed, place=place(address_of(request))), services.clock())


def _route(request: Request) -> str:
    return str(getattr(request.scope.get("route"), "path", ""))


def _action(method: str, route: str) -> Action:
    if route in EXPORTS:
        return "exported"
    if method in ("GET", "HEAD"):
        return "looked at"
    if "/shares" in route or "/invites" in route or "guests" in route:
        return "shared"
    return "deleted" if route.endswith("/delete") else "changed"


def _what(route: str, params: dict[str, str]) -> str:
    """The page or thing, by the words of its address: `profile`, `exclusions undo`."""
    words = route.removeprefix("/people/{user_id}").strip("/") or ("now" if "user_id" in params else "people")
    if words == "{slug}":
        return params["slug"][:60]
    return " ".join(one for one in words.split("/") if not one.startswith("{"))
