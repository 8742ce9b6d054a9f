"""Who may do what: each route states one right, and is asked for it before anything else happens.

What somebody may not see looks like what is not there, so that nobody learns who else is here.
"""

import hmac
from collections.abc import Callable
from enum import StrEnum
from typing import Any

from fastapi import HTTPException, Request
from fastapi.params import Depends
from pydantic import SecretStr

from glucoflow.model.said import said
from glucoflow.service.visitors import Visitor
from glucoflow.web.dashboard_pages import DASHBOARD_PAGES


class Right(StrEnum):
    """What a route asks for. Those of a person's pages are about the person of the address."""

    OPEN = "open"
    """Anybody: what has to be seen before somebody logs in."""
    SIGNED_IN = "signed in"
    """Everybody who was let in, about themselves or about those whom they may see."""
    READ = "read"
    CHANGE = "change"
    OPERATE = "operate"
    WATCH = "watch"
    """The operator, or a monitor with its token: counts over everybody."""


METRICS = "/metrics"
NOT_YOURS = "You may look at this, and not change it."
OPERATORS_ONLY = "This is for whoever runs this installation."


def visitor(request: Request) -> Visitor:
    """Who asks. The guard has let nobody else come here."""
    found: Visitor | None = request.state.visitor
    if found is None:
        raise HTTPException(401, "Log in first: open this site's front page.")
    return found


def unknown_person(user_id: str) -> HTTPException:
    """The same for somebody who is not here and for somebody who is not shown."""
    return HTTPException(404, f"There is nobody called “{user_id[:40]}” here.")


def _open(request: Request) -> None:
    """Nothing is asked."""


def _signed_in(request: Request) -> None:
    visitor(request)


def _read(request: Request, user_id: str) -> None:
    who = visitor(request)
    if not who.may_read(user_id):
        raise unknown_person(user_id)
    if who.share is not None and not opened_by(request) & set(who.share.pages):
        raise HTTPException(404, "This page is not among those that were shared with you.")


def _change(request: Request, user_id: str) -> None:
    who = visitor(request)
    if not who.may_read(user_id):
        raise unknown_person(user_id)
    if not who.may_change(user_id):
        raise HTTPException(403, NOT_YOURS)


def _operate(request: Request) -> None:
    if not visitor(request).operator:
        raise HTTPException(403, OPERATORS_ONLY)


def is_monitor(request: Request) -> bool:
    """Whether a request carries the token of monitors (`Authorization: Bearer`)."""
    token: SecretStr | None = request.app.state.services.options.metrics_token
    scheme, _, given = request.headers.get("authorization", "").partition(" ")
    if token is None or scheme.lower() != "bearer":
        return False
    return hmac.compare_digest(given.strip().encode(), token.get_secret_value().encode())


def _watch(request: Request) -> None:
    if not is_monitor(request):
        _operate(request)


_CHECKS: dict[Right, Callable[..., None]] = {
    Right.OPEN: _open,
    Right.SIGNED_IN: _signed_in,
    Right.READ: _read,
    Right.CHANGE: _change,
    Right.OPERATE: _operate,
    Right.WATCH: _watch,
}

OPEN, SIGNED_IN, READ, CHANGE, OPERATE, WATCH = (Depends(_CHECKS[right]) for right in Right)


def right_of(route: Any) -> Right | None:
    """The right that a route states; None where it states none, or more than one."""
    asked = [one.dependency for one in getattr(route, "dependencies", ())]
    found = [right for right, check in _CHECKS.items() if check in asked]
    return found[0] if len(found) == 1 else None


PAGES = {one.slug: one.title for one in DASHBOARD_PAGES} | {"insights": said("Insights"), "report": said("Report")}
"""What can be shared by a link, by the name in its address."""


def opened_by(request: Request) -> frozenset[str]:
    """The pages whose sharing opens the address asked for; none for what is never shared by a link."""
    path = request.scope["route"].path.removeprefix("/people/{user_id}")
    if path == "/unit":  # what every page of a person uses
        return frozenset(PAGES)
    if path == "/{slug}":
        return frozenset({request.path_params["slug"]})
    return frozenset({{"": DASHBOARD_PAGES[0].slug, "/report.pdf": "report"}.get(path, path.strip("/"))})


def part_of_shared(request: Request) -> frozenset[str]:
    """The pages that a chart or a pulse belongs to: what a browser asks for beside a page."""
    rest = request.url.path.partition("/people/")[2].split("/")[1:]
    if rest == ["pulse"]:
        return frozenset(PAGES)
    if len(rest) == 2 and rest[0] == "charts":
        return frozenset(page.slug for page in DASHBOARD_PAGES if rest[1] in {panel.chart for panel in page.panels})
    return frozenset()
