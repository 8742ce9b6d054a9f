"""A person who is deleted while a page of theirs is on its way does not come back, and leaves nothing behind."""

from collections.abc import Callable, Iterator
from dataclasses import replace

import msgspec
import pytest

from glucoflow.es.client import make_client
from glucoflow.es.queries import Queries
from glucoflow.es.scan import scan
from glucoflow.provider import Limits
from glucoflow.service.deletion import delete_person
from glucoflow.service.maintenance import nobodys
from glucoflow.service.runtime import Runtime
from glucoflow.simulators.dexcom import demo_scenario
from glucoflow.simulators.faulty_wire import Asked
from tests.es.proxy import Proxy, proxied
from tests.flows.conftest import NOW, House, OpenHouse, small_scenario
from tests.node import Node


@pytest.fixture
def watched(open_house: OpenHouse, elasticsearch_node: Node) -> Iterator[tuple[House, Proxy]]:
    """A house whose way to Elasticsearch can be watched, with an index that is made by its first sync."""
    with open_house(small_scenario()) as house, proxied(elasticsearch_node.url) as proxy:
        house.rt.client.indices.delete(index=house.rt.names.first_index("alma"))
        client = make_client(proxy.url, elasticsearch_node.username, elasticsearch_node.password)
        straight = house.rt
        patient = msgspec.structs.replace(straight.providers, limits=Limits())
        house.rt = replace(straight, client=client, queries=Queries(client, straight.names), providers=patient)
        yield house, proxy
        client.close()
        house.rt = straight


def once(act: Callable[[], object]) -> Callable[..., None]:
    done: list[object] = []

    def acts(*_: object) -> None:
        if not done:
            done.append(None)
            done.append(act())

    return acts


def gone(rt: Runtime) -> bool:
    rt.client.indices.refresh(index=rt.names.runs, ignore_unavailable=True)
    told = list(scan(rt.client, rt.names.runs, {"term": {"user.id": "alma"}}))
    return nobodys(rt) == () and rt.store.people.list() == () and told == []


@pytest.mark.parametrize("endpoint", ["dataRange", "events", "egvs", "devices"])
def test_while_the_provider_answers(watched: tuple[House, Proxy], endpoint: str) -> None:
    house, _ = watched
    delete = once(lambda: delete_person(house.rt, "alma"))

    def asked(one: Asked) -> None:
        if one.path.endswith(endpoint):
            delete()

    house.sim.records.on_answer.append(asked)
    (outcome,) = house.sync()
    assert outcome.status == "failed"
    assert "deleted" in outcome.message
    assert gone(house.rt)


@pytest.mark.parametrize("path", ["/cgm-alma", "/_bulk", "_refresh", "/_search"])
@pytest.mark.parametrize("nth", [1, 2])
def test_while_elasticsearch_is_asked(watched: tuple[House, Proxy], path: str, nth: int) -> None:
    """Right before the nth request of a kind reaches the node."""
    house, proxy = watched
    straight = house.rt  # what the deleting person uses goes through the same proxy, and is not looked at
    seen = 0
    delete = once(lambda: delete_person(straight, "alma"))

    def comes(asked: str) -> None:
        nonlocal seen
        seen += path.replace("cgm-", house.rt.names.prefix) in asked
        if seen == nth:
            seen += 1
            delete()

    proxy.on_request = comes
    house.sync()
    assert seen > nth, "it was deleted on the way"
    assert gone(house.rt)


def test_a_neighbour_goes_on(open_house: OpenHouse) -> None:
    with open_house(demo_scenario(NOW, days=2)) as house:
        delete = once(lambda: delete_person(house.rt, "bruno"))

        def asked(one: Asked) -> None:
            if one.path.endswith("egvs"):
                delete()

        house.sim.records.on_answer.append(asked)
        house.sync()
        assert house.values("alma") == house.truth("alma")
        assert nobodys(house.rt) == ()
