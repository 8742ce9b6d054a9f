"""Connections that have been due for long and that no run takes: a state of its own, said wherever somebody looks.

A connection is due at its next poll. The schedule looks every few minutes, so one that waits for two intervals is a
sign that nothing runs. Prefect is asked why only where that is so.
"""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec

from glucoflow.model.errors import GlucoflowError
from glucoflow.model.said import said
from glucoflow.model.words import length
from glucoflow.service.prefect_api import PrefectApi, prefect_api
from glucoflow.settings import Settings
from glucoflow.store import Connection, Store, is_held

OVERDUE = "overdue"
"""The state in which such a connection is shown."""

INTERVALS = 2
_FLOW = "sync"


class Cause(msgspec.Struct, frozen=True, kw_only=True):
    """Why nothing is fetched, and what to do."""

    message: str
    remedy: str


class Overdue(msgspec.Struct, frozen=True, kw_only=True):
    """Who waits, since when (the longest), and why; nobody, where all is well."""

    connection_ids: frozenset[str] = frozenset()
    since: datetime | None = None
    cause: Cause | None = None

    def state(self, connection: Connection) -> str:
        """The connection's state as it is shown."""
        return OVERDUE if connection.id in self.connection_ids else connection.state

    def words(self, now: datetime) -> str:
        """One sentence on what waits."""
        if self.since is None:
            return ""
        return said("Due for %(time)s, and no run has taken it.", time=length(now - self.since))


def waiting(store: Store, connections: Sequence[Connection], now: datetime, every: timedelta) -> list[Connection]:
    """Those that have been due for longer than two intervals, while no sync has begun for as long."""
    latest = now - INTERVALS * every
    late = [one for one in connections if _is_late(one, latest) and not is_held(one, now)]
    if not late:
        return []
    last = store.runs.last(flow=_FLOW)
    return [] if last is not None and latest < last.started_at <= now else late


def find_overdue(
    store: Store,
    connections: Sequence[Connection],
    now: datetime,
    every: timedelta,
    why: Callable[[], Cause],
) -> Overdue:
    """Which of these are overdue; `why` is asked only if some are."""
    late = waiting(store, connections, now, every)
    if not late:
        return Overdue()
    since = min(one.next_poll_at for one in late if one.next_poll_at is not None)
    return Overdue(connection_ids=frozenset(one.id for one in late), since=since, cause=why())


def overdue_of(settings: Settings, store: Store, connections: Sequence[Connection], now: datetime) -> Overdue:
    """The same, by the settings, with Prefect asked for the cause."""
    every = timedelta(minutes=settings.sync.every_minutes)
    return find_overdue(store, connections, now, every, lambda: cause(settings, now))


def cause(settings: Settings, now: datetime) -> Cause:
    """Why no run takes what is due, as far as Prefect knows."""
    try:
        api = prefect_api(settings)
        deployment = api.get(f"deployments/name/{_FLOW}/{_FLOW}")
        if deployment is None:
            return Cause(
                message=said("Prefect does not know the flow that syncs."),
                remedy=said("Start `glucoflow up`, or run `glucoflow provision --deployments`."),
            )
        stale = now - INTERVALS * timedelta(minutes=settings.sync.every_minutes)
        return (
            _paused(deployment)
            or _held(api, deployment, stale)
            or _nobody_takes(api, deployment)
            or _unknown(api.address)
        )
    except GlucoflowError as error:
        return Cause(message=error.message, remedy=error.remedy)


def _is_late(connection: Connection, latest: datetime) -> bool:
    due = connection.next_poll_at
    return connection.state == "connected" and due is not None and due < latest


def _paused(deployment: dict[str, Any]) -> Cause | None:
    active = any(one["active"] for one in deployment["schedules"])
    if active and not deployment["paused"]:
        return None
    return Cause(
        message=said("The schedule is paused in Prefect."),
        remedy=said("Resume the deployment called sync on Prefect's page (Deployments), or start glucoflow again."),
    )


def _held(api: PrefectApi, deployment: dict[str, Any], stale: datetime) -> Cause | None:
    """A run that began long ago and still holds the slot that lets only so many run at a time."""
    under_way = {"state": {"type": {"any_": ["PENDING", "RUNNING", "CANCELLING"]}}}
    runs = api.filtered(
        "flow_runs",
        flow_runs=under_way,
        deployments={"id": {"any_": [deployment["id"]]}},
        sort="EXPECTED_START_TIME_ASC",
    )
    for run in runs or []:
        began = datetime.fromisoformat((run["start_time"] or run["expected_start_time"]).replace("Z", "+00:00"))
        if began < stale:
            return Cause(
                message=f"A run that began at {began.astimezone(UTC):%H:%M} UTC on {began.astimezone(UTC):%d %B} "
                f"({run['name']}) holds the slot.",
                remedy=said(
                    "Cancel it on Prefect's page (Runs) if nothing works on it any more, or start glucoflow again."
                ),
            )
    return None


def _nobody_takes(api: PrefectApi, deployment: dict[str, Any]) -> Cause | None:
    pool = deployment["work_pool_name"]
    if pool is None:
        polled = deployment["status"] == "READY"
        remedy = said(
            "Start `glucoflow up` again; the end of logs/flows.log in the data folder says why its flows ended."
        )
    else:
        online = {"workers": {"status": {"any_": ["ONLINE"]}}}
        polled = bool(api.filtered(f"work_pools/{pool}/workers", **online))
        remedy = said("Start `glucoflow worker` (docker compose up -d worker).")
    return None if polled else Cause(message=said("No process takes the runs that are due."), remedy=remedy)


def _unknown(address: str) -> Cause:
    return Cause(
        message=said("Prefect answers and its schedule is on, but no sync begins."),
        remedy=f"Look at the latest runs of the deployment called sync at {address.removesuffix('/api')}, and into the "
        "logs of what runs flows.",
    )
