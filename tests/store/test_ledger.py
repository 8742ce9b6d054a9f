"""A page is in the ledger whole or not at all, and the checkpoint never moves back."""

from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from glucoflow.ingest import Ledger
from glucoflow.model.errors import Retryable
from glucoflow.model.ingestion import KINDS, Counts, Kind, RejectedRecord, Seen, Window
from glucoflow.store import Connection, Run, Store, open_store
from glucoflow.store.ledger import StoreLedger
from tests.store.conftest import NOW, connect

LEASE = timedelta(minutes=15)
DAY = timedelta(days=1)


def claimed(store: Store, owner: str = "w1") -> tuple[Connection, Run]:
    connection = connect(store)
    assert store.leases.claim(connection.id, owner, NOW, LEASE) is not None
    return connection, store.runs.start("sync", NOW, user_id="anna", connection_id=connection.id)


def test_a_page_is_booked(store: Store) -> None:
    connection, run = claimed(store)
    ledger: Ledger = store.ledger(connection.id, run.id, "w1")
    assert ledger.checkpoint("readings") is None
    refused = RejectedRecord(field="value", reason="null", key="r1", payload=b"{}")
    ledger.advance("readings", NOW - DAY, Counts(pages=1, fetched=288, created=287, rejected=1), [refused], NOW)
    ledger.advance("readings", NOW, Counts(pages=1, fetched=10, unchanged=10), [], NOW + timedelta(seconds=9))
    assert ledger.checkpoint("readings") == NOW
    assert ledger.checkpoint("events") is None
    after = store.runs.get(run.id)
    assert after.counts == Counts(pages=2, fetched=298, created=287, unchanged=10, rejected=1)
    assert after.updated_at == NOW + timedelta(seconds=9)
    [reject] = store.rejected_records.list(run_id=run.id)
    assert (reject.kind, reject.key, reject.field, reject.reason) == ("readings", "r1", "value", "null")
    assert store.rejected_records.payload(reject.id) == b"{}"


def test_a_page_without_a_checkpoint_keeps_its_rejects(store: Store) -> None:
    connection, run = claimed(store)
    ledger = store.ledger(connection.id, run.id, "w1")
    ledger.advance("readings", None, Counts(pages=1, rejected=1), [RejectedRecord(field="x", reason="y")], NOW)
    assert ledger.checkpoint("readings") is None
    assert len(store.rejected_records.list()) == 1


@pytest.mark.parametrize("lost", ["taken", "disconnected", "deleted", "released"])
def test_nothing_is_written_once_the_lease_is_lost(store: Store, lost: str) -> None:
    connection, run = claimed(store)
    ledger = store.ledger(connection.id, run.id, "w1")
    ledger.advance("readings", NOW - DAY, Counts(pages=1), [], NOW)
    later = NOW + LEASE
    if lost == "taken":
        assert store.leases.claim_due("w2", later, LEASE, 1)
    elif lost == "disconnected":
        store.connections.disconnect(connection.id)
    elif lost == "deleted":
        store.people.delete("anna")
    else:
        store.leases.release(connection.id, "w1")
    with pytest.raises(Retryable, match="Nothing is lost"):
        ledger.advance("readings", NOW, Counts(pages=1), [RejectedRecord(field="x", reason="y")], later)
    assert store.rejected_records.list() == ()
    if lost != "deleted":
        assert store.runs.get(run.id).counts.pages == 1
        assert ledger.checkpoint("readings") == NOW - DAY


def test_a_page_that_cannot_be_booked_whole_is_not_booked(store: Store) -> None:
    connection, run = claimed(store)
    ledger = store.ledger(connection.id, run.id, "w1")
    broken = RejectedRecord(field="value", reason=None, payload=b"")  # type: ignore[arg-type]
    good = RejectedRecord(field="value", reason="null", payload=b"")
    with pytest.raises(Exception, match=r"encode|NULL|null"):
        ledger.advance("readings", NOW, Counts(pages=1), [good, broken], NOW)
    assert (ledger.checkpoint("readings"), store.runs.get(run.id).counts.pages) == (None, 0)
    assert store.rejected_records.list() == ()


def test_rejects_do_not_multiply(store: Store) -> None:
    connection, run = claimed(store)
    ledger = store.ledger(connection.id, run.id, "w1")
    page = [
        RejectedRecord(field="value", reason="null", key="a", payload=b"1"),
        RejectedRecord(field="value", reason="null", key="a", payload=b"1"),
        RejectedRecord(field="value", reason="null", key="b", payload=b"2"),
        RejectedRecord(field="value", reason="null", payload=b"without a key"),
        RejectedRecord(field="value", reason="null", payload=b"another without one"),
        RejectedRecord(field="systemTime", reason="not a time", key="a", payload=b"1"),
    ]
    for hour in range(3):
        ledger.advance("readings", NOW, Counts(), page, NOW + timedelta(hours=hour))
    ledger.advance("events", NOW, Counts(), page[:1], NOW)
    counted = [(each.kind, each.field, each.reason, each.n) for each in store.rejected_records.counts(user_id="anna")]
    assert counted == [
        ("readings", "value", "null", 4),
        ("events", "value", "null", 1),
        ("readings", "systemTime", "not a time", 1),
    ]
    assert {(each.at, each.last_seen_at) for each in store.rejected_records.list() if each.kind == "readings"} == {
        (NOW, NOW + timedelta(hours=2))
    }


def test_a_page_of_many_rejects(store: Store) -> None:
    connection, run = claimed(store)
    page = [RejectedRecord(field="value", reason="null", key=str(number)) for number in range(1201)]
    store.ledger(connection.id, run.id, "w1").advance("readings", NOW, Counts(), page, NOW)
    assert store.rejected_records.counts(connection_id=connection.id)[0].n == 1201


def test_a_backfill_does_not_make_the_sync_skip_anything(store: Store) -> None:
    connection, run = claimed(store)
    sync = store.ledger(connection.id, run.id, "w1")
    sync.advance("readings", NOW - 90 * DAY, Counts(), [], NOW)
    backfill = store.ledger(connection.id, run.id, "w1", scope="backfill 2026-03")
    assert backfill.checkpoint("readings") is None
    backfill.advance("readings", NOW, Counts(), [], NOW)
    assert (backfill.checkpoint("readings"), sync.checkpoint("readings")) == (NOW, NOW - 90 * DAY)
    assert [each.position for each in store.connections.checkpoints(connection.id)] == [NOW - 90 * DAY]


def test_a_page_is_a_sign_of_life(store: Store) -> None:
    connection, run = claimed(store)
    later = NOW + timedelta(minutes=14)
    store.ledger(connection.id, run.id, "w1", lease_for=LEASE).advance("readings", later, Counts(), [], later)
    assert store.leases.claim_due("w2", NOW + LEASE, LEASE, 1) == []
    assert len(store.leases.claim_due("w2", later + LEASE, LEASE, 1)) == 1


def test_pages_of_several_kinds_at_once_lose_no_count(store: Store) -> None:
    connection, run = claimed(store)

    def book(kind: Kind) -> None:
        ledger = store.ledger(connection.id, run.id, "w1")
        for number in range(10):
            ledger.advance(kind, NOW + timedelta(minutes=number), Counts(pages=1, fetched=3), [], NOW)

    with ThreadPoolExecutor(3) as pool:
        list(pool.map(book, KINDS[:3]))
    assert store.runs.get(run.id).counts == Counts(pages=30, fetched=90)


@settings(max_examples=10, deadline=None)
@given(minutes=st.lists(st.one_of(st.none(), st.integers(-20_000, 1_440)), max_size=12))
def test_the_checkpoint_is_the_latest_ever_reached(
    minutes: list[int | None], tmp_path_factory: pytest.TempPathFactory
) -> None:
    with open_store(tmp_path_factory.mktemp("ledger")) as store:
        connection, run = claimed(store)
        ledger = store.ledger(connection.id, run.id, "w1")
        reached: list[datetime] = []
        for minute in minutes:
            to = None if minute is None else NOW + timedelta(minutes=minute)
            reached += [to] if to else []
            ledger.advance("readings", to, Counts(pages=1), [], NOW)
            assert ledger.checkpoint("readings") == (max(reached) if reached else None)
        assert store.runs.get(run.id).counts.pages == len(minutes)


def test_a_checkpoint_of_an_index_that_is_gone_is_forgotten(store: Store) -> None:
    connection, run = claimed(store)

    def ledger(scope: str = "sync") -> StoreLedger:
        return store.ledger(connection.id, run.id, "w1", scope=scope)

    ledger().advance("readings", NOW, Counts(), [], NOW)  # as an earlier version wrote it
    first = ledger()
    assert not first.speaks_of("first", new=False)
    assert first.checkpoint("readings") == NOW
    first.advance("events", NOW, Counts(), [], NOW)
    backfill = ledger("backfill x")
    assert not backfill.speaks_of("first", new=False)
    backfill.advance("readings", NOW, Counts(), [], NOW)
    assert not ledger().speaks_of("first", new=False)
    second = ledger()
    assert second.speaks_of("second", new=False)
    assert [second.checkpoint(kind) for kind in KINDS] == [None] * len(KINDS)
    assert ledger("backfill x").checkpoint("readings") is None
    second.advance("readings", NOW - DAY, Counts(), [], NOW)
    assert not ledger().speaks_of("second", new=False)
    assert ledger().checkpoint("readings") == NOW - DAY


def test_an_index_that_was_just_made_is_in_none_of_the_persons_checkpoints(store: Store) -> None:
    (one, run), other, ben = claimed(store), connect(store), connect(store, "ben")
    for connection in (one, other, ben):
        assert store.leases.claim(connection.id, "w1", NOW, LEASE)
        store.ledger(connection.id, run.id, "w1").advance("readings", NOW, Counts(), [], NOW)
    assert store.ledger(one.id, run.id, "w1").speaks_of("new", new=True)
    assert [len(store.connections.checkpoints(each.id)) for each in (one, other, ben)] == [0, 0, 1]


def test_a_lost_lease_is_seen_before_a_write(store: Store) -> None:
    connection, run = claimed(store)
    ledger = store.ledger(connection.id, run.id, "w1")
    ledger.hold()
    store.people.delete("anna")
    with pytest.raises(Retryable, match="deleted"):
        ledger.hold()


def test_what_was_rejected_is_settled_by_its_key_or_by_a_page_that_spans_it(store: Store) -> None:
    connection, run = claimed(store)
    ledger = store.ledger(connection.id, run.id, "w1")
    keyed, other = (RejectedRecord(field="value", reason="odd", key=key) for key in ("a", "b"))
    bare, still = (RejectedRecord(field="value", reason="odd", payload=text) for text in (b"1", b"2"))
    day, wider = Window(NOW - DAY, NOW), Window(NOW - 2 * DAY, NOW + DAY)
    ledger.advance("readings", NOW, Counts(), [keyed, other, bare, still], NOW, None, Seen(window=day))
    ledger.advance("readings", NOW, Counts(), [], NOW, None, Seen(window=Window(NOW, NOW + DAY)))
    ledger.advance("events", NOW, Counts(), [], NOW, None, Seen(window=wider, settled=frozenset("a")))
    assert len(store.rejected_records.list()) == 4
    ledger.advance("readings", NOW, Counts(), [still], NOW, None, Seen(window=wider, settled=frozenset("a")))
    left = {store.rejected_records.payload(one.id) or one.key for one in store.rejected_records.list()}
    assert left == {"b", b"2"}


def test_windows_of_rejected_records_are_to_be_read_again(store: Store) -> None:
    connection, run = claimed(store)
    ledger = store.ledger(connection.id, run.id, "w1")
    for days in (40, 3, 2):
        window = Window(NOW - days * DAY, NOW - (days - 1) * DAY)
        odd = RejectedRecord(field="value", reason="odd", key=str(days))
        ledger.advance("readings", NOW, Counts(), [odd], NOW, None, Seen(window=window))
    assert store.rejected_records.ask_again(NOW, "ben") == ()
    assert store.rejected_records.ask_again(NOW) == ("anna",)
    assert [(one.start, one.end) for one in store.unread.list()] == [
        (NOW - 40 * DAY, NOW - 39 * DAY),
        (NOW - 3 * DAY, NOW - DAY),
    ]


def test_what_a_connector_learned_is_kept_with_the_connection(store: Store) -> None:
    connection, run = claimed(store)
    ledger = store.ledger(connection.id, run.id, "w1")
    taught: list[dict[str, datetime]] = [{"a": NOW, "b": NOW}, {"a": NOW - DAY}, {"b": NOW + DAY}, {}]
    for learned in taught:
        ledger.advance("readings", None, Counts(), [], NOW, None, Seen(window=Window(NOW, NOW), learned=learned))
    assert store.connections.get(connection.id).known == {"a": NOW - DAY, "b": NOW}
    store.leases.release(connection.id, "w1")
    store.connections.start_anew(connection.id, NOW)
    assert store.connections.get(connection.id).known == {}
