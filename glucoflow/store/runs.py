"""Runs: what each flow did for each person. These tables, not the orchestrator, tell what happened."""

import uuid
from datetime import datetime, timedelta
from typing import Literal

from sqlalchemy import func, or_, select, update

from glucoflow.model.errors import Rejected
from glucoflow.model.ingestion import Counts, Kind, Window
from glucoflow.model.same_names import made_of
from glucoflow.store.database import Database
from glucoflow.store.future import FAR_AHEAD
from glucoflow.store.tables import RunRow
from glucoflow.store.values import Run, RunState

_COUNTS = Counts().__struct_fields__
_DIED = "The process that ran this stopped without a word."
_DIED_REMEDY = "Nothing is lost: the next run goes on from the last checkpoint."


class Runs:
    """The record of runs."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def start(
        self,
        flow: str,
        now: datetime,
        *,
        user_id: str | None = None,
        connection_id: str | None = None,
        kind: Kind | None = None,
        window: Window | None = None,
    ) -> Run:
        """A new run, `running`."""
        row = RunRow(
            id=uuid.uuid4().hex,
            flow=flow,
            user_id=user_id,
            connection_id=connection_id,
            kind=kind,
            state="running",
            window_start=window.start if window else None,
            window_end=window.end if window else None,
            progress=0.0,
            message="",
            remedy="",
            started_at=now,
            updated_at=now,
            **dict.fromkeys(_COUNTS, 0),
        )
        with self._database.write() as session:
            session.add(row)
            session.flush()
            return _run(row)

    def update_progress(self, run_id: str, progress: float, now: datetime, message: str = "") -> None:
        """How far it is (0 to 1), and that it lives."""
        values: dict[str, object] = {"progress": min(1.0, max(0.0, progress)), "updated_at": now}
        if message:
            values["message"] = message
        with self._database.write() as session:
            session.execute(update(RunRow).where(RunRow.id == run_id).values(**values))

    def finish(
        self,
        run_id: str,
        state: Literal["completed", "failed", "interrupted"],
        now: datetime,
        message: str = "",
        remedy: str = "",
    ) -> Run:
        """How it ended. Its counts are those of its pages. Raises Rejected for an unknown run."""
        with self._database.write() as session:
            row = session.get(RunRow, run_id, with_for_update=True)
            if row is None:
                raise _unknown()
            row.state, row.message, row.remedy, row.finished_at, row.updated_at = state, message, remedy, now, now
            if state == "completed":
                row.progress = 1.0
            return _run(row)

    def discard(self, run_id: str) -> None:
        """Forget a run that did nothing, and whose times are wrong."""
        with self._database.write() as session:
            row = session.get(RunRow, run_id)
            if row is not None:
                session.delete(row)

    def get(self, run_id: str) -> Run:
        """The run. Raises Rejected if there is none."""
        with self._database.read() as session:
            row = session.get(RunRow, run_id)
            if row is None:
                raise _unknown()
            return _run(row)

    def sums_since(self, start: datetime) -> dict[tuple[str, RunState], tuple[int, Counts]]:
        """Of those that began then or later: how many, by flow and state, and what they did together."""
        sums = [func.sum(getattr(RunRow, name)) for name in _COUNTS]
        query = select(RunRow.flow, RunRow.state, func.count(), *sums).where(RunRow.started_at >= start)
        with self._database.read() as session:
            return {
                (flow, state): (n, Counts(**{name: int(one or 0) for name, one in zip(_COUNTS, each, strict=True)}))
                for flow, state, n, *each in session.execute(query.group_by(RunRow.flow, RunRow.state))
            }

    def list(
        self,
        *,
        flow: str | None = None,
        user_id: str | None = None,
        connection_id: str | None = None,
        state: RunState | None = None,
        limit: int = 50,
    ) -> tuple[Run, ...]:
        """The latest first."""
        query = select(RunRow).order_by(RunRow.started_at.desc(), RunRow.id).limit(limit)
        given = {"flow": flow, "user_id": user_id, "connection_id": connection_id, "state": state}
        query = query.filter_by(**{name: value for name, value in given.items() if value is not None})
        with self._database.read() as session:
            return tuple(_run(row) for row in session.scalars(query))

    def last(
        self, *, flow: str | None = None, user_id: str | None = None, connection_id: str | None = None
    ) -> Run | None:
        """The latest, or None."""
        found = self.list(flow=flow, user_id=user_id, connection_id=connection_id, limit=1)
        return found[0] if found else None

    def reap(self, now: datetime, older_than: timedelta) -> int:
        """Mark runs that have given no sign of life for `older_than` as interrupted; how many those were."""
        gone = or_(RunRow.updated_at < now - older_than, RunRow.updated_at > now + FAR_AHEAD)
        silent = (RunRow.state == "running", gone)
        with self._database.write() as session:
            done = session.execute(
                update(RunRow)
                .where(*silent)
                .values(state="interrupted", message=_DIED, remedy=_DIED_REMEDY, finished_at=now)
                .returning(RunRow.id)
            )
            return len(done.all())

    def count_before(self, older_than: datetime) -> int:
        """How many `forget` would delete."""
        old = (RunRow.state != "running", RunRow.started_at < older_than)
        with self._database.read() as session:
            return session.scalar(select(func.count()).select_from(RunRow).where(*old)) or 0

    def forget(self, older_than: datetime) -> int:
        """Delete finished runs that started before `older_than`; how many those were. Rejects stay."""
        with self._database.write() as session:
            rows = session.scalars(select(RunRow).where(RunRow.state != "running", RunRow.started_at < older_than))
            gone = rows.all()
            for row in gone:
                session.delete(row)
            return len(gone)


def _unknown() -> Rejected:
    return Rejected("run", "is not there; its person may have been deleted")


def _run(row: RunRow) -> Run:
    window = None
    if row.window_start is not None and row.window_end is not None:
        window = Window(row.window_start, row.window_end)
    return made_of(row, Run, window=window, counts=made_of(row, Counts))
