"""The sink against a real node: what is counted, what is written, and what is left alone."""

from collections.abc import Iterator, Sequence
from datetime import timedelta

import msgspec
import pytest
from elasticsearch import Elasticsearch
from hypothesis import example, given, settings
from hypothesis import strategies as st

from glucoflow.es.encode import decode, encode, encode_time
from glucoflow.es.held import Held, Stored
from glucoflow.es.names import Names
from glucoflow.es.provision import delete_user, ensure_index
from glucoflow.es.scan import scan
from glucoflow.es.sink import ElasticsearchSink, SinkOptions
from glucoflow.model.documents import Document, GlucoseFields, NoteFields
from glucoflow.model.errors import Fatal, Retryable
from glucoflow.model.ingestion import Absent, RecordIds, SinkResult, Window
from tests.es.conftest import QUICK
from tests.es.made import LATER, NOW, START, documents
from tests.es.proxy import Proxy


def stored(es: Elasticsearch, names: Names) -> dict[str, Document]:
    alias = names.alias("ann")
    es.indices.refresh(index=alias)
    return {hit.id: Document(hit.id, decode(hit.source)) for hit in scan(es, alias)}


def versions(es: Elasticsearch, names: Names) -> dict[str, int]:
    es.indices.refresh(index=names.alias("ann"))
    answer = es.search(index=names.alias("ann"), size=10_000, version=True, source=False)
    return {hit["_id"]: hit["_version"] for hit in answer.body["hits"]["hits"]}


def known_to_hold(made: Sequence[Document]) -> Held:
    return Held({one.id: Stored(encode(one, b"0").hash, 0, one.source.event.dataset, "c") for one in made})


def counts(result: SinkResult) -> tuple[int, int, int, int, int]:
    return result.created, result.updated, result.unchanged, result.deleted, len(result.rejected)


def test_new_documents_are_created_with_hash_and_time(es: Elasticsearch, names: Names, sink: ElasticsearchSink) -> None:
    made = documents(950)
    assert counts(sink.write(iter(made), [], NOW)) == (950, 0, 0, 0, 0)
    found = stored(es, names)
    assert list(found) == [document.id for document in made]
    event = found[made[0].id].source.event
    assert event.ingested == NOW
    assert event.hash == encode(made[0], b"0").hash
    bare = msgspec.structs.replace(found[made[7].id].source, event=made[7].source.event)
    assert bare == made[7].source


def test_the_same_again_writes_nothing(es: Elasticsearch, names: Names, sink: ElasticsearchSink) -> None:
    made = documents(350)
    sink.write(made, [], NOW)
    assert counts(sink.write(made, [], LATER)) == (0, 0, 350, 0, 0)
    assert set(versions(es, names).values()) == {1}
    assert {document.source.event.ingested for document in stored(es, names).values()} == {NOW}


def test_what_is_known_to_be_there_costs_no_request(
    es: Elasticsearch, names: Names, proxy: Proxy, through: Elasticsearch, sink: ElasticsearchSink
) -> None:
    made = documents(60)
    sink.write(made, [], NOW)
    knowing = ElasticsearchSink(through, names, "ann", QUICK, held=known_to_hold(made))
    assert counts(knowing.write(made, [], LATER)) == (0, 0, 60, 0, 0)
    assert proxy.paths == []

    changed = documents(60, value=60)[10]
    there_and_back = [changed, made[10], *documents(61)[60:]]
    assert counts(knowing.write(there_and_back, [made[0].id], LATER)) == (1, 0, 2, 1, 0)
    assert counts(knowing.write([changed], [], LATER)) == (0, 1, 0, 0, 0)
    assert counts(knowing.write([made[0]], [], LATER)) == (1, 0, 0, 0, 0), "a deleted one is not known any more"
    assert stored(es, names)[changed.id].source.glucose == changed.source.glucose


def test_changed_ones_replace_the_rest_stays(es: Elasticsearch, names: Names, sink: ElasticsearchSink) -> None:
    sink.write(documents(300), [], NOW)
    mixed = [*documents(200), *documents(310, value=60)[200:]]
    assert counts(sink.write(mixed, [], LATER)) == (10, 100, 200, 0, 0)
    by_version = versions(es, names)
    assert [by_version[document.id] for document in mixed] == [1] * 200 + [2] * 100 + [1] * 10
    found = stored(es, names)
    assert all(found[document.id].source.glucose == document.source.glucose for document in mixed)
    assert found[mixed[250].id].source.event.ingested == LATER


def test_deletes_count_only_what_was_there(es: Elasticsearch, names: Names, sink: ElasticsearchSink) -> None:
    made = documents(250)
    sink.write(made, [], NOW)
    gone = [document.id for document in made[:120]]
    assert counts(sink.write([], [*gone, *gone[:5], "never-there"], LATER)) == (0, 0, 0, 120, 0)
    assert set(stored(es, names)) == {document.id for document in made[120:]}


def test_deleting_for_somebody_without_an_index_makes_none(es: Elasticsearch, names: Names) -> None:
    sink = ElasticsearchSink(es, names, "ann", QUICK)
    assert sink.write([], ["x"], NOW) == SinkResult(rejected=[])
    assert not es.indices.exists_alias(name=names.alias("ann"))


def test_nothing_to_write_asks_nothing(names: Names) -> None:
    nowhere = Elasticsearch("http://127.0.0.1:9")
    assert ElasticsearchSink(nowhere, names, "ann").write([], [], NOW) == SinkResult(rejected=[])


@settings(max_examples=15, deadline=None)
@example([(0, 50), (0, 51), (0, 50)], False)
@example([(0, 50), *((at, 60) for at in range(1, 7)), (0, 51), (0, 50)], False)
@example([(0, 50), (0, 100), *((at, 60) for at in range(1, 7)), (0, 51), (0, 100)], True)
@given(st.lists(st.tuples(st.integers(0, 30), st.integers(50, 250)), min_size=1, max_size=120), st.booleans())
def test_of_documents_with_one_id_the_last_wins(
    es_names: tuple[Elasticsearch, Names], drawn: list[tuple[int, int]], known: bool
) -> None:
    """Whether none of them is there, or all are and the sink knows."""
    es, names = es_names
    base = documents(31)
    made = [_with_value(base[at], value) for at, value in drawn]
    options = SinkOptions(chunk_documents=7, lanes=3, retry=QUICK.retry)
    held = known_to_hold(base if known else [])
    plain = ElasticsearchSink(es, names, "ann", options)
    plain.write([], [document.id for document in base], NOW)
    plain.write(base if known else [], [], NOW)
    result = ElasticsearchSink(es, names, "ann", options, held=held).write(made, [], NOW)
    assert result.created + result.updated + result.unchanged == len(made)
    assert result.created == (0 if known else len({document.id for document in made}))
    last = {one.id: one.source.glucose for one in (*(base if known else []), *made)}
    assert {key: found.source.glucose for key, found in stored(es, names).items()} == last


@pytest.fixture(scope="module")
def es_names(es: Elasticsearch) -> Iterator[tuple[Elasticsearch, Names]]:
    names = Names(prefix="es-drawn-", runs="es-drawn-runs")
    ensure_index(es, names, "ann")
    yield es, names
    delete_user(es, names, "ann")


def _with_note(document: Document, text: str) -> Document:
    return Document(document.id, msgspec.structs.replace(document.source, note=NoteFields(text=text)))


def _with_value(document: Document, value: float) -> Document:
    glucose = document.source.glucose
    assert isinstance(glucose, GlucoseFields)
    changed = msgspec.structs.replace(glucose, value=value, mg_dl=value)
    return Document(document.id, msgspec.structs.replace(document.source, glucose=changed))


def test_one_bad_document_is_rejected_with_field_and_reason_the_others_are_written(
    es: Elasticsearch, names: Names, sink: ElasticsearchSink
) -> None:
    made = documents(300)
    made[150] = _with_note(made[150], "\ud800")  # half a character: no JSON
    made[151] = _with_value(made[151], 1e39)  # beyond what a float field holds
    result = sink.write(made, [], NOW)
    assert counts(result) == (298, 0, 0, 0, 2)
    by_key = {rejection.key: rejection for rejection in result.rejected}
    assert by_key[made[150].id].reason.startswith("cannot be written as JSON")
    assert by_key[made[151].id].field.startswith("glucose.")
    assert by_key[made[151].id].payload == b'{"recordId": "id151", "value": 1.50}'
    assert not any("1000000000" in rejection.reason for rejection in result.rejected)
    assert len(stored(es, names)) == 298


def test_too_many_rejected_stop_the_write_loudly(sink: ElasticsearchSink) -> None:
    bad = [_with_value(document, 1e39) if at % 5 == 0 else document for at, document in enumerate(documents(300))]
    with pytest.raises(Fatal, match="rejected"):
        sink.write(bad, [], NOW)


def test_a_few_rejected_in_a_small_page_do_not(sink: ElasticsearchSink) -> None:
    few = [_with_value(document, 1e39) for document in documents(5)]
    assert counts(sink.write(few, [], NOW)) == (0, 0, 0, 0, 5)


def test_the_share_is_judged_over_pages(sink: ElasticsearchSink) -> None:
    page = [_with_value(document, 1e39) if at < 2 else document for at, document in enumerate(documents(10))]
    for _ in range(9):
        assert sink.write(page, [], NOW).rejected
    with pytest.raises(Fatal, match="rejected"):
        sink.write(page, [], NOW)


def test_a_pretty_printed_payload_stays_one_line(es: Elasticsearch, names: Names, sink: ElasticsearchSink) -> None:
    payload = msgspec.Raw(b'{\r\n  "note": "a\\nb",\n  "event":{"x": 1}\n}')
    sink.write(documents(3, payload=payload), [], NOW)
    es.indices.refresh(index=names.alias("ann"))
    found = [decode(hit.source) for hit in scan(es, names.alias("ann"))]
    assert [msgspec.json.decode(source.payload) for source in found] == [{"note": "a\nb", "event": {"x": 1}}] * 3
    assert all(source.event.hash for source in found)


def test_a_document_of_somebody_else_is_never_written(es: Elasticsearch, names: Names, sink: ElasticsearchSink) -> None:
    with pytest.raises(Fatal, match="another person"):
        sink.write(documents(3, user="bob"), [], NOW)
    assert not stored(es, names)


def test_the_index_is_not_brought_back_when_the_person_is_deleted_meanwhile(
    es: Elasticsearch, names: Names, sink: ElasticsearchSink
) -> None:
    made = documents(600)

    def deleted_on_the_way() -> Iterator[Document]:
        yield from made[:400]
        delete_user(es, names, "ann")
        yield from made[400:]

    with pytest.raises(Retryable, match="deleted"):
        sink.write(deleted_on_the_way(), [], NOW)
    assert not es.indices.exists(index=f"{names.alias('ann')}*", expand_wildcards="all", allow_no_indices=False)


def test_an_error_while_documents_are_made_comes_out_and_nothing_hangs(sink: ElasticsearchSink) -> None:
    def breaks() -> Iterator[Document]:
        yield from documents(500)
        raise Retryable("the provider went away")

    with pytest.raises(Retryable, match="went away"):
        sink.write(breaks(), [], NOW)


def test_only_a_few_chunks_are_made_ahead(es: Elasticsearch, names: Names) -> None:
    """Documents are taken from the input no faster than the node takes them."""
    ensure_index(es, names, "ann")
    made = most_ahead = 0

    def watched() -> Iterator[Document]:
        nonlocal made, most_ahead
        for document in documents(2_000):
            made += 1
            if made % 100 == 0:
                stats = es.indices.stats(index=names.alias("ann"), metric="indexing").body
                most_ahead = max(most_ahead, made - int(stats["_all"]["total"]["indexing"]["index_total"]))
            yield document

    ElasticsearchSink(es, names, "ann", SinkOptions(chunk_documents=100, lanes=2)).write(watched(), [], NOW)
    assert 0 < most_ahead <= 100 * 5


@given(st.datetimes(), st.booleans())
@settings(max_examples=50, deadline=None)
def test_the_hash_depends_on_content_only(ingested: object, stamped: bool) -> None:
    (one,) = documents(1)
    stamp = encode_time(NOW + timedelta(seconds=hash(ingested) % 1_000))
    again = one
    if stamped:
        event = msgspec.structs.replace(one.source.event, hash="old", ingested=START)
        again = Document(one.id, msgspec.structs.replace(one.source, event=event))
    assert encode(again, stamp).hash == encode(one, encode_time(NOW)).hash
    (other,) = documents(1, value=101)
    assert encode(other, stamp).hash != encode(one, stamp).hash


def test_what_a_whole_window_does_not_hold_any_more_goes(
    es: Elasticsearch, names: Names, sink: ElasticsearchSink
) -> None:
    made = documents(20)
    sink.write(made, [], NOW)
    es.indices.refresh(index=names.alias("ann"))
    window = Window(made[5].source.timestamp, made[15].source.timestamp)

    def again(connection: str, absent: Absent) -> SinkResult:
        whole = RecordIds(
            provider="dexcom", datasets=["cgm.reading"], window=window, connection_id=connection, absent=absent
        )
        return sink.write([one for one in made[5:15] if one is not made[7]], [], LATER, whole)

    assert again("c1", "unknown").deleted == 0, "nobody said that it is all"
    other = again("c2", "gone")
    assert (other.deleted, other.vanished) == (0, None), "another connection's are its own"
    went = again("c1", "gone")
    assert went.deleted == 1
    time = made[7].source.timestamp
    assert went.vanished == Window(time, time + timedelta(milliseconds=1)), "whose figures are to be computed again"
    assert set(stored(es, names)) == {one.id for one in made} - {made[7].id}
