"""Moving an index while it is written and read: nothing is lost, nothing comes back, reads never fail."""

import threading
import time
from collections.abc import Iterator
from datetime import timedelta

import msgspec
import pytest
from elasticsearch import Elasticsearch

from glucoflow.es.indices import Index, all_indices, index_behind
from glucoflow.es.migrate import ABANDONED, migrate, retire_left_over
from glucoflow.es.names import Names
from glucoflow.es.provision import ensure_index, provision
from glucoflow.es.scan import scan
from glucoflow.es.sink import ElasticsearchSink, SinkOptions
from glucoflow.model.errors import Fatal, Retryable
from glucoflow.retry import RetryPolicy
from tests.es.made import LATER, NOW, documents
from tests.node import Node

PATIENT = SinkOptions(chunk_documents=50, retry=RetryPolicy(tries=60, first_wait_s=0.02, longest_wait_s=0.2))


@pytest.fixture
def sink(es: Elasticsearch, names: Names) -> ElasticsearchSink:
    ensure_index(es, names, "ann")
    return ElasticsearchSink(es, names, "ann", PATIENT)


def bodies(es: Elasticsearch, index: str) -> dict[str, bytes]:
    es.indices.refresh(index=index)
    return {hit.id: bytes(hit.source) for hit in scan(es, index)}


def current(es: Elasticsearch, names: Names) -> Index:
    found = index_behind(es, names, names.alias("ann"))
    assert found is not None
    return found


def behind(es: Elasticsearch, names: Names) -> list[str]:
    return list(es.indices.get_alias(name=names.alias("ann")).body)


def test_documents_move_as_they_are(es: Elasticsearch, names: Names, sink: ElasticsearchSink) -> None:
    sink.write(documents(700), [], NOW)
    before = bodies(es, names.alias("ann"))
    first = names.first_index("ann")
    lineage = current(es, names).lineage
    moved = migrate(es, names, current(es, names), NOW)
    assert current(es, names).lineage == lineage, "it is the same index to whoever keeps checkpoints beside it"
    assert (moved.old, moved.new, moved.documents) == (first, names.next_index(first), 700)
    assert behind(es, names) == [moved.new]
    assert bodies(es, names.alias("ann")) == before
    assert not es.indices.exists(index=first)
    result = ElasticsearchSink(es, names, "ann", PATIENT).write(documents(705), [], LATER)
    assert (result.created, result.unchanged, result.updated) == (5, 700, 0)
    settings = es.indices.get_settings(index=moved.new).body[moved.new]["settings"]["index"]
    assert (settings["refresh_interval"], settings.get("blocks")) == ("5s", None)


def test_writes_deletes_and_reads_go_on(
    elasticsearch_node: Node, es: Elasticsearch, names: Names, sink: ElasticsearchSink
) -> None:
    made = documents(3_000)
    sink.write(made[:2_000], [], NOW)
    es.indices.refresh(index=names.alias("ann"))
    stop = threading.Event()
    problems: list[BaseException] = []
    done = {"written": 0, "rounds": 0, "reads": 0}

    def guarded(work: Iterator[None]) -> None:
        try:
            for _ in work:
                if stop.is_set():
                    return
        except BaseException as problem:  # noqa: BLE001 – looked at below
            problems.append(problem)

    def writes() -> Iterator[None]:
        client = elasticsearch_node.client()
        own = ElasticsearchSink(client, names, "ann", PATIENT)
        for at in range(2_000, 3_000, 10):
            changed = documents(at - 1_990, value=55)[at - 2_000 :]
            own.write([*made[at : at + 10], *changed], [made[at - 1_000].id], LATER)
            done["written"] = at + 10
            done["rounds"] += 1
            yield
        client.close()

    def reads() -> Iterator[None]:
        client = elasticsearch_node.client()
        while True:
            assert int(client.count(index=names.alias("ann")).body["count"]) >= 1_800
            done["reads"] += 1
            time.sleep(0.01)
            yield

    threads = [threading.Thread(target=guarded, args=(work(),)) for work in (writes, reads)]
    for thread in threads:
        thread.start()
    while done["rounds"] < 3 and not problems:
        time.sleep(0.01)
    moved = migrate(es, names, current(es, names), NOW)
    rounds_then = done["rounds"]
    while done["rounds"] < min(100, rounds_then + 3) and not problems:
        time.sleep(0.01)
    stop.set()
    for thread in threads:
        thread.join()
    assert not problems
    assert done["reads"] > 0
    assert done["rounds"] > rounds_then >= 3  # there were writes before and after the switch
    assert behind(es, names) == [moved.new]
    rounds = done["rounds"]
    found = bodies(es, names.alias("ann"))
    gone = {made[1_000 + 10 * at].id for at in range(rounds)}
    assert set(found) == {document.id for document in made[: done["written"]]} - gone
    changed_ids = {made[at].id for at in range(rounds * 10)}
    assert all(b'"ingested":"2026-11-21T13' in found[key] for key in changed_ids - gone)


def test_an_index_that_cannot_be_changed_in_place(es: Elasticsearch, fresh: Names) -> None:
    provision(es, fresh)
    index = fresh.first_index("ann")
    properties = {"@timestamp": {"type": "date"}, "glucose": {"properties": {"mg_dl": {"type": "keyword"}}}}
    es.indices.put_index_template(
        name="es-outdated", index_patterns=[index], template={"mappings": {"properties": properties}}, priority=9_000
    )
    es.indices.create(index=index, aliases={fresh.alias("ann"): {"is_write_index": True}})
    es.indices.delete_index_template(name="es-outdated")
    ElasticsearchSink(es, fresh, "ann", PATIENT).write(documents(120), [], NOW)
    (outdated,) = provision(es, fresh).outdated
    moved = migrate(es, fresh, outdated, NOW)
    assert moved.documents == 120
    mapping = es.indices.get_mapping(index=moved.new).body[moved.new]["mappings"]
    assert mapping["properties"]["glucose"]["properties"]["mg_dl"] == {"type": "float"}
    assert provision(es, fresh).outdated == ()


def test_a_move_that_fails_leaves_the_old_index_in_use(
    es: Elasticsearch, names: Names, sink: ElasticsearchSink
) -> None:
    sink.write(documents(60), [], NOW)
    first = names.first_index("ann")
    es.indices.put_mapping(index=first, dynamic="true")
    es.index(index=first, id="odd", document={"@timestamp": 0, "unheard": {"of": 1}}, refresh=True)
    with pytest.raises(Fatal, match="refuses"):
        migrate(es, names, current(es, names), NOW)
    assert behind(es, names) == [first]
    assert not es.indices.exists(index=names.next_index(first))
    assert sink.write(documents(61), [], NOW).created == 1


def test_two_movers_do_not_meet_and_a_dead_one_is_cleared_away(
    es: Elasticsearch, names: Names, sink: ElasticsearchSink
) -> None:
    sink.write(documents(10), [], NOW)
    first = names.first_index("ann")
    es.indices.create(index=names.next_index(first))
    created = es.indices.get_settings(index=names.next_index(first)).body
    ms = int(created[names.next_index(first)]["settings"]["index"]["creation_date"])
    age = timedelta(milliseconds=ms - int(NOW.timestamp() * 1000))
    with pytest.raises(Retryable, match="somebody else"):
        migrate(es, names, current(es, names), NOW + age + timedelta(minutes=1))
    assert migrate(es, names, current(es, names), NOW + age + ABANDONED + timedelta(minutes=1)).documents == 10


def test_the_old_index_goes_only_when_nothing_reads_it(
    es: Elasticsearch, names: Names, sink: ElasticsearchSink, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("glucoflow.es.migrate._LOOKS", 3)
    made = documents(30)
    sink.write(made, [], NOW)
    es.indices.refresh(index=names.alias("ann"))
    reading = scan(es, names.alias("ann"), page=10)
    found = [next(reading).id for _ in range(10)]
    moved = migrate(es, names, current(es, names), NOW)
    assert moved.old_stays
    assert retire_left_over(es, all_indices(es, names)) == ()
    found += [hit.id for hit in reading]
    assert found == [document.id for document in made]
    assert retire_left_over(es, all_indices(es, names)) == (moved.old,)
    assert [one.name for one in all_indices(es, names) if one.alias == names.alias("ann")] == [moved.new]


def test_a_generation_that_is_just_being_filled_is_not_taken_for_one_left_behind(
    es: Elasticsearch, names: Names, sink: ElasticsearchSink
) -> None:
    sink.write(documents(1), [], NOW)
    upcoming = names.next_index(names.first_index("ann"))
    es.indices.create(index=upcoming)
    assert retire_left_over(es, all_indices(es, names)) == ()
    assert es.indices.exists(index=upcoming)


def test_only_people_s_indices_are_moved(es: Elasticsearch, names: Names, sink: ElasticsearchSink) -> None:
    sink.write(documents(1), [], NOW)
    nobodys = msgspec.structs.replace(current(es, names), alias=None)
    with pytest.raises(Fatal, match="not the index of a person"):
        migrate(es, names, nobodys, NOW)
