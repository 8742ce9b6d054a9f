"""What several people's threads ask at once goes as one request; each gets their own answer, and their own trouble."""

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import orjson
import pytest
from elasticsearch import ApiError, Elasticsearch

from glucoflow.es.bulk import post
from glucoflow.es.encode import Item, encode, encode_time
from glucoflow.es.gathering import Table, gathered
from glucoflow.es.indices import index_behind
from glucoflow.es.names import Names
from glucoflow.es.provision import delete_user, ensure_index
from glucoflow.es.queries import only
from glucoflow.es.scan import refresh, scan
from tests.es.made import NOW, documents
from tests.es.proxy import Fault, Proxy

PEOPLE = ("ann", "ben", "cleo")


@pytest.fixture(scope="module")
def people(es: Elasticsearch, provisioned: Names) -> Iterator[Names]:
    for one in PEOPLE:
        ensure_index(es, provisioned, one)
    yield provisioned
    for one in PEOPLE:
        delete_user(es, provisioned, one)


@pytest.fixture
def at_once(through: Elasticsearch) -> Callable[..., list[Any]]:
    """Runs something for each of the people at the same moment; an error is an answer too."""
    table = Table(linger_s=60)  # so long that only gathering all of them ends the wait
    start = threading.Barrier(len(PEOPLE))

    def run(ask: Callable[[Elasticsearch, str], Any]) -> list[Any]:
        def one(person: str) -> Any:
            with table.taking_part():
                start.wait(30)
                try:
                    return ask(client, person)
                except Exception as error:  # noqa: BLE001
                    return error

        with ThreadPoolExecutor(len(PEOPLE)) as pool:
            return list(pool.map(one, PEOPLE))

    client = gathered(through, table)
    return run


def items(person: str, count: int) -> list[Item]:
    return [encode(one, encode_time(NOW)) for one in documents(count, person)]


def test_one_request_and_everybody_their_own(
    people: Names, proxy: Proxy, at_once: Callable[..., list[Any]], es: Elasticsearch
) -> None:
    def bulk(client: Elasticsearch, person: str) -> list[Any]:
        return [a["status"] for a in post(client, people.alias(person), items(person, len(person)), alias=True)]

    assert at_once(bulk) == [[201] * len(one) for one in PEOPLE]
    assert at_once(bulk) == [[409] * len(one) for one in PEOPLE]
    assert len(proxy.bulks) == 2
    proxy.paths.clear()

    at_once(lambda client, person: refresh(client, people.alias(person)))

    def found(client: Elasticsearch, person: str) -> list[tuple[str, str]]:
        hits = list(scan(client, people.alias(person), only(["cgm.reading"]), page=100))
        return [(hit.id, orjson.loads(bytes(hit.source))["user"]["id"]) for hit in hits]

    assert at_once(found) == [[(item.id, one) for item in items(one, len(one))] for one in PEOPLE]

    def known(client: Elasticsearch, person: str) -> list[bool]:
        ids = [item.id for item in items(person, 2)] + ["nothing"]
        return [
            doc["found"] for doc in client.mget(index=people.alias(person), ids=ids, filter_path="docs.found")["docs"]
        ]

    assert at_once(known) == [[True, True, False]] * len(PEOPLE)
    behind = at_once(lambda client, person: index_behind(client, people, people.alias(person)))
    assert behind == [index_behind(es, people, people.alias(one)) for one in PEOPLE]
    assert len(proxy.paths) == 4, proxy.paths


def test_the_payload_stays_as_it_was_sent(people: Names, at_once: Callable[..., list[Any]], es: Elasticsearch) -> None:
    def sources(client: Elasticsearch, person: str) -> list[bytes]:
        return [bytes(hit.source) for hit in scan(client, people.alias(person))]

    at_once(lambda client, person: post(client, people.alias(person), items(person, 3), alias=True))
    at_once(lambda client, person: refresh(client, people.alias(person)))
    assert at_once(sources) == [sources(es, one) for one in PEOPLE]
    assert all(b'"value": 1.50' in one for one in at_once(sources)[0])


def test_who_has_no_index_is_alone_with_it(people: Names, at_once: Callable[..., list[Any]]) -> None:
    def alias(person: str) -> str:
        return people.alias("nobody" if person == "ben" else person)

    answers = at_once(lambda client, person: post(client, alias(person), items(person, 1), alias=True))
    assert [one[0]["status"] for one in answers] == [409, 404, 409]
    ann, ben, cleo = at_once(lambda client, person: client.search(index=alias(person), size=0).body)
    assert isinstance(ben, ApiError)
    assert ben.meta.status == 404
    assert ben.body["error"]["type"] == "index_not_found_exception"
    assert ann["hits"]["total"]["value"] >= 1
    assert cleo["hits"]["total"]["value"] >= 1
    assert [one is None for one in at_once(lambda client, person: index_behind(client, people, alias(person)))] == [
        False,
        True,
        False,
    ]


def test_what_is_refused_as_a_whole_is_sent_one_by_one(
    people: Names, proxy: Proxy, at_once: Callable[..., list[Any]]
) -> None:
    proxy.faults.append(Fault("status", status=413))
    answers = at_once(lambda client, person: post(client, people.alias(person), items(person, 1), alias=True))
    assert [one[0]["status"] for one in answers] == [409, 409, 409]
    assert [len(ids) for ids in proxy.bulks] == [3, 1, 1, 1]


def test_a_broken_connection_is_everybodys(people: Names, proxy: Proxy, at_once: Callable[..., list[Any]]) -> None:
    proxy.faults.append(Fault("cut_after"))
    errors = at_once(lambda client, person: post(client, people.alias(person), items(person, 1), alias=True))
    assert [type(one).__name__ for one in errors] == ["ConnectionError"] * len(PEOPLE)
    assert proxy.served == ["cut_after"]


def test_who_is_alone_waits_for_nobody(people: Names, proxy: Proxy, through: Elasticsearch) -> None:
    table = Table(linger_s=60)
    with table.taking_part():
        refresh(gathered(through, table), people.alias("ann"))
    assert proxy.paths == [f"/{people.alias('ann')}/_refresh?ignore_unavailable=true"]
