"""Records appear when they are uploaded, change and vanish at their moments, and `dataRange` tells what was updated."""

from datetime import timedelta

import pytest

from glucoflow.simulators.dexcom import (
    AddEvent,
    Change,
    DeleteEvents,
    Offline,
    ReviseReadings,
    Scenario,
    SettableClock,
    SimulatedPerson,
    UpdateEvents,
)
from tests.simulators.caller import Caller, Record, plain, utc
from tests.simulators.conftest import NOW, Opening

SINCE = NOW - timedelta(days=60)
AWAY = Offline(NOW - timedelta(days=35), NOW - timedelta(days=7))


def scenario(*changes: Change, offline: Offline | None = None, delay: timedelta = timedelta(0)) -> Scenario:
    away = (offline,) if offline else ()
    return Scenario(
        (SimulatedPerson("eva", "Eva", "Europe/Berlin", SINCE, offline=away, changes=changes),), upload_delay=delay
    )


def updated(caller: Caller, since: object) -> Record:
    answer: Record = caller.get("dataRange", caller.tokens("eva")["access_token"], lastSyncTime=str(since)).json()
    return answer


def test_an_upload_delay_hides_the_newest(opening: Opening, clock: SettableClock) -> None:
    with opening(scenario(delay=timedelta(hours=3)), clock) as caller:
        seen = caller.records("eva", "egvs", NOW - timedelta(hours=6), NOW)
        clock.advance(timedelta(hours=3))
        later = caller.records("eva", "egvs", NOW - timedelta(hours=6), NOW)
    assert utc(seen[-1]["systemTime"]) <= NOW - timedelta(hours=3) < utc(later[len(seen)]["systemTime"])
    assert later[: len(seen)] == seen
    assert utc(later[-1]["systemTime"]) > NOW - timedelta(minutes=10)


def test_four_weeks_offline_come_all_at_once_when_the_phone_is_back(opening: Opening, clock: SettableClock) -> None:
    with opening(scenario(offline=AWAY), clock) as caller:
        clock.set(AWAY.end - timedelta(seconds=1))
        for kind in ("egvs", "events", "alerts"):
            assert caller.records("eva", kind, AWAY.start, AWAY.end) == []
        held = caller.get("dataRange", caller.tokens("eva")["access_token"]).json()
        assert utc(held["egvs"]["end"]["systemTime"]) < AWAY.start
        assert updated(caller, (AWAY.start + timedelta(days=1)).isoformat())["egvs"] is None
        clock.set(AWAY.end)
        assert len(caller.records("eva", "egvs", AWAY.start, AWAY.end)) > 27 * 280
        assert len(caller.records("eva", "events", AWAY.start, AWAY.end)) > 100
        late = updated(caller, (AWAY.end - timedelta(hours=1)).isoformat())
    assert timedelta(0) <= utc(late["egvs"]["start"]["systemTime"]) - AWAY.start < timedelta(hours=3)
    assert timedelta(0) <= AWAY.end - utc(late["egvs"]["end"]["systemTime"]) < timedelta(hours=3)
    assert AWAY.start <= utc(late["events"]["start"]["systemTime"])


def test_readings_are_revised_at_their_moment(opening: Opening, clock: SettableClock) -> None:
    change = ReviseReadings(at=NOW, start=NOW - timedelta(days=3), end=NOW - timedelta(days=2), by=11)
    span = (NOW - timedelta(days=4), NOW - timedelta(days=1))
    with opening(scenario(change), clock) as caller:
        clock.set(NOW - timedelta(seconds=1))
        before = caller.records("eva", "egvs", *span)
        assert updated(caller, (NOW - timedelta(minutes=1)).isoformat())["egvs"] is None
        clock.set(NOW)
        after = caller.records("eva", "egvs", *span)
        late = updated(caller, (NOW - timedelta(seconds=1)).isoformat())
    assert [record["recordId"] for record in before] == [record["recordId"] for record in after]
    changed = [new for old, new in zip(before, after, strict=True) if old != new]
    hit = [record for record in before if change.start <= utc(record["systemTime"]) < change.end]
    assert [record["recordId"] for record in changed] == [record["recordId"] for record in hit]
    assert [new["value"] for new in changed] == [min(401, old["value"] + 11) for old in hit]
    assert late["egvs"] == {
        edge: {name: record[name] for name in ("systemTime", "displayTime")}
        for edge, record in (("start", hit[0]), ("end", hit[-1]))
    }


def test_events_are_updated_and_deleted_and_stay_so(opening: Opening, clock: SettableClock) -> None:
    start, end = NOW - timedelta(days=5), NOW - timedelta(days=4)
    update = UpdateEvents(at=NOW, start=start, end=end, factor=2)
    delete = DeleteEvents(at=NOW + timedelta(days=1), start=start, end=end, kinds=("insulin",))
    with opening(scenario(delete, update), clock) as caller:
        clock.set(NOW - timedelta(seconds=1))
        created = caller.records("eva", "events", start, end)
        clock.set(NOW)
        doubled = caller.records("eva", "events", start, end)
        clock.advance(timedelta(days=1))
        deleted = caller.records("eva", "events", start, end)
        truth = caller.sim.truth("eva", "events", start, end)
        since = updated(caller, clock.now.isoformat().replace("10:02:30", "10:02:29"))
    assert len({record["recordId"] for page in (created, doubled, deleted) for record in page}) == len(created)
    numbers = [record for record in created if record["eventType"] in ("insulin", "carbs", "exercise")]
    assert len(numbers) > 4
    for old, new, last in zip(created, doubled, deleted, strict=True):
        if old["eventType"] not in ("insulin", "carbs", "exercise"):
            assert old == new == last
            continue
        assert (old["eventStatus"], new["eventStatus"]) == ("created", "updated")
        assert float(new["value"]) == 2 * float(old["value"])
        assert last["eventStatus"] == ("deleted" if old["eventType"] == "insulin" else "updated")
    assert truth == [record for record in deleted if record["eventStatus"] != "deleted"]
    assert 0 < len(truth) < len(deleted)
    assert start <= utc(since["events"]["start"]["systemTime"]) < utc(since["events"]["end"]["systemTime"]) < end


def test_an_event_entered_later_appears_then(opening: Opening, clock: SettableClock) -> None:
    at = NOW - timedelta(days=3)
    with opening(scenario(AddEvent(NOW, at, "insulin", "4.5", "units", "fastActing")), clock) as caller:
        window = (at, at + timedelta(seconds=1))
        clock.set(NOW - timedelta(seconds=1))
        assert caller.records("eva", "events", *window) == []
        clock.set(NOW)
        (event,) = caller.records("eva", "events", *window)
    assert (event["value"], event["unit"], event["eventSubType"]) == ("4.5", "units", "fastActing")
    assert (event["systemTime"], event["eventStatus"]) == (plain(at) + "Z", "created")


def test_what_changed_while_the_phone_was_offline_comes_with_the_upload(opening: Opening, clock: SettableClock) -> None:
    middle = AWAY.start + timedelta(days=10)
    revise = ReviseReadings(at=middle, start=AWAY.start, end=AWAY.end, by=9)
    delete = DeleteEvents(at=AWAY.end + timedelta(days=1), start=AWAY.start, end=AWAY.end)
    with opening(scenario(revise, delete, offline=AWAY), clock) as caller, opening(scenario(), clock) as plain_cloud:
        clock.set(AWAY.end - timedelta(seconds=1))
        assert caller.records("eva", "egvs", AWAY.start, AWAY.end) == []
        clock.set(AWAY.end)
        late = caller.records("eva", "egvs", AWAY.start, AWAY.end)
        usual = plain_cloud.records("eva", "egvs", AWAY.start, AWAY.end)
        assert [record["value"] for record in late] == [min(401, record["value"] + 9) for record in usual]
        assert len(caller.sim.truth("eva", "events", AWAY.start, AWAY.end)) > 100
        clock.advance(timedelta(days=1))
        assert caller.sim.truth("eva", "events", AWAY.start, AWAY.end) == []
        gone = caller.records("eva", "events", AWAY.start, AWAY.end)
        assert {record["eventStatus"] for record in gone} == {"deleted"}


@pytest.mark.parametrize("kind", ["egvs", "events", "alerts"])
def test_truth_is_what_the_wire_shows(caller: Caller, kind: str) -> None:
    start, end = NOW - timedelta(days=45), NOW + timedelta(days=1)
    truth = caller.sim.truth("dario", kind, start, end)  # type: ignore[arg-type]  # one of Kind
    assert len(truth) > 100
    assert truth == caller.records("dario", kind, start, end)
    earlier = caller.sim.truth("dario", kind, start, end, NOW - timedelta(days=20))  # type: ignore[arg-type]
    assert earlier == [one for one in truth if utc(one["systemTime"]) <= NOW - timedelta(days=20)]


def test_a_very_old_last_sync_time_is_answered_wrongly_as_by_the_real_one(
    opening: Opening, clock: SettableClock
) -> None:
    person = SimulatedPerson("eva", "Eva", "Europe/Berlin", NOW - timedelta(days=150))
    with opening(Scenario((person,)), clock) as caller:
        held = updated(caller, (NOW - timedelta(days=140)).isoformat())
        assert utc(held["egvs"]["start"]["systemTime"]) > NOW - timedelta(days=101)
        whole = caller.get("dataRange", caller.tokens("eva")["access_token"]).json()
        assert utc(whole["egvs"]["start"]["systemTime"]) < NOW - timedelta(days=149)
