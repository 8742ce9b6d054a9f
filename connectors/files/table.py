"""What readers of tables share: fields by place, headings in plain letters."""

import re
import unicodedata
from collections.abc import Sequence

from glucoflow.file_reading.units import unit_in
from glucoflow.file_reading.values import read_value

_SPACE = re.compile(r"[\s_\-]+")


def at(row: Sequence[str], place: int | None) -> str:
    """The field at a place, stripped; nothing where the row is shorter, or the column is not there."""
    return row[place].strip() if place is not None and 0 <= place < len(row) else ""


def plain(text: str) -> str:
    """In small letters without accents, blanks for everything between words."""
    bare = unicodedata.normalize("NFKD", text.casefold())
    return _SPACE.sub(" ", "".join(c for c in bare if not unicodedata.combining(c))).strip()


def plain_words(text: str) -> frozenset[str]:
    """Words with a bar between them, as `plain` makes them: so that they may be written as they are."""
    return frozenset(map(plain, text.split("|")))


def number(text: str) -> float | None:
    """A number that is no glucose: an amount of insulin, grams, minutes."""
    value = read_value(text)
    return value if value is not None and value >= 0 else None


def glucose_headings(row: Sequence[str]) -> list[int]:
    """Places of the headings that name a unit of glucose, rates of change aside."""
    return [k for k, heading in enumerate(row) if unit_in(heading) and "/min" not in heading.replace(" ", "").lower()]


def minutes_ms(text: str) -> int | None:
    """A duration as hh:mm:ss, in ms."""
    parts = text.split(":")
    if len(parts) != 3 or not all(part.isascii() and part.isdigit() for part in parts):
        return None
    return ((int(parts[0]) * 60 + int(parts[1])) * 60 + int(parts[2])) * 1000
