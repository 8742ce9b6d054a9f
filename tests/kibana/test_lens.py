"""Each Lens panel's aggregation, sent to a real node and held against figures computed here from the same documents."""

from collections import defaultdict
from statistics import fmean, median
from typing import Any

import pytest
from elasticsearch import Elasticsearch

from tests.kibana import kql
from tests.kibana.conftest import RUNS_INDEX, epoch, flat, runs
from tests.kibana.objects import FILES, LENS, Json, Panel, layers, state

Doc = dict[str, Any]
Table = dict[tuple[Any, ...], dict[str, Any]]
WIDTH = 10
DAY_MS = 86_400_000
SIMPLE = {"average": "avg", "sum": "sum", "min": "min", "max": "max"}


def index_of(panel: Panel) -> str:
    """Which documents the panel reads."""
    objects = FILES[panel.dashboard["id"].rsplit("-", 1)[1]]
    view = panel.config["attributes"]["references"][0]["id"]
    title: str = next(one for one in objects if one["id"] == view)["attributes"]["title"]
    return title


def plain(layer: Json) -> dict[str, Json]:
    """The columns that Elasticsearch computes; formulas and constants are worked out from them."""
    left_out = {"formula", "math", "static_value"}
    return {name: one for name, one in layer["columns"].items() if one["operationType"] not in left_out}


# ---------------------------------------------------------------- by Elasticsearch


def bucket_agg(column: Json) -> Json:
    field, params = column["sourceField"], column["params"]
    match column["operationType"]:
        case "terms":
            return {"terms": {"field": field, "size": params["size"]}}
        case "range":
            return {"histogram": {"field": field, "interval": WIDTH, "min_doc_count": 1}}
        case _:
            return {"date_histogram": {"field": field, "fixed_interval": "1d", "min_doc_count": 1}}


def metric_agg(column: Json) -> Json:
    inner: Json
    match column["operationType"]:
        case "count":
            inner = {"value_count": {"field": "@timestamp"}}
        case "percentile":
            percents = [column["params"]["percentile"]]
            inner = {"percentiles": {"field": column["sourceField"], "percents": percents, "keyed": False}}
        case "last_value":
            newest = {
                "size": 1,
                "sort": [{"@timestamp": "desc"}],
                "docvalue_fields": [column["sourceField"]],
                "_source": False,
            }
            inner = {"top_hits": newest}
        case op:
            inner = {SIMPLE[op]: {"field": column["sourceField"]}}
    query = kql.to_es(kql.read(column.get("filter", {}).get("query", "")))
    return {"filter": query, "aggs": {"v": inner}}


def from_node(es: Elasticsearch, panel: Panel, layer: Json) -> Table:
    columns = plain(layer)
    order = [name for name in layer["columnOrder"] if name in columns]
    buckets = [name for name in order if columns[name]["isBucketed"]]
    aggs: Json = {name: metric_agg(columns[name]) for name in order if name not in buckets}
    for name in reversed(buckets):
        aggs = {name: {**bucket_agg(columns[name]), "aggs": aggs}}
    query = kql.to_es(kql.read(state(panel)["query"]["query"]))
    answer = es.search(index=index_of(panel), size=0, query=query, aggs=aggs)
    table: Table = {}
    _walk(answer["aggregations"], buckets, columns, (), table)
    return table


def _walk(node: Json, buckets: list[str], columns: dict[str, Json], key: tuple[Any, ...], table: Table) -> None:
    if buckets:
        for bucket in node[buckets[0]]["buckets"]:
            _walk(bucket, buckets[1:], columns, (*key, bucket["key"]), table)
        return
    table[key] = {name: _value(node[name]["v"], one) for name, one in columns.items() if not one["isBucketed"]}


def _value(answer: Json, column: Json) -> Any:
    if "hits" in answer:
        hits = answer["hits"]["hits"]
        return hits[0]["fields"][column["sourceField"]][0] if hits else None
    return answer["values"][0]["value"] if "values" in answer else answer["value"]


# ---------------------------------------------------------------- by hand


def by_hand(panel: Panel, layer: Json, docs: list[Doc]) -> Table:
    columns = plain(layer)
    tree = kql.read(state(panel)["query"]["query"])
    buckets = [name for name in layer["columnOrder"] if name in columns and columns[name]["isBucketed"]]
    groups: dict[tuple[Any, ...], list[Doc]] = defaultdict(list)
    for doc in docs:
        key = tuple(_key(columns[name], doc) for name in buckets)
        if kql.holds(tree, doc) and None not in key:
            groups[key].append(doc)
    if not buckets:
        groups.setdefault((), [])
    return {
        key: {name: _figure(one, some) for name, one in columns.items() if not one["isBucketed"]}
        for key, some in groups.items()
    }


def _key(column: Json, doc: Doc) -> Any:
    value = doc.get(column["sourceField"])
    match column["operationType"]:
        case "terms":
            return value
        case "range":
            return None if value is None else value // WIDTH * WIDTH
        case _:
            return doc["epoch"] // DAY_MS * DAY_MS


def _figure(column: Json, docs: list[Doc]) -> Any:
    tree = kql.read(column.get("filter", {}).get("query", ""))
    docs = [doc for doc in docs if kql.holds(tree, doc)]
    if column["operationType"] == "count":
        return len(docs)
    if column["operationType"] == "last_value":
        newest = max(docs, key=lambda doc: doc["epoch"], default={})
        return newest.get(column["sourceField"])
    values = [doc[column["sourceField"]] for doc in docs if column["sourceField"] in doc]
    if not values:
        return 0 if column["operationType"] == "sum" else None
    how: Any = {"average": fmean, "sum": sum, "min": min, "max": max, "percentile": median}[column["operationType"]]
    return how(values)


@pytest.fixture(scope="session")
def flats(documents: list[Doc]) -> dict[str, list[Doc]]:
    people = [flat(doc) | {"epoch": epoch(doc)} for doc in documents]
    return {"people": people, "runs": [flat(doc) | {"epoch": epoch(doc)} for doc in runs()]}


@pytest.mark.parametrize("panel", LENS, ids=str)
def test_a_panels_figures_are_those_of_the_documents(
    panel: Panel, filled: Elasticsearch, flats: dict[str, list[Doc]]
) -> None:
    docs = flats["runs" if index_of(panel) == RUNS_INDEX else "people"]
    for layer in layers(panel).values():
        if not plain(layer):
            continue  # limits: constants only
        real, expected = from_node(filled, panel, layer), by_hand(panel, layer, docs)
        assert set(real) == set(expected)
        assert any(any(row.values()) for row in real.values()), "the panel would be empty on these data"
        for key, row in expected.items():
            for name, value in row.items():
                found = real[key][name]
                if isinstance(value, (int, float)) and not isinstance(value, bool):
                    close = 0.02 if layer["columns"][name]["operationType"] == "percentile" else 1e-5
                    assert found == pytest.approx(value, rel=close), (key, name)
                elif value is None or layer["columns"][name]["dataType"] != "date":
                    assert found == value, (key, name)
