"""Rejected records, looked at again after glucoflow was mended."""

from datetime import timedelta

from glucoflow.service.jobs import SYNC_NOW, Outcome
from glucoflow.service.runtime import Runtime
from glucoflow.service.sync import run_batch, sync_due
from glucoflow.store import new_owner


def replay(rt: Runtime, user_id: str | None = None) -> list[Outcome]:
    """Sync everybody (or one person) who has rejected records, the windows of these included.

    The provider is asked once more: it may have corrected them, and what is understood now is stored as it is today.
    """
    asked = rt.clock() - timedelta(seconds=1)  # a turn reads again what was known before it began
    people = rt.store.rejected_records.ask_again(asked, user_id)
    return [outcome for one in people for outcome in _synced(rt, one)]


def _synced(rt: Runtime, user_id: str) -> list[Outcome]:
    owner, threads = new_owner(), rt.settings.sync.threads
    return sync_due(rt, owner, lambda batch: run_batch(rt, batch, SYNC_NOW, owner, threads), user_id)
