"""Files into an index that a cloud fills too: what is missing is added, nothing counts twice, again changes nothing."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import orjson
import pytest

from glucoflow.es.scan import scan
from glucoflow.file_reading.choices import Choices, ColumnNames
from glucoflow.model.errors import UnreadableFile
from glucoflow.service.export import export
from glucoflow.service.file_import import import_file
from glucoflow.service.file_preview import preview
from tests.flows.conftest import NOW, House

CASES = Path(__file__).parents[1] / "files" / "cases"
HEADER = (
    "Index,Timestamp (YYYY-MM-DDThh:mm:ss),Event Type,Event Subtype,Patient Info,Device Info,Source Device ID,"
    "Glucose Value (mg/dL),Insulin Value (u),Carb Value (grams),Duration (hh:mm:ss),"
    "Glucose Rate of Change (mg/dL/min),Transmitter Time (Long Integer),Transmitter ID"
)
ALMA = ["1,,FirstName,,Alma,,,,,,,,,", "2,,LastName,,Muster,,,,,,,,,"]


def clarity(path: Path, moments: dict[datetime, int], extra: tuple[str, ...] = ()) -> Path:
    """Readings as Alma's phone shows them in Berlin."""
    begin = min(moments)
    rows = [
        f"{k},{moment.astimezone(ZoneInfo('Europe/Berlin')):%Y-%m-%dT%H:%M:%S},EGV,,,,iPhone G7,{value},,,,,"
        f"{5000 + int((moment - begin).total_seconds())},123456789012"
        for k, (moment, value) in enumerate(sorted(moments.items()), 3)
    ]
    path.write_text("\n".join([HEADER, *ALMA, *rows, *extra]) + "\n")
    return path


def counted(house: House) -> int:
    """Readings that count, as every figure counts them."""
    alias = house.rt.names.alias("alma")
    house.rt.client.indices.refresh(index=alias)
    query = {
        "bool": {
            "filter": [{"term": {"event.dataset": "cgm.reading"}}],
            "must_not": [{"term": {"sample.superseded": True}}],
        }
    }
    return int(house.rt.client.count(index=alias, query=query)["count"])


def documents(house: House, dataset: str) -> list[dict[str, Any]]:
    alias = house.rt.names.alias("alma")
    house.rt.client.indices.refresh(index=alias)
    found = scan(house.rt.client, alias, {"term": {"event.dataset": dataset}})
    return [orjson.loads(bytes(hit.source)) for hit in found]


def test_a_file_beside_a_cloud_adds_what_is_missing(house: House, tmp_path: Path) -> None:
    house.sync()
    held = {
        datetime.fromisoformat(str(hit["@timestamp"])): int(hit["glucose"]["mg_dl"])  # type: ignore[index]
        for hit in house.stored("alma").values()
    }
    before = counted(house)
    oldest = min(held)
    missing = {oldest - timedelta(days=1) + timedelta(minutes=5 * k): 100 + k % 50 for k in range(200)}
    path = clarity(tmp_path / "clarity.csv", held | missing)
    seen = preview(house.rt, "alma", path)
    assert (seen.rows.read, seen.already_there, seen.somebody_else) == (len(held) + 200, len(held), False)
    assert seen.first == min(missing)
    assert seen.decisions["zone"] == "Europe/Berlin (the person's)"
    assert counted(house) == before, "a preview writes nothing"
    done = import_file(house.rt, "alma", path)
    assert done.rows is not None
    assert done.created == done.rows.read == len(held) + 200
    assert done.n_unread == 0
    assert counted(house) == before + 200
    versions = house.versions("alma")
    again = import_file(house.rt, "alma", path)
    assert (again.created, again.updated, again.unchanged) == (0, 0, done.created)
    assert counted(house) == before + 200
    assert {key: version for key, version in house.versions("alma").items() if versions.get(key) != version} == {}


def test_an_import_that_died_before_its_figures_has_them_when_it_is_asked_again(house: House, tmp_path: Path) -> None:
    path = clarity(tmp_path / "clarity.csv", {NOW - timedelta(days=60, minutes=5 * k): 100 + k for k in range(50)})

    def dies(_count: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        import_file(house.rt, "alma", path, dies)
    assert counted(house) == 50
    assert documents(house, "summary.day") == []
    assert import_file(house.rt, "alma", path).unchanged == 50
    assert sum(one["summary"]["n"] for one in documents(house, "summary.day")) == 50


def test_a_file_of_somebody_else_is_asked_for(house: House, tmp_path: Path) -> None:
    path = CASES / "01-clarity-masked-transmitter-time.csv"
    with pytest.raises(UnreadableFile, match="of somebody called Ada Muster, and this is Alma") as asked:
        import_file(house.rt, "alma", path)
    assert "--anyway" in asked.value.remedy
    assert house.stored("alma") == {}
    assert preview(house.rt, "alma", path).somebody_else
    assert import_file(house.rt, "alma", path, anyway=True).created == 6


def test_two_people_in_one_file_are_never_one(house: House) -> None:
    path = CASES / "04-clarity-two-people-in-one-file.csv"
    with pytest.raises(UnreadableFile, match="holds 2 people: 'Ada Muster', 'Berta Beispiel'"):
        import_file(house.rt, "alma", path, anyway=True)
    done = import_file(house.rt, "alma", path, anyway=True, who="berta beispiel")
    assert done.created == 6


def test_records_of_tidepool_whose_side_fields_are_odd(house: House) -> None:
    path = CASES / "24-tidepool-side-fields-do-not-lose-the-reading.json"
    done = import_file(house.rt, "alma", path)
    assert (done.created, done.rejected, done.rejected_file) == (3, 0, None)
    values = [hit["glucose"]["mmol_l"] for hit in house.stored("alma").values()]  # type: ignore[index]
    assert sum(values) / 3 == pytest.approx(6.6)


def test_records_of_nightscout(house: House) -> None:
    done = import_file(house.rt, "alma", CASES / "23-nightscout-entries.json")
    assert done.rows is not None
    assert (done.created, done.rows.read) == (7, 6)
    assert done.rows.other == {"error codes of the sensor": 1, "finger-sticks": 1}
    assert {hit["trend"]["direction"] for hit in house.stored("alma").values()} == {"flat"}  # type: ignore[index]
    assert len(house.stored("alma", "glucose.fingerstick")) == 1


def test_rows_that_cannot_be_read_are_kept_with_their_reasons(house: House, tmp_path: Path) -> None:
    bad = "99,2026-06-10T08:00:00,EGV,,,,iPhone G7,odd,,,,,9,123456789012"
    path = clarity(tmp_path / "clarity.csv", {datetime(2026, 6, 9, 8, tzinfo=UTC): 120}, (bad,))
    done = import_file(house.rt, "alma", path)
    assert done.rows is not None
    assert (done.rows.rows, done.rows.read, done.n_unread) == (2, 1, 1)
    assert done.rejected_file is not None
    (line,) = [json.loads(line) for line in done.rejected_file.read_text().splitlines()]
    assert (line["field"], line["record"]) == ("line 5", "odd")
    path.write_text(f"{HEADER}\n{bad}")
    with pytest.raises(UnreadableFile, match="none of its 1 row could be read"):
        import_file(house.rt, "alma", path)


def test_events_of_a_file_are_brought_in_too(house: House, tmp_path: Path) -> None:
    events = (
        "90,2026-06-09T10:10:00,Carbs,,,,iPhone G7,,,45,,,,",
        "91,2026-06-09T10:11:00,Insulin,Fast-Acting,,,iPhone G7,,4.5,,,,,",
        "92,2026-06-09T10:12:00,Insulin,Long-Acting,,,iPhone G7,,12,,,,,",
        "93,2026-06-09T10:13:00,Calibration,,,,iPhone G7,111,,,,,,",
        "94,2026-06-09T10:14:00,Exercise,Light,,,iPhone G7,,,,00:30:00,,,",
    )
    path = clarity(tmp_path / "clarity.csv", {datetime(2026, 6, 9, 8, 15, tzinfo=UTC): 120}, events)
    import_file(house.rt, "alma", path)
    for dataset in ("food", "insulin.bolus", "insulin.basal", "cgm.calibration", "exercise"):
        (found,) = documents(house, dataset)
        assert str(found["@timestamp"]).startswith("2026-06-09T08:1"), "10:10 in Berlin"
    (reading,) = documents(house, "cgm.reading")
    assert reading["glucose"]["context"] == "post_meal"


def test_tidepools_file_is_counted_row_by_row_and_our_own_export_is_seen_before(house: House, tmp_path: Path) -> None:
    path = CASES / "24-tidepool-side-fields-do-not-lose-the-reading.json"
    seen = preview(house.rt, "alma", path)
    done = import_file(house.rt, "alma", path)
    assert done.rows is not None
    assert (done.rows.read, done.rows.n_merged, done.n_unread, done.created) == (3, 0, 0, 3)
    assert seen.rows == done.rows
    out, alias = tmp_path / "out.ndjson", house.rt.names.alias("alma")
    house.rt.client.indices.refresh(index=alias)
    export(scan(house.rt.client, alias, {"term": {"event.dataset": "cgm.reading"}}), "ndjson", out)
    own = preview(house.rt, "alma", out)
    assert (own.title, own.rows.read, own.already_there) == ("file that glucoflow exported", 3, 3)
    assert import_file(house.rt, "alma", out).unchanged == 3


def test_what_only_a_person_knows_is_asked_and_then_taken(house: House, tmp_path: Path) -> None:
    path = tmp_path / "plain.csv"
    rows = [f"0{day}/05/2026 08:00,{100 + day}" for day in (3, 4)]
    path.write_text("\n".join(["when,sugar", *rows]))
    with pytest.raises(UnreadableFile, match="Its columns are called 'when', 'sugar'"):
        import_file(house.rt, "alma", path)
    columns = ColumnNames(time="When", glucose="Sugar")
    with pytest.raises(UnreadableFile, match="both as month-day and as day-month"):
        import_file(house.rt, "alma", path, choices=Choices(columns=columns))
    done = import_file(house.rt, "alma", path, choices=Choices(columns=columns, day_first=True, zone="UTC"))
    assert done.decisions["dates"] == "day first (chosen)"
    seen = preview(house.rt, "alma", path, Choices(columns=columns, day_first=True, zone="UTC"))
    assert seen.first == datetime(2026, 5, 3, 8, tzinfo=UTC)
    assert seen.last is not None
    assert seen.last < NOW
