"""What is wrong with a file is said, with the row; nothing is guessed, lost unseen, or paid for with all memory."""

import json
import zipfile
from pathlib import Path

import pytest
from openpyxl import Workbook

from glucoflow.file_reading.choices import Choices
from glucoflow.file_reading.contents import Contents
from glucoflow.file_reading.recognise import read_contents
from glucoflow.model.errors import UnreadableFile
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
