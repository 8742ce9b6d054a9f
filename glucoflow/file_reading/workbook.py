"""Sheets of an Excel workbook as rows of text, read as a stream. openpyxl knows the format; we only ask for values."""

import zipfile
from collections.abc import Callable, Iterator
from datetime import date, datetime, time, timedelta
from functools import partial
from pathlib import Path
from typing import Any

from glucoflow.model.errors import UnreadableFile


def is_workbook(archive: zipfile.ZipFile) -> bool:
    return "xl/workbook.xml" in archive.namelist()


def sheets_of(path: Path) -> list[tuple[str, Callable[[], Iterator[tuple[int, list[str]]]]]]:
    """Name and rows of each sheet, hidden ones included. Raises UnreadableFile for a broken workbook."""
    from openpyxl import load_workbook  # a second to import, for few files

    try:
        book = load_workbook(path, read_only=True, data_only=True)
    except Exception as error:  # whatever a broken workbook raises in there
        raise UnreadableFile(f"{path.name} is a workbook that cannot be read.", remedy="Save it as CSV.") from error

    def rows(name: str) -> Iterator[tuple[int, list[str]]]:
        sheet = book[name]
        sheet.reset_dimensions()
        for number, row in enumerate(sheet.iter_rows(values_only=True), 1):
            fields = [_text(value) for value in row]
            if any(fields):
                yield number, fields

    return [(name, partial(rows, name)) for name in book.sheetnames if hasattr(book[name], "iter_rows")]


def _text(value: Any) -> str:
    match value:
        case None:
            return ""
        case datetime() | time():
            return value.isoformat(sep=" ", timespec="seconds") if isinstance(value, datetime) else value.isoformat()
        case date() | timedelta():
            return str(value)
        case float():
            return repr(value).removesuffix(".0")
    return str(value)
