"""For the operator: the keys that encrypt what is secret in the store, and encrypting it anew with the newest."""

from fastapi import APIRouter, Request
from fastapi.responses import RedirectResponse, Response

from glucoflow.web.access import InServices, OurForm
from glucoflow.web.rights import OPERATE

router = APIRouter()


@router.get("/keys", dependencies=[OPERATE])
def keys(request: Request, services: InServices) -> Response:
    """Keys are told apart by a part of their hash; none is ever shown."""
    return services.pages.render(
        request,
        "keys.html",
        services.clock(),
        key_ids=services.store.key_ids(),
        state=services.rotation.state(),
    )


@router.post("/keys/rotate", dependencies=[OPERATE, OurForm])
def rotate(services: InServices) -> Response:
    """Begin; where it is under way already, that goes on."""
    services.rotation.begin()
    return RedirectResponse("/keys", 303)
