"""What is measured for a monitor (`/metrics`), and whether all that is needed answers (`/ready`).

Everything is read from the store when it is asked for: several processes work on one store, and none of them knows what
the others did. What happens over time is told of the last hour, so that nothing jumps when old runs are forgotten.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from importlib.metadata import version

from prometheus_client import Metric, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from glucoflow.es.client import check
from glucoflow.model.errors import GlucoflowError, Misconfigured
from glucoflow.model.ingestion import Counts
from glucoflow.service.jobs import MAIN
from glucoflow.service.overdue import OVERDUE, waiting
from glucoflow.service.runtime import Runtime
from glucoflow.store import Connection
from glucoflow.store.values import RunState

HOUR = timedelta(hours=1)


class Watch:
    """Over the runtime."""

    def __init__(self, rt: Runtime) -> None:
        self._rt = rt

    def metrics(self) -> bytes:
        """Prometheus's text. Raises Unavailable where the store does not answer."""
        return generate_latest(_Measured(list(_measured(self._rt))))

    def ready(self) -> dict[str, bool]:
        """Each part that is needed, and whether it does its work: the store, Elasticsearch, the schedule."""
        rt = self._rt
        return {
            "store": _holds(rt.store.check),
            "elasticsearch": _holds(lambda: check(rt.client, rt.names.everything)),
            "schedule": _holds(lambda: _on_time(rt)),
        }


class _Measured(Collector):
    def __init__(self, families: Sequence[Metric]) -> None:
        self._families = families

    def collect(self) -> Iterable[Metric]:
        return self._families


def _holds(look: Callable[[], object]) -> bool:
    try:
        look()
    except GlucoflowError:
        return False
    return True


def _on_time(rt: Runtime) -> None:
    """Raises where somebody is due for long and nothing takes them."""
    if _late(rt, rt.store.connections.list()):
        raise GlucoflowError("Connections are due and no run takes them.")


def _late(rt: Runtime, connections: Sequence[Connection]) -> list[Connection]:
    every = timedelta(minutes=rt.settings.sync.every_minutes)
    return waiting(rt.store, connections, rt.clock(), every)


def _measured(rt: Runtime) -> Iterator[Metric]:
    now = rt.clock()
    connections = rt.store.connections.list()
    yield _gauge("build_info", "The version that runs.", ["version"], [((version("glucoflow"),), 1)])
    yield _gauge("people", "People of this installation.", [], [((), len(rt.store.people.list()))])
    yield from _of_connections(rt, connections, now)
    yield from _of_runs(rt.store.runs.sums_since(now - HOUR))
    yield from _of_calls(rt, connections)
    yield from _of_queues(rt, now)


def _of_connections(rt: Runtime, connections: Sequence[Connection], now: datetime) -> Iterator[Metric]:
    late = {one.id for one in _late(rt, connections)}
    states = Counter((one.provider, OVERDUE if one.id in late else one.state) for one in connections)
    yield _gauge("connections", "Connections by their state.", ["provider", "state"], states.items())
    tokens = Counter((one.provider, _token(one, now)) for one in connections)
    yield _gauge(
        "tokens", "Credentials: valid, expired (renewed when used) or none.", ["provider", "state"], tokens.items()
    )
    working = [one for one in connections if one.state == "connected"]
    failing = Counter((one.provider,) for one in working if one.failures)
    yield _gauge("connections_failing", "Connections whose last try failed.", ["provider"], failing.items())
    retries: dict[tuple[str, ...], float] = {}
    ages: dict[tuple[str, ...], float] = {}
    for one in working:
        key = (one.provider,)
        retries[key] = max(retries.get(key, 0), one.failures)
        age = (now - (one.last_success_at or one.created_at)).total_seconds()
        ages[key] = max(ages.get(key, 0.0), age)
    yield _gauge("retries_in_a_row", "Failures in a row, of the worst connection.", ["provider"], retries.items())
    yield _gauge(
        "success_age_seconds",
        "Since the last success, of the connection that waits longest.",
        ["provider"],
        ages.items(),
    )
    lags = {
        (provider,): max(0.0, (now - position).total_seconds())
        for provider, position in rt.store.connections.oldest_positions(MAIN).items()
    }
    yield _gauge(
        "lag_seconds", "Age of the newest reading stored, of the worst connection.", ["provider"], lags.items()
    )


def _token(connection: Connection, now: datetime) -> str:
    if not connection.has_credentials:
        return "none"
    return "expired" if connection.expires_at is not None and connection.expires_at <= now else "valid"


def _of_runs(done: Mapping[tuple[str, RunState], tuple[int, Counts]]) -> Iterator[Metric]:
    states = [(key, n) for key, (n, _) in done.items()]
    yield _gauge("runs_last_hour", "Runs that began within the hour.", ["flow", "state"], states)
    total = sum((counts for _, counts in done.values()), Counts())
    names = ("fetched", "created", "updated", "unchanged", "deleted", "rejected")
    counts = [((name,), getattr(total, name)) for name in names]
    yield _gauge("records_last_hour", "Records of these runs, by what became of them.", ["what"], counts)


def _of_calls(rt: Runtime, connections: Sequence[Connection]) -> Iterator[Metric]:
    used, caps = {}, {}
    for provider, region in {(one.provider, one.region) for one in connections}:
        try:
            found = rt.providers.used(provider, region)
        except Misconfigured:  # apps, or a package that is gone
            continue
        if found is not None:
            used[(provider, region)], caps[(provider, region)] = found.calls, found.cap
    yield _gauge("calls_last_hour", "Calls of the provider's API.", ["provider", "region"], used.items())
    yield _gauge("calls_cap", "How many an hour may be.", ["provider", "region"], caps.items())


def _of_queues(rt: Runtime, now: datetime) -> Iterator[Metric]:
    queues = {
        ("connections",): rt.store.leases.count_due(now),
        ("backfills",): len(rt.store.backfills.due(now)),
        ("windows",): len(rt.store.unread.list()),
        ("messages",): rt.store.notices.count_waiting(),
    }
    yield _gauge(
        "queue", "What waits: due connections, backfills, windows to read again, messages.", ["what"], queues.items()
    )
    rejected = sum(one.n for one in rt.store.rejected_records.counts())
    yield _gauge(
        "rejected_records", "Records that are kept because they could not be understood.", [], [((), rejected)]
    )


def _gauge(name: str, says: str, labels: Sequence[str], values: Iterable[tuple[tuple[str, ...], float]]) -> Metric:
    family = GaugeMetricFamily(f"glucoflow_{name}", says, labels=labels)
    for key, value in sorted(values):
        family.add_metric(list(key), float(value))
    return family
