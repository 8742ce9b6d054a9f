"""A few indices for many people: synced, moved to while all goes on, exported, thinned out and deleted as ever."""

from dataclasses import replace
from datetime import timedelta

import pytest

from glucoflow.es.indices import index_behind
from glucoflow.es.queries import Queries
from glucoflow.model.errors import Misconfigured
from glucoflow.service.deletion import delete_person
from glucoflow.service.layout import share_indices
from glucoflow.service.maintenance import nobodys, provision_everything
from glucoflow.service.retention import EVERYTHING, Rules, retain
from tests.flows.conftest import House, OpenHouse, small_scenario
from tests.flows.counting import days

PEOPLE = ("alma", "bea")


def shared(house: House) -> None:
    names = replace(house.rt.names, shared=2)
    house.rt = replace(house.rt, names=names, queries=Queries(house.rt.client, names))


def check(house: House) -> None:
    for one in PEOPLE:
        assert house.values(one) == house.truth(one)
        assert len(days(house, one)) >= 3
    assert nobodys(house.rt) == ()


def test_the_whole_way_of_people_who_move(open_house: OpenHouse) -> None:
    alma = small_scenario(days=3).person("alma")
    people = (alma, replace(alma, id="bea", name="Bea"))
    with open_house(replace(small_scenario(), people=people)) as house:
        house.sync()
        check(house)
        with pytest.raises(Misconfigured, match="an index each"):
            share_indices(house.rt)

        shared(house)
        figures = days(house, "alma")
        moved = share_indices(house.rt)
        assert (moved.people, moved.there, moved.busy) == (2, 0, ())
        assert share_indices(house.rt).there == 2
        check(house)
        assert days(house, "alma") == figures
        behind = index_behind(house.rt.client, house.rt.names, house.rt.names.alias("alma"))
        assert behind is not None
        assert behind.shared
        assert provision_everything(house.rt).people == 2

        house.clock.advance(timedelta(hours=3))
        for outcome in house.sync():
            assert outcome.status == "ok"
            assert "vanished" not in outcome.message, "the checkpoints followed"
            assert outcome.counts.created >= 12
            assert outcome.counts.updated <= 2
        check(house)

        house.clock.advance(timedelta(days=29))
        gone = retain(house.rt, Rules(days={EVERYTHING: 30}), dry=False).gone
        assert sum(one.n for one in gone if one.user_id) > 2 * 200
        receipt = delete_person(house.rt, "alma")
        assert receipt.indices == 1
        assert nobodys(house.rt) == ()
        left = house.rt.client.search(index=house.rt.names.pattern, query={"term": {"user.id": "alma"}})
        assert left["hits"]["total"]["value"] == 0
        assert house.stored("bea")
        assert not index_behind(house.rt.client, house.rt.names, house.rt.names.alias("alma"))


def test_who_is_being_read_moves_later(open_house: OpenHouse) -> None:
    with open_house(small_scenario(days=1)) as house:
        shared(house)
        (held,) = house.rt.store.leases.claim_due("somebody", house.clock(), house.rt.lease, 5)
        assert share_indices(house.rt).busy == ("alma",)
        house.rt.store.leases.release(held.id, "somebody")
        assert share_indices(house.rt).busy == ()
        assert house.rt.store.leases.claim(held.id, "another", house.clock(), house.rt.lease) is not None
