"""A phone that is offline for weeks, comes back, revises and deletes: after each sync the index is the truth."""

from datetime import timedelta

from glucoflow.simulator import DeleteEvents, Offline, ReviseReadings, UpdateEvents
from tests.flows.conftest import NOW, House, OpenHouse, small_world

DAY = timedelta(days=1)


def events_of(house: House) -> set[str]:
    """Record ids of everything the person noted, as stored."""
    kinds = ("food", "insulin.bolus", "insulin.basal", "exercise", "health", "note", "glucose.fingerstick")
    return {key for kind in kinds for key in house.stored("alma", kind)}


def true_events(house: House) -> set[str]:
    records = house.sim.truth("alma", "events", house.sim.world.person("alma").since, house.clock() + DAY)
    return {record["recordId"] for record in records}


def assert_true(house: House) -> None:
    assert house.values("alma") == house.truth("alma")
    rejected = {reject.key for reject in house.rt.store.rejects.list(user_id="alma", limit=1000)}
    assert events_of(house) == true_events(house) - rejected


def test_four_weeks_with_a_phone_that_goes_and_comes(open_house: OpenHouse) -> None:
    offline = Offline(NOW - 2 * DAY, NOW + 19 * DAY)
    changes = (
        ReviseReadings(NOW + 20 * DAY, NOW + 2 * DAY, NOW + 3 * DAY, by=5),
        UpdateEvents(NOW + 21 * DAY, NOW + 4 * DAY, NOW + 6 * DAY),
        DeleteEvents(NOW + 23 * DAY, NOW + 1 * DAY, NOW + 5 * DAY),
    )
    with open_house(small_world(days=10, offline=(offline,), changes=changes)) as house:
        deleted = updated = 0
        for _ in range(8):
            outcomes = house.sync("alma")
            assert [outcome.status for outcome in outcomes] == ["ok"]
            assert_true(house)
            deleted += outcomes[0].counts.deleted
            updated += outcomes[0].counts.updated
            house.clock.advance(4 * DAY)
        assert updated > 250, "revised readings and corrected events"
        assert deleted > 0

        house.sync("alma")
        before = house.versions("alma")
        (quiet,) = house.sync("alma")
        assert quiet.counts.unchanged > 500
        assert (quiet.counts.created, quiet.counts.updated, quiet.counts.deleted) == (0, 0, 0)
        assert house.versions("alma") == before
