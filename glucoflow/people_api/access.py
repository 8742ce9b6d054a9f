"""Who asks: an app of the person, by its secret or token in any form, or a browser that may see the pages."""

from typing import Annotated

import msgspec
from fastapi import Depends, HTTPException, Path, Request

from glucoflow.api.access import Access, credentials_of
from glucoflow.api.exchange import Asked, Refused
from glucoflow.service.visitors import OPEN_HOME, Visitor
from glucoflow.store import App, Person
from glucoflow.web.access import Services, address_of, services_of, visitor_here
from glucoflow.web.audit_trail import tell
from glucoflow.web.rights import part_of_shared
from glucoflow.web.security import host_ok

DOOR = "the JSON API"
"""As the audit trail calls it."""
UserId = Annotated[str, Path(description="The person's id.", max_length=200, examples=["anna"])]


class Caller(msgspec.Struct, frozen=True, kw_only=True):
    """An app, which sees its own person, or a browser, which sees what its pages show."""

    app: App | None = None
    visitor: Visitor | None = None

    def sees(self, user_id: str) -> bool:
        if self.visitor is not None:
            return self.visitor.may_read(user_id)
        return self.app is not None and self.app.user_id == user_id

    def asks_too_much(self, request: Request) -> bool:
        """Whether this is no part of the pages that were shared with a browser by a link."""
        share = self.visitor.share if self.visitor else None
        return share is not None and not part_of_shared(request) & set(share.pages)


def caller_of(request: Request) -> Caller:
    """Raises HTTPException: 401 for a wrong credential or none, 403 for an app that may not read."""
    services, access = services_of(request), request.app.state.access
    asked = Asked(
        method=request.method,
        path=(),
        headers=dict(request.headers),
        query=tuple(request.query_params.multi_items()),
        address=address_of(request),
    )
    given = credentials_of(asked)
    if not given:
        return _browser(request, services)
    assert isinstance(access, Access)  # noqa: S101 - set where the app is made
    try:
        app = access.app_by(given, asked.address)
    except Refused:
        raise HTTPException(401, "This secret or token is not known, or was revoked.") from None
    if not app.may_read:
        raise HTTPException(403, f"{app.name} may upload and not read. Give it both rights on the page Apps.")
    return Caller(app=app)


def _browser(request: Request, services: Services) -> Caller:
    # Without a password a browser is known by the name of this site alone, which no other site can take on.
    if not host_ok(request.headers.get("host"), services.options.allowed_hosts):
        raise HTTPException(401, "Send the secret of an app of this person: the page Apps makes one.")
    visitor = visitor_here(request)
    if visitor is None:
        raise HTTPException(401, "Log in on the pages, or send the secret of an app of this person.")
    return Caller(visitor=visitor)


ByCaller = Annotated[Caller, Depends(caller_of)]


def person_of(request: Request, user_id: UserId, caller: ByCaller) -> Person:
    """The person of an address. 404 alike for who is unknown and for who is not this app's."""
    person = services_of(request).store.people.find(user_id) if caller.sees(user_id) else None
    if person is None or caller.asks_too_much(request):
        raise HTTPException(404, "There is nobody of this name here, or not for this app.")
    _note(request, caller, person)
    return person


def _note(request: Request, caller: Caller, person: Person) -> None:
    """For the trail. What a page that was told already asks for, charts and pulses, is not told again."""
    if caller.app is not None:
        request.app.state.access.trail.read(caller.app.name, person.id, DOOR, address_of(request))
    elif caller.visitor is not None and caller.visitor is not OPEN_HOME and not part_of_shared(request):
        tell(request, caller.visitor, "looked at", DOOR, person.id)


InPerson = Annotated[Person, Depends(person_of)]
