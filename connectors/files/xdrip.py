"""xDrip+'s CSV export, in SiDiary's form: `DAY;TIME;UDT_CGMS;BG_LEVEL;CH_GR;BOLUS;REMARK`, in mg/dL, day first."""

from collections.abc import Sequence

from connectors.files.table import at, number, plain
from glucoflow.file_reading.choices import Choices
from glucoflow.file_reading.findings import UNPLACED, Findings
from glucoflow.file_reading.format import FileFormat
from glucoflow.file_reading.source import Head, Source
from glucoflow.model import records as r
from glucoflow.model.units import MG_DL


def _columns(row: Sequence[str]) -> dict[str, int]:
    return {plain(name).replace(" ", "_"): k for k, name in enumerate(row)}


def _is_header(row: Sequence[str]) -> bool:
    return {"day", "time", "udt_cgms"} <= set(_columns(row))


def _how_sure(head: Head) -> float:
    return 0.95 if any(_is_header(row) for row in head.rows[:3]) else 0.0


def _read(source: Source, found: Findings, _choices: Choices) -> None:
    columns: dict[str, int] = {}
    for line, row in source.rows():
        if _is_header(row):
            columns = _columns(row)
            found.begin_section(None, line)
        elif columns:
            _record(line, row, columns, found)


def _record(line: int, row: Sequence[str], columns: dict[str, int], found: Findings) -> None:
    time = f"{at(row, columns['day'])} {at(row, columns['time'])}"
    kept = bool(at(row, columns["udt_cgms"]))
    if kept:
        found.reading(line, time, at(row, columns["udt_cgms"]))
    if meter := number(at(row, columns.get("bg_level"))):
        kept = True
        found.event(line, time, r.Fingerstick(**UNPLACED, value=meter, unit=MG_DL), "finger-sticks")
    if carbs := number(at(row, columns.get("ch_gr"))):
        kept = True
        found.event(line, time, r.Food(**UNPLACED, carbs_g=carbs), "meals")
    if bolus := number(at(row, columns.get("bolus"))):
        kept = True
        found.event(line, time, r.Bolus(**UNPLACED, action="fast", normal=bolus), "insulin doses")
    if note := at(row, columns.get("remark")):
        kept = True
        found.event(line, time, r.Note(**UNPLACED, text=note), "notes")
    if not kept:
        found.aside("rows without a value")


FORMAT = FileFormat(name="xdrip", title="xDrip+ export", how_sure=_how_sure, read=_read)
