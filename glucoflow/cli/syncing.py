"""The commands that fetch: sync, backfill, disconnect, delete. Plain calls, without Prefect, against what runs."""

import time
from collections.abc import Sequence
from datetime import date
from typing import cast

from glucoflow.cli.console import bars, listed, print_json, say
from glucoflow.model.errors import Rejected
from glucoflow.model.ingestion import KINDS, Kind
from glucoflow.model.words import count
from glucoflow.service.accounts import connection_of_person, undo_connection
from glucoflow.service.backfill import checked_window, run_asked
from glucoflow.service.batches import replay, run_batch, sync_due
from glucoflow.service.deletion import delete_person
from glucoflow.service.jobs import SYNC_JOB, SYNC_NOW, Outcome
from glucoflow.service.maintenance import disconnect_person
from glucoflow.service.notices.turn import tell
from glucoflow.service.ranking import prefer, prefer_sensor
from glucoflow.service.runtime import Runtime, open_runtime
from glucoflow.settings import Settings
from glucoflow.store import new_owner


def sync_now(settings: Settings, user_id: str | None) -> int:
    """Exit code 0 if all went well, else that of the worst outcome."""
    with open_runtime(settings) as rt, bars() as progress:
        if user_id is not None:
            rt.store.people.get(user_id)  # says who is known
        bar = progress.add_task("syncing", total=None)
        owner, job = new_owner(), SYNC_JOB if user_id is None else SYNC_NOW
        outcomes = sync_due(rt, owner, lambda batch: run_batch(rt, batch, job, owner, settings.sync.threads), user_id)
        tell(rt, outcomes, user_id)
        progress.update(bar, completed=1, total=1)
        why = _why_nothing(rt, user_id) if not outcomes else ""
    return _tell(outcomes, why)


def backfill_now(
    settings: Settings, user_id: str, first: date, last: date, provider: str | None, kinds: str | None
) -> int:
    """Exit code 0 if all went well. It waits for a sync of theirs; Ctrl-C leaves it to whoever takes it next."""
    with open_runtime(settings) as rt, bars() as progress:
        checked_window(first, last, rt.store.people.get(user_id).zone, rt.clock())
        chosen = _kinds(kinds)
        bar = progress.add_task(f"{user_id}, {first} to {last}", total=1.0)
        asked = rt.store.backfills.ask(user_id, first, last, rt.clock(), provider, chosen)

        def wait(seconds: float) -> None:
            progress.update(bar, description=f"{user_id}, {first} to {last}: waits for a sync")
            time.sleep(seconds)

        outcomes = run_asked(rt, asked.id, lambda share: progress.update(bar, completed=share), wait)
    return _tell(outcomes, "Another process is just reading these days; `glucoflow status` shows how far it is.")


def disconnect_now(settings: Settings, user_id: str) -> None:
    with open_runtime(settings) as rt:
        closed = disconnect_person(rt, user_id)
    say(f"{count(closed, 'connection')} closed. The readings stay; `delete-user` removes them.", error=True)


def confirm_now(settings: Settings, user_id: str, connection_id: str | None) -> None:
    """Raises Rejected where nothing is asked."""
    with open_runtime(settings) as rt:
        one = connection_of_person(rt.store, user_id, connection_id, lambda one: one.asks_account)
        rt.store.connections.confirm_account(one.id, rt.clock())
    say(f"The account is meant. `glucoflow sync --user {user_id}` reads it.", error=True)


def first_now(settings: Settings, user_id: str, connection_id: str | None) -> None:
    with open_runtime(settings) as rt:
        one = connection_of_person(rt.store, user_id, connection_id)
        changed = prefer(rt, user_id, one.id)
    say(f"It counts first. {count(changed, 'reading')} count otherwise than before.", error=True)


def upload_now(settings: Settings, user_id: str, connection_id: str | None, on: bool) -> None:
    with open_runtime(settings) as rt:
        takes = {one.name for one in rt.providers.all() if one.upload is not None}
        one = connection_of_person(rt.store, user_id, connection_id, lambda one: one.provider in takes)
        rt.store.connections.upload(one.id, on=on)
    begins = f"It begins with the next sync; `glucoflow sync --user {user_id}` is one."
    say(begins if on else "Nothing more goes there.", error=True)


def sensor_now(settings: Settings, user_id: str, newer: bool) -> None:
    with open_runtime(settings) as rt:
        changed = prefer_sensor(rt, user_id, newer=newer)
    say(f"The {'newer' if newer else 'earlier'} sensor counts. {count(changed, 'reading')} changed.", error=True)


def undo_now(settings: Settings, user_id: str, connection_id: str | None) -> None:
    with open_runtime(settings) as rt:
        one = connection_of_person(rt.store, user_id, connection_id)
        done = undo_connection(rt, one)
    say(f"{count(done.documents, 'document')} of {user_id} are deleted; the connection is closed.", error=True)


def replay_now(settings: Settings, user_id: str | None) -> int:
    """Exit code 0 where none is left, 1 where some still cannot be understood; else that of the worst outcome."""
    with open_runtime(settings) as rt:
        if user_id is not None:
            rt.store.people.get(user_id)
        before = sum(one.n for one in rt.store.rejected_records.counts(user_id=user_id))
        outcomes = replay(rt, user_id)
        left = sum(one.n for one in rt.store.rejected_records.counts(user_id=user_id))
    said = f"{count(before, 'rejected record')} before, {left:,} now."
    code = _tell(outcomes, "Nothing is to be read again.")
    say(said, error=True)
    return code or (1 if left else 0)


def delete_now(settings: Settings, user_id: str, as_json: bool) -> None:
    with open_runtime(settings) as rt:
        receipt = delete_person(rt, user_id)
    if as_json:
        print_json(receipt)
        return
    say(f"{user_id} is deleted.", error=True)
    for sentence in receipt.sentences():
        say(sentence, error=True)


def _tell(outcomes: Sequence[Outcome], why_nothing: str) -> int:
    if not outcomes:
        say(why_nothing, error=True)
        return 0
    for outcome in outcomes:
        counts = outcome.counts
        line = f"{outcome.user_id}: {counts.created:,} new, {counts.updated:,} changed, {counts.unchanged:,} unchanged"
        line += f", {counts.deleted:,} deleted" if counts.deleted else ""
        line += f", {counts.rejected:,} rejected (see `glucoflow status`)" if counts.rejected else ""
        say(line, error=True)
        if outcome.status != "ok":
            say(f"  {outcome.message} {outcome.remedy}", error=True)
    return max(outcome.exit_code for outcome in outcomes)


def _why_nothing(rt: Runtime, user_id: str | None) -> str:
    connections = rt.store.connections.list() if user_id is None else rt.store.connections.for_user(user_id)
    if not connections:
        return "Nobody is connected yet. Open the pages and choose Connect."
    if user_id is not None and any(c.state == "connected" for c in connections):
        return f"{user_id} is being synced just now."
    return "Nothing is due." if user_id is None else f"{user_id} must connect again first (see `glucoflow status`)."


def _kinds(text: str | None) -> Sequence[Kind]:
    names = listed(text)
    unknown = [name for name in names if name not in KINDS]
    if unknown:
        raise Rejected("--kinds", f"{', '.join(unknown)} is unknown; there are {', '.join(KINDS)}")
    return [cast("Kind", name) for name in names]
