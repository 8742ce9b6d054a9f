"""Files that people take for their readings, and where the readings are: each is named, none is read."""

from collections.abc import Callable

from connectors.files.glooko import is_title
from connectors.files.table import plain
from glucoflow.file_reading.format import OtherFormat
from glucoflow.file_reading.source import Head
from glucoflow.file_reading.units import unit_in

EXPORTS = "In Clarity choose Export, in LibreView Download glucose data: both give a .csv, and that is what is read."


def _starts(*signs: bytes) -> Callable[[Head], bool]:
    """Whether the first bytes are one of these."""
    return lambda head: head.data.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(signs)


def _says(*words: str) -> Callable[[Head], bool]:
    """Whether the beginning holds all of these words, in any capitals."""
    return lambda head: all(word in head.text[:8000].casefold() for word in words)


_METERS = (
    ("onetouch", "reading"),
    ("contour", "meter"),
    ("accu-chek",),
    ("glucofacts",),
    ("bg reading", "meal marker"),
)


def _has_headings(head: Head, *groups: tuple[str, ...]) -> bool:
    """Whether the first line has a heading of each group, and none of a glucose."""
    headings = [plain(field) for field in head.rows[0]] if head.rows else []
    told = any(
        unit_in(field) or "gluc" in field or "gluk" in field or field in ("gl", "cgm", "sgv") for field in headings
    )
    return not told and all(any(word in field for field in headings for word in group) for group in groups)


FORMATS = (
    OtherFormat(title="a PDF", is_it=_starts(b"%PDF"), instead=f"A report for people holds no readings. {EXPORTS}"),
    OtherFormat(
        title="a picture",
        is_it=_starts(b"\x89PNG", b"\xff\xd8\xff", b"GIF8", b"RIFF"),
        instead=f"A picture holds no readings. {EXPORTS}",
    ),
    OtherFormat(
        title="a database (xDrip+ keeps its own in one)",
        is_it=_starts(b"SQLite format 3"),
        instead="In xDrip+ choose Import / Export Features, Export CSV (SiDiary format), and give that file.",
    ),
    OtherFormat(
        title="a web page, as a server sends it that asks for a log-in",
        is_it=_starts(b"<!DOCTYPE html", b"<!doctype html", b"<html"),
        instead="Log in where the file comes from, and download it again.",
    ),
    OtherFormat(
        title="an old Excel workbook (.xls)",
        is_it=_starts(b"\xd0\xcf\x11\xe0"),
        instead="Open it, and save it as .xlsx or CSV.",
    ),
    OtherFormat(
        title="a compressed file",
        is_it=_starts(b"\x1f\x8b", b"Rar!", b"7z\xbc\xaf"),
        instead="Unpack it, and give the file in it. A ZIP is unpacked by itself.",
    ),
    OtherFormat(
        title="Apple Health's clinical document",
        is_it=_says("<clinicaldocument"),
        instead="Its glucose is in export.xml, beside it in the same ZIP.",
    ),
    OtherFormat(
        title="JSON that `glucoflow export` wrote",
        is_it=_says('"_source"', '"event"'),
        instead="Bring it into an index with `glucoflow import-file`; figures are then on its person's page. "
        "Exports of others are read here, such as those of Clarity, LibreView, Nightscout or Tidepool.",
    ),
    OtherFormat(
        title="Nightscout's profile or the state of its devices",
        is_it=lambda head: head.is_json and any(word in head.text for word in ('"defaultProfile"', '"openaps"')),
        instead="Its glucose is in the entries: save what /api/v1/entries.json?count=100000 of the site answers.",
    ),
    OtherFormat(
        title="a meter's logbook (OneTouch, Contour, Accu-Chek), which holds finger-sticks",
        is_it=lambda head: any(_says(*words)(head) for words in _METERS),
        instead="Export the sensor's readings from the sensor's own app or portal (Clarity, LibreView).",
    ),
    OtherFormat(
        title="insulin or food alone, without glucose",
        is_it=lambda head: _has_headings(head, ("time", "date"), ("bolus", "insulin", "carb")),
        instead="The export of the sensor's own app or portal holds its glucose (Clarity, LibreView).",
    ),
    OtherFormat(
        title="a mySugr logbook, which holds finger-sticks",
        is_it=_says("blood sugar measurement", "tags"),
        instead="Export the sensor's readings from the sensor's own app or portal (Clarity, LibreView).",
    ),
    OtherFormat(
        title="a Medtronic CareLink file without a sensor's readings, such as pump settings",
        is_it=_says("-------", "pump"),
        instead="Its glucose is in CareLink's data export (CSV), in the section whose heading has Sensor Glucose.",
    ),
    OtherFormat(
        title="a Glooko file of something else than glucose, such as insulin or notes",
        is_it=lambda head: is_title(head.rows),
        instead="Its glucose is in cgm_data_1.csv of the same ZIP; the ZIP can be given as it is.",
    ),
    OtherFormat(
        title="a Tandem t:connect file of the pump alone",
        is_it=_says("bolustype", "serialnumber"),
        instead="Its glucose is in the export that has a column Readings (mg/dL).",
    ),
)
