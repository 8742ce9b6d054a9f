"""People and their connections: what is kept, what is refused, and that deleting one leaves nothing behind."""

from datetime import date, datetime, timedelta

import msgspec
import pytest
from pydantic import SecretStr
from sqlalchemy import func, select

from glucoflow.model.errors import Rejected, Retryable
from glucoflow.model.ingestion import Counts, RejectedRecord, Window
from glucoflow.model.notices import Message, State, Terms
from glucoflow.store import Connection, OwnTargets, Person, ProtocolDay, Store
from glucoflow.store.audit import Deed
from glucoflow.store.invites import Invited
from glucoflow.store.login_accounts import Grant
from glucoflow.store.notices import Addressed, Told
from glucoflow.store.passkeys import Passkey
from glucoflow.store.tables import Base
from tests.store.conftest import NOW, Place, connect, pair

DAY = timedelta(days=1)


def test_a_person_comes_back_as_added(store: Store) -> None:
    added = store.people.add(
        "mia-2",
        " Mia ",
        NOW,
        unit="mmol/L",
        zone="Europe/Berlin",
        profile="gestational",
        own_targets=OwnTargets(low=70, high=140),
    )
    assert added == store.people.get("mia-2") == store.people.find("mia-2")
    assert added == Person(
        id="mia-2",
        display_name="Mia",
        unit="mmol/L",
        zone="Europe/Berlin",
        profile="gestational",
        own_targets=OwnTargets(low=70, high=140),
        created_at=NOW,
    )
    store.people.add("anna", "Anna", NOW)
    assert [person.id for person in store.people.list()] == ["anna", "mia-2"]


def test_a_person_changes_in_what_is_given_only(store: Store) -> None:
    old = store.people.add("anna", "Anna", NOW, own_targets=OwnTargets(low=70, high=160))
    assert store.people.update("anna", unit="mmol/L") == msgspec.structs.replace(old, unit="mmol/L")
    assert store.people.update("anna", own_targets=None).own_targets is None
    assert store.people.get("anna").unit == "mmol/L"
    with pytest.raises(Rejected, match="no person"):
        store.people.update("ben", zone="UTC")


@pytest.mark.parametrize(
    ("field", "values"),
    [
        ("user", {"user_id": "Anna"}),
        ("user", {"user_id": "a/b"}),
        ("user", {"user_id": "-a"}),
        ("user", {"user_id": "a" * 64}),
        ("user", {"user_id": "taken"}),
        ("display name", {"display_name": "  "}),
        ("unit", {"unit": "mg"}),
        ("zone", {"zone": "Mars/Olympus"}),
        ("zone", {"zone": "../../etc/passwd"}),
        ("profile", {"profile": "robot"}),
        ("targets", {"own_targets": OwnTargets(low=180, high=70)}),
    ],
)
def test_what_a_person_cannot_be(store: Store, field: str, values: dict[str, object]) -> None:
    store.people.add("taken", "Taken", NOW)
    given = {"user_id": "anna", "display_name": "Anna", "now": NOW, **values}
    with pytest.raises(Rejected) as caught:
        store.people.add(**given)  # type: ignore[arg-type]
    assert caught.value.field == field
    assert store.people.find("anna") is None


def test_an_unknown_person_is_named_with_those_who_are_known(store: Store) -> None:
    store.people.add("ben", "Ben", NOW)
    store.people.add("anna", "Anna", NOW)
    with pytest.raises(Rejected, match=r"no person with the id 'ana'\. Known are: anna, ben\.$") as caught:
        store.people.get("ana")
    assert caught.value.exit_code == 65


def test_deleting_a_person_leaves_nothing_of_them_and_all_of_others(store: Store, place: Place) -> None:
    def rows() -> dict[str, int]:
        with place.database() as database, database.read() as session:
            nobodys = {"calls", "login_sessions", "login_waits", "receipts", "partners", "spent"}  # of everybody
            tables = [table for table in Base.metadata.sorted_tables if table.name not in nobodys]
            return {table.name: session.scalar(select(func.count()).select_from(table)) or 0 for table in tables}

    def fill(user_id: str) -> None:
        connection = connect(store, user_id)
        store.leases.claim(connection.id, "w", NOW, DAY)
        run = store.runs.start("sync", NOW, user_id=user_id, connection_id=connection.id)
        ledger = store.ledger(connection.id, run.id, "w")
        ledger.advance("readings", NOW, Counts(), [RejectedRecord(field="x", reason="y")], NOW)
        store.oauth_states.create(user_id, "dexcom", "us", NOW, connection_id=connection.id)
        store.exclusions.add(user_id, NOW - DAY, NOW, "warm-up", NOW)
        store.protocols.record(user_id, "walk", [ProtocolDay(day=date(2026, 3, 1), kept=True)], NOW)
        ledger.pass_over("readings", Window(NOW - DAY, NOW), Retryable("Not now."), None, NOW)
        store.backfills.ask(user_id, date(2026, 3, 1), date(2026, 3, 2), NOW)
        store.apps.add(user_id, "Phone", "both", NOW)
        code = store.partners.consent(partner.partner.id, user_id, "read", "https://x.example/", "challenge", NOW)
        taken = store.partners.take_code(code, partner.partner.id, NOW)
        assert taken is not None
        store.partners.issue(taken.grant.id, f"{user_id} access", f"{user_id} refresh", NOW)
        own = store.login_accounts.add(user_id, "hash", NOW, grant=Grant(user_id=user_id, level="own", until=None))
        key = Passkey(
            id=user_id, account_id=own.id, name="Phone", host="localhost", public_key=b"p", uses=0, created_at=NOW
        )
        store.passkeys.add(key)
        store.kibana_guests.ask(user_id, "Dr. Ott", NOW + DAY, "Anna", NOW)
        receiver = store.receivers.add(user_id, "Phone", "mail", SecretStr("a@x.example"), "a…", ["low"], NOW)
        store.receivers.set_terms(user_id, Terms())
        sent = [Addressed(receiver.id, Message(title="Low", body="Low"), f"{user_id} token")]
        store.notices.look(user_id, "low", lambda _: Told(State(since=NOW), sent, NOW + DAY), NOW)
        store.invites.add(Invited(name="Dr. Ott", unit="mg/dL", zone="UTC", user_id=user_id), "Anna", NOW)
        store.shares.add(user_id, "School", ["now"], NOW + DAY, "Anna", NOW)
        store.audit.add(Deed(who="Dr. Ott", action="looked at", what="now", user_id=user_id), NOW)

    partner = store.partners.add("Study", ["https://x.example/"], NOW)
    fill("anna")
    before = rows()
    assert all(n >= 1 for n in before.values()), before  # every table has something of hers, or is shared
    fill("ben")
    assert store.people.delete("ben")
    assert rows() == before
    assert not store.people.delete("ben")
    assert [each.user_id for each in store.connections.list()] == ["anna"]


def test_connecting_again_keeps_the_connection(store: Store) -> None:
    first = connect(store)
    store.leases.claim(first.id, "w", NOW, DAY)
    run = store.runs.start("sync", NOW, connection_id=first.id)
    store.ledger(first.id, run.id, "w").advance("readings", NOW, Counts(), [], NOW)
    store.connections.disconnect(first.id)
    gone = store.connections.get(first.id)
    assert (gone.state, gone.has_credentials) == ("disconnected", False)
    assert (gone.lease_owner, gone.next_poll_at) == (None, None)
    again = store.connections.reconnect(first.id, "ous", NOW + DAY, pair(5))
    assert (again.id, again.region, again.state, again.next_poll_at) == (first.id, "ous", "connected", NOW + DAY)
    assert [each.position for each in store.connections.checkpoints(first.id)] == [NOW]


def test_a_person_may_have_several_connections_at_one_provider(store: Store) -> None:
    first, second = connect(store), connect(store)
    assert first.id != second.id
    assert {each.id for each in store.connections.for_user("anna")} == {first.id, second.id}


def test_a_connection_waits_for_its_credentials(store: Store) -> None:
    store.people.add("anna", "Anna", NOW)
    bare = store.connections.add("anna", "dexcom", "us", NOW)
    assert (bare.state, bare.has_credentials) == ("needs_reauthorization", False)
    store.connections.reconnect(bare.id, "us", NOW, pair())
    assert store.connections.get(bare.id).state == "connected"
    with pytest.raises(Rejected, match="no person"):
        store.connections.add("ben", "dexcom", "us", NOW)


def test_errors_and_successes_are_remembered(store: Store) -> None:
    connection = connect(store)
    outage = Retryable("The provider is down.", remedy="Wait.")
    asked: list[tuple[int, float | None]] = []

    def again(failures: int, retry_after: float | None) -> datetime:
        asked.append((failures, retry_after))
        return NOW + failures * DAY

    busy = Retryable("The provider is busy.", retry_after=9)
    assert store.connections.record_error(connection.id, busy, NOW, again) is busy
    assert store.connections.record_error(connection.id, outage, NOW + DAY, again) is outage
    assert asked == [(1, 9), (2, None)]
    after = store.connections.get(connection.id)
    assert _state(after) == ("connected", "The provider is down.", "Wait.", NOW + DAY, 2)
    assert after.next_poll_at == NOW + 2 * DAY
    store.connections.record_success(connection.id, NOW + 2 * DAY, deep=True, next_poll_at=NOW + 3 * DAY)
    after = store.connections.get(connection.id)
    assert _state(after) == ("connected", None, None, None, 0)
    assert (after.last_success_at, after.last_deep_at) == (NOW + 2 * DAY, NOW + 2 * DAY)
    store.connections.record_success(connection.id, NOW + 3 * DAY)
    after = store.connections.get(connection.id)
    assert (after.last_deep_at, after.next_poll_at) == (NOW + 2 * DAY, NOW + 3 * DAY)


def test_who_lost_the_lease_records_nothing(store: Store) -> None:
    connection = connect(store)
    store.leases.claim(connection.id, "w2", NOW, DAY)
    claimed = store.connections.get(connection.id)
    store.connections.record_error(connection.id, Retryable("late"), NOW, lambda *_: NOW + DAY, owner="w1")
    assert not store.connections.record_success(connection.id, NOW, owner="w1")
    assert store.connections.get(connection.id) == claimed
    store.connections.record_error(connection.id, Retryable("now"), NOW, owner="w2")
    assert store.connections.get(connection.id).failures == 1
    assert store.connections.record_success(connection.id, NOW, owner="w2")
    store.people.delete("anna")
    store.connections.record_error(connection.id, Retryable("late"), NOW)
    assert not store.connections.record_success(connection.id, NOW)


def test_runs_tell_how_they_went(store: Store) -> None:
    connection = connect(store)
    window = Window(NOW - 30 * DAY, NOW)
    run = store.runs.start("backfill", NOW, user_id="anna", connection_id=connection.id, kind="readings", window=window)
    assert (run.state, run.window, run.kind, run.counts, run.progress) == ("running", window, "readings", Counts(), 0)
    store.runs.update_progress(run.id, 0.4, NOW + DAY, "12 of 30 days")
    assert store.runs.get(run.id).message == "12 of 30 days"
    assert store.runs.finish(run.id, "failed", NOW + DAY, "The disk is full.", "Free some space.").progress == 0.4
    second = store.runs.start("sync", NOW + DAY, user_id="anna")
    done = store.runs.finish(second.id, "completed", NOW + 2 * DAY)
    assert (done.progress, done.finished_at) == (1.0, NOW + 2 * DAY)
    assert [each.id for each in store.runs.list(user_id="anna")] == [second.id, run.id]
    assert store.runs.last(flow="backfill") == store.runs.get(run.id) == store.runs.list(state="failed")[0]
    assert store.runs.last(flow="export") is None
    with pytest.raises(Rejected):
        store.runs.get("nowhere")


def test_runs_of_dead_processes_are_marked(store: Store) -> None:
    dead, alive, done = (store.runs.start("sync", NOW) for _ in range(3))
    store.runs.update_progress(alive.id, 0.5, NOW + timedelta(minutes=10))
    store.runs.finish(done.id, "completed", NOW)
    assert store.runs.reap(NOW + timedelta(minutes=16), timedelta(minutes=15)) == 1
    after = store.runs.get(dead.id)
    assert (after.state, after.finished_at) == ("interrupted", NOW + timedelta(minutes=16))
    assert "last checkpoint" in after.remedy
    assert {store.runs.get(run.id).state for run in (alive, done)} == {"running", "completed"}
    assert store.runs.forget(NOW + DAY) == 2
    assert [run.id for run in store.runs.list()] == [alive.id]


def _state(connection: Connection) -> tuple[object, ...]:
    return (
        connection.state,
        connection.last_error,
        connection.last_remedy,
        connection.last_error_at,
        connection.failures,
    )
