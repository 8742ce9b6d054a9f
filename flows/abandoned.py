"""Runs of ours that no process works on any more are set Crashed, so that they hold up no other.

Prefect notices that a run's process ended only while the process that started it lives. A run whose both are gone
stays as it was, and with it the slot that lets only one sync run at a time. So each run is signed with who runs it
(`store.owners`, as leases are), and whoever starts to take runs looks for those that nobody runs.
"""

import logging
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from prefect import Flow
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.filters import FlowFilter, FlowFilterName, FlowRunFilter, FlowRunFilterState
from prefect.client.schemas.filters import FlowRunFilterStateType as StateTypes
from prefect.client.schemas.objects import FlowRun, State, StateType
from prefect.events.filters import EventFilter, EventNameFilter, EventOccurredFilter, EventResourceFilter
from prefect.states import Crashed

from glucoflow.store.owners import is_gone, is_here, new_owner

log = logging.getLogger(__name__)

SILENCE = timedelta(minutes=5)
"""A run of another machine that gave no sign for so long is gone: a living one gives one every 30 seconds."""

_UNDER_WAY = [StateType.PENDING, StateType.RUNNING, StateType.CANCELLING]
_MESSAGE = "The process that ran this is gone. Nothing is lost: the next run goes on from the last checkpoint."


def sign(flow: Flow[..., Any], flow_run: FlowRun, state: State[Any]) -> None:
    """A hook of every flow: this process runs it."""
    del flow, state
    with get_client(sync_client=True) as client:
        client.update_flow_run(flow_run.id, infrastructure_pid=new_owner())


def end_abandoned(flows: Iterable[str], now: datetime, *, pool: str | None) -> int:
    """Set runs of these flows that nobody works on Crashed; how many those were.

    `pool`: runs that its workers take. None: those of the one process that serves flows, which asks before it takes
    any: what no process of this machine is seen to run, nobody runs.
    """
    ended = 0
    with get_client(sync_client=True) as client:
        for run in _under_way(client, list(flows)):
            if run.work_pool_name == pool and _is_abandoned(client, run, now, alone=pool is None):
                client.set_flow_run_state(run.id, Crashed(message=_MESSAGE), force=True)
                ended += 1
    if ended:
        log.warning("runs whose process is gone were set Crashed", extra={"runs": ended})
    return ended


def _under_way(client: SyncPrefectClient, flows: list[str]) -> Sequence[FlowRun]:
    found: list[FlowRun] = client.read_flow_runs(
        flow_filter=FlowFilter(name=FlowFilterName(any_=flows)),
        flow_run_filter=FlowRunFilter(state=FlowRunFilterState(type=StateTypes(any_=_UNDER_WAY))),
        limit=200,
    )
    return found


def _is_abandoned(client: SyncPrefectClient, run: FlowRun, now: datetime, *, alone: bool) -> bool:
    owner = run.infrastructure_pid or ""
    if is_here(owner):
        return is_gone(owner)
    if alone:
        return True
    since = now - SILENCE
    return (run.state is None or run.state.timestamp < since) and not _gave_a_sign(client, run.id, since)


def _gave_a_sign(client: SyncPrefectClient, run_id: UUID, since: datetime) -> bool:
    asked = EventFilter(
        occurred=EventOccurredFilter(since=since),
        event=EventNameFilter(name=["prefect.flow-run.heartbeat"]),
        resource=EventResourceFilter(id=[f"prefect.flow-run.{run_id}"]),
    )
    return bool(client.read_events(asked, limit=1).events)
