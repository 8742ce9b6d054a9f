"""Summaries and episodes fit the mappings they are written to: strict ones, so a stray field would be refused."""

import json
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import msgspec
import pytest

from glucoflow.analytics import Series, summarize_day, summarize_period
from glucoflow.analytics.episodes import Event, find_episodes
from glucoflow.service.derived_documents import episode_fields, summary_fields
from tests.analytics.traces import walk

MAPPINGS = Path(__file__).parents[2] / "index_templates" / "component" / "summaries.json"
START = datetime(2026, 2, 10, tzinfo=UTC)
TRACE = Series.of(*walk(28, seed=13, gaps=True))


def mapped(kind: str) -> dict[str, Any]:
    mapping: dict[str, Any] = json.loads(MAPPINGS.read_text())["template"]["mappings"]["properties"][kind]
    return mapping


def strays(fields: dict[str, Any], mapping: dict[str, Any], path: str = "") -> list[str]:
    """Names in `fields` that the mapping does not know."""
    found = []
    for name, value in fields.items():
        known = mapping.get("properties", {}).get(name)
        if known is None:
            found.append(path + name)
            continue
        for item in value if isinstance(value, list) else [value]:
            if isinstance(item, dict) and known.get("enabled", True):
                found += strays(item, known, f"{path}{name}.")
    return found


@pytest.mark.parametrize(
    "summary",
    [
        summarize_day(TRACE, date(2026, 2, 10)),
        summarize_period(TRACE, date(2026, 2, 16), date(2026, 3, 2)),
        summarize_day(Series.of([], []), date(2026, 2, 10)),
    ],
    ids=["day", "period", "empty day"],
)
def test_a_summary_has_no_field_that_is_not_mapped(summary: Any) -> None:
    fields = msgspec.json.decode(msgspec.json.encode(summary_fields(summary, START, START)))
    assert strays(fields, mapped("summary")) == []
    assert fields["n"] == summary.metrics.n
    assert fields["window"] in ("day", "14d")
    assert None not in fields.values()


def test_an_episode_has_no_field_that_is_not_mapped() -> None:
    start = find_episodes(TRACE)[0].start
    episode = find_episodes(TRACE, events=[Event("meal", start, 40.0)])[0]
    fields = msgspec.json.decode(msgspec.json.encode(episode_fields(episode)))
    assert strays(fields, mapped("episode")) == []
    assert fields["around"] == [{"kind": "meal", "minutes": 0, "amount": 40.0}]
