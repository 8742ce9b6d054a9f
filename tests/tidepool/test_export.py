"""CSV and the files themselves: read back by other programs' rules, and never half there."""

import csv
import json
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from glucoflow.es.scan import Hit
from glucoflow.model import records as r
from glucoflow.model.documents import Document, SampleFields
from glucoflow.model.errors import Retryable, Unavailable
from glucoflow.service.export import EVERY, FORMATS, ExportFormat, export
from glucoflow.service.export_tables import TABLES, columns
from tests.tidepool.made import DEVICE, START, any_record, content, enriched, stored

SUMMARY = Hit(
    id="s",
    source=msgspec.Raw(b'{"@timestamp":"2026-03-08T00:00:00Z","event":{"dataset":"summary.day"},"summary":{"n":3}}'),
)

WITHOUT_SUMMARIES: tuple[ExportFormat, ...] = ("csv", "tidepool")


def table(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file, strict=True))


def test_a_readings_row(tmp_path: Path) -> None:
    reading = r.Reading(
        time=START + timedelta(seconds=3),
        key="k",
        value=39,
        unit="mg/dL",
        trend_word="flat",
        trend_rate=-0.2,
        offset_min=-480,
        record_id="id1",
        device=DEVICE,
    )
    exported = export(stored(enriched([reading])), "csv", tmp_path / "out")
    assert exported.files == (tmp_path / "out" / "cgm.reading.csv",)
    (row,) = table(exported.files[0])
    assert {name: row[name] for name in list(row)[1:13]} == {
        "@timestamp": "2026-03-08T00:00:03Z",
        "time.local": "2026-03-07T16:00:03",
        "time.utc_offset_min": "-480",
        "time.zone": "",
        "glucose.value": "39",
        "glucose.unit": "mg/dL",
        "glucose.mg_dl": "39",
        "glucose.mmol_l": "2.16479",
        "glucose.range": "very_low",
        "glucose.tight": "false",
        "glucose.context": "unknown",
        "glucose.classification": "severe hypoglycemia",
    }
    assert (row["device.name"], row["annotations"], row["event.id"]) == ("Dexcom G7", "bg/out-of-range=low", "id1")


def test_settings_have_both_units(tmp_path: Path) -> None:
    alert = r.LevelAlert(enabled=True, level_mg_dl=70.0, snooze_ms=60_000)
    rise = r.RateAlert(enabled=False, rate_mg_dl_min=2.0)
    records = [
        r.DeviceSettings(time=START, key="k", manufacturers=("Dexcom", "Acme"), low_alert=alert, rise_alert=rise)
    ]
    export(stored(enriched(records)), "csv", tmp_path)
    (row,) = table(tmp_path / "device.settings.csv")
    assert (row["settings.low_alert.level_mg_dl"], row["settings.low_alert.level_mmol_l"]) == ("70", "3.88552")
    assert row["settings.rise_alert.rate_mmol_l_min"] == "0.11101"
    assert row["settings.manufacturers"] == "Dexcom;Acme"
    assert row["settings.high_alert.level_mmol_l"] == ""


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=40, deadline=None)
@given(st.lists(any_record, max_size=10))
def test_every_document_is_one_row_with_its_values(tmp_path: Path, records: list[r.Record]) -> None:
    documents = enriched(records)
    exported = export(stored(documents), "csv", tmp_path / "out")
    rows = {row["_id"]: row for path in exported.files for row in table(path)}
    assert len(rows) == len(documents)
    for identity, source in content(documents).items():
        row = rows[identity]
        assert datetime.fromisoformat(row["@timestamp"]) == datetime.fromisoformat(source["@timestamp"])
        assert row["time.local"][:10] == source["time"]["date"]
        for section in ("glucose", "insulin", "food", "note", "health"):
            for name, value in source.get(section, {}).items():
                cell = row[f"{section}.{name}"]
                assert cell == value or cell == json.dumps(value) or float(cell) == value
        for path in exported.files:
            path.unlink(missing_ok=True)


def test_the_file_is_as_rfc_4180_wants_it(tmp_path: Path) -> None:
    note = r.Note(time=START, key="k", text='one, "two"\nthree; ü')
    export(stored(enriched([note])), "csv", tmp_path)
    raw = (tmp_path / "note.csv").read_bytes()
    assert b'"one, ""two""\nthree; \xc3\xbc"' in raw
    header, rest = raw.split(b"\r\n", 1)
    assert header.startswith(b"_id,@timestamp,time.local,")
    assert rest.endswith(b"\r\n")


def test_summaries_leave_as_ndjson_only_and_are_said(tmp_path: Path) -> None:
    food = list(stored(enriched([r.Food(time=START, key="k")])))
    for form in WITHOUT_SUMMARIES:
        exported = export([*food, SUMMARY], form, tmp_path / form)
        assert (exported.documents, exported.omitted) == ({"food": 1}, {"summary.day": 1})
    exported = export([*food, SUMMARY], "ndjson", tmp_path / "all.ndjson")
    assert (exported.documents, exported.omitted) == ({"food": 1, "summary.day": 1}, {})
    lines = [json.loads(line) for line in (tmp_path / "all.ndjson").read_text().splitlines()]
    assert lines[1] == {"_id": "s", "_source": json.loads(bytes(SUMMARY.source))}


def test_a_moment_that_is_held_from_a_better_source_is_marked_or_left_out(tmp_path: Path) -> None:
    reading = r.Reading(time=START, key="k", value=112, unit="mg/dL", offset_min=0, record_id="id1")
    (document,) = enriched([reading])
    worse = msgspec.structs.replace(document.source.sample or SampleFields(), superseded=True)
    found = list(stored([Document(document.id, msgspec.structs.replace(document.source, sample=worse))]))
    assert export(found, "tidepool", tmp_path / "out.json").omitted == {"cgm.reading": 1}
    assert json.loads((tmp_path / "out.json").read_text()) == []
    export(found, "csv", tmp_path)
    assert [row["sample.superseded"] for row in table(tmp_path / "cgm.reading.csv")] == ["true"]


@pytest.mark.parametrize("form", FORMATS)
def test_only_the_owner_may_read_an_export(tmp_path: Path, form: ExportFormat) -> None:
    out = tmp_path / "out"
    if form != "csv":
        out.with_name("out.part").touch(mode=0o644)
    exported = export(stored(enriched([r.Food(time=START, key="k")])), form, out)
    assert [oct(file.stat().st_mode & 0o777) for file in exported.files] == ["0o600"]


@pytest.mark.parametrize("form", FORMATS)
def test_an_export_that_breaks_off_leaves_no_file_with_its_name(tmp_path: Path, form: ExportFormat) -> None:
    def breaking() -> Iterator[Hit]:
        yield from stored(enriched([r.Food(time=START, key="k")]))
        raise Retryable("gone")

    with pytest.raises(Retryable):
        export(breaking(), form, tmp_path / "out")
    assert [path for path in tmp_path.rglob("*") if path.is_file() and path.suffix != ".part"] == []


@pytest.mark.parametrize("form", FORMATS)
def test_a_place_that_cannot_be_written_is_said(tmp_path: Path, form: ExportFormat) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(Unavailable, match="--out"):
        export([], form, tmp_path / "file" / "out")


def test_progress_is_told(tmp_path: Path) -> None:
    (one,) = stored(enriched([r.Food(time=START, key="k")]))
    told: list[tuple[int, datetime]] = []
    export((one for _ in range(2 * EVERY + 1)), "ndjson", tmp_path / "out", on_progress=lambda *at: told.append(at))
    assert told == [(EVERY, START), (2 * EVERY, START)]


def test_units_of_tidepool_records(tmp_path: Path) -> None:
    reading = r.Reading(
        time=START,
        key="k",
        value=112,
        unit="mg/dL",
        trend_word="singleUp",
        trend_rate=2.0,
        interval_ms=300_000,
        offset_min=60,
        device=DEVICE,
        record_id="id1",
    )
    export(stored(enriched([reading])), "tidepool", tmp_path / "out", units="mmol/L")
    (record,) = json.loads((tmp_path / "out").read_text())
    assert len(bytes.fromhex(record.pop("id"))) == len(bytes.fromhex(record.pop("uploadId"))) == 16
    origin = record.pop("origin")
    assert (origin["id"], origin["name"], origin["type"]) == ("id1", "dexcom", "service")
    assert record == {
        "type": "cbg",
        "time": "2026-03-08T00:00:00Z",
        "deviceTime": "2026-03-08T01:00:00",
        "timezoneOffset": 60,
        "timezone": "Europe/Berlin",
        "deviceId": "DexcomG7_ab",
        "deviceManufacturer": "Dexcom",
        "deviceModel": "G7",
        "deviceName": "Dexcom G7",
        "units": "mmol/L",
        "value": 6.21684,
        "trend": "moderateRise",
        "trendRate": 0.11101,
        "trendRateUnits": "mmol/L/minute",
        "sampleInterval": 300_000,
    }


def test_every_kind_of_record_has_a_table() -> None:
    assert len(TABLES) == 12
    for dataset in TABLES:
        names = list(columns(dataset))
        assert len(names) == len(set(names))
