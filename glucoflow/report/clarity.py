"""Dexcom Clarity's CSV export.

Fields go by position because headers are localized; only the header names the unit. Rows without a timestamp are the
preamble (names, devices, alerts) and its length varies. Times are local and without zone; Transmitter Time, which only
ever rises, tells the repeated hour of autumn apart and marks a reading that two displays uploaded twice.
"""

from collections import Counter

from glucoflow.report.text import iso_time
from glucoflow.report.trace import Trace, number_or_limit

TIMESTAMP, EVENT, GLUCOSE, TICKS, TRANSMITTER = 1, 2, 7, 12, 13


def is_clarity(rows: list[list[str]]) -> bool:
    """A header of 13 or 14 fields whose eighth speaks of mg/dL or mmol/L, whatever the language."""
    header = rows[0] if rows else []
    return len(header) in (13, 14) and any(unit in header[GLUCOSE].lower() for unit in ("mg/dl", "mmol"))


def parse_clarity(rows: list[list[str]], owner: str) -> tuple[Trace, bool]:
    """The sensor's readings and whether they are in mmol/L. Finger-sticks, calibrations and events are left aside."""
    mmol = "mmol" in rows[0][GLUCOSE].lower()
    trace = Trace(owner)
    readings = _readings(rows[1:])
    last = {key: index for index, row in enumerate(readings) if (key := _key(row))}
    for index, row in enumerate(readings):
        moment, value = iso_time(row[TIMESTAMP]), number_or_limit(row[GLUCOSE])
        key = _key(row)
        if moment is None or value is None:
            trace.unreadable += 1
        elif not key or last[key] == index:
            trace.add(moment, value, int(row[TICKS]) if key else -1)
        else:
            trace.repeated += 1
    return trace, mmol


def _readings(rows: list[list[str]]) -> list[list[str]]:
    timed = [[*row, *[""] * (14 - len(row))] for row in rows if len(row) > GLUCOSE and row[TIMESTAMP].strip()]
    kinds = Counter(row[EVENT].strip().upper() for row in timed if row[GLUCOSE].strip())
    wanted = "EGV" if "EGV" in kinds else (kinds.most_common(1)[0][0] if kinds else "EGV")
    return [row for row in timed if row[EVENT].strip().upper() == wanted]


def _key(row: list[str]) -> tuple[str, str] | None:
    ticks = row[TICKS].strip()
    return (row[TRANSMITTER].strip(), ticks) if ticks.isdigit() else None
