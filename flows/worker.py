"""The worker of our work pool: it runs the flows of this installation, whatever Prefect's API says.

Prefect's own process worker runs what it finds in the API: a deployment's pull steps (shell commands among them), its
entrypoint, and the command, environment and folder of its job variables. Whoever can write to the API would command
this machine. From there this worker takes which flow is to run, and the parameters, which the flow checks.
"""

import asyncio
import os
from datetime import UTC, datetime
from typing import Any, Self, cast
from uuid import UUID

import anyio
import anyio.abc
from prefect import Flow
from prefect.client.orchestration import PrefectClient
from prefect.client.schemas.objects import FlowRun
from prefect.client.schemas.responses import WorkerFlowRunResponse
from prefect.runner._flow_run_executor import FlowRunExecutionResult, FlowRunExecutorContext
from prefect.runner._process_manager import ProcessHandle
from prefect.runner._starter_engine import EngineCommandStarter
from prefect.utilities.processutils import setup_signal_handlers_worker
from prefect.workers.base import BaseWorkerResult
from prefect.workers.process import ProcessJobConfiguration, ProcessWorker, ProcessWorkerResult

from flows.abandoned import end_abandoned
from flows.asking import POOL
from flows.choices import keep_offering
from flows.deployments import own_flow, schedule
from flows.repeating import every_minute
from flows.sync import sync
from glucoflow.settings import Settings
from glucoflow.store import new_owner

MOST_RUNS = 3
"""Each is a process of 140 to 230 MB: more would not fit into what compose gives the worker (docs/operations.md)."""


class OwnConfiguration(ProcessJobConfiguration):
    """How every run is started: the interpreter, environment and folder of the worker itself."""

    @classmethod
    async def from_template_and_values(
        cls, base_job_template: dict[str, Any], values: dict[str, Any], client: PrefectClient | None = None
    ) -> Self:
        """Without a look at the template of the pool and the job variables of the deployment and the run."""
        del base_job_template, values, client
        return cls()


class OwnWorker(ProcessWorker):
    """Runs flows of `flows/` only, `MOST_RUNS` at a time, one of them a sync of everybody, which others share."""

    job_configuration = OwnConfiguration

    def __init__(self) -> None:
        super().__init__(work_pool_name=POOL, create_pool_if_not_found=False)
        self._syncing: UUID | None = None
        self._under_way: set[UUID] = set()
        self._names: dict[UUID, str] = {}

    @classmethod
    def __dispatch_key__(cls) -> str:
        """A name of its own among Prefect's workers; the type of its pool stays `process`."""
        return "glucoflow"

    async def _submit_scheduled_flow_runs(self, flow_run_response: list[WorkerFlowRunResponse]) -> list[FlowRun]:
        return await super()._submit_scheduled_flow_runs(flow_run_response=await self.fitting(flow_run_response))

    async def fitting(self, waiting: list[WorkerFlowRunResponse]) -> list[WorkerFlowRunResponse]:
        """Of what waits, what is begun now: one sync of everybody (a second one's run is for another worker, if there
        is one), and others in the places beside it, which is kept free for it."""
        begun = self._under_way | self._submitting_flow_run_ids
        free = MOST_RUNS - 1 - len(begun - {self._syncing})
        fit = []
        for entry in waiting:
            run = entry.flow_run
            if run.id in begun:
                continue
            if run.parameters.get("user_id") is None and await self._is_sync(run):
                if self._syncing not in (None, run.id):
                    continue
                self._syncing = run.id
            elif free > 0:
                free -= 1
            else:
                continue
            fit.append(entry)
        return fit

    async def _is_sync(self, run: FlowRun) -> bool:
        if run.flow_id not in self._names:
            self._names[run.flow_id] = (await self.client.read_flow(run.flow_id)).name
        return self._names[run.flow_id] == sync.name

    async def _submit_run(self, flow_run: FlowRun) -> None:
        await super()._submit_run(flow_run)
        if flow_run.id not in self._under_way:  # nobody was let in: its slot is taken, it was cancelled
            self._is_done(flow_run)

    async def _submit_run_and_capture_errors(
        self, flow_run: FlowRun, task_status: anyio.abc.TaskStatus[int | Exception] | None = None
    ) -> BaseWorkerResult | Exception:
        self._under_way.add(flow_run.id)
        try:
            return await super()._submit_run_and_capture_errors(flow_run, task_status)
        finally:
            self._under_way.discard(flow_run.id)
            self._is_done(flow_run)

    def _is_done(self, run: FlowRun) -> None:
        if self._syncing == run.id:
            self._syncing = None

    async def run(
        self,
        flow_run: FlowRun,
        configuration: ProcessJobConfiguration,
        task_status: anyio.abc.TaskStatus[int] | None = None,
    ) -> ProcessWorkerResult:
        """Start a process for the run and wait for its end. Raises LookupError for a flow that is not ours."""
        del configuration
        flow = own_flow((await self.client.read_flow(flow_run.flow_id)).name)

        async def resolve(_run: FlowRun) -> Flow[..., Any]:
            return flow

        results: list[FlowRunExecutionResult | None] = []
        async with FlowRunExecutorContext() as context:
            starter = EngineCommandStarter(entrypoint=_entrypoint(flow), control_channel=context.control_channel)
            executor = context.create_executor(flow_run, starter, resolve_flow=resolve, propose_submitting=False)

            async def execute(*, task_status: anyio.abc.TaskStatus[ProcessHandle]) -> None:
                results.append(await executor.submit(task_status=task_status))

            async with anyio.create_task_group() as group:
                handle: ProcessHandle = await group.start(execute)
                if task_status is not None:
                    # The base class keeps it with the run as a text, whatever it is: who runs it, for `abandoned`.
                    task_status.started(cast("int", new_owner(handle.pid)))
        (result,) = results
        if result is None or result.status_code is None:
            raise RuntimeError("the process of the flow run did not start")
        return ProcessWorkerResult(status_code=result.status_code, identifier=str(result.handle.pid))


def work(*, tell_health: bool) -> None:
    """Take runs from our pool until told to stop; at the start, and every minute, end those that nobody works on.

    As often the forms of Prefect's page are told who there is.
    """
    settings = Settings.load()
    deployed = schedule(settings)
    flows = [flow.name for flow, _ in deployed]

    every_minute(
        "abandoned",
        lambda: end_abandoned(flows, datetime.now(UTC), pool=POOL),
        "could not look for runs whose process is gone",
    )
    keep_offering(settings, deployed)
    setup_signal_handlers_worker(os.getpid(), "the worker", print)
    asyncio.run(OwnWorker().start(with_healthcheck=tell_health))


def _entrypoint(flow: Flow[..., Any]) -> str:
    """Where the process of a run imports it from."""
    return f"{flow.fn.__module__}.{flow.fn.__name__}"
