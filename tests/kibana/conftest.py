"""A person's and the operator's documents in the session's node, and their exported objects."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import pytest
from elasticsearch import Elasticsearch

from glucoflow.kibana import KibanaPerson
from glucoflow.metrics.targets import PROFILES
from glucoflow.units import MG_DL, MMOL_L
from tests.kibana import mapping, people

INDEX, RUNS_INDEX = "kibana-full", "kibana-runs"
EMPTY, LONE, LONG = "kibana-empty", "kibana-lone", "kibana-long"

ANNA = KibanaPerson(user_id="anna", display_name='Anna "Ä" 😀 O\'Neil {key}', unit=MG_DL, index_alias=INDEX)
BEN = KibanaPerson(
    user_id="ben", display_name="Ben", unit=MMOL_L, targets=PROFILES["pregnancy"], index_alias=INDEX,
    zone=people.ZONE.key, left_out=people.LEFT_OUT,
)  # fmt: skip


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
    """A fortnight of runs of three connections, some failed."""
    made = []
    for step in range(120):
        at = people.END - timedelta(hours=3 * step)
        failed = step % 17 == 0
        made.append({
            "@timestamp": at.isoformat(), "user": {"id": f"u{step % 3}"}, "connection": {"id": f"c{step % 3}"},
            "event": {"provider": "dexcom"},
            "run": {
                "id": f"r{step}", "flow": "backfill" if step % 40 == 0 else "sync",
                "kind": ("readings", "events")[step % 2],
                "state": "failed" if failed else "completed", "started": at.isoformat(), "duration_ms": 900 + 7 * step,
                "lag_ms": 3_600_000 + 1000 * step,
                "counts": {"pages": 1, "fetched": 6, "created": 5, "rejected": step % 2},
                **({"error": "Retryable"} if failed else {}),
            },
        })  # fmt: skip
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
