"""`glucoflow up`: everything on this machine, from nothing to a page with readings on it."""

import json
import logging
import os
import signal
import sys
import threading
import time
from datetime import UTC, datetime
from types import FrameType

import msgspec
from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from glucoflow.cli.inbox_watch import watch_inbox
from glucoflow.cli.stack import Restarts, Stack
from glucoflow.cli.status import people_table
from glucoflow.es.provision import ensure_index, provision
from glucoflow.model.person_id import fits
from glucoflow.model.words import count
from glucoflow.service import running
from glucoflow.service.people import PersonSummary, summaries
from glucoflow.service.providers import Providers
from glucoflow.service.runtime import Runtime, open_runtime
from glucoflow.settings import Settings

log = logging.getLogger(__name__)


class UpOptions(msgspec.Struct, frozen=True, kw_only=True):
    """What the user asked for: made-up people with so many days of data, only one sync, JSON instead of tables."""

    demo: bool
    days: int
    once: bool
    as_json: bool


class Times(msgspec.Struct, frozen=True, kw_only=True):
    """Monotonic seconds: when it began, and when everything was started."""

    began: float
    started: float


def up(settings: Settings, wish: UpOptions) -> int:
    """Start, connect (with `demo`), sync, show; then run until told to stop, or end at once with `once`."""
    console = Console(stderr=wish.as_json)
    found = running.find(settings.store.data_dir)
    if found is not None:
        _say_running(found, console)
        return 0
    began = time.monotonic()
    stop = _on_signal()
    with running.only_one(settings.store.data_dir), _progress(console) as progress:
        stack = Stack(settings, wish.days if wish.demo else None, progress)
        try:
            stack.start()
            failed = _first_round(stack, wish, progress, console, Times(began=began, started=time.monotonic()))
            if not wish.once:
                stack.start_flows()
                _say_addresses(stack, console, wish.demo)
                watch_inbox(stop)
                _watch(stack, stop, console)
            return 1 if failed else 0
        except KeyboardInterrupt:
            console.print("Stopping …")
            return 130
        finally:
            progress.stop()
            stack.stop()


def _first_round(stack: Stack, wish: UpOptions, progress: Progress, console: Console, times: Times) -> bool:
    """Pages up, people connected and synced, and what came of it shown; whether anything failed."""
    # Before Prefect is imported: it reads its settings then. Its lines would get between the progress bars.
    os.environ.update(stack.environment() | {"PREFECT_LOGGING_LEVEL": "WARNING"})
    settings = Settings.load()
    if not wish.once:
        stack.start_web()
    running.announce(settings.store.data_dir, stack.running(os.getpid(), datetime.now(UTC)))
    with open_runtime(settings) as rt:
        rt.store.examine()
        provision(rt.client, rt.names)
        if wish.demo:
            _connect_demo(rt)
        if wish.once:
            _make_due(rt)
        failed = _first_sync(rt, progress)
        synced = time.monotonic()
        progress.stop()
        people = _refreshed(rt)
        if wish.as_json:
            _print_json(people, times, synced)
        elif people:
            console.print(people_table(people, rt.clock()))
        else:
            console.print(f"Nobody is here yet. Open {stack.web} and add yourself, or look around with --demo first.")
    return failed


def _connect_demo(rt: Runtime) -> None:
    from glucoflow.service.demo import connect_people

    for user_id in connect_people(rt):
        ensure_index(rt.client, rt.names, user_id)


def _make_due(rt: Runtime) -> None:
    """Whoever asks for one sync means now, not at the next poll."""
    for connection in rt.store.connections.list():
        if connection.state == "connected":
            rt.store.connections.schedule(connection.id, rt.clock())


def _first_sync(rt: Runtime, progress: Progress) -> bool:
    """Sync what is due as a Prefect flow run, with a bar a person; whether anything failed."""
    due = {c.id: c.user_id for c in rt.store.connections.list() if c.state == "connected"}
    if not due:
        return False
    from flows.sync import sync

    done = threading.Event()
    bars = {connection_id: progress.add_task(user_id, total=1.0) for connection_id, user_id in due.items()}
    since = rt.clock()

    def follow() -> None:
        while not done.wait(0.3):
            for connection_id, bar in bars.items():
                run = rt.store.runs.last(connection_id=connection_id)
                if run is not None and run.started_at >= since:
                    words = f"{due[connection_id]}, {count(run.counts.fetched, 'record')}"
                    progress.update(bar, completed=run.progress, description=words)

    follower = threading.Thread(target=follow, daemon=True)
    follower.start()
    try:
        state = sync(return_state=True)
    finally:
        done.set()
        follower.join()
    for connection_id, bar in bars.items():
        run = rt.store.runs.last(connection_id=connection_id)
        if run is not None and run.state == "completed":
            progress.update(
                bar, completed=1.0, description=f"{due[connection_id]}, {count(run.counts.fetched, 'record')}"
            )
    return not (state.is_completed() and state.name == "Completed")


def _refreshed(rt: Runtime) -> list[PersonSummary]:
    """Everybody, with what was written a moment ago."""
    for person in rt.store.people.list():
        if fits(person.id):
            rt.client.indices.refresh(index=rt.names.alias(person.id), ignore_unavailable=True)
    return summaries(rt)


def _print_json(people: list[PersonSummary], times: Times, synced: float) -> None:
    answer = {
        "people": [
            {
                "id": one.id,
                "readings": one.readings,
                "newest": one.newest.isoformat() if one.newest else None,
                "tir": one.tir,
                "mean_mg_dl": one.mean_mg_dl,
                "index": one.index,
            }
            for one in people
        ],
        "seconds": {
            "start": round(times.started - times.began, 1),
            "sync": round(synced - times.started, 1),
            "total": round(time.monotonic() - times.began, 1),
        },
    }
    sys.stdout.write(json.dumps(answer) + "\n")
    sys.stdout.flush()


def _say_addresses(stack: Stack, console: Console, demo: bool) -> None:
    console.print()
    console.print(f"  Pages          {stack.web}", highlight=False)
    console.print(f"  Prefect        {stack.prefect_api.removesuffix('/api')}", highlight=False)
    if stack.prefect_login_file is not None:
        login = f"                 log in with what is in {stack.prefect_login_file}"
        console.print(login, highlight=False, soft_wrap=True)
    console.print(f"  Elasticsearch  {stack.elasticsearch}", highlight=False)
    missing = None if demo else missing_keys(Settings.load())
    if missing is not None:
        console.print(f"\n{missing}", highlight=False, markup=False, soft_wrap=True)
    if demo:
        console.print("\nThe people are made up. Ctrl-C stops everything; what was read stays.")
    else:
        console.print("\nCtrl-C stops everything; what was read stays.")


def missing_keys(settings: Settings) -> str | None:
    """What must be set before anybody can connect, and where to get it; None where some provider can be connected."""
    providers = Providers(settings=settings.providers)
    missing = [providers.missing(one.name) for one in providers.all()]
    return None if None in missing else "\n".join(map(str, missing))


def _say_running(found: running.Running, console: Console) -> None:
    console.print(f"glucoflow is already running here (process {found.pid}):", highlight=False)
    for name, address in (("Pages", found.web), ("Prefect", found.prefect), ("Elasticsearch", found.elasticsearch)):
        if address:
            console.print(f"  {name:<14} {address.removesuffix('/api')}", highlight=False)


def _watch(stack: Stack, stop: threading.Event, console: Console) -> None:
    """Until somebody says stop. A part that ends by itself is started again; Unavailable where that is of no use."""
    restarts = Restarts(time.monotonic)
    while not stop.wait(0.5):
        stack.shorten_logs()
        for child in stack.dead():
            if not restarts.due(child.name):
                continue
            console.print(f"{child.name} ended by itself and is started again. Its log ended:", highlight=False)
            console.print(child.tail(6), highlight=False, markup=False, style="dim")
            stack.restart(child)
    console.print("Stopping …")


def _on_signal() -> threading.Event:
    """Set by the first Ctrl-C or SIGTERM, which also interrupts whatever is being waited for."""
    stop = threading.Event()

    def handle(_number: int, _frame: FrameType | None) -> None:
        if stop.is_set():
            return  # stopping is under way
        stop.set()
        raise KeyboardInterrupt

    signal.signal(signal.SIGINT, handle)
    signal.signal(signal.SIGTERM, handle)
    return stop


def _progress(console: Console) -> Progress:
    return Progress(
        SpinnerColumn(),
        TextColumn("{task.description:<42}"),
        BarColumn(),
        TimeElapsedColumn(),
        console=console,
        transient=False,
    )
