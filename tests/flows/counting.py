"""Summaries as stored, and the simulator's own records counted by hand beside them."""

import statistics
from collections import defaultdict
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

import orjson
import pytest

from glucoflow.es.scan import scan
from tests.flows.conftest import House

SMALL = 5e-6
"""Figures are stored with six decimals."""

Truth = list[tuple[datetime, int]]
"""Local wall-clock time and mg/dL."""


def documents(house: House, dataset: str, user_id: str = "alma") -> list[dict[str, Any]]:
    """As stored, oldest first, with `_id`."""
    alias = house.rt.names.alias(user_id)
    house.rt.client.indices.refresh(index=alias)
    hits = scan(house.rt.client, alias, {"term": {"event.dataset": dataset}})
    return [orjson.loads(bytes(hit.source)) | {"_id": hit.id} for hit in hits]


def days(house: House, user_id: str = "alma") -> dict[str, dict[str, Any]]:
    return {one["summary"]["date"]: one for one in documents(house, "summary.day", user_id)}


def periods(house: House) -> dict[str, dict[str, Any]]:
    return {one["summary"]["window"]: one["summary"] for one in documents(house, "summary.period")}


def truth(house: House, user_id: str = "alma") -> Truth:
    """Every reading by the wall clock of the person's phone."""
    since = house.sim.scenario.person(user_id).since
    records = house.sim.truth(user_id, "egvs", since, house.clock() + timedelta(days=1))
    return [
        (datetime.fromisoformat(record["displayTime"]).replace(tzinfo=None), record["value"])
        for record in records
        if record["value"] is not None
    ]


def instant(record: dict[str, Any]) -> datetime:
    return datetime.fromisoformat(record["systemTime"].replace("Z", "+00:00"))


def by_date(readings: Truth) -> dict[str, list[int]]:
    found: dict[str, list[int]] = defaultdict(list)
    for moment, value in readings:
        found[moment.date().isoformat()].append(value)
    return found


def share(values: Iterable[int], low: int, high: int) -> float:
    every = list(values)
    return 100 * sum(low <= value <= high for value in every) / len(every)


def assert_figures(summary: dict[str, Any], values: list[int]) -> None:
    assert summary["n"] == len(values)
    assert summary["mean_mg_dl"] == pytest.approx(statistics.fmean(values), abs=SMALL)
    assert summary["sd_mg_dl"] == pytest.approx(statistics.stdev(values), abs=SMALL)
    if summary["sufficiency"]["sufficient"] and summary["sufficiency"]["days_needed"] == 14:
        assert summary["gmi_percent"] == pytest.approx(3.31 + 0.02392 * statistics.fmean(values), abs=SMALL)
    else:
        assert "gmi_percent" not in summary
    assert summary["tir_percent"] == pytest.approx(share(values, 70, 180), abs=SMALL)
    assert summary["titr_percent"] == pytest.approx(share(values, 70, 140), abs=SMALL)
    assert summary["below_70_percent"] == pytest.approx(share(values, 0, 69), abs=SMALL)
    assert summary["above_250_percent"] == pytest.approx(share(values, 251, 999), abs=SMALL)
    assert (summary["min_mg_dl"], summary["max_mg_dl"]) == (min(values), max(values))


def moment_of(document: dict[str, Any]) -> datetime:
    return datetime.fromisoformat(document["@timestamp"].replace("Z", "+00:00"))
