"""A person who is deleted while a page of theirs is on its way does not come back, and leaves nothing behind."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta

import msgspec
import pytest
from pydantic import HttpUrl, SecretStr

from glucoflow.es.client import make_client
from glucoflow.es.queries import Queries
from glucoflow.es.scan import scan
from glucoflow.model.errors import Unavailable
from glucoflow.provider import Limits
from glucoflow.service.deletion import StoppedHalfway, delete_person
from glucoflow.service.kibana_guests import bring_guests_up_to_date
from glucoflow.service.maintenance import nobodys
from glucoflow.service.runtime import Runtime
from glucoflow.settings import KibanaSettings
from glucoflow.simulators.dexcom import demo_scenario
from glucoflow.simulators.faulty_wire import Asked
from tests.es.proxy import Proxy, proxied
from tests.flows.conftest import NOW, House, OpenHouse, small_scenario
from tests.kibana.stand_in import PASSWORD, USER, Kibana, running
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


def test_a_half_that_fails_is_named_and_the_rest_is_done_when_repeated(house: House) -> None:
    """First Kibana is away, then Elasticsearch; then both are there."""
    house.sync("alma")
    straight, settings = house.rt, house.rt.settings
    token = straight.store.receipts.ask("alma", NOW)
    guest = straight.store.kibana_guests.ask("alma", "Dr. Ott", NOW + timedelta(days=900), "Alma", NOW)
    with running(Kibana()) as kibana:
        es = settings.es.model_copy(update={"endpoint": HttpUrl(kibana.url)})  # logins, which the stand-in has too
        there = KibanaSettings(url=HttpUrl(kibana.url), user=USER, password=SecretStr(PASSWORD))
        with_kibana = replace(straight, settings=settings.model_copy(update={"kibana": there, "es": es}))
        assert bring_guests_up_to_date(with_kibana).made == 1
        assert kibana.users[guest.guest.id]["roles"] == ["guest.cgm-alma"]
        assert kibana.roles["guest.cgm-alma"]["elasticsearch"]["indices"][0]["names"] == [straight.names.alias("alma")]
        assert kibana.roles["guest.cgm-alma"]["kibana"] == [{"base": ["read"], "feature": {}, "spaces": ["cgm-alma"]}]

        away = KibanaSettings(url=HttpUrl("http://127.0.0.1:9"), user=USER, password=SecretStr(PASSWORD))
        with pytest.raises(StoppedHalfway) as first:
            delete_person(replace(straight, settings=settings.model_copy(update={"kibana": away, "es": es})), "alma")
        assert "Deleted so far: connections and their secrets. Not yet: Kibana, Elasticsearch" in str(first.value)
        assert first.value.exit_code == Unavailable.exit_code
        assert straight.store.people.find("alma") is not None
        assert straight.queries.counts("alma") != {}

        nowhere = make_client("http://127.0.0.1:9", None, None)
        no_es = replace(with_kibana, client=nowhere, queries=Queries(nowhere, straight.names))
        with pytest.raises(StoppedHalfway, match=r"connections and their secrets, Kibana\. Not yet: Elasticsearch"):
            delete_person(no_es, "alma")
        nowhere.close()
        assert guest.guest.id not in kibana.users
        found = straight.store.receipts.find(token)
        assert found is not None
        assert found.text is None
        assert "Then delete again" in (found.so_far or "")

        receipt = delete_person(with_kibana, "alma")
    assert receipt.left == 0
    assert sum(receipt.documents.values()) > 0
    assert gone(straight)
    found = straight.store.receipts.find(token)
    assert found is not None
    assert found.so_far is None
    assert "0 rows and indices are left" in (found.text or "")
