"""Spans that a person excluded: their dashboards do not count those readings, and keep all else."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from elasticsearch import Elasticsearch

from glucoflow.kibana.excluded import words_for
from tests.kibana import kql
from tests.kibana.conftest import INDEX
from tests.kibana.objects import ANNAS, BENS, Json, panels, state, values_of
from tests.kibana.people import LEFT_OUT

Doc = dict[str, Any]


def inside(doc: Doc) -> bool:
    at = datetime.fromisoformat(doc["@timestamp"])
    return any(one.start <= at < one.end for one in LEFT_OUT)


def boards(objects: list[Json]) -> list[Json]:
    return [one for one in objects if one["type"] == "dashboard"]


def filters(board: Json) -> list[Json]:
    found: list[Json] = json.loads(board["attributes"]["kibanaSavedObjectMeta"]["searchSourceJSON"])["filter"]
    return found


def context(board: Json) -> Json:
    """What Kibana puts around every search of the dashboard. A negated filter's pill would read "NOT Excluded"."""
    for one in filters(board):
        assert (one["meta"]["negate"], one["meta"]["disabled"], one["$state"]) == (False, False, {"store": "appState"})
    return {"bool": {"filter": [one["query"] for one in filters(board)]}}


def test_only_those_who_left_something_out_have_filters() -> None:
    assert all(filters(board) == [] for board in boards(ANNAS))
    for board in boards(BENS):
        names = [one["meta"]["indexRefName"] for one in filters(board)]
        assert names == [f"kibanaSavedObjectMeta.searchSourceJSON.filter[{at}].meta.index" for at in (0, 1)]
        referred = {one["name"]: one["id"] for one in board["references"]}
        assert [referred[name] for name in names] == ["cgm-view-ben", "cgm-view-ben"]
        assert [one["meta"]["alias"] for one in filters(board)] == [
            "Excluded: 16 Nov 09:02 – 18 Nov 2026 10:02",
            "Excluded: 20 Nov 2026 10:02 – 12:02",
        ]


@pytest.mark.parametrize("board", boards(BENS), ids=lambda one: str(one["id"]))
def test_readings_of_the_span_are_not_counted_and_nothing_else_is_lost(
    board: Json, filled: Elasticsearch, documents: list[Doc]
) -> None:
    aggs = {"kinds": {"terms": {"field": "event.dataset", "size": 50}}}
    answer = filled.search(index=INDEX, size=0, query=context(board), aggs=aggs, track_total_hits=True)
    found = {one["key"]: one["doc_count"] for one in answer["aggregations"]["kinds"]["buckets"]}
    kinds = {doc["event"]["dataset"] for doc in documents}
    expected = {
        kind: sum(d["event"]["dataset"] == kind and not (kind == "cgm.reading" and inside(d)) for d in documents)
        for kind in kinds
    }
    assert found == expected
    assert any(inside(doc) for doc in documents if doc["event"]["dataset"] == "cgm.reading")
    assert any(inside(doc) for doc in documents if doc["event"]["dataset"] == "food")


def test_the_table_of_such_a_person(filled: Elasticsearch, documents: list[Doc]) -> None:
    table = next(p for p in panels(BENS) if p.name == "day-table")
    query = kql.to_es(kql.read(state(table)["query"]["query"]))
    shown = [query, context(table.dashboard)]
    counted = [
        doc["glucose"]["mg_dl"]
        for doc in documents
        if doc["event"]["dataset"] == "cgm.reading" and not doc["sample"].get("superseded") and not inside(doc)
    ]
    below = kql.to_es(kql.read(next(k for k in values_of(state(table), "query") if str(k).endswith("<= 62.5"))))
    assert filled.count(index=INDEX, query={"bool": {"filter": shown}})["count"] == len(counted)
    found = filled.count(index=INDEX, query={"bool": {"filter": [*shown, below]}})["count"]
    assert found == sum(round(value) < 63 for value in counted)


@pytest.mark.parametrize(
    ("start", "end", "expected"),
    [
        ("2026-11-03T07:00", "2026-11-05T11:00", "3 Nov 08:00 – 5 Nov 2026 12:00"),
        ("2026-11-03T07:00", "2026-11-03T11:05", "3 Nov 2026 08:00 – 12:05"),
        ("2026-12-31T22:00", "2027-01-01T22:00", "31 Dec 2026 23:00 – 1 Jan 2027 23:00"),
        ("2026-10-24T23:00", "2026-10-25T23:00", "25 Oct 01:00 – 26 Oct 2026 00:00"),
    ],
)
def test_a_span_is_told_by_the_wearers_clock(start: str, end: str, expected: str) -> None:
    first, last = (datetime.fromisoformat(one).replace(tzinfo=UTC) for one in (start, end))
    assert words_for(first, last, "Europe/Berlin") == expected
