"""The operator's copy of runs, and forgetting old documents."""

import json
from datetime import timedelta

import msgspec
from elasticsearch import Elasticsearch

from glucoflow.connector import Counts
from glucoflow.es.names import Names
from glucoflow.es.provision import template_folder
from glucoflow.es.retention import delete_before
from glucoflow.es.runs import RunDocument, RunFields, Span, record_run
from glucoflow.es.scan import scan
from glucoflow.es.sink import ElasticsearchSink
from tests.es.made import LATER, NOW, START, documents
from tests.es.test_templates import fields_of, mapped


def test_the_runs_mapping_and_the_struct_say_the_same() -> None:
    body = json.loads((template_folder() / "index" / "runs.json").read_text())
    assert set(mapped(body["template"]["mappings"]["properties"])) == set(fields_of(RunDocument))


def test_a_run_is_written_once_and_kept_up_to_date(es: Elasticsearch, fresh: Names) -> None:
    window = Span(start=START, end=NOW)
    for state, at in (("running", NOW), ("completed", LATER)):
        run = RunFields(id="r1", flow="sync", kind="readings", state=state, window=window, counts=Counts(created=3))  # type: ignore[arg-type]
        record_run(es, fresh, run, at, user_id="ann", connection_id="c1", provider="dexcom")
    es.indices.refresh(index=fresh.runs)
    (hit,) = scan(es, fresh.runs)
    found = msgspec.json.decode(hit.source, type=RunDocument)
    assert (found.timestamp, found.run.state, found.run.window) == (LATER, "completed", window)
    assert found.run.counts == Counts(created=3)


def test_only_what_is_older_goes(es: Elasticsearch, names: Names, sink: ElasticsearchSink) -> None:
    made = documents(300)
    sink.write(made, [], NOW)
    es.indices.refresh(index=names.alias("ann"))
    assert delete_before(es, names, "ann", START + timedelta(minutes=500), NOW) == 100
    es.indices.refresh(index=names.alias("ann"))
    assert [hit.id for hit in scan(es, names.alias("ann"))] == [document.id for document in made[100:]]
    assert delete_before(es, names, "nobody", NOW, NOW) == 0
