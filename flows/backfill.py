"""The backfill flow: a bounded span of a person's history, oldest first, which goes on where it was interrupted."""

from collections.abc import Callable, Sequence
from functools import partial
from uuid import UUID, uuid4

from prefect import flow
from prefect.artifacts import create_progress_artifact, update_progress_artifact
from prefect.client.schemas.objects import State

from flows.parameters import FirstDay, LastDay, Provider, UserId, checked_window
from flows.reports import end_state, show_outcomes
from flows.runtime import Runtime, open_runtime
from flows.work import Job, Outcome, run_job
from glucoflow.connector import Kind, Window
from glucoflow.errors import Rejected
from glucoflow.es.provision import provision
from glucoflow.settings import Settings
from glucoflow.store import Connection


@flow(name="backfill", flow_run_name="backfill-{user_id}-{start}-{end}", persist_result=False)
def backfill(
    user_id: UserId, start: FirstDay, end: LastDay, provider: Provider | None = None, kinds: list[Kind] | None = None
) -> State[None]:
    """Load a person's history from the first day to the last, included. Repeating it changes nothing."""
    with open_runtime(Settings.load()) as rt:
        window = checked_window(start, end, rt.store.people.get(user_id).zone, rt.clock())
        provision(rt.client, rt.names)
        progress = create_progress_artifact(0.0, key=f"backfill-{user_id.replace('_', '-')}", description=user_id)
        assert isinstance(progress, UUID)  # noqa: S101 – a coroutine only inside async code

        def show(share: float) -> None:
            update_progress_artifact(progress, round(100 * share, 1))

        outcomes = backfill_person(rt, user_id, window, provider, kinds or (), show)
        show(1.0)
    show_outcomes("backfill", outcomes)
    return end_state(outcomes)


def backfill_person(
    rt: Runtime,
    user_id: str,
    window: Window,
    provider: str | None,
    kinds: Sequence[Kind],
    on_progress: Callable[[float], None],
) -> list[Outcome]:
    """Each of the person's connections in turn. Raises Rejected if none can be used just now."""
    owner = uuid4().hex
    job = Job(flow="backfill", window=window, kinds=tuple(kinds))
    chosen = [c for c in rt.store.connections.for_user(user_id) if provider in (None, c.provider)]
    claimed = [c for c in (rt.store.leases.claim(c.id, owner, rt.clock(), rt.lease) for c in chosen) if c]
    if not claimed:
        raise Rejected("user_id", _why_not(user_id, chosen))
    try:
        return [
            run_job(rt, connection, job, owner, partial(_shared, on_progress, i, len(claimed)))
            for i, connection in enumerate(claimed)
        ]
    finally:
        rt.store.leases.release_all(owner)


def _shared(on_progress: Callable[[float], None], before: int, of: int, share: float) -> None:
    on_progress((before + share) / of)


def _why_not(user_id: str, chosen: Sequence[Connection]) -> str:
    if not chosen:
        return f"{user_id} has no connection; connect them first"
    if any(connection.state == "connected" for connection in chosen):
        return f"{user_id} is being synced just now; try again in a few minutes"
    return f"{user_id}'s connection is {chosen[0].state}; connect them again"
