"""Which flows run when, and the two ways to run them: served by one process, or by workers of a pool."""

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any

from prefect import Flow
from prefect.client.orchestration import get_client
from prefect.client.schemas.actions import WorkPoolCreate
from prefect.client.schemas.objects import ConcurrencyLimitConfig, ConcurrencyLimitStrategy
from prefect.deployments.runner import RunnerDeployment
from prefect.exceptions import ObjectAlreadyExists, TerminationSignal
from prefect.runner import Runner
from prefect.types.entrypoint import EntrypointType

from flows.abandoned import end_abandoned
from flows.asking import NOW, POOL, SHARE, name_in
from flows.backfill import backfill
from flows.backup import backup
from flows.choices import keep_offering, offer
from flows.dashboards import dashboards, kibana_guests
from flows.inbox import inbox
from flows.maintenance import delete_user, disconnect, provision_all, retention
from flows.notices import notices
from flows.parameters import explained
from flows.report import report_flow
from flows.summarize import summarize
from flows.sync import sync
from flows.tokens import refresh_tokens
from flows.transfer import archive_flow, export_flow, import_flow
from glucoflow.settings import BackupSettings, Settings

# A late sync is useless beside one that runs (checkpoints catch up); a second backfill waits for the first. What
# somebody asks for waits for its turn: people who connect within a second of one another are synced at once.
ONE_AT_A_TIME = ConcurrencyLimitConfig(limit=1, collision_strategy=ConcurrencyLimitStrategy.CANCEL_NEW)
IN_TURN = ConcurrencyLimitConfig(limit=1, collision_strategy=ConcurrencyLimitStrategy.ENQUEUE)
A_FEW = ConcurrencyLimitConfig(limit=4, collision_strategy=ConcurrencyLimitStrategy.ENQUEUE)


def schedule(settings: Settings) -> Sequence[tuple[Flow[..., Any], dict[str, Any]]]:
    """Every flow with when it runs, and how many of it at a time; its deployment's name is the flow's, or given.

    The sync has three: the scheduled one, `share`, whose runs help it on other workers, and `now`. The dashboards' one
    has a schedule only where a Kibana is configured, the backup's where there is a passphrase.
    """
    hourly = timedelta(hours=1)
    flows: list[tuple[Flow[..., Any], dict[str, Any]]] = [
        (sync, {"interval": timedelta(minutes=settings.sync.every_minutes), "concurrency_limit": ONE_AT_A_TIME}),
        (sync, {"name": name_in(SHARE)}),
        (sync, {"name": name_in(NOW), "concurrency_limit": A_FEW}),
        (backfill, {"concurrency_limit": IN_TURN}),
        (refresh_tokens, {"interval": hourly, "concurrency_limit": ONE_AT_A_TIME}),
        (dashboards, {"interval": hourly if settings.kibana.url else None, "concurrency_limit": ONE_AT_A_TIME}),
        (kibana_guests, {"interval": hourly if settings.kibana.url else None, "concurrency_limit": IN_TURN}),
        (archive_flow, {}),
        (export_flow, {}),
        (import_flow, {}),
        (report_flow, {}),
        (inbox, {"interval": timedelta(minutes=15), "concurrency_limit": ONE_AT_A_TIME}),
        (notices, {"interval": timedelta(minutes=15), "concurrency_limit": ONE_AT_A_TIME}),
        (summarize, {"cron": "30 3 * * *", "concurrency_limit": IN_TURN}),
        (backup, {"cron": _nightly(settings.backup), "concurrency_limit": IN_TURN}),
        (provision_all, {}),
        (disconnect, {}),
        (delete_user, {}),
        (retention, {"cron": "30 4 * * 0", "parameters": {"dry_run": False}, "concurrency_limit": IN_TURN}),
    ]
    return [(explained(flow), options) for flow, options in flows]


def _nightly(settings: BackupSettings) -> str | None:
    return f"{settings.at.minute} {settings.at.hour} * * *" if settings.scheduled else None


def own_flow(name: str) -> Flow[..., Any]:
    """The flow of that name in this installation. Raises LookupError where there is none."""
    for flow, _ in schedule(Settings.load()):
        if flow.name == name:
            return flow
    raise LookupError(f"glucoflow has no flow called {name[:40]!r} and runs no other code")


def serve_here(settings: Settings) -> None:
    """Serve every deployment from this process, until it is told to stop.

    Flows are handed over as objects: a run is a run of what is in this process. Told by name only, as `prefect.serve`
    is, Prefect's runner would look up in the API what to run, and run whatever pull steps anybody put there.
    """
    runner = Runner(pause_on_shutdown=False)
    flows = schedule(settings)
    end_abandoned([flow.name for flow, _ in flows], datetime.now(UTC), pool=None)
    for flow, options in flows:
        runner.add_flow(flow, **{"name": flow.name, **options}, entrypoint_type=EntrypointType.MODULE_PATH)
    keep_offering(settings, flows)
    with suppress(KeyboardInterrupt, TerminationSignal):
        asyncio.run(runner.start())


def deployments(settings: Settings) -> Sequence[RunnerDeployment]:
    """All of them, for the workers of our pool."""

    def deploy(flow: Flow[..., Any], options: dict[str, Any]) -> RunnerDeployment:
        # By module path, not by file: it works from an installed package, in whatever folder the run starts.
        made = flow.to_deployment(
            **{"name": flow.name, **options}, entrypoint_type=EntrypointType.MODULE_PATH, work_pool_name=POOL
        )
        assert isinstance(made, RunnerDeployment)  # noqa: S101 – a coroutine only inside async code
        return made

    return [deploy(flow, options) for flow, options in schedule(settings)]


def register(settings: Settings) -> list[str]:
    """Make the work pool and its deployments, or bring them up to date; their names."""
    with get_client(sync_client=True) as client, suppress(ObjectAlreadyExists):  # as at every start but the first
        client.create_work_pool(WorkPoolCreate(name=POOL, type="process"))
    made = deployments(settings)
    for deployment in made:
        deployment.apply()
    offer(settings, schedule(settings))
    return [f"{deployment.flow_name}/{deployment.name}" for deployment in made]
