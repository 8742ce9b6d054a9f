"""Files that glucoflow did not write: Tidepool's API answers, its exports, and what is no such file."""

import json
from pathlib import Path
from typing import Any

import pytest

from glucoflow.enrich import Owner
from glucoflow.model import records as r
from glucoflow.model.documents import Document
from glucoflow.model.errors import UnreadableFile
from glucoflow.model.ingestion import RejectedRecord
from glucoflow.model.ranges import WIDEST_LIMITS
from glucoflow.service.export import ExportFormat, export
from glucoflow.tidepool.files import read_file
from tests.tidepool.made import START, enriched, stored

OWNER = Owner(
    user_id="ann",
    connection_id="file",
    provider="tidepool",
    zone="Europe/Berlin",
    delivers_meals=True,
    sensor_limits=WIDEST_LIMITS,
)


def at(minute: int) -> dict[str, Any]:
    hour, rest = divmod(minute, 60)
    return {
        "id": f"{minute:032x}",
        "time": f"2026-03-08T{hour:02}:{rest:02}:00Z",
        "timezoneOffset": -480,
        "deviceTime": "2026-03-07T20:00:00",
        "deviceId": "DexG7_x",
        "uploadId": "u",
    }


API = [
    at(10)
    | {
        "type": "cbg",
        "units": "mmol/L",
        "value": 6.21684,
        "trend": "constant",
        "trendRate": 0.01,
        "trendRateUnits": "mmol/L/minute",
        "sampleInterval": 300_000,
    },
    at(5)
    | {
        "type": "cbg",
        "units": "mmol/L",
        "value": 2.16479,
        "origin": {"id": "x"},
        "annotations": [{"code": "bg/out-of-range", "value": "low", "threshold": 40}],
    },
    at(1) | {"type": "smbg", "units": "mg/dL", "value": 111.99999, "subType": "linked"},
    at(2)
    | {"type": "basal", "deliveryType": "automated", "rate": 1.5, "duration": 2_700_000, "expectedDuration": 3_000_000},
    at(3)
    | {
        "type": "bolus",
        "subType": "dual/square",
        "normal": 2.3,
        "extended": 1,
        "expectedExtended": 2,
        "duration": 3_600_000,
        "expectedDuration": 7_200_000,
    },
    at(4) | {"type": "food", "nutrition": {"carbohydrate": {"net": 45, "units": "grams"}}},
    at(6) | {"type": "wizard", "carbInput": 30, "units": "mg/dL"},
    at(7) | {"type": "physicalActivity", "duration": {"value": 0.5, "units": "hours"}, "reportedIntensity": "high"},
    at(8) | {"type": "reportedState", "states": [{"state": "hypoglycemiaSymptoms"}]},
    at(9) | {"type": "deviceEvent", "subType": "calibration", "units": "mg/dL", "value": 120},
    at(11)
    | {"type": "insulin", "dose": {"total": 18, "units": "Units"}, "formulation": {"simple": {"actingType": "long"}}},
    at(12) | {"type": "cgmSettings", "units": "mg/dL", "lowAlerts": {"enabled": True, "level": 70, "snooze": 0}},
    at(0) | {"type": "upload", "timezone": "America/Los_Angeles"},
    at(0) | {"type": "pumpSettings", "basalSchedules": {}},
    at(0) | {"type": "deviceEvent", "subType": "prime", "volume": 5},
]


def imported(path: Path, content: object) -> tuple[list[Document], list[RejectedRecord], dict[str, int]]:
    path.write_bytes(content if isinstance(content, bytes) else json.dumps(content).encode())
    batches = list(read_file(path, OWNER))
    not_held: dict[str, int] = {}
    for batch in batches:
        not_held |= batch.not_held
    return (
        [document for batch in batches for document in batch.documents],
        [rejection for batch in batches for rejection in batch.rejected],
        not_held,
    )


def by_minute(documents: list[Document]) -> dict[int, Any]:
    return {document.source.timestamp.minute: document.source for document in documents}


def test_an_answer_of_the_api(tmp_path: Path) -> None:
    documents, rejected, not_held = imported(tmp_path / "f.json", API)
    assert rejected == []
    assert not_held == {"upload": 1, "pumpSettings": 1, "deviceEvent": 1}
    assert [document.source.timestamp for document in documents] == sorted(d.source.timestamp for d in documents)
    found = by_minute(documents)
    assert found[1].glucose.mg_dl == 112
    assert found[1].fingerstick.subtype == "linked"
    assert (found[2].insulin.rate, found[2].insulin.duration_ms, found[2].insulin.delivery_type) == (
        1.5,
        2_700_000,
        "automated",
    )
    assert (found[3].insulin.normal, found[3].insulin.extended, found[3].insulin.expected_extended) == (2.3, 1, 2)
    assert found[3].insulin.delivery_type == "dual/square"
    assert found[4].food.carbs_g == 45
    assert (found[5].glucose.mg_dl, found[5].glucose.limit, len(found[5].annotations)) == (39, "low", 1)
    assert found[6].food.carbs_g == 30
    assert (found[7].exercise.duration_ms, found[7].exercise.intensity) == (1_800_000, "heavy")
    assert found[8].health.kind == "lowSymptoms"
    assert found[9].event.dataset == "cgm.calibration"
    assert (found[10].glucose.mg_dl, found[10].glucose.unit, found[10].glucose.context) == (112, "mmol/L", "post_meal")
    assert (found[10].trend.direction, found[10].trend.rate) == ("flat", pytest.approx(0.18, abs=0.001))
    assert (found[11].insulin.amount, found[11].event.dataset) == (18, "insulin.basal")
    assert found[12].settings.low_alert.level_mg_dl == 70
    assert found[10].time.utc_offset_min == -480
    assert {document.source.event.provider for document in documents} == {"tidepool"}


def test_a_value_within_a_wider_sensor_is_a_value(tmp_path: Path) -> None:
    def cbg(minute: int, value: float, *notes: dict[str, object]) -> dict[str, object]:
        time = f"2026-03-08T09:{minute:02}:00Z"
        return {"id": f"c{minute}", "type": "cbg", "time": time, "units": "mg/dL", "value": value, "annotations": notes}

    beyond = {"code": "bg/out-of-range", "value": "high"}
    documents, _, _ = imported(
        tmp_path / "f.json",
        [cbg(0, 450), cbg(5, 501, {**beyond, "threshold": 500}), cbg(10, 401, {**beyond, "threshold": 400})],
    )
    found = [document.source for document in documents]
    assert [one.glucose and one.glucose.limit for one in found] == [None, "high", "high"]
    assert [[note.threshold for note in one.annotations] for one in found] == [[], [500], [400]]


def test_again_is_the_same(tmp_path: Path) -> None:
    first = imported(tmp_path / "f.json", API)[0]
    assert imported(tmp_path / "f.json", [*reversed(API), API[0]])[0] == first


def test_tidepools_own_export_with_strings_minutes_and_unrounded_values(tmp_path: Path) -> None:
    export_form = [
        API[0]
        | {
            "units": "mg/dL",
            "value": 112.0000412,
            "trendRateUnits": "mg/dL/minute",
            "trendRate": 1.5,
            "payload": json.dumps({"status": None}),
        },
        API[1] | {"annotations": json.dumps(API[1]["annotations"])},
        API[3] | {"duration": 45, "expectedDuration": 50},
        API[4] | {"duration": 60, "expectedDuration": 120},
    ]
    documents, rejected, _ = imported(tmp_path / "f.json", export_form)
    assert rejected == []
    found = by_minute(documents)
    assert found[10].glucose.value == 112
    assert json.loads(bytes(found[10].payload)) == {"status": None}
    assert found[2].insulin.duration_ms == 2_700_000
    assert found[3].insulin.expected_duration_ms == 7_200_000
    assert found[5].annotations[0].threshold == 40


def test_an_export_that_broke_off_says_so(tmp_path: Path) -> None:
    broken = [API[0], {"exportError": {"message": "timeout"}}]
    documents, rejected, _ = imported(tmp_path / "f.json", broken)
    assert len(documents) == 1
    assert [rejection.field for rejection in rejected] == ["exportError"]


@pytest.mark.parametrize(
    ("record", "field"),
    [
        (at(1) | {"type": "cbg", "units": "mmol/L"}, "value"),
        (at(1) | {"type": "cbg", "units": "stone", "value": 6}, "units"),
        (at(1) | {"type": "cbg", "units": "mmol/L", "value": 600}, "value"),
        (at(1) | {"type": "cbg", "units": "mmol/L", "value": "6"}, "value"),
        (at(1) | {"type": "bolus", "normal": -3}, "normal"),
        (at(1) | {"type": "bolus", "normal": 3000}, "normal"),
        (at(1) | {"type": "basal", "rate": 1, "duration": -5}, "duration"),
        (at(1) | {"type": "cbg", "time": "2026-03-08T00:00:00", "units": "mg/dL", "value": 100}, "time"),
        (at(1) | {"type": "reportedState"}, "states"),
        (at(1) | {"type": "physicalActivity", "duration": {"value": 5, "units": "moons"}}, "duration"),
        ({"type": "cbg"}, "time"),
        ({"no": "type"}, "type"),
        (7, "type"),
        (None, "type"),
    ],
)
def test_a_bad_record_is_rejected_and_the_file_goes_on(tmp_path: Path, record: object, field: str) -> None:
    documents, rejected, _ = imported(tmp_path / "f.json", [record, API[0]])
    assert len(documents) == 1
    assert [(rejection.field, json.loads(rejection.payload)) for rejection in rejected] == [(field, record)]


@pytest.mark.parametrize("content", [b"{}", b"hello", b'[{"type": "cbg"', b"\xff\xfe", b"5"])
def test_what_is_no_export_is_said(tmp_path: Path, content: bytes) -> None:
    with pytest.raises(UnreadableFile, match=r"f\.json"):
        imported(tmp_path / "f.json", content)


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(UnreadableFile, match="cannot be read"):
        list(read_file(tmp_path / "none.json", OWNER))


def test_a_damaged_line_of_our_own_export_loses_only_itself(tmp_path: Path) -> None:
    documents = enriched([r.Food(time=START, key=str(n), carbs_g=n) for n in range(5)])
    forms: tuple[ExportFormat, ...] = ("ndjson", "tidepool")
    for form in forms:
        path = tmp_path / form
        export(stored(documents), form, path)
        lines = path.read_bytes().split(b"\n")
        lines[2] = lines[2][:40]
        read, rejected, _ = imported(path, b"\n".join(lines))
        assert (len(read), len(rejected)) == (4, 1)


def test_our_export_reformatted_by_another_program_is_still_exact(tmp_path: Path) -> None:
    documents = enriched([r.Note(time=START, key=str(n), text="x", record_id=str(n)) for n in range(5)])
    export(stored(documents), "tidepool", tmp_path / "out")
    pretty = json.dumps(json.loads((tmp_path / "out").read_bytes()), indent=2).encode()
    read, rejected, _ = imported(tmp_path / "pretty.json", pretty)
    assert rejected == []
    assert {document.id for document in read} == {document.id for document in documents}
