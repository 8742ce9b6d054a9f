"""The backfill flow: a bounded span of a person's history, oldest first, which goes on where it was interrupted.

The queue is in our store. A run does what it was asked for, and then whatever else waits there, so that one run that
has not begun yet is enough for all of them.
"""

from uuid import UUID

from prefect import flow
from prefect.artifacts import create_progress_artifact, update_progress_artifact
from prefect.client.schemas.objects import State

from flows.abandoned import sign
from flows.asking import request_backfill
from flows.parameters import FirstDay, Kinds, LastDay, Provider, UserId
from flows.plainly import plainly
from flows.reports import end_state, show_outcomes
from glucoflow.service.backfill import checked_window, run_asked, run_due
from glucoflow.service.runtime import Runtime, open_runtime
from glucoflow.settings import Settings


@flow(
    name="backfill",
    on_running=[sign],
    flow_run_name="backfill-{start}-{end}",
    persist_result=False,
    validate_parameters=False,
)
@plainly
def backfill(
    user_id: UserId, start: FirstDay, end: LastDay, provider: Provider | None = None, kinds: Kinds | None = None
) -> State[None]:
    """Load a person's history from the first day to the last, included. Repeating it changes nothing."""
    with open_runtime(Settings.load()) as rt:
        checked_window(start, end, rt.store.people.get(user_id).zone, rt.clock())
        asked = rt.store.backfills.ask(user_id, start, end, rt.clock(), provider, kinds or ())
        progress = create_progress_artifact(
            0.0, key="backfill-progress", description="Of the days that were asked for, how many percent are read."
        )
        assert isinstance(progress, UUID)  # noqa: S101 – a coroutine only inside async code

        def show(share: float) -> None:
            update_progress_artifact(progress, round(100 * share, 1))

        outcomes = run_asked(rt, asked.id, show)
        show(1.0)
        outcomes += run_due(rt)
    show_outcomes("backfill", outcomes)
    return end_state(outcomes)


def take_up(rt: Runtime) -> None:
    """Ask for a run where a backfill waits for one, as after a crash, or where Prefect was away when it was asked."""
    due = rt.store.backfills.due(rt.clock())
    if due:
        request_backfill(due[0])
