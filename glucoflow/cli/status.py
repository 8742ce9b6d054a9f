"""`people` and `status`: what is here, how each connection fares, and what to do about what is wrong."""

import json
import sys
from datetime import datetime

import msgspec
from rich.console import Console
from rich.table import Table

from glucoflow.cli.people import age, people_table, summaries
from glucoflow.service.runtime import Runtime, open_runtime
from glucoflow.settings import Settings
from glucoflow.store import Connection, RejectedRecordCount


class ConnectionStatus(msgspec.Struct, frozen=True, kw_only=True):
    """One connection as `status` shows it. `lag_seconds` is how old its newest reading is."""

    user_id: str
    provider: str
    state: str
    readings: int
    newest: datetime | None
    lag_seconds: int | None
    last_success: datetime | None
    next_poll: datetime | None
    last_error: str | None
    remedy: str | None
    rejects: list[RejectedRecordCount]


def show_people(settings: Settings, as_json: bool) -> None:
    """A table, or JSON on standard output."""
    with open_runtime(settings) as rt:
        people = summaries(rt)
        if as_json:
            _print_json(msgspec.to_builtins(people))
        elif people:
            Console().print(people_table(people, rt.clock()))
        else:
            Console(stderr=True).print("Nobody is here yet. Start `glucoflow up` and add yourself on the page.")


def show_status(settings: Settings, as_json: bool) -> int:
    """A table and what needs attention; exit code 1 if some connection does."""
    with open_runtime(settings) as rt:
        found = [_status(rt, connection) for connection in rt.store.connections.list()]
        if as_json:
            _print_json(msgspec.to_builtins(found))
        else:
            _tell(found, rt.clock())
    return 1 if any(one.last_error or one.state == "needs_reauthorization" for one in found) else 0


def _status(rt: Runtime, connection: Connection) -> ConnectionStatus:
    newest = rt.queries.newest(connection.user_id)
    return ConnectionStatus(
        user_id=connection.user_id,
        provider=connection.provider,
        state=connection.state,
        readings=rt.queries.counts(connection.user_id).get("cgm.reading", 0),
        newest=newest,
        lag_seconds=None if newest is None else int((rt.clock() - newest).total_seconds()),
        last_success=connection.last_success_at,
        next_poll=connection.next_poll_at,
        last_error=connection.last_error,
        remedy=connection.last_remedy,
        rejects=list(rt.store.rejected_records.counts(connection_id=connection.id)),
    )


def _tell(found: list[ConnectionStatus], now: datetime) -> None:
    console = Console()
    if not found:
        console.print("No connections yet. Open the pages and choose Connect.")
        return
    console.print(_table(found, now))
    for one in found:
        if one.last_error:
            console.print(f"{one.user_id}: {one.last_error} {one.remedy or ''}", highlight=False, markup=False)
        for reject in one.rejects[:5]:
            line = f"{one.user_id}: {reject.n} {reject.kind} kept aside, {reject.field}: {reject.reason}"
            console.print(line, highlight=False, markup=False)


def _table(found: list[ConnectionStatus], now: datetime) -> Table:
    # Without lines, and with its words in the headings: it fits a terminal of 80 columns, a row a connection.
    table = Table(title="Connections", title_justify="left", box=None, padding=(0, 2, 0, 0), pad_edge=False)
    table.add_column("person", overflow="fold", min_width=6)
    for heading in ("provider", "state"):
        table.add_column(heading, no_wrap=True)
    for heading in ("readings", "newest\nago", "success\nago", "next poll\nin", "kept\naside"):
        table.add_column(heading, justify="right", no_wrap=True)
    for one in found:
        table.add_row(
            one.user_id,
            one.provider,
            "connect\nagain" if one.state == "needs_reauthorization" else one.state,
            f"{one.readings:,}",
            "never" if one.newest is None else age(now - one.newest),
            "never" if one.last_success is None else age(now - one.last_success),
            _until(one.next_poll, now),
            str(sum(reject.n for reject in one.rejects)),
        )
    return table


def _until(moment: datetime | None, now: datetime) -> str:
    if moment is None:
        return "–"
    return "now" if moment <= now else age(moment - now)


def _print_json(value: object) -> None:
    sys.stdout.write(json.dumps(value, default=str) + "\n")
