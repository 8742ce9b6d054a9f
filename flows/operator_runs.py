"""A copy of each run in Elasticsearch, for the operator's dashboard."""

import logging
from datetime import UTC, datetime, timedelta

from flows.runtime import Runtime
from glucoflow.errors import GlucoflowError
from glucoflow.es.runs import RunFields, Span, record_run
from glucoflow.store import Connection, Run

log = logging.getLogger(__name__)


def tell_operator(rt: Runtime, connection: Connection, run: Run, error: str | None = None) -> None:
    """A copy of the run for the operator's dashboard. The store keeps the original; a failure here is only logged."""
    ended = run.finished_at or rt.clock()
    try:
        times = rt.queries.tail(connection.user_id, ended, timedelta(minutes=1)).times_ms
        newest = datetime.fromtimestamp(times[-1] / 1000, UTC) if times else None
        record_run(
            rt.client,
            rt.names,
            _run_fields(run, ended, newest, error),
            ended,
            connection.user_id,
            connection.id,
            connection.provider,
        )
    except GlucoflowError as trouble:
        log.warning("the run was not copied to Elasticsearch: %s", type(trouble).__name__, extra={"run_id": run.id})


def _run_fields(run: Run, ended: datetime, newest: datetime | None, error: str | None) -> RunFields:
    return RunFields(
        id=run.id,
        flow=run.flow,
        kind=run.kind or "all",
        state=run.state,
        started=run.started_at,
        finished=ended,
        duration_ms=_ms(ended - run.started_at),
        lag_ms=None if newest is None else _ms(run.started_at - newest),
        window=Span(start=run.window.start, end=run.window.end) if run.window else None,
        counts=run.counts,
        error=error,
        message=run.message or None,
        remedy=run.remedy or None,
    )


def _ms(span: timedelta) -> int:
    return int(span.total_seconds() * 1000)
