"""The partner API as an app beside the pages: OAuth 2, data, limits, and the description of all of it."""

from typing import Any

import msgspec
from fastapi import FastAPI, Request
from fastapi.openapi.utils import get_openapi
from fastapi.responses import JSONResponse, Response

from glucoflow.es.queries import Queries
from glucoflow.partner_api import consent_routes, data_routes
from glucoflow.partner_api.consent_routes import AUTHORIZE, METADATA, TOKEN
from glucoflow.partner_api.limits import Limits, Rate
from glucoflow.partner_api.oauth import OAuthServer
from glucoflow.partner_api.scopes import SCOPES
from glucoflow.tidepool.cgm_settings.schema import CgmSettings
from glucoflow.tidepool.wire import TidepoolRecord
from glucoflow.web.access import Services
from glucoflow.web.json_problems import speak_json

DESCRIPTION, DOCS = "/partner/openapi.json", "/partner/docs"
PATHS = ("/oauth2/", "/partner/")
ABOUT = """For a partner that fetches people's data with their consent, as Tidepool's guide for partners asks.

The operator registers the partner (`glucoflow partners add`) and gives it a client id and a secret. The person's
browser is sent to /oauth2/authorize (code, PKCE with S256); /oauth2/token gives an access token for an hour and a
refresh token that works once: what is used again ends the consent. Either side ends it: the person on their page
Apps, the partner at /oauth2/revoke. /.well-known/oauth-authorization-server says all this to programs.

Then: records of a window, or what was written since the last time. /partner/v1/limits has what is asked of a partner.
Records that vanish at their source are not told of: read the last days again now and then. Not for dosing."""


def create_partner_api(services: Services, queries: Queries, limits: Limits) -> FastAPI:
    """The app over what the pages have."""
    app = _with_routes()
    app.state.services = services
    app.state.queries = queries
    app.state.limits = limits
    app.state.rate = Rate(limits.per_minute)
    app.state.oauth = OAuthServer(services.store.partners, services.clock)
    described = _described(app)
    speak_json(app, challenge='Bearer error="invalid_token"', docs=DOCS)

    @app.get(DESCRIPTION, include_in_schema=False)
    def description() -> Response:
        return JSONResponse(described)

    @app.get(DOCS, include_in_schema=False)
    def docs(request: Request) -> Response:
        return services.pages.render(request, "api.html", services.clock(), api=described, description=DESCRIPTION)

    return app


def partner_description() -> dict[str, Any]:
    """The description (OpenAPI), without anything behind it."""
    return _described(_with_routes())


def _with_routes() -> FastAPI:
    app = FastAPI(title="glucoflow for partners", version="1", docs_url=None, redoc_url=None, openapi_url=None)
    app.include_router(consent_routes.router)
    app.include_router(data_routes.router)
    return app


def is_partners(path: str) -> bool:
    """Whether the partner API answers there."""
    return path.startswith(PATHS) or path == METADATA


def _described(app: FastAPI) -> dict[str, Any]:
    found = get_openapi(title=app.title, version=app.version, description=ABOUT, routes=app.routes)
    _, records = msgspec.json.schema_components(
        [_shown(TidepoolRecord), _shown(CgmSettings)], ref_template="#/components/schemas/{name}"
    )
    found["components"]["schemas"] |= records
    flow = {"authorizationUrl": AUTHORIZE, "tokenUrl": TOKEN, "refreshUrl": TOKEN}
    scopes = {name: part.words for name, part in SCOPES.items()}
    found["components"]["securitySchemes"] = {
        "consent": {"type": "oauth2", "flows": {"authorizationCode": {**flow, "scopes": scopes}}}
    }
    found["security"] = [{"consent": []}]
    return found


def _shown(kind: type[msgspec.Struct]) -> type[msgspec.Struct]:
    """The struct as its JSON is, without `payload`, which partners do not get and which has no schema."""
    fields: list[Any] = [
        (one.encode_name, Origin if one.name == "origin" else one.type, *([] if one.required else [None]))
        for one in msgspec.structs.fields(kind)
        if one.name != "payload"
    ]
    made: type[msgspec.Struct] = msgspec.defstruct(kind.__name__, fields, kw_only=True)
    made.__doc__ = kind.__doc__
    return made


class Origin(msgspec.Struct):
    """Where a record is from: the provider's own id for it, and the provider."""

    id: str
    name: str
    type: str
    version: str
