"""What could not be read, in words."""

from collections.abc import Sequence
from datetime import datetime, time, timedelta
from zoneinfo import ZoneInfo

from glucoflow.store import Unread

MOST_SHOWN = 3
REMEDY = "Everything else was read. This is tried again by itself."


def unread_words(rows: Sequence[Unread], zone: str) -> tuple[str, str]:
    """What is missing and why, by the person's own clock, and what to do. For at least one row."""
    said = [_sentence(row, ZoneInfo(zone)) for row in rows[:MOST_SHOWN]]
    if len(rows) > MOST_SHOWN:
        said.append(f"So it is with {len(rows) - MOST_SHOWN} more windows.")
    remedies = dict.fromkeys(row.remedy for row in rows[:MOST_SHOWN] if row.remedy)
    return " ".join(said), " ".join([REMEDY, *remedies])


def _sentence(row: Unread, zone: ZoneInfo) -> str:
    if row.end is None:
        return f"{row.kind.capitalize()} cannot be read since {_day(row.first_at.astimezone(zone))}: {row.reason}"
    return f"{row.kind.capitalize()} of {span_words(row.start, row.end, zone)} could not be read: {row.reason}"


def span_words(start: datetime, end: datetime, zone: ZoneInfo) -> str:
    """`5 October 2026, 04:00 to 05:00`, both dates where they differ, and dates alone for whole days."""
    first, last = start.astimezone(zone), end.astimezone(zone)
    if first.time() == last.time() == time():
        last -= timedelta(hours=1)
        return _day(first) if first.date() == last.date() else f"{_day(first)} to {_day(last)}"
    if first.date() == last.date():
        return f"{_day(first)}, {first:%H:%M} to {last:%H:%M}"
    return f"{_day(first)}, {first:%H:%M} to {_day(last)}, {last:%H:%M}"


def _day(moment: datetime) -> str:
    return f"{moment.day} {moment:%B %Y}"
