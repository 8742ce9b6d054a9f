"""A file's bytes as rows, whatever encoding, separator and line ends it came with."""

import csv
import io
from datetime import datetime
from pathlib import Path

from glucoflow.model.errors import UnreadableFile

LARGEST_BYTES = 300_000_000


def text_of(path: Path) -> str:
    """The file's text: UTF-8 (one or more byte-order marks, as Clarity writes) or UTF-16 (older LibreView files)."""
    try:
        size = path.stat().st_size
        data = path.read_bytes() if size <= LARGEST_BYTES else b""
    except OSError as error:
        raise UnreadableFile(f"{path} cannot be read: {error.strerror}.") from error
    if size > LARGEST_BYTES:
        raise UnreadableFile(f"{path.name} is larger than 300 MB.", remedy="Export a shorter span.")
    if data[:2] in (b"\xff\xfe", b"\xfe\xff"):
        encoding = "utf-16"
    elif b"\x00" in data[:200]:
        encoding = "utf-16-le"
    else:
        encoding = "utf-8"
    try:
        return data.decode(encoding).lstrip("\ufeff")
    except UnicodeDecodeError:
        return data.decode("cp1252", errors="replace")


def rows_of(text: str) -> list[list[str]]:
    """Rows of fields; the separator (comma, semicolon or tab) is the most frequent one of the first lines.

    Raises UnreadableFile for what is no CSV.
    """
    head = "\n".join(text[:5000].splitlines()[:3])
    separator = max(",;\t", key=head.count)
    try:
        return list(csv.reader(io.StringIO(text, newline=""), delimiter=separator))
    except csv.Error as error:
        raise UnreadableFile(
            f"The file is no readable CSV ({error}).", remedy="Use it as it was exported, without re-saving it."
        ) from error


def iso_time(text: str) -> datetime | None:
    """An ISO time with T or blank, with or without seconds and zone; also a one-digit hour (re-saved spreadsheets)."""
    word = text.strip()
    try:
        return datetime.fromisoformat(word)
    except ValueError:
        pass
    day, _, clock = word.replace("T", " ").partition(" ")
    if clock.lstrip()[1:2] == ":":
        try:
            return datetime.fromisoformat(f"{day} 0{clock.lstrip()}")
        except ValueError:
            return None
    return None
