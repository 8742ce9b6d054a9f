"""The refresh-tokens flow: hourly, so that connections that are rarely polled keep their consent alive."""

from datetime import timedelta

from prefect import flow
from prefect.client.schemas.objects import State

from flows.abandoned import sign
from flows.plainly import plainly
from flows.reports import end_state, show_outcomes
from glucoflow.model.errors import GlucoflowError, Reauthorize
from glucoflow.service.jobs import Outcome
from glucoflow.service.run_metrics import record_connections
from glucoflow.service.runtime import Runtime, open_runtime
from glucoflow.settings import Settings

MARGIN = timedelta(minutes=70)
"""Longer than the flow's interval: a token that would expire before the next turn is renewed in this one."""


@flow(name="refresh-tokens", on_running=[sign], persist_result=False, validate_parameters=False)
@plainly
def refresh_tokens() -> State[None]:
    """Renew every access token that would expire before the next run."""
    with open_runtime(Settings.load()) as rt:
        outcomes = refresh_all(rt)
        record_connections(rt)  # also where no sync runs any more: then it says so
    show_outcomes("refresh-tokens", outcomes)
    return end_state(outcomes)


def refresh_all(rt: Runtime) -> list[Outcome]:
    """One outcome a connected connection; a failure stays its own."""
    return [_refresh(rt, c.id) for c in rt.store.connections.list() if c.state == "connected"]


def _refresh(rt: Runtime, connection_id: str) -> Outcome:
    connection = rt.store.connections.get(connection_id)
    try:
        renew = rt.providers.renew(connection.provider, connection.region)
        rt.store.credentials.current(connection.id, rt.clock(), renew, MARGIN)
    except GlucoflowError as error:
        return Outcome(
            connection_id=connection.id,
            user_id=connection.user_id,
            status="reauthorize" if isinstance(error, Reauthorize) else "retry",
            message=error.message,
            remedy=error.remedy,
        )
    return Outcome(connection_id=connection.id, user_id=connection.user_id, status="ok")
