"""A year of runs in the database of a Prefect server with our settings: what is there after each month, as JSON.

Every fifth day brings runs with all that hangs on them; each month Prefect's own vacuum runs. In a process of its own,
since Prefect reads its settings when it is imported.
"""

import asyncio
import json
import sys
from datetime import UTC, datetime, timedelta
from typing import Any
from unittest.mock import patch
from uuid import uuid4

import sqlalchemy as sa
from prefect.server.database import provide_database_interface
from prefect.server.services import db_vacuum
from prefect.settings.context import get_current_settings

START = datetime(2026, 1, 1, tzinfo=UTC)
RUNS_A_DAY = 3
EVERY = 5
"""Days, so that a year is soon played."""
TABLES = ("FlowRun", "TaskRun", "FlowRunState", "TaskRunState", "Log", "Artifact", "Event", "EventResource")


async def main() -> None:
    db: Any = provide_database_interface()
    await db.create_db()
    async with db.session_context(begin_transaction=True) as session:
        flow = db.Flow(name="sync")
        session.add(flow)
        await session.flush()
        flow_id = flow.id
    months = []
    for day in range(365):
        today = START + timedelta(days=day)
        if day % EVERY == 0:
            async with db.session_context(begin_transaction=True) as session:
                for run in range(RUNS_A_DAY):
                    await add_run(db, session, flow_id, today + timedelta(hours=8 * run), run)
        if day % 30 == 29:
            await vacuum(db, today + timedelta(days=1))
            months.append(await counted(db))
    sys.stdout.write(json.dumps(months))


async def add_run(db: Any, session: Any, flow_id: Any, at: datetime, number: int) -> None:
    """A run that ended (every third was cancelled before it began), a task, two lines of log, an artifact, events."""
    run_id, task_id = uuid4(), uuid4()
    state = "CANCELLED" if number == 2 else "COMPLETED"
    times = {"start_time": at, "end_time": at}
    session.add(db.FlowRun(id=run_id, flow_id=flow_id, name="sync-due", state_type=state, state_name=state, **times))
    await session.flush()
    session.add(db.FlowRunState(flow_run_id=run_id, type=state, name=state, timestamp=at))
    task = {"task_key": "sync-batch", "dynamic_key": "0", "state_type": state, "state_name": state}
    session.add(db.TaskRun(id=task_id, flow_run_id=run_id, name="sync-batch", **task, **times))
    await session.flush()
    session.add(db.TaskRunState(task_run_id=task_id, type=state, name=state, timestamp=at))
    session.add_all(
        db.Log(name="flow", level=20, flow_run_id=run_id, message="page stored", timestamp=at) for _ in range(2)
    )
    session.add(db.Artifact(key="sync", type="table", data="[]", flow_run_id=run_id, task_run_id=None))
    for _ in range(3):
        event_id, resource = uuid4(), {"prefect.resource.id": f"prefect.flow-run.{run_id}"}
        said = {"occurred": at, "resource_id": resource["prefect.resource.id"], "resource": resource}
        more = {"received": at, "recorded": at, "payload": {}, "related": [], "related_resource_ids": []}
        session.add(db.Event(id=event_id, event="prefect.flow-run.heartbeat", **said, **more))
        session.add(db.EventResource(event_id=event_id, resource_role="", **said))


async def vacuum(db: Any, now: datetime) -> None:
    with patch.object(db_vacuum, "now", lambda _zone: now):
        enabled = get_current_settings().server.services.db_vacuum.enabled_vacuum_types
        if "flow_runs" in enabled:
            await db_vacuum.vacuum_old_flow_runs(db=db)
        if "events" in enabled:
            await db_vacuum.vacuum_events_with_retention_overrides(db=db)
            await db_vacuum.vacuum_old_events(db=db)


async def counted(db: Any) -> dict[str, int]:
    async with db.session_context() as session:
        return {
            name: (await session.execute(sa.select(sa.func.count()).select_from(getattr(db, name)))).scalar_one()
            for name in TABLES
        }


asyncio.run(main())
