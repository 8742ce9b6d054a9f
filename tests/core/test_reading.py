"""A bad spot costs no more than itself: whatever hours are bad, all others are read."""

import itertools
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from glucoflow.model.errors import GlucoflowError, Reauthorize, Retryable, Unavailable, Unreadable
from glucoflow.model.ingestion import Kind, RejectedRecord, Window
from glucoflow.provider import Page
from glucoflow.reading import MOST_FAILURES, ConnectionStopped, Hole, KindStopped, Reader, is_suspicious, unforeseen

NOW = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
REFUSED = Unreadable("The window is wrong.", narrower=True)
DOWN = Retryable("The provider answered 500.")

PAGE_HOURS = 240

Trouble = Callable[[Window], Exception | None]


class Cloud:
    """Gives any window in pages of ten days at most, unless `trouble` has something against one."""

    def __init__(self, trouble: Trouble, rejected: Callable[[Window], int] = lambda _: 0) -> None:
        self.trouble = trouble
        self.rejected = rejected
        self.asked: list[Window] = []

    def extent(self, kind: Kind, updated_since: datetime | None = None) -> Window | None:
        return None

    def pages(self, kind: Kind, window: Window) -> Iterator[Page]:
        for part in window.split(PAGE_HOURS * HOUR):
            self.asked.append(part)
            error = self.trouble(part)
            if error is not None:
                raise error
            odd = [RejectedRecord(field="value", reason="odd")] * self.rejected(part)
            yield Page(window=part, records=(), rejected=odd)

    def close(self) -> None: ...


def bad(*hours: int, error: Exception = REFUSED) -> Trouble:
    """Each window that touches one of these hours ago is refused."""
    spots = [Window(NOW - (n + 1) * HOUR, NOW - n * HOUR) for n in hours]
    return lambda window: error if any(s.start < window.end and window.start < s.end for s in spots) else None


def read(
    cloud: Cloud, window: Window, given: list[Window] | None = None, **how: bool
) -> tuple[list[Window], list[Window]]:
    """Windows read (put into `given`), and holes."""
    given = [] if given is None else given
    holes: list[Window] = []
    for item in Reader(cloud, "readings", NOW, answers=how.pop("answers", True)).read(window, **how):
        (holes if isinstance(item, Hole) else given).append(item.window)
    return given, holes


@given(
    hours=st.integers(1, 24 * 80),
    spots=st.sets(st.integers(1, 24 * 80), max_size=6),
    error=st.sampled_from([REFUSED, DOWN, ValueError("5,000 digits")]),
)
def test_whatever_hours_are_bad_all_others_are_read_in_order(hours: int, spots: set[int], error: Exception) -> None:
    window = Window(NOW - hours * HOUR, NOW)
    cloud = Cloud(bad(*spots, error=error))
    given, holes = read(cloud, window)
    parts = sorted([*given, *holes], key=lambda one: one.start)
    assert parts[0].start == window.start
    assert parts[-1].end == window.end
    assert all(before.end == after.start for before, after in itertools.pairwise(parts)), "no gap, no overlap"
    assert given == sorted(given, key=lambda one: one.start)
    wanted = {Window(NOW - (n + 1) * HOUR, NOW - n * HOUR) for n in spots if n < hours}
    assert set(holes) == wanted, "an hour that is bad is passed over, and nothing but it"


@given(
    window=st.tuples(st.integers(0, 60), st.integers(1, 60)),
    others=st.lists(st.tuples(st.integers(-5, 60), st.integers(1, 20)), max_size=5),
)
def test_what_is_left_of_a_window(window: tuple[int, int], others: list[tuple[int, int]]) -> None:
    def hours(of: tuple[int, int]) -> Window:
        return Window(NOW + of[0] * HOUR, NOW + (of[0] + of[1]) * HOUR)

    def whole(one: Window) -> set[datetime]:
        return {part.start for part in one.split(HOUR)}

    left = hours(window).without(hours(one) for one in others)
    assert all(before.end < after.start for before, after in itertools.pairwise(left))
    assert set().union(*map(whole, left)) == whole(hours(window)) - set().union(*(whole(hours(o)) for o in others))


def test_a_window_of_odd_length_is_cut_at_whole_hours() -> None:
    start = NOW - timedelta(days=3, minutes=17, seconds=5)
    _, holes = read(Cloud(bad(30)), Window(start, NOW))
    assert holes == [Window(NOW - 31 * HOUR, NOW - 30 * HOUR)]


@pytest.mark.parametrize("error", [REFUSED, DOWN, ValueError("odd")])
def test_where_the_first_and_the_newest_hour_fail_as_well_the_kind_stops_where_it_is(error: Exception) -> None:
    cloud = Cloud(lambda window: error if window.end > NOW - 5 * DAY else None)
    with pytest.raises(KindStopped) as stopped:
        read(cloud, Window(NOW - 25 * DAY, NOW))
    assert stopped.value.at == NOW - 5 * DAY, "two pages of ten days were read"
    assert len(cloud.asked) == 5, "two good ones, the bad one, the newest hour and the first of the bad one"


def test_what_is_before_a_bad_newest_day_is_read() -> None:
    cloud = Cloud(lambda window: REFUSED if window.end > NOW - DAY else None)
    given: list[Window] = []
    with pytest.raises(KindStopped) as stopped:
        read(cloud, Window(NOW - 25 * DAY, NOW), given)
    assert stopped.value.at >= NOW - DAY
    assert max(one.end for one in given) == NOW - DAY
    assert len(cloud.asked) < 40


@given(hours=st.integers(3, 24 * 80), spots=st.sets(st.integers(0, 24 * 80), max_size=6))
def test_bad_hours_at_the_newest_end_hide_nothing_before_them(hours: int, spots: set[int]) -> None:
    spots = {n for n in spots if n < hours} | {0}
    assume(all((hours - 1 - n) % PAGE_HOURS for n in spots))  # with the first hour of a page as well, the kind stops
    given, holes = read(Cloud(bad(*spots)), Window(NOW - hours * HOUR, NOW))
    assert set(holes) == {Window(NOW - (n + 1) * HOUR, NOW - n * HOUR) for n in spots}
    assert sum((one.end - one.start for one in [*given, *holes]), timedelta()) == hours * HOUR


def test_a_kind_that_is_not_there_is_asked_for_once() -> None:
    cloud = Cloud(lambda _: Unreadable("There is no such endpoint (404)."))
    with pytest.raises(KindStopped, match="404"):
        read(cloud, Window(NOW - timedelta(days=80), NOW))
    assert len(cloud.asked) == 1


def test_whoever_asks_to_be_left_alone_is() -> None:
    cloud = Cloud(bad(24 * 20, error=Retryable("Too many.", retry_after=600)))
    with pytest.raises(KindStopped):
        read(cloud, Window(NOW - timedelta(days=30), NOW))
    assert len(cloud.asked) == 1, "not even for the newest hour"


def test_while_nobody_has_answered_yet_the_first_failure_is_enough() -> None:
    cloud = Cloud(bad(5, error=DOWN))
    with pytest.raises(KindStopped):
        read(cloud, Window(NOW - timedelta(days=3), NOW), answers=False)
    assert len(cloud.asked) == 1


def test_consent_that_is_gone_stops_the_connection() -> None:
    with pytest.raises(ConnectionStopped) as stopped:
        read(Cloud(lambda _: Reauthorize("Signed out.")), Window(NOW - HOUR, NOW), answers=False)
    assert isinstance(stopped.value.error, Reauthorize)


def test_a_no_of_one_part_where_the_provider_let_us_in_a_moment_ago_stops_that_part() -> None:
    with pytest.raises(KindStopped) as stopped:
        read(Cloud(lambda _: Reauthorize("Signed out.")), Window(NOW - HOUR, NOW))
    assert isinstance(stopped.value.error, Reauthorize)


def test_a_store_that_is_gone_is_everybodys() -> None:
    with pytest.raises(Unavailable):
        read(Cloud(lambda _: Unavailable("No store.")), Window(NOW - HOUR, NOW))


def test_an_outage_that_begins_meanwhile_is_noticed() -> None:
    cloud = Cloud(bad(24 * 9))
    answered = 0

    def trouble(window: Window) -> Exception | None:
        nonlocal answered
        answered += 1
        return DOWN if answered > 3 else bad(24 * 9)(window)

    cloud.trouble = trouble
    with pytest.raises(KindStopped):
        read(cloud, Window(NOW - timedelta(days=10), NOW))
    assert len(cloud.asked) < 20


def test_a_long_bad_span_costs_a_bounded_number_of_requests() -> None:
    cloud = Cloud(bad(*range(24 * 3, 24 * 40)))
    given, holes = read(cloud, Window(NOW - timedelta(days=60), NOW))
    failed = [window for window in cloud.asked if cloud.trouble(window)]
    assert len(failed) <= MOST_FAILURES
    assert given[-1].end == NOW, "what is behind it is read"
    passed = sum((hole.end - hole.start for hole in holes), timedelta())
    assert timedelta(days=37) <= passed <= timedelta(days=39), "and nearly all of what is before it"


def test_years_of_bad_spots_end_as_well() -> None:
    cloud = Cloud(bad(*range(24, 24 * 700, 12)))
    read(cloud, Window(NOW - timedelta(days=700), NOW))
    failed = [window for window in cloud.asked if cloud.trouble(window)]
    assert MOST_FAILURES < len(failed) < MOST_FAILURES + 150


def test_a_window_that_was_bad_before_is_narrowed_without_asking_for_the_newest() -> None:
    cloud = Cloud(bad(30))
    given, holes = read(cloud, Window(NOW - 40 * HOUR, NOW - 20 * HOUR), known_bad=True)
    assert holes == [Window(NOW - 31 * HOUR, NOW - 30 * HOUR)]
    assert all(window.end <= NOW - 20 * HOUR for window in cloud.asked)
    assert given


def test_a_page_that_can_hardly_be_understood_is_a_hole_where_the_newest_can() -> None:
    cloud = Cloud(lambda _: None, rejected=lambda window: 101 if window.end < NOW else 0)
    items = list(Reader(cloud, "readings", NOW).read(Window(NOW - timedelta(days=15), NOW)))
    assert [type(item) for item in items] == [Page, Hole, Page]
    assert items[0].window == items[1].window
    assert isinstance(items[1], Hole)
    assert "could not be understood" in items[1].error.message


def test_a_change_of_format_stops_the_kind_before_the_page() -> None:
    cloud = Cloud(lambda _: None, rejected=lambda _: 101)
    reader = Reader(cloud, "readings", NOW).read(Window(NOW - timedelta(days=15), NOW))
    assert isinstance(next(reader), Page), "its records are written, and what was rejected is kept"
    with pytest.raises(KindStopped, match="101 of 101") as stopped:
        next(reader)
    assert stopped.value.at == NOW - timedelta(days=15)


@pytest.mark.parametrize(("rejected", "good", "suspicious"), [(100, 0, False), (101, 0, True), (101, 600, False)])
def test_how_many_rejected_records_are_suspicious(rejected: int, good: int, suspicious: bool) -> None:
    odd = [RejectedRecord(field="value", reason="odd")] * rejected
    page = Page(window=Window(NOW - HOUR, NOW), records=[None] * good, rejected=odd)  # type: ignore[list-item]
    assert is_suspicious(page) == suspicious


def test_an_error_nobody_foresaw_is_said_without_its_text(caplog: pytest.LogCaptureFixture) -> None:
    text = "glucose 123 of " + "anna"
    try:
        raise ValueError(text)
    except ValueError as error:
        ours: GlucoflowError = unforeseen(error, "reading devices")
    assert "ValueError" in ours.message
    assert "anna" not in str(ours) + caplog.text
    assert "test_reading.py" in caplog.text, "the log says where"


def test_what_shall_not_be_narrowed_is_asked_for_once() -> None:
    cloud = Cloud(bad(30))
    window = Window(NOW - 40 * HOUR, NOW - 20 * HOUR)
    items = list(Reader(cloud, "readings", NOW, narrow=False).read(window, known_bad=True))
    assert [item.window for item in items] == [window]
    assert isinstance(items[0], Hole)
    assert cloud.asked == [window]
