"""Any CSV by its columns: `id`, `time` and `gl`, as iglu and most studies have them, or those that a person names."""

from collections.abc import Sequence

from connectors.files.table import at, plain
from glucoflow.file_reading.choices import Choices, Columns
from glucoflow.file_reading.findings import Findings
from glucoflow.file_reading.format import FileFormat
from glucoflow.file_reading.source import Head, Source
from glucoflow.file_reading.units import unit_in
from glucoflow.model.errors import UnreadableFile

STUDY = ("id", "time", "gl")


def _names(row: Sequence[str]) -> list[str]:
    return [plain(name) for name in row]


def _how_sure(head: Head) -> float:
    return 0.85 if head.rows and set(STUDY) <= set(_names(head.rows[0])) else 0.0


def _read(source: Source, found: Findings, choices: Choices) -> None:
    """One person an id, in the order of first appearance. Times are local, or carry their own offset."""
    rows = source.rows()
    wanted = choices.columns
    line, header, (when, what) = _header(source, wanted, rows)
    names = _names(header)
    who = names.index("id") if "id" in names and wanted is None else None
    unit = (wanted.unit if wanted else None) or unit_in(header[what])
    found.names_are_ids = True
    sections: dict[str, int] = {}
    if who is None:
        found.begin_section(unit, line)
    for line, row in rows:
        if len(row) <= max(when, what, who or 0):
            found.unread_other(line, "a row with too few fields", ",".join(row))
            continue
        if who is not None:
            person = at(row, who)
            if person not in sections:
                sections[person] = found.begin_section(unit, line)
            found.begin_person(person)
            found.section = sections[person]
        found.reading(line, row[when], _known(row[what]))


def _known(value: str) -> str:
    """Studies write a missing value as a word."""
    return "" if value.strip().lower() in ("na", "nan", "null", "none") else value


def _header(source: Source, wanted: Columns | None, rows: object) -> tuple[int, list[str], tuple[int, int]]:
    """The line of the header, the header, and the places of time and glucose in it. Takes rows up to it."""
    time, glucose = (plain(wanted.time), plain(wanted.glucose)) if wanted else STUDY[1:]
    seen: list[str] = []
    for line, row in rows:  # type: ignore[attr-defined]
        names = _names(row)
        seen = seen or row
        if time in names and glucose in names:
            return line, row, (names.index(time), names.index(glucose))
        if line > 100:
            break
    shown = ", ".join(repr(field.strip()) for field in seen[:30] if field.strip())
    raise UnreadableFile(
        f"{source.name} has no columns called {time!r} and {glucose!r}. Its first line reads {shown}.",
        remedy="Give --time and --glucose as they stand in the header.",
    )


FORMAT = FileFormat(name="columns", title="CSV with the columns id, time and gl", how_sure=_how_sure, read=_read)
