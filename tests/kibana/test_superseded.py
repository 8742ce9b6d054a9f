"""Readings of which the same moment is held from a better source change no chart, no table and no figure.

Every body that is sent to Elasticsearch for a person is sent twice: to an index with such readings, whose values would
show, and to one without them. The answers are the same.
"""

import json
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest
from elasticsearch import Elasticsearch

from glucoflow.es.names import Names
from glucoflow.es.queries import Queries
from glucoflow.files import packaged
from glucoflow.model.targets import PROFILES
from glucoflow.web.app import chart_folder
from glucoflow.web.charts import View, load_charts
from glucoflow.web.charts import filled as filled_in
from tests.kibana import mapping
from tests.kibana.conftest import INDEX, PREFIX, make_index
from tests.kibana.objects import LENS, Panel, layers
from tests.kibana.people import END
from tests.kibana.test_lens import from_node, index_of, plain

Doc = dict[str, Any]
BETTER = f"{PREFIX}better"
CHARTS = load_charts(chart_folder())
PERSONS = [panel for panel in LENS if index_of(panel) == INDEX]


@pytest.fixture(scope="module")
def both(filled: Elasticsearch, documents: list[Doc]) -> Iterator[Elasticsearch]:
    """`INDEX` with the worse readings, and `BETTER` without."""
    better = [doc for doc in documents if not doc.get("sample", {}).get("superseded")]
    assert len(documents) - len(better) > 1_000
    make_index(filled, BETTER, mapping.person_properties(), better)
    yield filled
    filled.indices.delete(index=BETTER)


@pytest.mark.parametrize("name", sorted(CHARTS))
@pytest.mark.parametrize("days", [1, 35])
def test_charts(both: Elasticsearch, name: str, days: int) -> None:
    view = View(start=END - timedelta(days=days), end=END, unit="mg/dL", targets=PROFILES["adult"])

    def drawn(index: str) -> Any:
        return filled_in(CHARTS[name], view, lambda body: answer(both, index, body))

    found, without = drawn(INDEX), drawn(BETTER)
    if name == "day_view":  # which shows another sensor too, as a thinner line beside what counts
        found, without = what_counts(found), what_counts(without)
    assert found == without


AROUND = {"other", "n", "doc_count", "sum_other_doc_count"}


def what_counts(node: Any) -> Any:
    if isinstance(node, dict):
        return {key: what_counts(value) for key, value in node.items() if key not in AROUND}
    return [what_counts(one) for one in node] if isinstance(node, list) else node


def answer(es: Elasticsearch, index: str, body: dict[str, Any]) -> dict[str, Any]:
    """What the node answers, without the names by which it knows index and document."""
    found: dict[str, Any] = nameless(es.search(index=index, body={**body, "size": 0}).body)
    return found


def nameless(node: Any) -> Any:
    if isinstance(node, dict):
        return {key: nameless(value) for key, value in node.items() if key not in {"_index", "_id", "took"}}
    return [nameless(one) for one in node] if isinstance(node, list) else node


def test_every_chart_of_the_sources_is_one_of_these() -> None:
    sources = {path.name.removesuffix(".vl.json") for path in (packaged("kibana") / "vega").glob("*.vl.json")}
    assert sources == set(CHARTS)


@pytest.mark.parametrize("panel", PERSONS, ids=str)
def test_lens_panels(both: Elasticsearch, panel: Panel, monkeypatch: pytest.MonkeyPatch) -> None:
    asking = [layer for layer in layers(panel).values() if plain(layer)]  # others draw a line at a limit
    assert asking
    for layer in asking:
        here = from_node(both, panel, layer)
        with monkeypatch.context() as patch:
            patch.setattr("tests.kibana.test_lens.index_of", lambda _panel: BETTER)
            assert here == from_node(both, panel, layer)


ASKED: dict[str, Callable[[Queries, str], Any]] = {
    "latest": lambda queries, who: queries.latest(who),
    "overview": lambda queries, who: queries.overview(who, END - timedelta(days=40), END),
    "newest": lambda queries, who: queries.newest(who),
    "dates": lambda queries, who: queries.dates(who),
    "sensor_starts": lambda queries, who: queries.sensor_starts(who, END - timedelta(days=40), END, ["g7"]),
    "events_between": lambda queries, who: queries.events_between(who, END - timedelta(days=40), END),
    "meals": lambda queries, who: queries.meals(who, END - timedelta(days=40), END),
}
MARKED_AS_SUCH = {"readings", "counts", "documents", "tail", "ids", "changed_dates", "aggregate", "page", "versions"}
"""These give every document, marks included, or run a body that is judged above (`page`: in tests/api). What comes of
a connection's own tail is its own; and a day changes when a reading of it is superseded."""


@pytest.mark.parametrize("name", ASKED)
def test_queries(both: Elasticsearch, name: str) -> None:
    queries = Queries(both, Names(prefix=PREFIX))
    ask = ASKED[name]
    assert ask(queries, "full") == ask(queries, "better")


def test_every_query_is_one_of_these() -> None:
    public = {name for name in vars(Queries) if not name.startswith("_")}
    assert public == set(ASKED) | MARKED_AS_SUCH


def test_readings_carry_the_mark(both: Elasticsearch) -> None:
    queries = Queries(both, Names(prefix=PREFIX))
    every, better = queries.readings("full"), queries.readings("better")
    assert every.utc[~every.superseded].tolist() == better.utc.tolist()
    assert every.mg_dl[~every.superseded].tolist() == better.mg_dl.tolist()
    assert json.dumps(better.superseded.tolist()).count("true") == 0
