"""LibreView's CSV export (FreeStyle Libre).

A title line, a header line, then rows by position (headers are localized, decimals may have a comma), grouped by sensor
and record type, not by time. Record type 0 is the sensor's own trace; scans (1) only repeat it, so they are used in a
file that has nothing else. The order of day and month is decided on the whole file.
"""

from datetime import datetime

from glucoflow.model.errors import UnreadableFile
from glucoflow.report.text import iso_time
from glucoflow.report.trace import Trace, number_or_limit

TIMESTAMP, RECORD_TYPE, HISTORIC, SCAN = 2, 3, 4, 5
_RECORD_TYPES = frozenset("0123456")
_CLOCKS = ("%H:%M", "%I:%M %p", "%H:%M:%S")
_FORMATS = {
    "month first": tuple(f"%m{s}%d{s}%Y {clock}" for s in "-/." for clock in _CLOCKS),
    "day first": tuple(f"%d{s}%m{s}%Y {clock}" for s in "-/." for clock in _CLOCKS),
}


def is_libreview(rows: list[list[str]]) -> bool:
    """One of the first lines is a header of 18 or more fields: it names the glucose columns' unit, or records follow.

    The width alone is no sign: a line of a JSON file has as many commas.
    """
    top = _top(rows)
    if top is None:
        return False
    named = all(_mmol(rows[top][column]) is not None for column in (HISTORIC, SCAN))
    return named or any(_is_record(row) for row in rows[top + 1 :])


def parse_libreview(rows: list[list[str]], owner: str, day_first: bool | None = None) -> tuple[Trace, bool | None]:
    """The sensor's readings and whether the header says mmol/L (None: it says nothing).

    Raises UnreadableFile when no order of day and month fits all rows, or both do and `day_first` is not given.
    """
    top = _top(rows) or 0
    mmol = _mmol(rows[top][HISTORIC])
    full = [row for row in rows[top + 1 :] if len(row) > SCAN and row[TIMESTAMP].strip()]
    historic = [(row[TIMESTAMP], row[HISTORIC]) for row in full if row[RECORD_TYPE].strip() == "0"]
    wanted = historic or [(row[TIMESTAMP], row[SCAN]) for row in full if row[RECORD_TYPE].strip() == "1"]
    trace = Trace(owner)
    for moment, (_, value) in zip(_times([time for time, _ in wanted], day_first), wanted, strict=True):
        number = number_or_limit(value)
        if number is None:
            trace.unreadable += 1
        else:
            trace.add(moment, number)
    return trace, mmol


def _top(rows: list[list[str]]) -> int | None:
    return next((index for index, row in enumerate(rows[:4]) if len(row) >= 18), None)


def _mmol(heading: str) -> bool | None:
    heading = heading.lower()
    return True if "mmol" in heading else False if "mg" in heading else None


def _is_record(row: list[str]) -> bool:
    if len(row) <= SCAN or row[RECORD_TYPE].strip() not in _RECORD_TYPES:
        return False
    return iso_time(row[TIMESTAMP]) is not None or any(_read_all([row[TIMESTAMP]], each) for each in _FORMATS.values())


def _times(texts: list[str], day_first: bool | None) -> list[datetime]:
    iso = [iso_time(text) for text in texts]
    if all(iso):
        return [moment for moment in iso if moment]
    fits = {name: read for name, formats in _FORMATS.items() if (read := _read_all(texts, formats))}
    if day_first is not None:
        fits = {name: read for name, read in fits.items() if name == ("day first" if day_first else "month first")}
    if len({tuple(read) for read in fits.values()}) > 1:
        raise UnreadableFile(
            "The dates of this file can be read both as month-day and as day-month: no day is past the 12th.",
            remedy="Export a longer span, or say which it is.",
        )
    if not fits:
        raise UnreadableFile(
            "The times of this file follow no one order of day and month.",
            remedy="Use the file as LibreView wrote it, without re-saving it.",
        )
    return next(iter(fits.values()))


def _read_all(texts: list[str], formats: tuple[str, ...]) -> list[datetime] | None:
    for form in formats:
        try:
            return [datetime.strptime(text.strip(), form) for text in texts]  # noqa: DTZ007 - wall clock
        except ValueError:
            continue
    return None
