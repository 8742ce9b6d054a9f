"""Clarity, LibreView and plain files, with the quirks they are known to have."""

import json
from datetime import UTC, datetime, timedelta

import pytest

from glucoflow.analytics.series import epoch_ms, moment_of
from glucoflow.file_reading.choices import Choices
from glucoflow.model.errors import UnreadableFile
from glucoflow.model.localtime import MINUTE_MS
from glucoflow.report.reading import read_people
from tests.report.conftest import LIBRE_HEADER, Files, egv, every, libre_row

BERLIN = Choices(zone="Europe/Berlin")
NOON = datetime(2026, 3, 8, 12, 0, 3, tzinfo=UTC)
"""Written without its zone, as Clarity does."""


def test_clarity_with_preamble_limits_and_other_rows(files: Files) -> None:
    rows = [
        egv(5, NOON, "112", 1000),
        egv(6, NOON + timedelta(minutes=5), "Low", 1300, "Low"),
        egv(7, NOON + timedelta(minutes=10), "High", 1600, "High"),
        f"8,{NOON:%Y-%m-%dT%H:%M:%S},Calibration,,,,iPhone G7,300,,,,,1000,123456789012",
        f"9,{NOON:%Y-%m-%dT%H:%M:%S},Carbs,,,,iPhone G7,,,45,,,,",
        f"10,{NOON:%Y-%m-%dT%H:%M:%S},Fasting Glucose,,,,iPhone G7,95,,,,",
    ]
    (person,) = read_people(files.clarity(rows), BERLIN)
    assert person.source == "Dexcom Clarity export"
    assert person.series.mg_dl.tolist() == [112, 39, 401]
    assert moment_of(int(person.series.utc[0])) == datetime(2026, 3, 8, 11, 0, 3, tzinfo=UTC)
    assert set(person.series.offset_min.tolist()) == {60}
    assert person.series.excluded_counts.invalid == 0


def test_clarity_in_mmol_with_localized_header_and_blank_hour_format(files: Files) -> None:
    header = (
        "Índice,Marca temporal (AAAA-MM-DDThh:mm:ss),Tipo de evento,Subtipo de evento,Información del paciente,"
        "Información del dispositivo,Dispositivo de origen,Nivel de glucosa (mmol/L),Valor de insulina (u),"
        "Valor de carbohidratos (gramos),Duración,Tasa de cambio (mmol/L/min),Tiempo del transmisor,ID del transmisor"
    )
    rows = ["5,2026-03-08 9:05:00,EGV,,,,i,6.2,,,,,100,8ABCDE", "6,2026-03-08 9:10:00,EGV,,,,i,Bajo,,,,,400,8ABCDE"]
    (person,) = read_people(files.clarity(rows, header=header))
    assert person.series.mg_dl.tolist() == [pytest.approx(111.696658), 39]
    assert moment_of(int(person.series.utc[0])) == datetime(2026, 3, 8, 9, 5, tzinfo=UTC)
    assert not person.zoned


def test_clarity_two_displays_of_one_reading_are_one(files: Files) -> None:
    rows = [egv(5, NOON, "112", 1000), egv(6, NOON + timedelta(seconds=9), "112", 1000)]
    (person,) = read_people(files.clarity(rows))
    assert len(person.series) == 1
    assert person.series.excluded_counts.duplicate == 1


def test_clarity_repeated_hour_is_told_by_the_transmitter(files: Files) -> None:
    """25 October 2026 in Berlin: 02:00–02:55 comes twice; rows are shuffled, so only the ticks can tell."""
    begin = datetime(2026, 10, 24, 23, 30, tzinfo=UTC)
    moments = every(begin, 5, 36)
    rows = []
    for k, moment in enumerate(moments):
        offset = 120 if moment < datetime(2026, 10, 25, 1, tzinfo=UTC) else 60
        rows.append(egv(k, (moment + timedelta(minutes=offset)).replace(tzinfo=None), str(100 + k), 5000 + 300 * k))
    (person,) = read_people(files.clarity(rows[::2] + rows[1::2]), BERLIN)
    assert person.series.utc.tolist() == [epoch_ms(moment) for moment in moments]
    assert person.series.mg_dl.tolist() == [100 + k for k in range(36)]


@pytest.mark.parametrize("backwards", [False, True])
def test_plain_repeated_hour_is_told_by_the_order_of_rows(files: Files, backwards: bool) -> None:
    begin = datetime(2026, 10, 24, 23, 0, tzinfo=UTC)
    moments = every(begin, 5, 48)
    rows = []
    for moment in moments:
        offset = 120 if moment < datetime(2026, 10, 25, 1, tzinfo=UTC) else 60
        rows.append(f"a,{moment + timedelta(minutes=offset):%Y-%m-%d %H:%M:%S},110")
    (person,) = read_people(files.plain(rows[::-1] if backwards else rows), BERLIN)
    assert person.series.utc.tolist() == [epoch_ms(moment) for moment in moments]


def test_plain_skipped_hour_of_spring_moves_on(files: Files) -> None:
    """02:30 did not exist on 29 March 2026 in Berlin: it is 01:30 UTC, shown as 03:30."""
    (person,) = read_people(files.plain(["a,2026-03-29 01:30,100", "a,2026-03-29 02:30,101"]), BERLIN)
    assert person.series.utc.tolist() == [epoch_ms(datetime(2026, 3, 29, h, 30, tzinfo=UTC)) for h in (0, 1)]


def test_plain_with_several_ids_other_columns_and_bad_rows(files: Files) -> None:
    rows = [
        "1,Subject 1,2015-06-06 16:50:27,153",
        "2,Subject 2,2015-06-06T17:00,7.0",
        "3,Subject 1,nonsense,100",
        "4,Subject 1,2015-06-06 16:55:27,NA",
        "5,Subject 1,2015-06-06 17:00:27,160",
        "",
        "6,short",
    ]
    first, second = read_people(files.plain(rows, header=",ID,Time,GL"))
    assert (first.id, len(first.series)) == ("Subject 1", 2)
    assert (first.rows.rows, first.rows.read, first.rows.n_unread) == (4, 2, 2)
    assert first.rows.other == {"rows without a value": 1}, "NA is no value"
    assert first.contents.unread[-1].line == 8, "a short row counts for whom it follows"
    assert second.id == "Subject 2"
    assert second.series.mg_dl.tolist() == [pytest.approx(126.109, abs=0.001)], "7.0 can only be mmol/L"


def test_plain_times_may_carry_their_own_offset(files: Files) -> None:
    (person,) = read_people(files.plain(["a,2026-03-08T12:00:00+09:30,100", "a,2026-03-08T02:35:00Z,101"]))
    assert person.zoned
    assert person.series.offset_min.tolist() == [570, 0]
    assert (person.series.utc[1] - person.series.utc[0]) == 5 * MINUTE_MS


def test_all_low_in_plain_is_mg_dl(files: Files) -> None:
    (person,) = read_people(files.plain(["a,2026-03-08 12:00,39", "a,2026-03-08 12:05,39"]))
    assert person.series.mg_dl.tolist() == [39, 39]


def test_libre_month_first_grouped_not_sorted(files: Files) -> None:
    rows = [
        libre_row("03-14-2026 12:15 AM", 0, "121"),
        libre_row("03-13-2026 11:45 PM", 0, "119"),
        libre_row("03-14-2026 12:00 AM", 0, "LO"),
        libre_row("03-14-2026 12:07 AM", 1, scan="200"),
        libre_row("03-14-2026 12:20 AM", 6),
    ]
    (person,) = read_people(files.libre(rows), Choices(zone="America/New_York"))
    assert person.source == "LibreView export"
    assert person.series.mg_dl.tolist() == [119, 39, 121]
    assert set(person.series.interval_ms.tolist()) == {15 * MINUTE_MS}
    assert moment_of(int(person.series.utc[0])) == datetime(2026, 3, 14, 3, 45, tzinfo=UTC)


def test_libre_in_mmol_with_decimal_comma_day_first_in_utf16(files: Files) -> None:
    rows = ["\t".join(["Libre 3", "S", "14-03-2026 08:15", "0", "5,6", *[""] * 14])]
    title = "Glukose-Werte\tErstellt am\t14-03-2026 09:00 UTC\tErstellt von\tAnna"
    head = "\t".join(
        ["Gerät", "Seriennummer", "Gerätezeitstempel", "Aufzeichnungstyp", "Glukosewert-Verlauf mmol/L", *["Feld"] * 14]
    )
    path = files.write("libre.csv", "\ufeff" + "\r\n".join([title, head, *rows]), "utf-16-le")
    (person,) = read_people(path)
    assert person.series.mg_dl.tolist() == [pytest.approx(5.6 * 18.01559)]
    assert moment_of(int(person.series.utc[0])) == datetime(2026, 3, 14, 8, 15, tzinfo=UTC)


def test_libre_whose_header_names_no_unit_is_known_by_its_records(files: Files) -> None:
    (person,) = read_people(files.libre([libre_row("2026-03-14 08:15", 0, "121")], unit="(?)"))
    assert (person.source, person.series.mg_dl.tolist()) == ("LibreView export", [121])


def test_libre_without_a_single_record_is_known_by_its_header(files: Files) -> None:
    with pytest.raises(UnreadableFile, match="is a LibreView export that holds no readings"):
        read_people(files.libre([]))


def test_libre_ambiguous_dates_need_a_word(files: Files) -> None:
    rows = [libre_row("03-04-2026 08:00 AM", 0, "110"), libre_row("03-05-2026 08:00 AM", 0, "112")]
    path = files.write("libre.csv", "\r\n".join([LIBRE_HEADER.format(unit="mg/dL"), *rows]))
    with pytest.raises(UnreadableFile, match="no day is past the 12th"):
        read_people(path)
    (american,), (european,) = (read_people(path, Choices(day_first=first)) for first in (False, True))
    assert moment_of(int(american.series.utc[0])).date().isoformat() == "2026-03-04"
    assert moment_of(int(european.series.utc[0])).date().isoformat() == "2026-04-03"


def test_a_note_over_two_lines_is_one_row(files: Files) -> None:
    row = libre_row("2026-03-14 08:00", 6).rstrip(",") + ',,,,,,,,"a note\nof two lines",,,,,'
    (person,) = read_people(files.libre([row, libre_row("2026-03-14 08:15", 0, "121")]))
    assert (person.series.mg_dl.tolist(), person.series.excluded_counts.invalid) == ([121], 0)


def test_a_file_with_scans_only_is_read_from_its_scans(files: Files) -> None:
    (person,) = read_people(files.libre([libre_row("2026-03-14 08:00", 1, scan="133")]))
    assert person.series.mg_dl.tolist() == [133]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "is empty"),
        ("hello\nworld\n", "is not a file that is known here"),
        ("id,time\n1,2\n", "is not a file that is known here"),
        ("id,time,gl\n", "holds no readings"),
        ("PK\x03\x04\x00\x00binary", "is broken or cut off"),
        (
            'id,time,gl\n"' + "a,2026-03-08,100\n" * 20_000,
            "none of its 20,000 rows could be read. The first is in line 2",
        ),
        (
            2 * f"{json.dumps({'glucose': {'value': 120, 'unit': 'mg/dL'}, 'tags': list(range(30))})}\n",
            "is JSON, but none that is known",
        ),
        (json.dumps([{"type": "cbg", "units": "mg/dL", "value": n} for n in range(20)]), "time: missing"),
        (3 * f"{','.join(f'column {n}' for n in range(21))}\n", "is not a file that is known here"),
    ],
)
def test_other_files_are_refused_with_a_remedy(files: Files, text: str, message: str) -> None:
    with pytest.raises(UnreadableFile, match=message) as caught:
        read_people(files.write("odd.csv", text))
    assert caught.value.remedy


def test_a_missing_file_and_an_unknown_zone_are_said(files: Files) -> None:
    with pytest.raises(UnreadableFile, match="No such file"):
        read_people(files.folder / "none.csv")
    with pytest.raises(UnreadableFile, match="is not a time zone"):
        read_people(files.plain(["a,2026-03-08 12:00,100"]), Choices(zone="Middle/Earth"))


def test_values_that_are_all_impossible_make_no_report(files: Files) -> None:
    """1.0 could be mmol/L by its look and is 18 mg/dL, which nobody's sensor has shown."""
    rows = [f"a,2026-03-0{k // 288 + 1} {k % 288 // 12:02}:{k % 12 * 5:02},1.0" for k in range(300)]
    with pytest.raises(UnreadableFile, match="300 values, and none can be glucose: all lie outside of 20 to 1000"):
        read_people(files.plain(rows))
