"""`people` and `status`: who and what is here, how each connection fares, and what to do about what is wrong."""

from datetime import datetime

import msgspec
from rich.console import Console
from rich.table import Table

from glucoflow.cli.console import print_json, say
from glucoflow.model.units import glucose_unit
from glucoflow.model.words import count, length
from glucoflow.service.jobs import backfill_words
from glucoflow.service.maintenance import nobodys, nobodys_words
from glucoflow.service.overdue import OVERDUE, Overdue, overdue_of
from glucoflow.service.people import PersonSummary, summaries
from glucoflow.service.runtime import Runtime, open_runtime
from glucoflow.settings import Settings
from glucoflow.store import Backfill, Connection, RejectedRecordCount, Unread


class ConnectionStatus(msgspec.Struct, frozen=True, kw_only=True):
    """One connection as `status` shows it. `lag_seconds` is how old its newest reading is.

    `state` is `overdue` where it has been due for long and no run takes it; `waits_for` then says why.
    """

    user_id: str
    connection_id: str
    provider: str
    state: str
    readings: int
    newest: datetime | None
    lag_seconds: int | None
    last_success: datetime | None
    next_poll: datetime | None
    last_error: str | None
    remedy: str | None
    waits_for: str | None
    waits_remedy: str | None
    clock_ahead_seconds: int | None
    backfills: list[Backfill]
    unread: list[Unread]
    rejected_records: list[RejectedRecordCount]


def show_people(settings: Settings, as_json: bool) -> None:
    """A table, or JSON on standard output."""
    with open_runtime(settings) as rt:
        people = summaries(rt)
        if as_json:
            print_json(people)
        elif people:
            Console().print(people_table(people, rt.clock()))
        else:
            say("Nobody is here yet. Start `glucoflow up` and add yourself on the page.", error=True)


def people_table(people: list[PersonSummary], now: datetime) -> Table:
    """Person, readings, newest, time in range and mean in the person's own unit, with the days they stand for."""
    table = Table(title="People", title_justify="left")
    table.add_column("person")
    for heading in ("readings", "newest", "in range 70–180 mg/dL", "mean", "over"):
        table.add_column(heading, justify="right")
    for one in people:
        table.add_row(
            f"{one.name} ({one.id})",
            f"{one.readings:,}",
            "–" if one.newest is None else f"{length(now - one.newest)} ago {one.arrow}",
            "–" if one.tir is None else f"{one.tir:.0f} %",
            glucose_unit(one.mean_mg_dl, one.unit),
            "–" if one.first is None or one.newest is None else count((one.newest - one.first).days + 1, "day"),
        )
    return table


def show_status(settings: Settings, as_json: bool) -> int:
    """A table and what needs attention; exit code 1 if some connection does."""
    with open_runtime(settings) as rt:
        connections, now = rt.store.connections.list(), rt.clock()
        overdue = overdue_of(settings, rt.store, connections, now)
        found = [_status(rt, connection, overdue) for connection in connections]
        unknown = nobodys(rt)
        if as_json:
            print_json(found)
        else:
            _tell(found, overdue, now)
        if unknown:
            say(nobodys_words(unknown), error=True)
    wrong = any(one.last_error or one.state in ("needs_reauthorization", OVERDUE) for one in found)
    return 1 if unknown or wrong else 0


def _status(rt: Runtime, connection: Connection, overdue: Overdue) -> ConnectionStatus:
    cause = overdue.cause if overdue.state(connection) == OVERDUE else None
    newest = rt.queries.newest(connection.user_id)
    return ConnectionStatus(
        user_id=connection.user_id,
        connection_id=connection.id,
        provider=connection.provider,
        state=overdue.state(connection),
        readings=rt.queries.counts(connection.user_id).get("cgm.reading", 0),
        newest=newest,
        lag_seconds=None if newest is None else int((rt.clock() - newest).total_seconds()),
        last_success=connection.last_success_at,
        next_poll=connection.next_poll_at,
        last_error=connection.last_error,
        remedy=connection.last_remedy,
        waits_for=cause.message if cause else None,
        waits_remedy=cause.remedy if cause else None,
        clock_ahead_seconds=connection.clock_ahead_s,
        backfills=list(rt.store.backfills.open(connection.user_id)),
        unread=list(rt.store.unread.list(connection_id=connection.id)),
        rejected_records=list(rt.store.rejected_records.counts(connection_id=connection.id)),
    )


def _tell(found: list[ConnectionStatus], overdue: Overdue, now: datetime) -> None:
    if not found:
        say("No connections yet. Open the pages and choose Connect.")
        return
    Console().print(_table(found, now))
    if overdue.cause is not None:
        say(f"{overdue.words(now)} {overdue.cause.message} {overdue.cause.remedy}")
    for one in found:
        if one.last_error:
            say(f"{one.user_id}: {one.last_error} {one.remedy or ''}")
        for rejected in one.rejected_records[:5]:
            say(f"{one.user_id}: {rejected.n} {rejected.kind} rejected, {rejected.field}: {rejected.reason}")
    for backfill in {one.id: one for status in found for one in status.backfills}.values():
        say(f"{backfill.user_id}: {backfill_words(backfill)}")


def _table(found: list[ConnectionStatus], now: datetime) -> Table:
    # Without lines, and with its words in the headings: it fits a terminal of 80 columns, a row a connection.
    table = Table(title="Connections", title_justify="left", box=None, padding=(0, 2, 0, 0), pad_edge=False)
    table.add_column("person", overflow="fold", min_width=6)
    for heading in ("provider", "state"):
        table.add_column(heading, no_wrap=True)
    for heading in ("readings", "newest\nago", "success\nago", "next poll\nin", "rejected"):
        table.add_column(heading, justify="right", no_wrap=True)
    for one in found:
        table.add_row(
            one.user_id,
            one.provider,
            "connect\nagain" if one.state == "needs_reauthorization" else one.state,
            f"{one.readings:,}",
            "never" if one.newest is None else length(now - one.newest),
            "never" if one.last_success is None else length(now - one.last_success),
            _until(one.next_poll, now),
            str(sum(rejected.n for rejected in one.rejected_records)),
        )
    return table


def _until(moment: datetime | None, now: datetime) -> str:
    if moment is None:
        return "–"
    return "now" if moment <= now else length(moment - now)
