"""The consent page and the token endpoint (`/v2|v3/oauth2/login` and `/token`)."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from html import escape
from urllib.parse import parse_qs, urlencode

from fastapi import APIRouter, Request, Response
from fastapi.responses import HTMLResponse, JSONResponse, RedirectResponse

from glucoflow.simulators.dexcom.grants import GrantError, Grants, Pair
from glucoflow.simulators.scenario import Client, Scenario
from glucoflow.simulators.settable_clock import Clock

SCOPE = "offline_access"


@dataclass(frozen=True)
class RefreshAttempt:
    """A call with grant_type=refresh_token; `person` None if the token is unknown."""

    at: datetime
    person: str | None
    accepted: bool


def oauth_routes(
    scenario: Scenario, clients: Mapping[str, Client], grants: Grants, clock: Clock, refreshes: list[RefreshAttempt]
) -> APIRouter:
    """Login and token, under v2 and v3 alike. `clients` are the registered apps by their id."""
    router = APIRouter()

    @router.get("/{version}/oauth2/login")
    async def login(version: str, request: Request) -> Response:
        query = dict(request.query_params)
        if version not in ("v2", "v3"):
            return _error(404, "not_found", "there is no such page")
        client = clients.get(query.get("client_id", ""))
        if client is None:
            return _error(400, "invalid_client", "client_id is not registered")
        if query.get("redirect_uri") not in client.redirect_uris:
            return _error(400, "invalid_request", "redirect_uri is not registered for this client")
        return _decide(scenario, grants, clock(), query)

    @router.post("/{version}/oauth2/token")
    async def token(version: str, request: Request) -> Response:
        if version not in ("v2", "v3"):
            return _error(404, "not_found", "there is no such page")
        try:
            if not request.headers.get("content-type", "").startswith("application/x-www-form-urlencoded"):
                raise GrantError("invalid_request", "the body must be form-urlencoded")
            form = _form((await request.body()).decode("utf-8", "replace"))
            return _tokens(_grant(form, clients, grants, clock(), refreshes))
        except GrantError as error:
            return _error(401 if error.error == "invalid_client" else 400, error.error, error.why)

    return router


def _decide(scenario: Scenario, grants: Grants, now: datetime, query: dict[str, str]) -> Response:
    """Redirects with a code or an error once a person has chosen, else shows the page to choose on."""
    back = query["redirect_uri"]
    state = {"state": query["state"]} if "state" in query else {}
    person, decision = query.get("person"), query.get("decision")
    if query.get("response_type") != "code":
        return _back(back, {"error": "unsupported_response_type", **state})
    if query.get("scope") != SCOPE:
        return _back(back, {"error": "invalid_scope", **state})
    if decision == "deny":
        return _back(back, {"error": "access_denied", **state})
    if decision == "approve" or query.get("auto") == "1":
        if person not in {one.id for one in scenario.people}:
            return _error(400, "invalid_request", f"there is no person {person!r}")
        return _back(back, {"code": grants.consent(person, back, now, query["client_id"]), **state})
    return HTMLResponse(_page(scenario, query))


def _page(scenario: Scenario, query: dict[str, str]) -> str:
    hidden = "".join(
        f'<input type="hidden" name="{escape(name)}" value="{escape(value)}">'
        for name, value in query.items()
        if name not in ("person", "decision", "auto")
    )
    people = "".join(
        f'<label><input type="radio" name="person" value="{escape(person.id)}"{" checked" if first else ""}> '
        f"{escape(person.name)} <small>{escape(person.zone)}, {person.generation.upper()}</small></label>"
        for first, person in zip((True, *(False,) * len(scenario.people)), scenario.people, strict=False)
    )
    return (
        '<!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">'
        "<title>Simulated provider: sign in</title><style>:root{color-scheme:light dark}body{font:1.1rem/1.6 system-ui;"
        "max-width:28rem;margin:3rem auto;padding:0 1rem}label{display:block}"
        "button{font:inherit;padding:.4rem 1.2rem;margin:1rem .5rem 0 0}</style>"
        "<h1>Whose data?</h1><p>This is glucoflow's simulated provider. The people are made up.</p>"
        f'<form method="get">{hidden}{people}<button name="decision" value="approve">Allow access</button>'
        '<button name="decision" value="deny">Deny</button></form></html>'
    )


def _grant(
    form: dict[str, str], clients: Mapping[str, Client], grants: Grants, now: datetime, refreshes: list[RefreshAttempt]
) -> Pair:
    client = clients.get(form.get("client_id", ""))
    if client is None or form.get("client_secret") != client.secret:
        raise GrantError("invalid_client", "client_id and client_secret do not belong together")
    kind = form.get("grant_type")
    if kind == "authorization_code":
        _needs(form, "code", "redirect_uri")
        return grants.exchange(form["code"], form["redirect_uri"], now, client.id)
    if kind == "refresh_token":
        _needs(form, "refresh_token")
        owner = grants.owner(form["refresh_token"])
        try:
            pair = grants.rotate(form["refresh_token"], now, client.id)
        except GrantError:
            refreshes.append(RefreshAttempt(now, owner, accepted=False))
            raise
        refreshes.append(RefreshAttempt(now, owner, accepted=True))
        return pair
    if kind is None:
        raise GrantError("invalid_request", "grant_type is missing")
    raise GrantError("unsupported_grant_type", "authorization_code and refresh_token are supported")


def _needs(form: dict[str, str], *names: str) -> None:
    missing = [name for name in names if not form.get(name)]
    if missing:
        raise GrantError("invalid_request", f"{', '.join(missing)} missing")


def _form(body: str) -> dict[str, str]:
    fields = parse_qs(body, keep_blank_values=True)
    if any(len(values) > 1 for values in fields.values()):
        raise GrantError("invalid_request", "a parameter is given twice")
    return {name: values[0] for name, values in fields.items()}


def _tokens(pair: Pair) -> Response:
    content = {
        "access_token": pair.access,
        "expires_in": pair.expires_in,
        "token_type": "Bearer",
        "refresh_token": pair.refresh,
        "refresh_expires_in": 0,
        "not-before-policy": 0,
        "session_state": None,
    }
    return JSONResponse(content, headers={"cache-control": "no-store", "pragma": "no-cache"})


def _back(redirect_uri: str, answer: dict[str, str]) -> Response:
    joint = "&" if "?" in redirect_uri else "?"
    return RedirectResponse(redirect_uri + joint + urlencode(answer), status_code=302)


def _error(status: int, error: str, why: str) -> Response:
    return JSONResponse({"error": error, "error_description": why}, status_code=status)
