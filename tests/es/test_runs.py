"""The operator's copy of runs, and forgetting old documents."""

import json
from datetime import timedelta

import msgspec
from elasticsearch import Elasticsearch

from glucoflow.es.names import Names
from glucoflow.es.provision import provision
from glucoflow.es.retention import delete_kind
from glucoflow.es.run_metrics import (
    ConnectionFields,
    DiskFields,
    MetricDocument,
    RunDocument,
    RunFields,
    document,
    forget,
    ids_of,
    index_metrics,
)
from glucoflow.es.scan import scan
from glucoflow.es.sink import ElasticsearchSink
from glucoflow.files import packaged
from glucoflow.model.ingestion import Counts, Window
from tests.es.made import LATER, NOW, START, documents
from tests.es.test_templates import fields_of, mapped


def test_the_runs_mapping_and_the_struct_say_the_same() -> None:
    body = json.loads((packaged("index_templates") / "index" / "runs.json").read_text())
    assert set(mapped(body["template"]["mappings"]["properties"])) == set(fields_of(RunDocument))


def test_what_is_told_again_is_replaced_or_completed(es: Elasticsearch, fresh: Names) -> None:
    window = Window(START, NOW)
    for state, at in (("running", NOW), ("completed", LATER)):
        run = RunFields(id="r1", flow="sync", state=state, window=window, counts=Counts(created=3))  # type: ignore[arg-type]
        made = document("glucoflow.run", at, run=run, user_id="ann", provider="dexcom")
        index_metrics(es, fresh, [MetricDocument(id="r1", document=made)])
    for fields in (ConnectionFields(id="c1", newest=NOW), ConnectionFields(id="c1", state="paused", next_poll=None)):
        index_metrics(
            es,
            fresh,
            [MetricDocument(id="c1", document=document("glucoflow.connection", NOW, connection=fields), update=True)],
        )
    es.indices.refresh(index=fresh.runs)
    hits = {hit.id: msgspec.json.decode(hit.source, type=RunDocument) for hit in scan(es, fresh.runs)}
    ran, connection = hits["r1"].run, hits["c1"].connection
    assert ran
    assert connection
    assert (hits["r1"].timestamp, ran.state, ran.window, ran.counts) == (LATER, "completed", window, Counts(created=3))
    assert (connection.newest, connection.state, connection.next_poll) == (NOW, "paused", None)

    assert list(ids_of(es, fresh, "glucoflow.connection")) == ["c1"]
    assert forget(es, fresh, {"term": {"user.id": "ann"}}) == 1
    es.indices.refresh(index=fresh.runs)
    assert [hit.id for hit in scan(es, fresh.runs)] == ["c1"]


def test_an_index_of_an_earlier_version_gets_the_new_fields(es: Elasticsearch, fresh: Names) -> None:
    provision(es, fresh)
    old = {"dynamic": "strict", "_meta": {"version": 1}, "properties": {"@timestamp": {"type": "date"}}}
    es.indices.create(index=fresh.runs_index, mappings=old, aliases={fresh.runs: {}})
    es.indices.put_mapping(index=fresh.runs_index, meta={"version": 1})
    assert fresh.runs_index in provision(es, fresh).updated
    disk = DiskFields(people=1, bytes=2, year_bytes=3)
    index_metrics(es, fresh, [MetricDocument(id="d", document=document("glucoflow.disk", NOW, disk=disk))])
    assert fresh.runs_index not in provision(es, fresh).updated


def test_only_what_is_older_goes(es: Elasticsearch, names: Names, sink: ElasticsearchSink) -> None:
    made = documents(300)
    sink.write(made, [], NOW)
    es.indices.refresh(index=names.alias("ann"))
    assert delete_kind(es, names, "ann", None, START + timedelta(minutes=500), NOW) == 100
    es.indices.refresh(index=names.alias("ann"))
    assert [hit.id for hit in scan(es, names.alias("ann"))] == [document.id for document in made[100:]]
    assert delete_kind(es, names, "nobody", None, NOW, NOW) == 0
