"""The addresses of OAuth 2: the page on which a person says yes, the tokens, and how either side ends it."""

from typing import Annotated, Any
from urllib.parse import quote, urlsplit

from authlib.oauth2.rfc6749.errors import OAuth2Error
from fastapi import APIRouter, Depends, HTTPException, Request
from fastapi.responses import JSONResponse, RedirectResponse, Response
from starlette.concurrency import run_in_threadpool

from glucoflow.partner_api.oauth import AUTH_METHODS, OAuthServer, Said
from glucoflow.partner_api.scopes import SCOPES, parts_of
from glucoflow.service.visitors import Visitor
from glucoflow.web.access import InServices, OurForm, Services, origin_of, visitor_here
from glucoflow.web.forms import Text
from glucoflow.web.security import HEADERS, host_ok, same_origin

AUTHORIZE, TOKEN, REVOKE = "/oauth2/authorize", "/oauth2/token", "/oauth2/revoke"
METADATA = "/.well-known/oauth-authorization-server"
router = APIRouter()


def server_of(request: Request) -> OAuthServer:
    found: OAuthServer = request.app.state.oauth
    return found


async def said(request: Request) -> Said:
    """The request with its form, of a size that a form may have."""
    form = await request.form(max_files=0, max_fields=50, max_part_size=8_192)
    return Said(
        method=request.method,
        url=str(request.url),
        headers={name.title(): value for name, value in request.headers.items()},
        query=dict(request.query_params),
        form={name: value for name, value in form.items() if isinstance(value, str)},
    )


InServer = Annotated[OAuthServer, Depends(server_of)]
InSaid = Annotated[Said, Depends(said)]


@router.get(AUTHORIZE, include_in_schema=False)
def ask(request: Request, services: InServices, server: InServer, asked: InSaid) -> Response:
    """The consent page: who asks, for what, and whose."""
    who = _here(request, services)
    if who is None:
        return RedirectResponse(f"/login?next={quote(f'{AUTHORIZE}?{request.url.query}', safe='')}", 303)
    return _page(request, services, server, asked, who)


@router.post(AUTHORIZE, include_in_schema=False, dependencies=[OurForm])
def decide(
    request: Request, services: InServices, server: InServer, asked: InSaid, person: Text = "", answer: Text = "no"
) -> Response:
    """A yes leads back to the partner with a code, a no with `access_denied`."""
    who = _here(request, services)
    if who is None or not same_origin(request.headers):
        raise HTTPException(403, "This form was sent from another site, or the log-in ended. Nothing was shared.")
    if answer == "yes" and not (services.store.people.find(person) and who.may_change(person)):
        return _page(request, services, server, asked, who, problem="Choose whose data are to be shared.")
    try:
        grant = server.get_consent_grant(asked)
    except OAuth2Error as error:
        return _refused(request, services, error)
    user = person if answer == "yes" else None
    response: Response = server.create_authorization_response(grant.request, grant_user=user, grant=grant)
    return _leaving(response, grant.request.payload.redirect_uri)


@router.post(TOKEN, include_in_schema=False)
async def token(server: InServer, asked: InSaid) -> Response:
    answer: Response = await run_in_threadpool(server.create_token_response, asked)
    return answer


@router.post(REVOKE, include_in_schema=False)
async def revoke(server: InServer, asked: InSaid) -> Response:
    answer: Response = await run_in_threadpool(
        server.create_endpoint_response, "revocation", server.create_oauth2_request(asked)
    )
    return answer


@router.get(METADATA, include_in_schema=False)
def metadata(request: Request) -> Response:
    """RFC 8414."""
    base = origin_of(request)
    body: dict[str, Any] = {
        "issuer": base,
        "authorization_endpoint": base + AUTHORIZE,
        "token_endpoint": base + TOKEN,
        "revocation_endpoint": base + REVOKE,
        "scopes_supported": list(SCOPES),
        "response_types_supported": ["code"],
        "grant_types_supported": ["authorization_code", "refresh_token"],
        "code_challenge_methods_supported": ["S256"],
        "token_endpoint_auth_methods_supported": list(AUTH_METHODS),
        "revocation_endpoint_auth_methods_supported": list(AUTH_METHODS),
        "service_documentation": f"{base}/partner/docs",
    }
    return JSONResponse(body)


def _here(request: Request, services: Services) -> Visitor | None:
    if not host_ok(request.headers.get("host"), services.options.allowed_hosts):
        raise HTTPException(421, "This name is not one of this site's. Add it to WEB_ALLOWED_HOSTS, or use localhost.")
    return visitor_here(request)


def _page(
    request: Request, services: Services, server: OAuthServer, asked: Said, who: Visitor, problem: str = ""
) -> Response:
    try:
        grant = server.get_consent_grant(asked)
    except OAuth2Error as error:
        return _refused(request, services, error)
    back = grant.request.payload.redirect_uri
    response = services.pages.render(
        request,
        "consent.html",
        services.clock(),
        422 if problem else 200,
        partner=grant.request.client.partner,
        parts=[part.words for part in parts_of(grant.request.scope)],
        people=[one for one in services.store.people.list() if who.may_change(one.id)],
        back_host=urlsplit(back).hostname,
        asked={name: asked.query.get(name) or asked.form.get(name, "") for name in _FIELDS},
        problem=problem,
    )
    return _leaving(response, back)


_FIELDS = ("response_type", "client_id", "redirect_uri", "scope", "state", "code_challenge", "code_challenge_method")


def _leaving(response: Response, back: str) -> Response:
    """The form may lead to the partner: browsers hold a redirect to the form's policy."""
    parts = urlsplit(back)
    origin = f"{parts.scheme}://{parts.netloc}"
    policy = HEADERS["Content-Security-Policy"].replace("form-action 'self'", f"form-action 'self' {origin}")
    response.headers["Content-Security-Policy"] = policy
    response.headers["Referrer-Policy"] = "no-referrer"
    response.headers["Cache-Control"] = "no-store"
    return response


def _refused(request: Request, services: Services, error: OAuth2Error) -> Response:
    """A partner's mistake goes back to the partner where its address is known, and is shown here where it is not."""
    if getattr(error, "redirect_uri", None):
        status, body, headers = error()
        return Response(body if isinstance(body, str) else "", status, dict(headers))
    return services.pages.render(
        request,
        "problem.html",
        services.clock(),
        400,
        title="Nothing was shared",
        message=f"The program that sent you here asked wrongly: {error.description or error.error}",
        remedy="Go back to it and tell those who run it.",
    )
