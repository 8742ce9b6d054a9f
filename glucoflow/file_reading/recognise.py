"""From a file to what it holds: which format it has by its content, never by its name, and then read."""

from collections.abc import Sequence
from pathlib import Path

from glucoflow.file_reading.choices import Choices
from glucoflow.file_reading.contents import Contents
from glucoflow.file_reading.deciding import decided
from glucoflow.file_reading.findings import Findings
from glucoflow.file_reading.format import FileFormat, OtherFormat, installed_formats
from glucoflow.file_reading.packed_people import tell_apart
from glucoflow.file_reading.source import Source, sources_of
from glucoflow.model.errors import LeftOpen, UnreadableFile

SURE = 0.5
"""Below this nobody says that a file is of a format."""

BROKEN_OFF = "The file breaks off in the middle of a row: what stands behind that place is not here."

BY_COLUMNS = "columns"
"""The format that reads any CSV by the columns that a person names."""

Formats = Sequence[FileFormat | OtherFormat]


def read_contents(
    path: Path, choices: Choices | None = None, name: str | None = None, formats: Formats | None = None
) -> Contents:
    """What a file holds, called `name` in what is said of it. Memory follows its readings, not its size.

    Raises UnreadableFile naming what the file is where that is known, and what to do.
    """
    choices = choices or Choices()
    formats = installed_formats() if formats is None else formats
    name = name or path.name
    sources = sources_of(path, name)
    found = Findings()
    kind: FileFormat | None = None
    other: OtherFormat | None = None
    for source in sources:
        best = format_of(source, formats, choices)
        if isinstance(best, FileFormat):
            if kind is not None and best.name != kind.name:
                found.notes.append(f"{source.name} is a {best.title} and was left out: the rest is a {kind.title}.")
                continue
            kind = best
            found.begin_source(source.name)
            best.read(source, found, choices)
            for line, text in source.cut_off:
                found.broken_off = BROKEN_OFF
                found.unread_other(line, "the file breaks off in this row", text)
        elif best is not None:
            other = best
    if kind is None:
        raise _unknown(name, sources, other, formats)
    tell_apart(found)
    return decided(kind, found, name, choices)


def format_of(source: Source, formats: Formats, choices: Choices) -> FileFormat | OtherFormat | None:
    """The format that is surest that the source is its own; None where none is."""
    known = [one for one in formats if isinstance(one, FileFormat)]
    if choices.columns is not None:
        return next((one for one in known if one.name == BY_COLUMNS), None)
    head = source.head
    sure, _, best = max(((one.how_sure(head), -k, one) for k, one in enumerate(known)), default=(0.0, 0, None))
    if best is not None and sure >= SURE:
        return best
    return next((one for one in formats if isinstance(one, OtherFormat) and one.is_it(head)), None)


def _unknown(name: str, sources: Sequence[Source], other: OtherFormat | None, formats: Formats) -> UnreadableFile:
    if other is not None:
        return UnreadableFile(f"{name} is {other.title}.", remedy=other.instead)
    titles = [one.title for one in formats if isinstance(one, FileFormat)]
    head = sources[0].head if sources else None
    if head is not None and len(head.rows) > 1 and max(map(len, head.rows[:6])) > 1 and not head.is_json:
        widest = max(head.rows[:6], key=len)
        headings = tuple(field.strip()[:60] for field in widest[:40] if field.strip())
        return LeftOpen(
            f"{name} is not a file that is known here. Its columns are called {', '.join(map(repr, headings[:12]))}.",
            remedy="If one of these columns holds times and one glucose, name them with --time and --glucose. "
            f"Known are: {'; '.join(titles)}.",
            about="columns",
            headings=headings,
        )
    what = "JSON, but none" if head is not None and head.is_json else "not a file"
    return UnreadableFile(f"{name} is {what} that is known here.", remedy=f"Known are: {'; '.join(titles)}.")
