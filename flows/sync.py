"""The sync flow: every few minutes, whatever is due."""

import logging
from collections.abc import Callable, Sequence

from prefect import flow, task
from prefect.cache_policies import NO_CACHE
from prefect.client.schemas.objects import State
from prefect.runtime import deployment, flow_run

from flows.abandoned import sign
from flows.asking import SHARE, ask_for, name_in, not_begun, workers_online
from flows.backfill import take_up
from flows.parameters import UserId
from flows.plainly import plainly
from flows.reports import end_state, show_outcomes
from glucoflow.service.batches import run_batch, sync_due
from glucoflow.service.jobs import SYNC_JOB, SYNC_NOW, Outcome
from glucoflow.service.notices.turn import tell
from glucoflow.service.runtime import Runtime, open_runtime
from glucoflow.settings import Settings
from glucoflow.store import Connection, new_owner

log = logging.getLogger(__name__)


def _name() -> str:
    """Names are in Prefect's events and everybody's logs: they say nothing of a person."""
    return "sync-person" if flow_run.parameters.get("user_id") else "sync-due"


@flow(name="sync", on_running=[sign], flow_run_name=_name, persist_result=False, validate_parameters=False)
@plainly
def sync(user_id: UserId | None = None) -> State[None]:
    """Fetch what is new for the connections that are due, or for one person now.

    Each run claims a batch at a time until nothing is left that is due, so that runs of several workers share it.
    """
    owner, settings = new_owner(), Settings.load()

    def as_task(connections: Sequence[Connection]) -> list[Outcome]:
        return sync_batch([connection.id for connection in connections], owner, now=user_id is not None)

    with open_runtime(settings) as rt:
        if user_id is None and deployment.name == sync.name:
            _unless_prefect_is_away(lambda: _share_out(rt, settings.sync.batch_size))
        outcomes = sync_due(rt, owner, as_task, user_id)
        _unless_prefect_is_away(lambda: take_up(rt))
        if user_id is not None or deployment.name != name_in(SHARE):
            tell(rt, outcomes, user_id)
    show_outcomes("sync", outcomes)
    return end_state(outcomes)


@task(name="sync-batch", cache_policy=NO_CACHE, persist_result=False)
def sync_batch(connection_ids: list[str], owner: str, now: bool = False) -> list[Outcome]:
    """One batch of leased connections. Ids go in, never tokens or readings; counts come out. `now`: see `SYNC_NOW`."""
    settings = Settings.load()
    with open_runtime(settings) as rt:
        connections = [rt.store.connections.get(connection_id) for connection_id in connection_ids]
        return run_batch(rt, connections, SYNC_NOW if now else SYNC_JOB, owner, settings.sync.threads)


def helpers(due: int, batch_size: int, workers: int, there: int) -> int:
    """How many more runs to ask for: one a batch, and no more than there are workers besides our own."""
    batches = -(-due // batch_size)
    return max(0, min(batches, workers) - 1 - there)


def _share_out(rt: Runtime, batch_size: int) -> None:
    """Ask for runs on other workers where more is due than one batch. Nothing where no pool is used."""
    due = rt.store.leases.count_due(rt.clock())
    if due <= batch_size:
        return
    wanted = helpers(due, batch_size, workers_online(), not_begun(SHARE, begun_too=True))
    for _ in range(wanted):
        ask_for(SHARE)


def _unless_prefect_is_away(ask: Callable[[], None]) -> None:
    """What is asked of Prefect besides is worth no failed sync: the next one asks again."""
    try:
        ask()
    except Exception as error:  # noqa: BLE001 – whatever Prefect's client raises
        log.warning("Prefect could not be asked for another run: %s", type(error).__name__)
