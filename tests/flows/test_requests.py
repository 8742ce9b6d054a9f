"""What a sync without news costs: six requests to Elasticsearch at most, counted at the wire."""

from dataclasses import replace
from datetime import timedelta

from glucoflow.es.client import make_client
from glucoflow.es.queries import Queries
from tests.es.proxy import proxied
from tests.flows.conftest import OpenHouse, small_scenario
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
