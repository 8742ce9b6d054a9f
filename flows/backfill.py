"""The backfill flow: a bounded span of a person's history, oldest first, which goes on where it was interrupted."""

from uuid import UUID

from prefect import flow
from prefect.artifacts import create_progress_artifact, update_progress_artifact
from prefect.client.schemas.objects import State

from flows.parameters import FirstDay, LastDay, Provider, UserId
from flows.reports import end_state, show_outcomes
from glucoflow.es.provision import provision
from glucoflow.model.ingestion import Kind
from glucoflow.service.backfill import backfill_with_summaries, checked_window
from glucoflow.service.runtime import open_runtime
from glucoflow.settings import Settings


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

        outcomes = backfill_with_summaries(rt, user_id, window, provider, kinds or (), show)
        show(1.0)
    show_outcomes("backfill", outcomes)
    return end_state(outcomes)
