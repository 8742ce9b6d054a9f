"""When a Nightscout document is: `date` in ms is the only safe clock, texts come in every form that apps write.

Seen: `+0200` without a colon (xDrip+), `…SSSZ` (xdripswift), no fraction (Loop), a malformed `-03:-30` (Juggluco), a
blank for the `+` of a zone (queries).
"""

import math
import re
from datetime import UTC, datetime, timedelta
from typing import Any

EARLIEST_MS = 946_684_800_000
"""2000-01-01: Nightscout v3 refuses anything before it."""
LATEST_MS = 4_102_444_800_000
"""2100-01-01."""

_BLANK_ZONE = re.compile(r"(?<=\d) (?=\d\d:?\d\d$)")
_BLANK_T = re.compile(r"^(\d{4}-\d\d-\d\d) (?=\d)")
_ZONE = re.compile(r"([+-])(\d\d):?(\d\d)$")


def ms_of(value: Any) -> int | None:
    """Epoch milliseconds of a number or a text; None for what is no time between 2000 and 2100."""
    if isinstance(value, bool) or value is None:
        return None
    if isinstance(value, int | float):
        return _plausible(value)
    if not isinstance(value, str) or len(value) > 64:
        return None
    text = value.strip()
    if re.fullmatch(r"\d{12,13}(\.\d+)?", text):
        return _plausible(float(text))
    text = _BLANK_T.sub(r"\1T", _BLANK_ZONE.sub("+", text))
    try:
        time = datetime.fromisoformat(text)
    except ValueError:
        return None
    try:
        return _plausible(time.replace(tzinfo=time.tzinfo or UTC).timestamp() * 1000)
    except (OverflowError, OSError, ValueError):
        return None


def offset_of(value: Any) -> int | None:
    """The minutes that a text's zone is ahead of UTC; None where it says none, or only Z."""
    found = _ZONE.search(value.strip()) if isinstance(value, str) and "T" in value else None
    if found is None:
        return None
    minutes = int(found[2]) * 60 + int(found[3])
    return (-minutes if found[1] == "-" else minutes) if minutes <= 14 * 60 else None


def utc_text(ms: int) -> str:
    """`2026-03-29T01:30:00.000Z`: the one form that every app reads."""
    time = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=ms)
    return f"{time:%Y-%m-%dT%H:%M:%S}.{ms % 1000:03}Z"


def instant(ms: int) -> datetime:
    """The same as an aware time."""
    return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=ms)


def _plausible(ms: float) -> int | None:
    return round(ms) if math.isfinite(ms) and EARLIEST_MS <= ms < LATEST_MS else None
