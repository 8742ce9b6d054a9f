"""Any CSV by its columns: `id`, `time` and `gl`, as iglu and most studies have them, others whose headings leave no
doubt (Levels, Nutrisense, what researchers make of exports), or those that a person names.

A column of glucose alone is no proof: meters' logs have one too. It is a sensor's where its rows follow each other
within minutes.
"""

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from connectors.files.table import at, plain, plain_words
from glucoflow.file_reading.choices import Choices, ColumnNames
from glucoflow.file_reading.dates import TimeReader
from glucoflow.file_reading.findings import Findings
from glucoflow.file_reading.format import FileFormat
from glucoflow.file_reading.source import Head, Rows, Source
from glucoflow.file_reading.units import unit_in
from glucoflow.file_reading.values import is_number
from glucoflow.model.errors import LeftOpen
from glucoflow.model.units import Unit

STUDY = ("id", "time", "gl")
SENSOR_GAP_MS = 16 * 60_000
FEWEST = 4

_WHO = plain_words("id|subject|subjectid|subject id|patient|patientid|patient id|ptid|participant|participant id")
_TIME = plain_words("time|timestamp|datetime|date time|date and time|device timestamp|time (utc)|utc|dateTime|"
                    "eventdatetime|occurred at|local time|datum uhrzeit|zeitstempel|horodatage|marca temporal|"
                    "fecha y hora|fecha hora|data ora|tijdstempel")  # fmt: skip
_DATE = plain_words("date|day|datum|fecha|data|dato|päivä|tag|jour")
_CLOCK = plain_words("time|clock|zeit|uhrzeit|hora|heure|ora|tijd|klockslag|tid")
_GLUCOSE = plain_words("gl|glucose|sensorglucose|sensor glucose|cgm|egv|sgv|glucose value|glucose reading|"
                       "glucose level|cgm glucose value|cgm glucose|interstitial glucose|glucose reading value|value|"
                       "glukose|glukosewert|sensorglukose|glucosa|nivel de glucosa|glycemie|glicemia|glucosio|"
                       "historic glucose|glukosewert verlauf|historial de glucosa|historische glucose|"
                       "historique de la glycemie|cgm glukosewert|valeur de glycemie scg")  # fmt: skip
_KIND = plain_words("type|type of reading|reading type|class|event type|record type|entry type")
_OF_A_SENSOR = plain_words("cgm|egv|sgv|sensor|timeseries|glucosemeasurement|historic|historical|auto|automatic")


_UNIT = re.compile(r"[\[(]?\s*(mg|mmol)\s*/?\s*d?\s*l\s*[\])]?$")


@dataclass(frozen=True)
class _Layout:
    """Where what stands. `clock` where date and time of day have a column each; `kind` says what a row is of."""

    time: int
    clock: int | None
    glucose: int
    who: int | None
    kind: int | None
    unit: Unit | None

    def moment(self, row: Sequence[str]) -> str:
        return at(row, self.time) if self.clock is None else f"{at(row, self.time)} {at(row, self.clock)}"

    @property
    def widest(self) -> int:
        return max(self.time, self.glucose, self.clock or 0)


def _names(row: Sequence[str]) -> list[str]:
    return [plain(name) for name in row]


def _bare(name: str) -> str:
    """A heading without its unit."""
    return _UNIT.sub("", name).strip()


def _layout(row: Sequence[str], below: Sequence[Sequence[str]] = ()) -> _Layout | None:
    """The columns of a header that leaves no doubt, of several times the one that rows below it have; else None."""
    names = _names(row)
    if len(row) < 2 or len(row) > 40 or any(is_number(name) for name in names):
        return None
    glucose = [k for k, name in enumerate(names) if _bare(name) in _GLUCOSE and "/min" not in name]
    with_unit = [k for k in glucose if unit_in(row[k])]
    glucose = with_unit or [k for k in glucose if names[k] != "value" or "class" in names]
    dates = [k for k, name in enumerate(names) if name in _DATE]
    clocks = [k for k, name in enumerate(names) if name in _CLOCK]
    times = _best_first([k for k, name in enumerate(names) if name in _TIME], below)
    if len(glucose) != 1:
        return None
    time, clock = (dates[0], clocks[0]) if dates and clocks else (times[0], None) if times else (-1, None)
    if time < 0 and len(dates) == 1:
        time = dates[0]
    if time < 0 or time == glucose[0]:
        return None
    who = next((k for k, name in enumerate(names) if name in _WHO), None)
    kind = next((k for k, name in enumerate(names) if name in _KIND), None)
    return _Layout(time, clock, glucose[0], who, kind, unit_in(row[glucose[0]]))


def _best_first(columns: list[int], rows: Sequence[Sequence[str]]) -> list[int]:
    """The one that holds a time in the most rows comes first."""
    reader = TimeReader()
    return sorted(columns, key=lambda k: -sum(reader.read(at(row, k)) is not None for row in rows))


def _how_sure(head: Head) -> float:
    if head.rows and set(STUDY) <= set(_names(head.rows[0])):
        return 0.85
    for place, row in enumerate(head.rows[:4]):
        below = head.rows[place + 1 :]
        layout = _layout(row, below)
        if layout is not None and _is_a_trace(below, layout):
            return 0.6
    return 0.0


def _is_a_trace(rows: Sequence[Sequence[str]], layout: _Layout) -> bool:
    """Whether rows with a value follow each other as a sensor's do."""
    reader = TimeReader()
    moments = [
        moment[0]
        for row in rows
        if is_number(at(row, layout.glucose)) and (moment := reader.read(layout.moment(row))) is not None
    ]
    gaps = sorted(abs(b - a) for a, b in pairwise(moments) if a != b)
    return len(gaps) >= FEWEST - 1 and gaps[len(gaps) // 2] <= SENSOR_GAP_MS


def _read(source: Source, found: Findings, choices: Choices) -> None:
    """One person an id, in the order of first appearance. Times are local, or carry their own offset."""
    rows = source.rows()
    line, layout, named = _header(source, choices.columns, rows)
    found.names_are_ids = layout.who is not None or not named
    sections: dict[str, int] = {}
    wanted = choices.columns is not None
    of_a_sensor = _sensor_words(source.head.rows, layout)
    if layout.who is None:
        found.begin_section(layout.unit, line)
        found.begin_person(named)
    for line, row in rows:
        if _is_another_table(row, layout):
            break
        if len(row) <= layout.widest:
            if any(field.strip() for field in row[1:]):
                found.unread_other(line, "a row with too few fields", ",".join(row))
            else:
                found.aside("lines without a reading")
            continue
        if layout.who is not None:
            _begin(at(row, layout.who), layout, line, sections, found)
        kind = plain(at(row, layout.kind))
        if kind and kind not in of_a_sensor and not wanted:
            found.times.read(layout.moment(row))
            found.aside(f"rows of the type “{kind[:40]}”")
        else:
            found.reading(line, layout.moment(row), _known(row[layout.glucose]))
    for _ in rows:
        found.aside("rows of another table")


def _sensor_words(rows: Sequence[Sequence[str]], layout: _Layout) -> frozenset[str]:
    """What a sensor's rows are called; where no word is known, the commonest one."""
    words = Counter(plain(at(row, layout.kind)) for row in rows if is_number(at(row, layout.glucose)))
    if not words or set(words) & (_OF_A_SENSOR | {""}):
        return _OF_A_SENSOR
    return _OF_A_SENSOR | {words.most_common(1)[0][0]}


def _begin(person: str, layout: _Layout, line: int, sections: dict[str, int], found: Findings) -> None:
    """The person of a row, each in a section of their own; a row without an id is of the one before."""
    if person and person not in sections:
        sections[person] = found.begin_section(layout.unit, line)
    elif not sections:
        sections[""] = found.begin_section(layout.unit, line)
    found.begin_person(person)
    found.section = sections.get(person, found.section)


def _is_another_table(row: Sequence[str], layout: _Layout) -> bool:
    """Whether a further header follows, of events for example: where a time should be, there is a word."""
    names = _names(row)
    when = names[layout.time] if layout.time < len(names) else ""
    return when in _TIME | _DATE and len(row) > 2


def _known(value: str) -> str:
    """Studies write a missing value as a word."""
    return "" if value.strip().lower() in ("na", "nan", "null", "none") else value


def _header(source: Source, wanted: ColumnNames | None, rows: Rows) -> tuple[int, _Layout, str]:
    """The line of the header, the places of the columns, and the name in a title above it. Takes rows up to it."""
    time, glucose = (plain(wanted.time), plain(wanted.glucose)) if wanted else STUDY[1:]
    seen: list[str] = []
    title = ""
    for line, row in rows:
        names = _names(row)
        seen = seen or row
        if time in names and glucose in names:
            when, what = names.index(time), names.index(glucose)
            unit = (wanted.unit if wanted else None) or unit_in(row[what])
            who = names.index("id") if wanted is None and "id" in names else None
            return line, _Layout(when, None, what, who, None, unit), ""
        below = source.head.rows[source.head.rows.index(row) + 1 :] if row in source.head.rows else ()
        if wanted is None and (layout := _layout(row, below)) is not None:
            return line, layout, title
        filled = [field.strip() for field in row if field.strip()]
        title = filled[1] if len(filled) == 2 and not any(map(is_number, filled)) else title
        if line > 100:
            break
    shown = ", ".join(repr(field.strip()) for field in seen[:30] if field.strip())
    raise LeftOpen(
        f"{source.name} has no columns called {time!r} and {glucose!r}. Its first line reads {shown}.",
        remedy="Give --time and --glucose as they stand in the header.",
        about="columns",
        headings=tuple(field.strip() for field in seen[:60] if field.strip()),
    )


FORMAT = FileFormat(
    name="columns", title="CSV with a column of times and one of glucose", how_sure=_how_sure, read=_read
)
