"""What a sync costs: six requests to Elasticsearch at most a person, counted at the wire, with news and without."""

from dataclasses import replace
from datetime import timedelta

from glucoflow.es.client import make_client
from glucoflow.es.queries import Queries
from glucoflow.service.batches import run_batch, sync_due
from glucoflow.service.jobs import SYNC_JOB
from glucoflow.store import new_owner
from tests.es.proxy import proxied
from tests.flows.conftest import House, OpenHouse, small_scenario
from tests.flows.counting import days, truth
from tests.node import Node

AT_MOST = 6


def test_a_sync_without_news(open_house: OpenHouse, elasticsearch_node: Node) -> None:
    with open_house(small_scenario()) as house, proxied(elasticsearch_node.url) as proxy:
        straight = house.rt
        house.sync()
        before = house.versions("alma")
        client = make_client(proxy.url, elasticsearch_node.username, elasticsearch_node.password)
        house.rt = replace(straight, client=client, queries=Queries(client, straight.names))
        house.clock.advance(timedelta(seconds=1))
        (outcome,) = house.sync("alma")
        house.rt = straight
        client.close()
        counts = outcome.counts
        assert (counts.created, counts.updated, counts.deleted) == (0, 0, 0)
        assert counts.unchanged > 500
        assert len(proxy.paths) <= AT_MOST, "\n".join(path[:90] for path in proxy.paths)
        assert house.versions("alma") == before


def test_a_sync_with_news_of_several_people(open_house: OpenHouse, elasticsearch_node: Node) -> None:
    alma = small_scenario(days=1).person("alma")
    people = tuple(replace(alma, id=f"p{number}", name=f"P {number}") for number in range(12))
    with (
        open_house(replace(small_scenario(), people=people)) as house,
        proxied(elasticsearch_node.url) as proxy,
        make_client(proxy.url, elasticsearch_node.username, elasticsearch_node.password) as client,
    ):
        straight = house.rt
        house.sync()
        house.clock.advance(timedelta(hours=2))
        patient = straight.settings.sync.model_copy(update={"gather_seconds": 60.0})  # however slow this machine is
        settings = straight.settings.model_copy(update={"sync": patient})
        house.rt = replace(straight, settings=settings, client=client, queries=Queries(client, straight.names))
        owner = new_owner()
        outcomes = sync_due(house.rt, owner, lambda due: run_batch(house.rt, due, SYNC_JOB, owner, patient.threads))
        house.rt = straight
        assert len(outcomes) == len(people)
        for one in outcomes:
            assert one.counts.created >= 12
            assert house.values(one.user_id) == house.truth(one.user_id)
            newest = max(days(house, one.user_id).items())[1]
            assert newest["summary"]["n"] == sum(day == newest["summary"]["date"] for day in dates(house, one.user_id))
        assert len(proxy.paths) <= AT_MOST * len(people), "\n".join(path[:90] for path in proxy.paths)
        assert max(len(set(ids)) for ids in proxy.bulks) > 30, "what several people have new went in one request"


def dates(house: House, user_id: str) -> list[str]:
    """The local date of each reading that there is."""
    return [moment.date().isoformat() for moment, _ in truth(house, user_id)]
