"""What of the requests goes into the audit trail: looks at a person's pages, and everything that changes something."""

import logging

from fastapi import Request

from glucoflow.model.errors import GlucoflowError
from glucoflow.service.visitors import OPEN_HOME, Visitor
from glucoflow.store.audit import Action, Deed
from glucoflow.store.login_waits import place
from glucoflow.web.access import services_of

log = logging.getLogger(__name__)

EXPORTS = {"/people/{user_id}/report.pdf", "/people/{user_id}/archive.zip"}
UNTOLD = {"/people/{user_id}/pulse", "/people/{user_id}/unit", "/people/{user_id}/charts/{name}", "/login", "/logout"}
"""Parts of a page that was told already, and log-ins, which are told where they are tried."""


def keep(request: Request, status: int) -> None:
    """Keep what a visitor just did, if it was done. A trail that cannot be written is logged and stops nobody."""
    who: Visitor = request.state.visitor
    route = getattr(request.scope.get("route"), "path", "")
    if status >= 400 or not route or route in UNTOLD:
        return
    user_id = request.path_params.get("user_id")
    action = _action(request.method, route)
    if action == "looked at" and (user_id is None or who is OPEN_HOME):
        return
    services = services_of(request)
    known = user_id if user_id and services.store.people.find(user_id) else None
    deed = Deed(
        who=who.name,
        action=action,
        what=_what(route, request.path_params),
        user_id=known,
        account_id=who.account.id if who.account else None,
        share_id=who.share.id if who.share else None,
        place=place(request.client.host if request.client else ""),
    )
    try:
        services.store.audit.add(deed, services.clock())
    except GlucoflowError as error:
        log.warning("the audit trail could not be written: %s", type(error).__name__)


def _action(method: str, route: str) -> Action:
    if route in EXPORTS:
        return "exported"
    if method in ("GET", "HEAD"):
        return "looked at"
    if "/shares" in route or "/invites" in route or "/guests" in route:
        return "shared"
    return "deleted" if route.endswith("/delete") else "changed"


def _what(route: str, params: dict[str, str]) -> str:
    """The page or thing, by the words of its address: `profile`, `exclusions undo`."""
    words = route.removeprefix("/people/{user_id}").strip("/") or ("now" if "user_id" in params else "people")
    if words == "{slug}":
        return params["slug"][:60]
    return " ".join(one for one in words.split("/") if not one.startswith("{"))
