"""The sync flow: every few minutes, whatever is due."""

from collections.abc import Sequence

from prefect import flow, task
from prefect.cache_policies import NO_CACHE
from prefect.client.schemas.objects import State
from prefect.runtime import flow_run

from flows.abandoned import sign
from flows.parameters import UserId
from flows.reports import end_state, show_outcomes
from glucoflow.es.provision import provision
from glucoflow.service.jobs import SYNC_JOB, SYNC_NOW, Outcome
from glucoflow.service.runtime import open_runtime
from glucoflow.service.sync import run_batch, sync_due
from glucoflow.settings import Settings
from glucoflow.store import Connection, new_owner


def _name() -> str:
    return f"sync-{flow_run.parameters.get('user_id') or 'due'}"


@flow(name="sync", on_running=[sign], flow_run_name=_name, persist_result=False)
def sync(user_id: UserId | None = None) -> State[None]:
    """Fetch what is new for the connections that are due, or for one person now."""
    owner = new_owner()

    def as_task(connections: Sequence[Connection]) -> list[Outcome]:
        return sync_batch([connection.id for connection in connections], owner, now=user_id is not None)

    with open_runtime(Settings.load()) as rt:
        provision(rt.client, rt.names)
        outcomes = sync_due(rt, owner, as_task, user_id)
    show_outcomes("sync", outcomes)
    return end_state(outcomes)


@task(name="sync-batch", cache_policy=NO_CACHE, persist_result=False)
def sync_batch(connection_ids: list[str], owner: str, now: bool = False) -> list[Outcome]:
    """One batch of leased connections. Ids go in, never tokens or readings; counts come out. `now`: see `SYNC_NOW`."""
    settings = Settings.load()
    with open_runtime(settings) as rt:
        connections = [rt.store.connections.get(connection_id) for connection_id in connection_ids]
        return run_batch(rt, connections, SYNC_NOW if now else SYNC_JOB, owner, settings.sync.threads)
