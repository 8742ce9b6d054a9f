"""Which flows run when, and the two ways to run them: served by one process, or by workers of a pool."""

from collections.abc import Sequence
from contextlib import suppress
from datetime import timedelta
from typing import Any

from prefect import Flow, serve
from prefect.client.orchestration import get_client
from prefect.client.schemas.actions import WorkPoolCreate
from prefect.client.schemas.objects import ConcurrencyLimitConfig, ConcurrencyLimitStrategy
from prefect.deployments.runner import RunnerDeployment
from prefect.exceptions import ObjectAlreadyExists
from prefect.types.entrypoint import EntrypointType

from flows.backfill import backfill
from flows.dashboards import dashboards
from flows.maintenance import delete_user, disconnect, provision_all, retention
from flows.summarize import summarize
from flows.sync import sync
from flows.tokens import refresh_tokens
from flows.transfer import export_flow, import_flow
from glucoflow.settings import Settings

POOL = "glucoflow"

# A late sync is useless beside one that runs (checkpoints catch up); a second backfill waits for the first.
ONE_AT_A_TIME = ConcurrencyLimitConfig(limit=1, collision_strategy=ConcurrencyLimitStrategy.CANCEL_NEW)
IN_TURN = ConcurrencyLimitConfig(limit=1, collision_strategy=ConcurrencyLimitStrategy.ENQUEUE)


def deployments(settings: Settings, work_pool: str | None = None) -> Sequence[RunnerDeployment]:
    """All of them. With a work pool they are for its workers, else for `serve`.

    The dashboards' one has a schedule only where a Kibana is configured.
    """
    hourly = timedelta(hours=1)

    def deploy(a_flow: Flow[..., Any], **options: Any) -> RunnerDeployment:
        # By module path, not by file: it works from an installed package, in whatever folder the run starts.
        made = a_flow.to_deployment(
            name=a_flow.name, entrypoint_type=EntrypointType.MODULE_PATH, work_pool_name=work_pool, **options
        )
        assert isinstance(made, RunnerDeployment)  # noqa: S101 – a coroutine only inside async code
        return made

    return [
        deploy(sync, interval=timedelta(minutes=settings.sync.every_minutes), concurrency_limit=ONE_AT_A_TIME),
        deploy(backfill, concurrency_limit=IN_TURN),
        deploy(refresh_tokens, interval=hourly, concurrency_limit=ONE_AT_A_TIME),
        deploy(dashboards, interval=hourly if settings.kibana.url else None, concurrency_limit=ONE_AT_A_TIME),
        deploy(export_flow),
        deploy(import_flow),
        deploy(summarize, cron="30 3 * * *", concurrency_limit=IN_TURN),
        deploy(provision_all),
        deploy(disconnect),
        deploy(delete_user),
        deploy(retention),
    ]


def serve_here(settings: Settings) -> None:
    """Serve every deployment from this process, until it is told to stop."""
    serve(*deployments(settings), print_starting_message=False, pause_on_shutdown=False)


def register(settings: Settings) -> list[str]:
    """Make the work pool and its deployments, or bring them up to date; their names."""
    with get_client(sync_client=True) as client, suppress(ObjectAlreadyExists):  # as at every start but the first
        client.create_work_pool(WorkPoolCreate(name=POOL, type="process"))
    made = deployments(settings, POOL)
    for deployment in made:
        deployment.apply()
    return [f"{deployment.flow_name}/{deployment.name}" for deployment in made]
