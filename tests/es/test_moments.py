"""Marks of superseded readings: no content, so nothing is rewritten for them, and never over somebody else's write."""

import random
from datetime import timedelta

from elasticsearch import Elasticsearch

from glucoflow.es.bulk import Target, replace_unchanged
from glucoflow.es.encode import encode_time, marked
from glucoflow.es.moments import ReadingMoments
from glucoflow.es.names import Names
from glucoflow.es.retrier import Retrier
from glucoflow.es.scan import scan
from glucoflow.es.sink import ElasticsearchSink
from glucoflow.retry import RetryPolicy
from tests.es.made import LATER, NOW, START, documents

END = START + timedelta(days=1)


def test_marked_and_back_again_is_the_same_content(es: Elasticsearch, names: Names, sink: ElasticsearchSink) -> None:
    made = documents(30)
    sink.write(made, [], NOW)
    moments = ReadingMoments(es, names, "ann")
    es.indices.refresh(index=names.alias("ann"))
    before = [bytes(hit.source) for hit in scan(es, names.alias("ann"))]
    assert moments.mark({one.id: True for one in made[:10]}, LATER) == 10
    assert moments.between(START, END).superseded.tolist() == [True] * 10 + [False] * 20
    again = sink.write(made, [], LATER)
    assert (again.unchanged, again.updated) == (30, 0)
    assert moments.between(START, END).superseded.sum() == 10
    assert moments.mark({one.id: False for one in made[:10]}, NOW) == 10
    es.indices.refresh(index=names.alias("ann"))
    after = [bytes(hit.source).replace(b',"superseded":false', b"") for hit in scan(es, names.alias("ann"))]
    assert after == before


def test_the_marked_are_changed_since(es: Elasticsearch, names: Names, sink: ElasticsearchSink) -> None:
    """So that summaries of their days are computed again."""
    made = documents(300)
    sink.write(made, [], NOW)
    moments = ReadingMoments(es, names, "ann")
    assert moments.changed_days(LATER) == []
    moments.mark({made[-1].id: True}, LATER)
    assert moments.changed_days(LATER) == [END]
    assert moments.days() == [START, END]


def test_a_document_that_changed_in_between_is_left_alone(
    es: Elasticsearch, names: Names, sink: ElasticsearchSink
) -> None:
    made = documents(3)
    sink.write(made, [], NOW)
    alias = names.alias("ann")
    es.indices.refresh(index=alias)
    hits = list(scan(es, alias, versions=True))
    sink.write(documents(1, value=140), [], LATER)
    sink.write([], [made[1].id], LATER)
    target = Target(es, alias, Retrier(RetryPolicy(tries=1), random.Random()))
    marks = [marked(hit.id, hit.source, True, encode_time(LATER)) for hit in hits]
    assert (
        replace_unchanged(target, [a.only_after(b.seq_no, b.primary_term) for a, b in zip(marks, hits, strict=True)])
        == 2
    )
    es.indices.refresh(index=alias)
    found = ReadingMoments(es, names, "ann").between(START, END)
    assert dict(zip(found.ids, found.superseded.tolist(), strict=True)) == {made[0].id: False, made[2].id: True}
    assert b'"mg_dl":140,' in bytes(next(hit.source for hit in scan(es, alias) if hit.id == made[0].id))


def test_nobody_has_no_moments(es: Elasticsearch, names: Names) -> None:
    moments = ReadingMoments(es, names, "ann")
    assert moments.days() == moments.changed_days(NOW) == moments.between(START, END).ids == []
    assert moments.lives(["tx"]) == {}
    assert moments.mark({}, NOW) == 0
