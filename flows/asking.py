"""Asking Prefect for a run, soon, from wherever its client may be imported."""

from typing import Any

from prefect.client.orchestration import get_client
from prefect.client.schemas.filters import (
    DeploymentFilter,
    DeploymentFilterId,
    FlowRunFilter,
    FlowRunFilterState,
    FlowRunFilterStateType,
    WorkerFilter,
    WorkerFilterStatus,
)
from prefect.client.schemas.objects import StateType, WorkerStatus
from prefect.exceptions import ObjectNotFound

from glucoflow.store import Backfill

POOL = "glucoflow"
"""The work pool whose workers run our flows."""

NOW = "sync/now"
"""The deployment of the sync for whom somebody asks."""

SHARE = "sync/share"
"""The one whose runs help the scheduled sync where more is due than one worker does at a time."""

BACKFILL = "backfill/backfill"


def name_in(deployment: str) -> str:
    """The deployment's own name, without that of its flow."""
    return deployment.partition("/")[2]


def ask_for(deployment: str, **parameters: Any) -> None:
    """A run of the deployment (`flow/name`), soon. Raises whatever Prefect's client raises."""
    with get_client(sync_client=True) as client:
        found = client.read_deployment_by_name(deployment)
        client.create_flow_run_from_deployment(found.id, parameters=parameters)


def not_begun(deployment: str, *, begun_too: bool = False) -> int:
    """How many of its runs wait for somebody to begin them; with `begun_too` also those that are under way."""
    states = [StateType.SCHEDULED, StateType.PENDING, *([StateType.RUNNING] if begun_too else [])]
    with get_client(sync_client=True) as client:
        found = client.read_deployment_by_name(deployment)
        runs = client.read_flow_runs(
            deployment_filter=DeploymentFilter(id=DeploymentFilterId(any_=[found.id])),
            flow_run_filter=FlowRunFilter(state=FlowRunFilterState(type=FlowRunFilterStateType(any_=states))),
            limit=200,
        )
    return len(runs)


def request_backfill(asked: Backfill) -> None:
    """Ask for a run that does it, unless one has not begun yet, which will."""
    if not not_begun(BACKFILL):
        days = {"start": asked.first.isoformat(), "end": asked.last.isoformat()}
        ask_for(BACKFILL, user_id=asked.user_id, **days, provider=asked.provider, kinds=list(asked.kinds) or None)


def workers_online() -> int:
    """How many workers take runs of our pool; none where there is no pool."""
    wanted = WorkerFilter(status=WorkerFilterStatus(any_=[WorkerStatus.ONLINE.value]))
    with get_client(sync_client=True) as client:
        try:
            return len(client.read_workers_for_work_pool(POOL, wanted))
        except ObjectNotFound:
            return 0
