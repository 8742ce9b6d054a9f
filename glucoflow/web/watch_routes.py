"""For monitors: whether this process lives, whether all that it needs answers, and measurements for Prometheus.

The first two say nothing that helps anybody. Measurements are counts over everybody, of no person and without a
reading; they are for the operator, or for whoever sends the token of WEB_METRICS_TOKEN.
"""

from fastapi import APIRouter, HTTPException
from fastapi.responses import JSONResponse, Response
from prometheus_client import CONTENT_TYPE_LATEST

from glucoflow.model.said import said
from glucoflow.service.watching import Watch
from glucoflow.web.access import InServices, Services
from glucoflow.web.rights import METRICS, OPEN, WATCH

router = APIRouter()
ALIVE = ("/healthz", "/health")
READY = "/ready"
PROBES = (*ALIVE, READY)


def _watch(services: Services) -> Watch:
    if services.watch is None:
        raise HTTPException(404, said("Nothing is measured here."))
    return services.watch


@router.get("/healthz", dependencies=[OPEN])
@router.get("/health", dependencies=[OPEN])
def health() -> dict[str, str]:
    """That the pages are served; says nothing about what is behind them."""
    return {"status": "ok"}


@router.get(READY, dependencies=[OPEN])
def ready(services: InServices) -> Response:
    """200 where the store, Elasticsearch and the schedule do their work, else 503; which of them does."""
    parts = _watch(services).ready()
    return JSONResponse({"ready": all(parts.values()), **parts}, 200 if all(parts.values()) else 503)


@router.get(METRICS, dependencies=[WATCH])
def metrics(services: InServices) -> Response:
    return Response(_watch(services).metrics(), media_type=CONTENT_TYPE_LATEST)
