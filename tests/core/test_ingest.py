"""The loop by itself: what is written before what, what the checkpoint may pass, and what is remembered."""

from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from glucoflow.enrich import Enricher, Owner
from glucoflow.ingest import Parts, Stopwatch, ingest, plan, progress
from glucoflow.model.documents import Document
from glucoflow.model.errors import GlucoflowError, OtherAccount, Retryable, Unreadable
from glucoflow.model.ingestion import Counts, Kind, RecordIds, RejectedRecord, Seen, SinkResult, Window
from glucoflow.model.records import Device, Reading
from glucoflow.provider import Account, Page, Polling
from glucoflow.reading import Reader

NOW = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
POLLING = Polling(shortest=HOUR, longest=HOUR, lag=3 * DAY, deep_lag=30 * DAY)
ODD = RejectedRecord(field="value", reason="odd", key="odd", payload=b"{}")


def reading(key: str, time: datetime) -> Reading:
    return Reading(
        time=time,
        key=key,
        offset_min=0,
        record_id=key,
        device=Device(),
        payload=msgspec.Raw(b"{}"),
        value=120.0,
        unit="mg/dL",
    )


class Cloud:
    """Gives its pages; an exception among them is raised where it stands."""

    def __init__(self, *items: Page | Exception) -> None:
        self._items = items

    def extent(self, kind: Kind, updated_since: datetime | None = None) -> Window | None:
        return None

    def pages(self, kind: Kind, window: Window) -> Iterator[Page]:
        if window == Window(NOW - HOUR, NOW):  # the newest hour, by which a bad spot is told from an outage
            yield Page(window=window, records=())
            return
        for item in self._items:
            if isinstance(item, Exception):
                raise item
            if window.start <= item.window.start < window.end:
                yield item

    def close(self) -> None: ...


class House:
    """Sink and ledger in one, which write down what happens in order."""

    def __init__(self, refuse: frozenset[str] = frozenset(), fail: str = "") -> None:
        self.told: list[tuple[Any, ...]] = []
        self.kept: list[RejectedRecord] = []
        self.settled: set[str] = set()
        self.counts = Counts()
        self.position: datetime | None = None
        self._account: Account | None = None
        self._refuse = refuse
        self._fail = fail

    def write(
        self, documents: Iterable[Document], deleted_ids: Sequence[str], now: datetime, by_id: RecordIds | None = None
    ) -> SinkResult:
        keys = [str(document.source.event.id) for document in documents]
        if self._fail == "write":
            raise Retryable("Elasticsearch is busy.")
        self.told.append(("write", keys, len(deleted_ids)))
        rejected = [RejectedRecord(field="glucose", reason="mapping", key=key) for key in keys if key in self._refuse]
        return SinkResult(created=len(keys) - len(rejected), deleted=len(deleted_ids), rejected=rejected)

    def checkpoint(self, kind: Kind) -> datetime | None:
        return self.position

    def bind(self, account: Account, now: datetime) -> None:
        if self._account not in (None, account):
            raise OtherAccount("This is another account.")
        self._account = account

    def advance(
        self,
        kind: Kind,
        to: datetime | None,
        counts: Counts,
        rejected: Sequence[RejectedRecord],
        now: datetime,
        read: Window | None = None,
        seen: Seen | None = None,
    ) -> None:
        self.settled |= seen.settled if seen else frozenset()
        if self._fail == "store":
            raise Retryable("The lease is lost.")
        self.told.append(("advance", to, read))
        self.counts += counts
        self.kept += rejected
        self._move(to)

    def pass_over(self, kind: Kind, window: Window, error: GlucoflowError, to: datetime | None, now: datetime) -> None:
        self.told.append(("pass over", window, to))
        self._move(to)

    def _move(self, to: datetime | None) -> None:
        if to is not None and (self.position is None or to > self.position):
            self.position = to


def parts(house: House, *items: Page | Exception, **more: Any) -> Parts:
    owner = Owner(user_id="anna", connection_id="c", provider="test", zone="UTC")
    return Parts(
        kind="readings",
        reader=Reader(Cloud(*items), "readings", NOW),
        enricher=Enricher(owner, "readings"),
        sink=house,
        ledger=house,
        now=NOW,
        clock=lambda: NOW,
        **more,
    )


def page(first: int, last: int, *keys: str, **more: Any) -> Page:
    """From so many hours ago to so many."""
    window = Window(NOW - first * HOUR, NOW - last * HOUR)
    return Page(
        window=window, records=[reading(key, window.start + n * HOUR / 12) for n, key in enumerate(keys)], **more
    )


def test_a_page_is_written_before_the_checkpoint_passes_it() -> None:
    house = House()
    first, second = page(4, 2, "a", "b"), page(2, 0, "c", deleted=["d"])
    counts, holes = ingest(parts(house, first, second), Window(NOW - 4 * HOUR, NOW), Stopwatch())
    assert house.told == [
        ("write", ["a", "b"], 0),
        ("advance", NOW - 2 * HOUR, first.window),
        ("write", ["c"], 1),
        ("advance", NOW, second.window),
    ]
    assert counts == house.counts == Counts(pages=2, fetched=4, created=3, deleted=1)
    assert holes == []


def test_what_the_sink_refuses_is_kept_with_what_the_provider_sent_wrong() -> None:
    house = House(refuse=frozenset("b"))
    counts, _ = ingest(parts(house, page(1, 0, "a", "b", rejected=[ODD])), Window(NOW - 2 * HOUR, NOW), Stopwatch())
    assert counts == Counts(pages=1, fetched=3, created=1, rejected=2)
    assert {one.key for one in house.kept} == {"odd", "b"}


@pytest.mark.parametrize("fail", ["write", "store"])
def test_where_one_of_them_fails_the_checkpoint_stays(fail: str) -> None:
    house = House(fail=fail)
    with pytest.raises(Retryable):
        ingest(parts(house, page(4, 2, "a"), page(2, 0, "b")), Window(NOW - 4 * HOUR, NOW), Stopwatch())
    assert house.position is None
    assert house.counts == Counts()


def test_the_checkpoint_never_passes_the_start_of_the_run() -> None:
    house = House()
    ahead = Page(window=Window(NOW - 2 * HOUR, NOW + DAY), records=())
    ingest(parts(house, ahead), Window(NOW - 2 * HOUR, NOW), Stopwatch())
    assert house.position == NOW


def test_what_is_stored_or_gone_is_settled_and_what_is_rejected_is_not() -> None:
    house = House(refuse=frozenset("b"))
    ingest(parts(house, page(1, 0, "a", "b", deleted=["d"], rejected=[ODD])), Window(NOW - 2 * HOUR, NOW), Stopwatch())
    assert {"a", "d"} <= house.settled
    assert not {"b", "odd"} & house.settled


def test_nothing_of_another_account_is_written() -> None:
    house = House()
    first = page(4, 2, "a", account=Account(id="anna"))
    other = page(2, 0, "b", account=Account(id="ben"), rejected=[ODD])
    with pytest.raises(OtherAccount):
        ingest(parts(house, first, other), Window(NOW - 4 * HOUR, NOW), Stopwatch())
    assert house.told == [("write", ["a"], 0), ("advance", NOW - 2 * HOUR, first.window)]
    assert house.kept == []


def test_a_hole_is_remembered_before_the_checkpoint_passes_it() -> None:
    house = House()
    hole = Unreadable("The window is wrong.", narrower=True)

    class Bad(Cloud):
        def pages(self, kind: Kind, window: Window) -> Iterator[Page]:
            if window.start < NOW - 4 * HOUR < window.end:
                raise hole
            yield Page(window=window, records=())

    made = msgspec.structs.replace(parts(house), reader=Reader(Bad(), "readings", NOW))
    window = Window(NOW - 8 * HOUR - HOUR / 2, NOW)
    _, holes = ingest(made, window, Stopwatch())
    passed = [told for told in house.told if told[0] == "pass over"]
    assert [told[1] for told in passed] == [one.window for one in holes]
    assert all(told[2] == told[1].end for told in passed)
    moves = [told[1] if told[0] == "advance" else told[2] for told in house.told if told[0] != "write"]
    assert moves == sorted(moves), "in order: the checkpoint passes nothing that is neither read nor remembered"
    assert house.position == NOW


def test_a_window_that_is_read_again_moves_nothing_and_hands_its_holes_back() -> None:
    house = House()
    bad = Unreadable("The window is wrong.", narrower=True)
    window = Window(NOW - 30 * HOUR, NOW - 29 * HOUR)
    _, holes = ingest(parts(house, bad), window, Stopwatch(), move=False, again=True)
    assert [hole.window for hole in holes] == [window]
    assert house.told == []
    counts, holes = ingest(parts(house, page(30, 29, "a")), window, Stopwatch(), move=False, again=True)
    assert counts.created == 1
    assert house.told[-1] == ("advance", None, window), "it is written, and the row of the window is closed"
    assert holes == []


def test_a_suspicious_page_is_written_kept_and_not_passed() -> None:
    """Its records are there; its window is remembered, so that a newer glucoflow reads it again."""
    house = House()
    odd = page(30, 20, "a", rejected=[ODD] * 101)
    ingest(parts(house, odd, page(20, 0, "b")), Window(NOW - 30 * HOUR, NOW), Stopwatch())
    assert house.told[:3] == [
        ("write", ["a"], 0),
        ("advance", None, None),
        ("pass over", odd.window, NOW - 20 * HOUR),
    ]
    assert len(house.kept) == 101
    assert house.position == NOW


def test_points_and_progress_come_in_order() -> None:
    points: list[str] = []
    seen: list[tuple[Window, int]] = []
    house = House()
    made = parts(
        house,
        page(2, 1, "a"),
        page(1, 0, "b"),
        on_point=points.append,
        on_page=lambda window, counts: seen.append((window, counts.fetched)),
    )
    ingest(made, Window(NOW - 2 * HOUR, NOW), Stopwatch())
    assert points == ["after_fetch", "after_bulk", "after_checkpoint"] * 2
    assert [n for _, n in seen] == [1, 2]


def test_the_stopwatch_adds_up_what_each_stage_took() -> None:
    ticks = iter(range(100))
    watch = Stopwatch(lambda: float(next(ticks)))
    with watch.stage("write"):
        pass
    assert list(watch.each("fetch", "ab")) == ["a", "b"]
    assert (watch.seconds("write"), watch.seconds("fetch"), watch.seconds("store")) == (1.0, 3.0, 0.0)


@given(
    extent=st.none() | st.tuples(st.integers(0, 900), st.integers(-30, 900)),
    updated=st.none() | st.integers(0, 900),
    checkpoint=st.none() | st.integers(-400, 900),
    deep=st.booleans(),
)
def test_what_a_provider_says_of_itself_is_a_hint_and_never_a_limit(
    extent: tuple[int, int] | None, updated: int | None, checkpoint: int | None, deep: bool
) -> None:
    said = None if extent is None else Window(NOW - extent[0] * DAY, NOW - extent[1] * DAY)
    changed = None if updated is None else Window(NOW - updated * DAY, NOW)
    at = None if checkpoint is None else NOW - checkpoint * DAY
    window = plan(POLLING, said, changed, at, NOW, deep)
    lag = 30 * DAY if deep else 3 * DAY
    assert window.end == NOW, "whatever the provider says, it is read until now"
    assert window.start <= NOW - lag
    if at is not None:
        assert window.start <= at - lag
        assert changed is None or window.start <= changed.start
        assert window.start in {min(at, NOW) - lag, changed.start if changed else None}
    elif said is not None:
        assert window.start <= said.start


def test_progress_goes_from_nothing_to_all() -> None:
    window = Window(NOW - 4 * HOUR, NOW)
    assert [progress(window, NOW + by * HOUR) for by in (-5, -4, -2, 0, 1)] == [0, 0, 0.5, 1, 1]
    assert progress(Window(NOW, NOW), NOW) == 1.0
