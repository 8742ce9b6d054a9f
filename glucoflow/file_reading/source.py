"""A file as readers see it: its first bytes, its rows or its stream, whatever encoding, separator and packing it has.

Nothing here holds more than a line of a file in memory, so that a file may be of any size.
"""

import csv
import io
import re
import zipfile
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from functools import cached_property, partial
from pathlib import Path
from typing import BinaryIO, cast

from glucoflow.file_reading.workbook import is_workbook, sheets_of
from glucoflow.model.errors import UnreadableFile

HEAD_BYTES = 64 * 1024
LONGEST_LINE = 1 << 20
LARGEST_UNPACKED = 8 * 2**30
"""Bytes of all members of a ZIP together: more is no export, it is a bomb."""
LARGEST_WORKBOOK = 2**29
"""The same of a workbook, whose texts are all held at once."""
LARGEST = 512 * 2**20
"""Bytes of a file that is no record a line, and has to be read whole."""
MOST_LINES_IN_A_ROW = 8
"""A note may have a few lines. More means a quotation mark that is never closed: the lines are rows of their own."""

Rows = Iterator[tuple[int, list[str]]]
"""Line number (from 1) and fields."""

_DATE = re.compile(r"\d[-/.]\d{1,2}[-/.]\d")
_MISSING_FIELDS = 2
"""Rows of some exports are a field shorter than others; a last one that lacks more was cut off."""


def whole(stream: BinaryIO, name: str) -> bytes:
    """All of it. Raises UnreadableFile for one larger than `LARGEST`."""
    body = stream.read(LARGEST + 1)
    if len(body) > LARGEST:
        raise UnreadableFile(
            f"{name} is larger than {LARGEST >> 20} MiB.",
            remedy="Export a shorter span, for example a year at a time.",
        )
    return body


@dataclass(frozen=True)
class Source:
    """One file, one member of a ZIP, or one sheet of a workbook. `table` gives a sheet's rows."""

    name: str
    open: Callable[[], BinaryIO]
    table: Callable[[], Rows] | None = None
    cut_off: list[tuple[int, str]] = field(default_factory=list)
    """The last line, where it breaks off in the middle of a row: its value may be a part of one. Filled by `rows`."""

    @cached_property
    def head(self) -> "Head":
        """What formats are recognised by."""
        if self.table is not None:
            rows = [row for _, row in zip(range(60), (row for _, row in self.table()), strict=False)]
            return Head(name=self.name, data=b"", text="", rows=rows)
        with self.open() as stream:
            data = stream.read(HEAD_BYTES)
        text = data.decode(encoding_of(data), errors="replace").lstrip("\ufeff")
        if len(data) == HEAD_BYTES and "\n" in text:
            text = text[: text.rfind("\n") + 1]  # without the line that is cut off
        lines = text.splitlines()[:200]
        separator = _separator(lines)
        rows = [] if is_binary(data) else [row for _, row in _split(iter(f"{line}\n" for line in lines), separator)]
        return Head(name=self.name, data=data, text=text, rows=rows)

    def rows(self) -> Rows:
        """Every row of fields; blank lines are left out, and a last one that breaks off."""
        if self.table is not None:
            yield from self.table()
            return
        head = self.head
        with self.open() as stream:
            text = io.TextIOWrapper(stream, encoding_of(head.data), errors="replace", newline="")
            separator = _separator(head.text.splitlines()[:200])
            lines = _Lines(text)
            held, width = None, 0
            for row in _split(lines, separator):
                if held is not None:
                    yield held
                    width = len(held[1])
                held = row
            if held is None:
                return
            if not lines.ended and len(held[1]) <= width - _MISSING_FIELDS and any(map(_DATE.search, held[1])):
                self.cut_off.append((held[0], separator.join(held[1])))
            else:
                yield held


@dataclass(frozen=True)
class Head:
    """The first 64 KiB of a file: as bytes, as text, and as rows."""

    name: str
    data: bytes
    text: str
    rows: list[list[str]]

    @property
    def is_json(self) -> bool:
        return self.text.lstrip()[:1] in ("{", "[")


def sources_of(path: Path, name: str) -> list[Source]:
    """The file itself, or what is packed in it: members of a ZIP, sheets of a workbook.

    Raises UnreadableFile for one that cannot be opened or is empty.
    """
    try:
        with path.open("rb") as file:
            begin = file.read(4)
    except OSError as error:
        raise UnreadableFile(f"{path} cannot be read: {error.strerror}.") from error
    if not begin:
        raise UnreadableFile(f"{name} is empty.", remedy="Export it again.")
    if begin != b"PK\x03\x04":
        return [Source(name, lambda: path.open("rb"))]
    return _packed(path, name)


def _packed(path: Path, name: str) -> list[Source]:
    try:
        archive = zipfile.ZipFile(path)
    except (zipfile.BadZipFile, OSError, NotImplementedError):
        raise UnreadableFile(
            f"{name} is a ZIP file that is broken or cut off.", remedy="Export or download it again."
        ) from None
    workbook = is_workbook(archive)
    most = LARGEST_WORKBOOK if workbook else LARGEST_UNPACKED
    if sum(one.file_size for one in archive.infolist()) > most:
        raise UnreadableFile(
            f"{name} would unpack to more than {most >> 20} MiB.",
            remedy="Save its sheets as CSV." if workbook else "Give the files in it.",
        )
    if workbook:
        return [Source(f"{name}, sheet {sheet}", _no_bytes, rows) for sheet, rows in sheets_of(path)]
    members = [one for one in archive.infolist() if not one.is_dir() and not _is_litter(one.filename)]
    if any(one.flag_bits & 1 for one in members):
        raise UnreadableFile(f"{name} asks for a password.", remedy="Unpack it, and give the files in it.")
    return [Source(one.filename, partial(_member, archive, one)) for one in members]


def _member(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> BinaryIO:
    return cast("BinaryIO", archive.open(info))


def _is_litter(name: str) -> bool:
    return name.startswith("__MACOSX/") or name.rsplit("/", 1)[-1].startswith(".")


def _no_bytes() -> BinaryIO:
    raise UnreadableFile("A sheet of a workbook has rows, not bytes.")


def is_binary(data: bytes) -> bool:
    """Whether this is no text in any encoding that exports come in."""
    return b"\x00" in data[:4096] and not encoding_of(data).startswith("utf-16")


def encoding_of(data: bytes) -> str:
    """UTF-8 (with or without byte-order marks), UTF-16 (older LibreView files), else Windows' western one."""
    if data[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return "utf-16"
    sample = data[:400]
    if len(sample) > 8 and sample[1::2].count(0) > len(sample) // 5:
        return "utf-16-le"
    if len(sample) > 8 and sample[0::2].count(0) > len(sample) // 5:
        return "utf-16-be"
    try:
        data[:HEAD_BYTES].decode("utf-8")
    except UnicodeDecodeError as error:
        if error.start < len(data) - 4:
            return "cp1252"
    return "utf-8"


def _separator(lines: list[str]) -> str:
    """Tab, semicolon or comma: the one that splits the most lines into the same number of fields, three or more."""

    def steady(separator: str) -> tuple[int, int]:
        widths = [line.count(separator) for line in lines if line.strip()]
        wide = [width for width in widths if width >= 2] or [width for width in widths if width]
        most = max(set(wide), key=lambda width: (wide.count(width), width), default=0)
        return (wide.count(most), most) if most else (0, 0)

    return max("\t;,", key=steady)


class _Lines:
    """The lines of a text, none longer than `LONGEST_LINE`. `ended`: the last one has a line end."""

    def __init__(self, text: io.TextIOWrapper) -> None:
        self.ended = True
        self._text = text

    def __iter__(self) -> Iterator[str]:
        first = True
        while line := self._text.readline(LONGEST_LINE):
            self.ended = line.endswith(("\n", "\r"))
            if first:
                line, first = line.lstrip("\ufeff"), False
            yield line


def _split(lines: Iterable[str], separator: str) -> Rows:
    """Rows of fields, each line a row of its own where a quotation mark would swallow many."""
    taken: list[str] = []
    number = 0

    def feed() -> Iterator[str]:
        nonlocal number
        for line in lines:
            number += 1
            taken.append(line)
            yield line

    reader = csv.reader(feed(), delimiter=separator)
    while True:
        taken.clear()
        try:
            row = next(reader)
        except StopIteration:
            return
        except csv.Error:  # a field of more than 128 KiB: a quotation mark is never closed
            row = []
        if len(taken) > MOST_LINES_IN_A_ROW:
            first = number - len(taken) + 1
            for k, line in enumerate(taken):
                yield from _plainly(first + k, line, separator)
        elif any(field.strip() for field in row):
            yield number - len(taken) + 1, row


def _plainly(number: int, line: str, separator: str) -> Rows:
    fields = [field.strip().strip('"') for field in line.rstrip("\r\n").split(separator)]
    if any(fields):
        yield number, fields
