"""What is wrong with a file is said, with the row; nothing is guessed, lost unseen, or paid for with all memory."""

import json
import zipfile
from pathlib import Path

import pytest
from openpyxl import Workbook

from glucoflow.file_reading.choices import Choices
from glucoflow.file_reading.contents import Contents
from glucoflow.file_reading.recognise import read_contents
from glucoflow.model import records as r
from glucoflow.model.errors import LeftOpen, UnreadableFile
from tests.files.test_cases import CASES, command

CLARITY = (CASES / "02-clarity-two-sensors-no-transmitter-id.csv").read_text().splitlines()
HEADER, NAMES = CLARITY[0], CLARITY[1:3]


def read(folder: Path, content: str | bytes, name: str = "file.csv", choices: Choices | None = None) -> Contents:
    path = folder / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return read_contents(path, choices)


def row(number: int, time: str, value: str, ticks: str = "", kind: str = "EGV", display: str = "iPhone") -> str:
    return f"{number},{time},{kind},,,,{display},{value},,,,,{ticks},"


def plain(*rows: str) -> str:
    return "\n".join(["id,time,gl", *(f"p,{one}" for one in rows)]) + "\n"


def test_a_transmitter_time_that_is_no_number_costs_no_reading(tmp_path: Path) -> None:
    rows = [row(k, f"2025-03-03T08:{5 * k:02}:07", str(100 + k), ticks) for k, ticks in enumerate("²x-٣")]
    (person,) = read(tmp_path, "\n".join([HEADER, *NAMES, *rows])).people
    assert (person.counts.read, person.counts.n_unread) == (4, 0)


@pytest.mark.parametrize("year", ["0001", "9999", "1610", "2525"])
def test_a_year_without_sensors_is_a_row_unread(
    tmp_path: Path, year: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    good = [f"2025-03-03 08:{minute:02}:00,100" for minute in range(0, 60, 5)]
    path = tmp_path / "years.csv"
    path.write_text(plain(*good, f"{year}-12-31 23:59:59,120"))
    assert command(monkeypatch, "report", str(path), "--json") == 1
    person = json.loads(capsys.readouterr().out)
    assert (person["n"], person["rows"]["unread"]) == (12, 1)
    assert person["file"]["first_unread"][0]["line"] == 14


def test_a_date_far_from_all_others_is_a_row_unread(tmp_path: Path) -> None:
    good = [f"2025-03-03 08:{minute:02}:00,100" for minute in range(0, 60, 5)]
    (person,) = read(tmp_path, plain(*good, "2003-03-03 08:00:00,120")).people
    assert (person.counts.read, person.counts.n_unread) == (12, 1)


@pytest.mark.parametrize("value", ["0", "-5", "5000", "nan", "1e999", "lots"])
def test_a_file_of_impossible_values_is_an_error_never_a_report(
    tmp_path: Path, value: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "odd.csv"
    path.write_text(plain(*(f"2025-03-03 08:{minute:02}:00,{value}x"[: 19 + 1 + len(value)] for minute in range(10))))
    assert command(monkeypatch, "report", str(path)) == 65
    said = capsys.readouterr()
    assert said.out == ""
    assert "odd.csv" in said.err


def test_mixed_units_are_refused_with_an_example_of_each(tmp_path: Path) -> None:
    rows = [f"2025-03-03 08:{k:02}:00,{value}" for k, value in enumerate(["6.2", "112"] * 10)]
    with pytest.raises(UnreadableFile, match=r"mixes units: 10 values are like 6\.2, .* and 10 like 112"):
        read(tmp_path, plain(*rows))


def test_a_stray_value_of_the_other_unit_is_a_row_unread(tmp_path: Path) -> None:
    rows = [f"2025-03-03 08:{k:02}:00,{value}" for k, value in enumerate(["112"] * 20 + ["6.2"])]
    (person,) = read(tmp_path, plain(*rows)).people
    assert (person.counts.read, person.counts.n_unread) == (20, 1)


def test_a_file_cut_in_the_middle_gives_what_is_there_and_says_so(tmp_path: Path) -> None:
    whole = (CASES / "23-nightscout-entries.json").read_text()
    contents = read(tmp_path, whole[: len(whole) // 2], "entries.json")
    assert any("breaks off" in note for note in contents.notes)
    assert contents.n_unread == 1
    assert contents.people[0].counts.read >= 2
    rows = [row(k, f"2025-03-03T08:{5 * k:02}:07", str(100 + k)) for k in range(5)]
    (person,) = read(tmp_path, "\n".join([HEADER, *NAMES, *rows])[:-30]).people
    assert person.counts.read == 4


def test_a_row_that_is_cut_off_is_unread_even_where_a_part_of_its_value_stands(tmp_path: Path) -> None:
    text = (CASES / "12-libre-title-decides-order.csv").read_text().rstrip("\n")
    last = text.splitlines()[-1]
    cut = text[: len(text) - len(last)] + ",".join(last.split(",")[:5])[:-1]
    contents = read(tmp_path, cut)
    counts = contents.people[0].counts
    assert (counts.rows, counts.read, counts.unread) == (12, 11, {"the file breaks off in this row": 1})
    assert any("breaks off" in note for note in contents.notes)
    whole = read(tmp_path, text).people[0].counts
    assert (whole.read, whole.n_unread) == (12, 0), "a last line without a line end is whole"
    with_total = read(tmp_path, text + "\nTotal,12").people[0].counts
    assert (with_total.read, with_total.n_unread) == (12, 0), "and a line of totals is no row"


def test_a_record_of_no_known_type_is_unread_never_taken_for_a_title(tmp_path: Path) -> None:
    lines = (CASES / "12-libre-title-decides-order.csv").read_text().splitlines()
    odd = lines[-1].split(",")
    odd[3] = "9"
    (person,) = read(tmp_path, "\n".join([*lines, ",".join(odd), *lines[-2:]])).people
    assert (person.name, person.counts.read, person.counts.n_unread) == ("Ada Muster", 12, 1)


def test_a_value_of_a_transmitter_is_never_lost_for_the_name_of_its_row(tmp_path: Path) -> None:
    """Two exports one behind the other, the second in a language that nobody here knows."""
    rows = [row(k, f"2025-03-03T08:{5 * k:02}:07", str(100 + k), str(1695 + 300 * k)) for k in range(10)]
    later = [row(k, f"2025-03-04T08:{5 * k:02}:07", str(100 + k), str(99_695 + 300 * k), "Zxcv") for k in range(10)]
    (person,) = read(tmp_path, "\n".join([HEADER, *NAMES, *rows, HEADER, *later])).people
    assert (person.counts.read, person.counts.n_unread) == (10, 10)
    assert "“Zxcv”" in next(iter(person.counts.unread))


def test_dates_that_a_study_has_shifted_are_read_and_said(tmp_path: Path) -> None:
    rows = [f"1961-04-12 08:{minute:02}:00,100" for minute in range(0, 60, 5)]
    contents = read(tmp_path, plain(*rows))
    assert contents.people[0].counts.read == 12
    assert any("begin in 1961" in note for note in contents.notes)


def test_glookos_numbers_for_low_and_high_are_limits(tmp_path: Path) -> None:
    text = (CASES / "22-glooko-german.csv").read_text()
    text = text.replace('"125,0"', '"1,0"').replace('"131,0"', '"2001,0"')
    (person,) = read(tmp_path, text).people
    assert (person.counts.read, person.counts.n_unread) == (12, 0)
    assert person.mg_dl[2:4].tolist() == [39.0, 401.0]


def test_a_json_of_one_line_is_known_however_late_its_first_type_stands(tmp_path: Path) -> None:
    wide = {f"a{k:04}": None for k in range(200)}
    reading = {"deviceId": "d", "time": "2025-03-03T08:00:00Z", "type": "cbg", "units": "mmol/L", "value": 6.5}
    contents = read(tmp_path, json.dumps([wide | {"type": "upload"}, wide | reading]), "wide.json")
    assert (contents.format.name, contents.people[0].counts.read) == ("tidepool", 1)


def test_tidepools_tables_keep_what_pumps_did(tmp_path: Path) -> None:
    """A CSV of field names has milliseconds, a workbook with (mins) in its headings minutes."""
    csv = (
        "id,type,time,value,units,rate,duration,normal,timezoneOffset,payload\n"
        "a,cbg,2025-03-03T08:00:00Z,6.5,mmol/L,,,,60.0,{'x': 1}\n"
        "b,basal,2025-03-03T08:00:00Z,,,1.15,14400000,,60.0,\nc,bolus,2025-03-03T08:05:00Z,,,,,2.5,60.0,\n"
    )
    mins = csv.replace("duration", "Duration (mins)").replace("14400000", "240")
    for text in (csv, mins):
        (person,) = read(tmp_path, text).people
        basal, bolus = person.events
        assert isinstance(basal, r.Basal)
        assert isinstance(bolus, r.Bolus)
        assert (basal.rate, basal.duration_ms, bolus.normal) == (1.15, 14_400_000, 2.5)
        assert (person.counts.read, person.counts.n_unread) == (1, 0)


def test_what_a_file_leaves_open_says_what_can_be_chosen(tmp_path: Path) -> None:
    with pytest.raises(LeftOpen) as columns:
        read(tmp_path, "when,Libre GL,Dexcom GL\n2025-03-03 08:00,100,104\n")
    assert (columns.value.about, columns.value.headings) == ("columns", ("when", "Libre GL", "Dexcom GL"))
    with pytest.raises(LeftOpen) as order:
        read(tmp_path, plain("03/04/2025 08:00,100", "03/04/2025 08:05,101"))
    assert order.value.about == "order"
    with pytest.raises(LeftOpen) as unit:
        read(tmp_path, plain("2025-03-03 08:00:00,25", "2025-03-03 08:05:00,26"))
    assert unit.value.about == "unit"


def test_a_quotation_mark_that_is_never_closed_swallows_no_rows(tmp_path: Path) -> None:
    rows = [f"2025-03-0{1 + k // 144} {k % 144 // 6:02}:{10 * (k % 6):02}:00,{100 + k % 50}" for k in range(500)]
    rows[100] = '"' + rows[100]
    (person,) = read(tmp_path, plain(*rows)).people
    assert person.counts.read >= 499
    assert person.counts.rows == 500


def test_a_zip_of_glooko_and_a_workbook_of_clarity_are_opened(tmp_path: Path) -> None:
    one = (CASES / "22-glooko-german.csv").read_text()
    later = one.replace("14.03.2025", "15.03.2025")
    with zipfile.ZipFile(tmp_path / "export.zip", "w") as archive:
        archive.writestr("cgm_data_1.csv", one)
        archive.writestr("cgm_data_2.csv", later)
        archive.writestr(
            "insulin_data_1.csv", "Name:Ada Muster,Datumsbereich:01.03.2025 - 14.03.2025\nZeitstempel,Insulin\n"
        )
        archive.writestr("__MACOSX/._cgm_data_1.csv", b"\x00\x05\x16\x07")
    (person,) = read_contents(tmp_path / "export.zip").people
    assert (person.name, person.counts.read) == ("Ada Muster", 24)
    book = Workbook()
    assert book.active is not None
    for line in (CASES / "01-clarity-masked-transmitter-time.csv").read_text().splitlines():
        book.active.append([int(field) if field.isdigit() else field or None for field in line.split(",")])
    book.save(tmp_path / "clarity.xlsx")
    (person,) = read_contents(tmp_path / "clarity.xlsx").people
    assert person.counts.read == 6
    assert float(person.mg_dl.mean()) == pytest.approx(122.1667, abs=1e-3)


def test_a_workbook_of_tidepool_is_read_by_its_sheets(tmp_path: Path) -> None:
    book = Workbook()
    assert book.active is not None
    book.active.title = "EXPORT ERROR"
    sheet = book.create_sheet("CGM")
    sheet.append(
        ["Tidepool Data Type", "Zulu Time", "Local Time", "Device Time", "Value", "Units", "Timezone Offset", "Id"]
    )
    for k in range(6):
        time = f"2025-03-03 08:{5 * k:02}:00"
        sheet.append(["cbg", time, time, time, 6.5, "mmol/L", 60, f"x{k}"])
    book.save(tmp_path / "tidepool.xlsx")
    contents = read_contents(tmp_path / "tidepool.xlsx")
    (person,) = contents.people
    assert (contents.format.name, person.counts.read, contents.zoned) == ("tidepool", 6, True)
    assert set(person.offset_min.tolist()) == {60}


@pytest.mark.parametrize(
    ("content", "what", "where"),
    [
        (b"%PDF-1.7 ...", "a PDF", "csv"),
        (b"\x89PNG\r\n\x1a\n", "a picture", "csv"),
        (b"SQLite format 3\x00", "a database", "SiDiary"),
        (b"<!DOCTYPE html><html>log in</html>", "a web page", "Log in"),
        (b"Name:Ada,Date Range:2025-03-01 - 2025-03-14\nTimestamp,Insulin Type\n", "Glooko", "cgm_data_1.csv"),
        (b"<?xml version='1.0'?><ClinicalDocument>", "clinical document", "export.xml"),
        (b"PK\x03\x04broken", "broken or cut off", "again"),
        (b'[{"defaultProfile": "Default", "store": {}}]', "Nightscout's profile", "entries.json"),
        (b"-------;MiniMed 780G;Pump;X;-------\nIndex;Date;Time;Basal Rate\n", "pump settings", "Sensor Glucose"),
        (b"OneTouch Reveal\nDate,Reading (mg/dL)\n2025-03-03,100\n", "meter's logbook", "Clarity"),
        (b"date,time,carbs,bolus\n2025-03-03,08:00,30,2\n", "insulin or food alone", "LibreView"),
        (b"Type,BolusType,SerialNumber\nBolus,Carb,1\n", "pump alone", "Readings"),
        (b"", "is empty", "again"),
    ],
)
def test_other_files_are_named_with_where_their_glucose_is(
    tmp_path: Path, content: bytes, what: str, where: str
) -> None:
    with pytest.raises(UnreadableFile, match=what) as refused:
        read(tmp_path, content, "thing")
    assert where in refused.value.remedy


def test_entities_in_apple_healths_file_are_not_followed(tmp_path: Path) -> None:
    bomb = '<!DOCTYPE HealthData [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;">]><HealthData>&b;</HealthData>'
    with pytest.raises(UnreadableFile):
        read(tmp_path, bomb, "export.xml")


def test_two_sensors_worn_at_once_both_stay_and_one_counts(tmp_path: Path) -> None:
    text = (CASES / "16-libre-phone-and-reader-of-one-sensor.csv").read_text()
    lines = text.splitlines()
    other = [
        line.replace(line.split(",")[4], str(int(line.split(",")[4]) + 80)) for line in lines if "READER-2" in line
    ]
    (person,) = read(tmp_path, "\n".join([line for line in lines if "READER-2" not in line] + other)).people
    counts = person.counts
    assert (counts.rows, counts.read, counts.n_merged, counts.second_sensor) == (24, 24, 0, 12)


def test_a_contradicted_choice_is_refused(tmp_path: Path) -> None:
    text = (CASES / "12-libre-title-decides-order.csv").read_text()
    with pytest.raises(UnreadableFile, match="have their day first") as refused:
        read(tmp_path, text, choices=Choices(day_first=False))
    assert "Leave out --month-first" in refused.value.remedy


def test_the_same_row_over_and_over_is_one_reading_and_costs_no_memory(tmp_path: Path) -> None:
    same = row(5, "2025-03-03T08:00:07", "112", "1695")
    contents = read(
        tmp_path, "\n".join([HEADER, *NAMES, *[same] * 20_000, row(6, "2025-03-03T08:05:07", "113", "1995")])
    )
    (person,) = contents.people
    assert (person.counts.rows, person.counts.read, person.counts.n_merged) == (20_001, 2, 19_999)


@pytest.mark.parametrize("name", ["export.csv", "xl/sharedStrings.xml"])
def test_a_bomb_is_not_unpacked(tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("glucoflow.file_reading.source.LARGEST_UNPACKED", 10 * 2**20)
    monkeypatch.setattr("glucoflow.file_reading.source.LARGEST_WORKBOOK", 10 * 2**20)
    path = tmp_path / "bomb.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as packed:
        packed.writestr(name, b" " * (11 * 2**20))
        if name.startswith("xl/"):
            packed.writestr("xl/workbook.xml", b"<workbook/>")
    with pytest.raises(UnreadableFile, match="would unpack to more than 10 MiB"):
        read_contents(path)
