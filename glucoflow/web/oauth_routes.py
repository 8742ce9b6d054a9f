"""Signing in at a provider's own page: off there, back with a code, and what to say when it went wrong."""

import logging
from urllib.parse import urlsplit

from fastapi import APIRouter, Request
from fastapi.responses import RedirectResponse, Response

from glucoflow.model.errors import Misconfigured, Reauthorize, Retryable
from glucoflow.model.said import joined, said
from glucoflow.store import Person
from glucoflow.web.access import InServices, Services, origin_of
from glucoflow.web.browser_bond import LONGEST_CODE, SignIn, tag_of
from glucoflow.web.rights import SIGNED_IN, visitor

log = logging.getLogger(__name__)
router = APIRouter()

DENIED = "access_denied"
INCOMPLETE = said("The provider sends people here with a code; this call has none.")
START_AGAIN = said("Start again from the person's page; the link works once and for a few minutes.")
NOT_BEGUN_HERE = said(
    "This sign-in was not begun in this browser, or more than ten minutes ago, so nothing was connected."
)
BEGIN_HERE = said("Open the person's page in this browser and connect from there.")
LOOPBACK = {"localhost", "127.0.0.1", "::1"}


def leave(request: Request, services: Services, person: Person, provider: str) -> Response:
    """The answer to *Connect*: on to the provider's own login. The state is single-use and bound to this browser.

    A page of ours leads there: as the answer to a form, a redirect to another host would be stopped by our own policy.
    """
    now = services.clock()
    try:
        leaving = services.connect.begin(person.id, provider, now)
    except Misconfigured as missing:
        title = said("%(provider)s cannot be connected yet", provider=services.connect.titles[provider])
        remedy = joined(" ", [missing.remedy, said("Then connect again; nothing needs to be restarted.")])
        return _page(request, services, person.id, title, missing.message, remedy, status=409)
    here = request.headers.get("host", "")
    answer = services.pages.render(
        request,
        "leaving.html",
        now,
        person=person,
        title=services.connect.titles[provider],
        host=urlsplit(leaving.address).netloc,
        address=leaving.address,
        back_at=other_loopback(leaving.back_at, here),
        base=origin_of(request),
        same_port=urlsplit(leaving.back_at).port == urlsplit(f"//{here}").port,
    )
    services.bond.tie(request, answer, SignIn(leaving.state), now)
    return answer


@router.get("/oauth/callback", dependencies=[SIGNED_IN])
def callback(request: Request, services: InServices, state: str = "", code: str = "", error: str = "") -> Response:
    """Back from the provider. The code goes on in this browser's cookie, to an address without code and state."""
    now = services.clock()
    tag = tag_of(state)
    begun_here = services.bond.read(request, tag, now)
    if error:
        return _failed(request, services, services.connect.cancel(state, now) if begun_here else None, error)
    if not state or not code or len(code) > LONGEST_CODE:
        return _page(request, services, None, said("This address is not complete"), INCOMPLETE, START_AGAIN)
    if begun_here is None:
        return _page(request, services, None, said("Not connected"), NOT_BEGUN_HERE, BEGIN_HERE)
    answer = RedirectResponse(f"/oauth/finish/{tag}", 303)
    services.bond.tie(request, answer, SignIn(state, code), now)
    return answer


@router.get("/oauth/finish/{tag}", dependencies=[SIGNED_IN])
def finish(request: Request, services: InServices, tag: str) -> Response:
    """Exchange the code that waits in this browser. Where the provider cannot be reached, this can be asked again."""
    now = services.clock()
    sign_in = services.bond.read(request, tag, now)
    if sign_in is None or sign_in.code is None or not _their_own(request, services, sign_in):
        return _page(request, services, None, said("Not connected"), NOT_BEGUN_HERE, BEGIN_HERE)
    answer: Response
    try:
        done = services.connect.complete(sign_in.state, sign_in.code, now)
    except Retryable as fault:
        remedy = said("Nothing is lost: try again now, or within ten minutes. If that is too late, connect again.")
        return _page(request, services, None, said("Not connected yet"), fault.message, remedy, status=503, again=tag)
    except Reauthorize as refused:
        log.info("An authorization was refused: %s", type(refused).__name__)
        answer = _page(request, services, None, said("Not connected"), refused.message, refused.remedy or START_AGAIN)
    else:
        answer = RedirectResponse(f"/people/{done.user_id}/status?connected={done.provider}", 303)
    services.bond.untie(answer, tag)
    return answer


def _their_own(request: Request, services: Services, sign_in: SignIn) -> bool:
    """Whether whoever is logged in now may connect the person that the sign-in was begun for."""
    began = services.store.oauth_states.find(sign_in.state, services.clock())
    return began is None or visitor(request).may_change(began.user_id)  # an unknown state says so itself


def _failed(request: Request, services: Services, user_id: str | None, error: str) -> Response:
    if error == DENIED:
        return _page(
            request,
            services,
            user_id,
            said("Not connected"),
            said("The provider says that access was not allowed, so nothing was stored."),
            said("If that was a slip, connect again and give your consent there."),
        )
    return _page(
        request,
        services,
        user_id,
        said("Not connected"),
        said("The provider answered with the error “%(error)s”.", error=error[:60]),
        said("Try again in a few minutes. If it stays, check the redirect URI and the keys with: glucoflow doctor"),
    )


def _page(
    request: Request,
    services: Services,
    user_id: str | None,
    title: str,
    message: str,
    remedy: str,
    *,
    status: int = 400,
    again: str | None = None,
) -> Response:
    """`again`: the tag of a sign-in that can be finished by another try."""
    values = {"title": title, "message": message, "remedy": remedy, "user_id": user_id, "again": again}
    return services.pages.render(request, "problem.html", services.clock(), status, **values)


def other_loopback(back_at: str, host: str) -> str | None:
    """The address of this machine that the provider sends people back to, where it is another than they are at now.

    Their browser takes localhost and 127.0.0.1 for two sites, and would not know itself again.
    """
    there, here = urlsplit(back_at), urlsplit(f"//{host}")
    both = there.hostname in LOOPBACK and here.hostname in LOOPBACK
    return f"{there.scheme}://{there.netloc}" if both and there.netloc != here.netloc else None
