"""People in shared indices: each sees and writes their own behind the name they always had."""

import threading
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from elastic_transport import ConnectionTimeout
from elasticsearch import Elasticsearch, NotFoundError
from elasticsearch._sync.client.indices import IndicesClient

from glucoflow.es.indices import all_indices, index_behind, owners
from glucoflow.es.migrate import migrate, move_to_shared
from glucoflow.es.names import Names
from glucoflow.es.provision import delete_user, ensure_index
from glucoflow.es.queries import Queries
from glucoflow.es.retention import delete_kind
from glucoflow.es.scan import refresh, scan
from glucoflow.es.sink import ElasticsearchSink
from glucoflow.es.sizes import sizes
from glucoflow.model.errors import Retryable
from tests.es.conftest import QUICK, with_templates
from tests.es.made import NOW, START, documents

PEOPLE = ("ann", "ben", "cleo")


@pytest.fixture(scope="module")
def own(es: Elasticsearch) -> Iterator[Names]:
    with with_templates(es) as names:
        yield names


@pytest.fixture
def shared(es: Elasticsearch, own: Names) -> Iterator[Names]:
    """The same with everybody in two indices."""
    names = replace(own, shared=2)
    yield names
    for one in PEOPLE:
        delete_user(es, names, one)
    found = list(es.indices.get(index=names.shared_pattern, filter_path="*.settings.index.uuid").body)
    if found:
        es.indices.delete(index=found)


def write(es: Elasticsearch, names: Names, user: str, count: int = 5) -> None:
    made = ElasticsearchSink(es, names, user, QUICK, seed=1).write(documents(count, user), [], NOW)
    assert made.created == count


def held(es: Elasticsearch, names: Names, user: str) -> list[str]:
    refresh(es, names.alias(user))
    return [hit.id for hit in scan(es, names.alias(user))]


def test_everybody_has_their_own_behind_their_name(es: Elasticsearch, shared: Names) -> None:
    for number, one in enumerate(PEOPLE):
        index = ensure_index(es, shared, one)
        assert index.made
        assert index.shared
        assert not ensure_index(es, shared, one).made
        write(es, shared, one, number + 3)
    for number, one in enumerate(PEOPLE):
        assert held(es, shared, one) == [document.id for document in documents(number + 3, one)]
        assert Queries(es, shared).counts(one) == {"cgm.reading": number + 3}
        again = ElasticsearchSink(es, shared, one, QUICK, seed=1).write(documents(number + 3, one), [], NOW)
        assert (again.created, again.unchanged) == (0, number + 3)
    indices = [one for one in all_indices(es, shared) if one.shared]
    assert 1 <= len(indices) <= 2
    assert owners(indices, shared) == set(PEOPLE)
    assert {one.user_id: one.documents for one in sizes(es, shared, NOW)} == {"ann": 3, "ben": 4, "cleo": 5}


def test_who_goes_leaves_nothing_and_takes_nothing_along(es: Elasticsearch, shared: Names) -> None:
    for one in PEOPLE:
        ensure_index(es, shared, one)
        write(es, shared, one)
    assert delete_user(es, shared, "ben") == 1
    assert delete_user(es, shared, "ben") == 0
    found = es.search(index=shared.shared_pattern, query={"term": {"user.id": "ben"}})
    assert found["hits"]["total"]["value"] == 0
    assert index_behind(es, shared, shared.alias("ben")) is None
    with pytest.raises(NotFoundError):
        es.search(index=shared.alias("ben"))
    assert [len(held(es, shared, one)) for one in ("ann", "cleo")] == [5, 5]
    assert delete_kind(es, shared, "ann", None, START.replace(year=2027), NOW) == 5
    assert [len(held(es, shared, one)) for one in ("ann", "cleo")] == [0, 5]


def test_a_move_while_somebody_writes_loses_nothing(es: Elasticsearch, own: Names, shared: Names) -> None:
    index = ensure_index(es, own, "ann")
    write(es, own, "ann", 50)
    ensure_index(es, shared, "ben")
    write(es, shared, "ben", 7)
    stop, written = threading.Event(), 0

    def go_on() -> None:
        nonlocal written
        sink = ElasticsearchSink(es, own, "ann", seed=1)
        while not stop.is_set() or written == 0:
            made = documents(1, "ann", start=NOW.replace(minute=written % 60, hour=written // 60 % 24))
            written += sink.write(made, [], NOW).created

    writer = threading.Thread(target=go_on)
    writer.start()
    try:
        moved = move_to_shared(es, shared, index, "ann")
    finally:
        stop.set()
        writer.join()
    assert moved.documents >= 50
    behind = index_behind(es, own, own.alias("ann"))
    assert behind is not None
    assert behind.shared
    assert ensure_index(es, own, "ann") == behind, "whoever has the old setting still finds the person"
    assert len(held(es, own, "ann")) == 50 + written
    assert len(held(es, shared, "ben")) == 7
    assert not es.indices.exists(index=index.name)
    assert not es.indices.exists_alias(name=shared.moving_alias("ann"))


def test_a_move_that_breaks_off_leaves_the_old_index_in_use(es: Elasticsearch, own: Names, shared: Names) -> None:
    index = ensure_index(es, own, "ann")
    write(es, own, "ann", 3)
    ensure_index(es, shared, "ben")
    switch, calls = IndicesClient.update_aliases, 0

    def fails(self: IndicesClient, **asked: Any) -> Any:
        nonlocal calls
        calls += 1
        if calls == 2:
            raise ConnectionTimeout("cut off before the switch")
        return switch(self, **asked)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(IndicesClient, "update_aliases", fails)
        with pytest.raises(Retryable):
            move_to_shared(es, shared, index, "ann")
    assert not es.indices.exists_alias(name=shared.moving_alias("ann"))
    write_again = ElasticsearchSink(es, own, "ann", QUICK, seed=1).write(documents(4, "ann"), [], NOW)
    assert (write_again.created, write_again.unchanged) == (1, 3)
    assert move_to_shared(es, shared, index, "ann").documents == 4
    assert len(held(es, shared, "ann")) == 4


def test_a_shared_index_moves_to_a_new_mapping_with_everybody(es: Elasticsearch, shared: Names) -> None:
    one = replace(shared, shared=1)
    for user in PEOPLE:
        ensure_index(es, one, user)
        write(es, one, user)
    (index,) = [found for found in all_indices(es, one) if found.shared]
    moved = migrate(es, one, index, NOW)
    assert moved.documents == 5 * len(PEOPLE)
    for user in PEOPLE:
        behind = index_behind(es, one, one.alias(user))
        assert behind is not None
        assert behind.name == moved.new
        assert behind.lineage == index.lineage
        assert len(held(es, one, user)) == 5
        found = es.get(index=one.alias(user), id=documents(1, user)[0].id)
        assert found["_routing"] == user


def test_what_an_alias_walls_off_and_what_not(es: Elasticsearch, shared: Names) -> None:
    """Searches and their figures are the person's own. A document whose id somebody knows is given to them."""
    one = replace(shared, shared=1)
    for user in ("ann", "ben"):
        ensure_index(es, one, user)
        write(es, one, user)
        refresh(es, one.alias(user))
    alias = one.alias("ann")
    everything = {"all": {"global": {}, "aggs": {"who": {"terms": {"field": "user.id"}}}}}
    answer = es.search(index=alias, query={"term": {"user.id": "ben"}}, aggs=everything).body
    assert answer["hits"]["total"]["value"] == 0
    assert [bucket["key"] for bucket in answer["aggregations"]["all"]["who"]["buckets"]] == ["ann"]
    assert es.count(index=alias)["count"] == 5
    assert es.get(index=alias, id=documents(1, "ben")[0].id)["found"], "by its id: say so in docs/scale.md"
