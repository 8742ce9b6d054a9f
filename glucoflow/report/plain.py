"""A plain CSV with the columns `id`, `time` and `gl`: what iglu and most studies use."""

from glucoflow.report.text import iso_time
from glucoflow.report.trace import Trace, number_or_limit

COLUMNS = ("id", "time", "gl")


def is_plain(rows: list[list[str]]) -> bool:
    """The first row names the three columns, in any order and case, among others."""
    return bool(rows) and set(COLUMNS) <= {name.strip().lower() for name in rows[0]}


def parse_plain(rows: list[list[str]]) -> list[Trace]:
    """One trace per id in the order of first appearance. Times are local, or carry their own offset."""
    names = [name.strip().lower() for name in rows[0]]
    who, when, what = (names.index(column) for column in COLUMNS)
    widest = max(who, when, what)
    traces: dict[str, Trace] = {}
    for row in rows[1:]:
        if not any(field.strip() for field in row):
            continue
        if len(row) <= widest:
            traces.setdefault("", Trace("")).unreadable += 1
            continue
        trace = traces.setdefault(row[who].strip(), Trace(row[who].strip()))
        moment, value = iso_time(row[when]), number_or_limit(row[what])
        if moment is None or value is None:
            trace.unreadable += 1
        else:
            trace.add(moment, value)
    return [trace for trace in traces.values() if trace.id or trace.value]
