"""A person's and the operator's documents in the session's node, and their exported objects."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import msgspec
import pytest
from elasticsearch import Elasticsearch

from glucoflow.es import run_metrics as told
from glucoflow.kibana import KibanaPerson
from glucoflow.model.ingestion import Counts
from glucoflow.model.targets import PROFILES
from glucoflow.model.units import MG_DL, MMOL_L
from tests.kibana import mapping, people
from tests.workers import own_name

PREFIX = f"kibana-{own_name()}-"
INDEX, RUNS_INDEX = f"{PREFIX}full", f"{PREFIX}runs"
EMPTY, LONE, LONG = f"{PREFIX}empty", f"{PREFIX}lone", f"{PREFIX}long"

ANNA = KibanaPerson(user_id="anna", display_name='Anna "Ä" 😀 O\'Neil {key}', unit=MG_DL, index_alias=INDEX)
BEN = KibanaPerson(
    user_id="ben",
    display_name="Ben",
    unit=MMOL_L,
    targets=PROFILES["pregnancy"],
    index_alias=INDEX,
    zone=people.ZONE.key,
    exclusions=people.LEFT_OUT,
)


def make_index(es: Elasticsearch, index: str, properties: dict[str, Any], docs: list[dict[str, Any]]) -> None:
    es.options(ignore_status=404).indices.delete(index=index)
    es.indices.create(
        index=index,
        mappings={"dynamic": "strict", "properties": properties},
        settings={"number_of_replicas": 0},
    )
    if docs:
        action: dict[str, Any] = {"index": {}}
        lines = [line for doc in docs for line in (action, doc)]
        answer = es.bulk(index=index, operations=lines, refresh=True, filter_path=["errors", "items.*.error"])
        assert not answer["errors"], str(answer)[:600]


def runs() -> list[dict[str, Any]]:
    """A fortnight of what the pipeline tells of three connections: runs, some failed, stages, rejects and sizes."""
    made = [doc for step in range(120) for doc in run_of(step)]
    for c, state in enumerate(("connected", "needs_reauthorization", "disconnected")):
        fields = told.ConnectionFields(id=f"c{c}", state=state, newest=people.END, failures=c, error=None)
        made.append(
            told.document("glucoflow.connection", people.END, user_id=f"u{c}", provider="dexcom", connection=fields)
        )
    for day in range(14):
        at = people.END - timedelta(days=day)
        for c in range(3):
            size = told.StorageFields(documents=5000 * (c + 1), bytes=10**6 * (c + 20 - day), year_bytes=4 * 10**7)
            made.append(told.document("glucoflow.storage", at, user_id=f"u{c}", storage=size))
        disk = told.DiskFields(
            people=3, bytes=3 * 10**6 * (21 - day), year_bytes=12 * 10**7, free_bytes=10**10, total_bytes=10**11
        )
        made.append(told.document("glucoflow.disk", at, disk=disk))
    return [msgspec.to_builtins(doc) for doc in made]


def run_of(step: int) -> list[told.RunDocument]:
    """One run with what belongs to it."""
    at = people.END - timedelta(hours=3 * step)
    failed = step % 17 == 0
    about: Any = {
        "user_id": f"u{step % 3}",
        "provider": "dexcom",
        "connection": told.ConnectionFields(id=f"c{step % 3}"),
    }
    run = told.RunFields(
        id=f"r{step}",
        flow="backfill" if step % 40 == 0 else "sync",
        state="failed" if failed else "completed",
        started=at,
        finished=at,
        seconds=0.9 + step / 100,
        lag_hours=1 + step / 100,
        calls=7,
        calls_cap=60_000,
        calls_of_the_hour=7 + step % 5,
        counts=Counts(pages=1, fetched=6, created=4, updated=1, rejected=step % 2),
        error="Retryable" if failed else None,
        message="It did not answer." if failed else None,
    )
    stage = told.StageFields(
        kind=("readings", "events")[step % 2],
        fetched=6,
        fetch_seconds=0.5,
        write_seconds=0.2 + step / 1000,
        store_seconds=0.01,
    )
    metrics = told.StageFields(kind="summaries", compute_seconds=1 + step / 100)
    made = [
        told.document("glucoflow.run", at, run=run, **about),
        told.document("glucoflow.stage", at, stage=stage, **about),
        told.document("glucoflow.stage", at, stage=metrics, **about),
    ]
    if step % 2:
        reject = told.RejectFields(
            kind="readings", field=("unit", "value")[step % 3 % 2], reason="is not one of mg/dL, mmol/L", records=1
        )
        made.append(told.document("glucoflow.reject", at, reject=reject, **about))
    return made


def daily(reading: dict[str, Any]) -> list[dict[str, Any]]:
    """Five years with one reading a day."""
    made = []
    for back in range(5 * 365):
        at = people.END - timedelta(days=back)
        time = {**reading["time"], "date": f"{at:%Y-%m-%d}", "weekday": at.isoweekday()}
        made.append({**reading, "@timestamp": at.isoformat(), "time": time})
    return made


@pytest.fixture(scope="session")
def documents() -> list[dict[str, Any]]:
    return people.documents("anna")


@pytest.fixture(scope="session")
def filled(es: Elasticsearch, documents: list[dict[str, Any]]) -> Iterator[Elasticsearch]:
    properties = mapping.person_properties()
    used = [doc for doc in documents if doc["event"]["dataset"] == "cgm.reading" and "gap_ms" not in doc["sample"]]
    lone = [doc for doc in used if not doc["sample"].get("superseded")][-1:]
    for index, docs in ((INDEX, documents), (EMPTY, []), (LONE, lone), (LONG, daily(lone[0]))):
        make_index(es, index, properties, docs)
    make_index(es, RUNS_INDEX, mapping.runs_properties(), runs())
    yield es
    es.indices.delete(index=[INDEX, EMPTY, LONE, LONG, RUNS_INDEX])


def flat(doc: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    """A document with its fields by their full names."""
    out: dict[str, Any] = {}
    for name, value in doc.items():
        out |= flat(value, f"{prefix}{name}.") if isinstance(value, dict) else {prefix + name: value}
    return out


def epoch(doc: dict[str, Any]) -> float:
    return datetime.fromisoformat(doc["@timestamp"]).timestamp() * 1000
