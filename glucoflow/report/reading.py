"""From a file to the people in it: which kind it is, who it holds, and their series."""

from dataclasses import dataclass
from pathlib import Path

from glucoflow.analytics.series import Series
from glucoflow.model.errors import UnreadableFile
from glucoflow.report.clarity import is_clarity, parse_clarity
from glucoflow.report.libreview import is_libreview, parse_libreview
from glucoflow.report.plain import is_plain, parse_plain
from glucoflow.report.text import rows_of, text_of
from glucoflow.report.trace import Trace, series_of
from glucoflow.report.wallclock import zone_named

_EXPECTED = "It must be a Clarity export, a LibreView export, or a CSV whose first line names id, time and gl."


@dataclass(frozen=True)
class PersonInFile:
    """One id of a file, its readings, and the kind of file they came from. `zoned`: times are true instants."""

    id: str
    series: Series
    source: str
    zoned: bool


def read_people(path: Path, zone: str | None = None, day_first: bool | None = None) -> tuple[PersonInFile, ...]:
    """Everyone in a Clarity export, a LibreView export or a CSV with `id,time,gl`.

    Raises UnreadableFile when the file is none of these, names no one, or the zone is unknown. A person without a
    single readable reading is still there, with an empty series.
    """
    where = zone_named(zone) if zone else None
    text = text_of(path)
    if text.lstrip()[:1] in ("{", "["):
        raise UnreadableFile(
            f"{path.name} is JSON: no report is made of that.",
            remedy=f"{_EXPECTED} What `glucoflow export` wrote goes into an index with `glucoflow import-file`.",
        )
    rows = rows_of(text)
    traces, mmol, source = _traces(rows, path, day_first)
    if not traces:
        raise UnreadableFile(f"{path.name} holds no readings.", remedy="Check that the export covers a span with data.")
    return tuple(
        PersonInFile(trace.id, series_of(trace, where, mmol), source, zone is not None or _offset_known(trace))
        for trace in traces
    )


def _traces(rows: list[list[str]], path: Path, day_first: bool | None) -> tuple[list[Trace], bool | None, str]:
    if is_plain(rows):
        return parse_plain(rows), None, "CSV"
    if is_clarity(rows):
        clarity, mmol = parse_clarity(rows, path.stem)
        return [clarity], mmol, "Dexcom Clarity export"
    if is_libreview(rows):
        libre, unit = parse_libreview(rows, path.stem, day_first)
        return [libre], unit, "LibreView export"
    raise UnreadableFile(f"{path.name} is not a file that is known here.", remedy=_EXPECTED)


def _offset_known(trace: Trace) -> bool:
    return bool(trace.offset) and all(offset is not None for offset in trace.offset)
