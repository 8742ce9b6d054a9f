"""Documents of every kind, from records drawn at random and through the real enrichment."""

from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
from hypothesis import strategies as st

from glucoflow.context import Meals
from glucoflow.enrich import Enricher, Owner
from glucoflow.es.encode import encode, encode_time
from glucoflow.es.scan import Hit
from glucoflow.model import records as r
from glucoflow.model.documents import Document
from glucoflow.model.localtime import epoch_ms

START = datetime(2026, 3, 8, tzinfo=UTC)
NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
OWNER = Owner(user_id="ann", connection_id="c1", provider="dexcom", zone="Europe/Berlin", delivers_meals=True)
DEVICE = r.Device(
    id="DexcomG7_ab",
    model="G7",
    manufacturer="Dexcom",
    name="Dexcom G7",
    transmitter_id="ab" * 32,
    generation="g7",
    display="iOS",
)


NOTES = (r.Annotation("wrong-device-time"), r.Annotation("bg/out-of-range", "low", 40.0))


def stored(documents: Iterable[Document]) -> Iterator[Hit]:
    """As they stand in the index, hash and time of writing included."""
    for document in documents:
        yield Hit(id=document.id, source=msgspec.Raw(encode(document, encode_time(NOW)).body))


def content(documents: Iterable[Document]) -> dict[str, Any]:
    """What must be the same after a way there and back: everything but when it was written."""
    return {document.id: msgspec.json.decode(encode(document, b"null").body) for document in documents}


def enriched(records: Sequence[r.Record], owner: Owner = OWNER) -> list[Document]:
    meals = Meals(*([epoch_ms(one.time) for one in records if isinstance(one, kind)] for kind in (r.Food, r.Bolus)))
    ordered = sorted(records, key=lambda record: (record.time, record.key))
    return list(Enricher(owner, "events", meals).documents(ordered))


text = st.text(st.characters(codec="utf-8"), min_size=1, max_size=40)
maybe_text = st.none() | text
units = st.sampled_from(["mg/dL", "mmol/L"])
amounts = st.none() | st.floats(0, 100).map(lambda value: round(value, 2))
durations = st.none() | st.integers(0, 86_400_000)
levels = st.builds(
    r.LevelAlert,
    enabled=st.booleans(),
    level_mg_dl=st.none() | st.integers(40, 400).map(float),
    snooze_ms=st.none() | st.integers(0, 86_400_000),
)
COMMON: dict[str, Any] = {
    "time": st.integers(0, 60 * 86_400_000).map(lambda ms: START + timedelta(milliseconds=ms)),
    "key": st.uuids().map(str),
    "offset_min": st.none() | st.sampled_from([-720, -210, 0, 60, 345, 840]),
    "zone": st.none() | st.just("Asia/Kathmandu"),
    "record_id": st.none() | st.uuids().map(str) | st.text("abc", min_size=90, max_size=120),
    "device": st.none()
    | st.just(DEVICE)
    | st.builds(
        r.Device, id=maybe_text, model=maybe_text, manufacturer=maybe_text, name=maybe_text, serial_number=maybe_text
    ),
    "annotations": st.just(()) | st.just(NOTES),
    "payload": st.just(r.NO_PAYLOAD) | st.just(msgspec.Raw(b'{"value": 1.50, "nested": {"a": [null, "\xc3\xbc"]}}')),
}


def glucose(unit: str) -> st.SearchStrategy[dict[str, Any]]:
    values = st.integers(10, 600).map(float) if unit == "mg/dL" else st.floats(1, 33).map(lambda value: round(value, 5))
    return values.map(lambda value: {"value": value, "unit": unit})


def made(kind: type[r.Record], /, **own: st.SearchStrategy[Any]) -> st.SearchStrategy[r.Record]:
    if kind in (r.Reading, r.Calibration, r.Fingerstick):
        both = st.tuples(units.flatmap(glucose), st.fixed_dictionaries(COMMON | own))
        return both.map(lambda parts: kind(**parts[0], **parts[1]))
    return st.builds(kind, **COMMON, **own)


rates = st.builds(r.RateAlert, enabled=st.booleans(), rate_mg_dl_min=st.none() | st.just(2.0))
RECORDS: dict[type[r.Record], st.SearchStrategy[r.Record]] = {
    r.Reading: made(
        r.Reading,
        trend_word=st.sampled_from([None, "flat", "doubleUp", "none", "notComputable", "sidewaysUp", "FortyFiveUp"]),
        trend_rate=st.none() | st.floats(-8, 8).map(lambda rate: round(rate, 1)),
        interval_ms=st.none() | st.just(60_000),
        backfilled=st.none() | st.booleans(),
    ),
    r.Calibration: made(r.Calibration),
    r.Fingerstick: made(r.Fingerstick, subtype=st.sampled_from([None, "manual", "linked", "scanned"])),
    r.Bolus: made(
        r.Bolus,
        delivery_type=st.sampled_from(["normal", "square", "dual/square", "automated"]),
        action=st.sampled_from([None, "fast"]),
        normal=amounts,
        extended=amounts,
        expected_normal=amounts,
        expected_extended=amounts,
        duration_ms=durations,
        expected_duration_ms=durations,
    ),
    r.Basal: made(
        r.Basal,
        delivery_type=st.sampled_from(["manual", "automated", "scheduled", "suspend"]),
        action=st.sampled_from([None, "long"]),
        rate=amounts,
        amount=amounts,
        duration_ms=durations,
        expected_duration_ms=durations,
    ),
    r.Food: made(r.Food, carbs_g=amounts),
    r.Exercise: made(
        r.Exercise, intensity=st.sampled_from([None, "light", "medium", "heavy", "wild"]), duration_ms=durations
    ),
    r.Health: made(r.Health, kind=st.sampled_from(["illness", "lowSymptoms", "hiccups", "unknown"]) | text),
    r.Note: made(r.Note, text=text),
    r.Alert: made(r.Alert, name=text, state=text),
    r.DeviceStatus: made(r.DeviceStatus, last_upload=st.none() | COMMON["time"]),
    r.DeviceSettings: made(
        r.DeviceSettings,
        units=units,
        manufacturers=st.just(()) | st.just(("Dexcom",)),
        schedule_name=maybe_text,
        software_version=maybe_text,
        low_alert=st.none() | levels,
        high_alert=st.none() | levels,
        urgent_low_alert=st.none() | levels,
        out_of_range_alert=st.none()
        | st.builds(r.OutOfRangeAlert, enabled=st.booleans(), threshold_ms=durations, snooze_ms=durations),
        rise_alert=st.none() | rates,
        fall_alert=st.none() | rates.map(lambda alert: r.RateAlert(enabled=alert.enabled, rate_mg_dl_min=-3.0)),
    ),
}
"""A strategy for every kind of record there is."""

any_record = st.sampled_from(list(RECORDS)).flatmap(lambda kind: RECORDS[kind])
