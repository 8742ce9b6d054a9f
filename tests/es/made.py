"""Documents for these tests, made through the real enrichment."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import msgspec

from glucoflow.enrich import Enricher, Owner
from glucoflow.model import records as r
from glucoflow.model.documents import Document

START = datetime(2026, 3, 1, tzinfo=UTC)
NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
LATER = NOW + timedelta(hours=1)


def owner(user: str = "ann", connection: str = "c1") -> Owner:
    return Owner(user_id=user, connection_id=connection, provider="dexcom", zone="Europe/Berlin", delivers_meals=True)


def readings(count: int, value: float = 100, start: datetime = START, **more: object) -> Iterator[r.Reading]:
    """`count` readings five minutes apart, values rising by one and starting again after 200."""
    device = r.Device(id="d", transmitter_id="tx")
    for at in range(count):
        fields = {
            "time": start + timedelta(minutes=5 * at),
            "key": f"k{at}",
            "offset_min": 60,
            "device": device,
            "value": value + at % 200,
            "unit": "mg/dL",
            "trend_word": "flat",
            "interval_ms": 300_000,
            "record_id": f"id{at}",
            "payload": msgspec.Raw(b'{"recordId": "id%d", "value": 1.50}' % at),
        }
        yield r.Reading(**{**fields, **more})  # type: ignore[arg-type]


def documents(count: int, user: str = "ann", **more: object) -> list[Document]:
    return list(Enricher(owner(user), "readings").documents(readings(count, **more)))  # type: ignore[arg-type]


def enriched(*records: r.Record, user: str = "ann", kind: str = "events", connection: str = "c1") -> list[Document]:
    return list(Enricher(owner(user, connection), kind).documents(records))
