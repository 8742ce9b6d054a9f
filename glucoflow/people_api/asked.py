"""What an address asks for: a span, a page of rows, a form."""

import base64
import binascii
import re
from datetime import datetime, timedelta
from typing import Annotated, Literal

import msgspec
from fastapi import Depends, HTTPException, Query
from pydantic import AwareDatetime

from glucoflow.web.span import BadSpan, Span, read_span

LONGEST = timedelta(days=366)
"""Of what is computed in one answer."""

EARLIEST, LATEST = 1990, 2100
Preset = Literal["24h", "7d", "14d", "30d", "90d"]
Last = Annotated[Preset | None, Query(description="The last 24 hours, or the last local days with today so far.")]
Hours = Annotated[int | None, Query(ge=1, le=8_784, description="The last so many hours.")]
From = Annotated[str | None, Query(alias="from", pattern=r"^\d{4}-\d{2}-\d{2}$", description="First local date.")]
To = Annotated[str | None, Query(pattern=r"^\d{4}-\d{2}-\d{2}$", description="Last local date, included.")]
Start = Annotated[AwareDatetime | None, Query(description="From this instant on, RFC 3339 with offset.")]
End = Annotated[AwareDatetime | None, Query(description="Before this instant.")]
Limit = Annotated[int, Query(ge=1, le=10_000, description="Rows of a page at most.")]
Cursor = Annotated[str | None, Query(max_length=200, description="`next` of the page before.")]
Order = Annotated[Literal["asc", "desc"], Query(description="Oldest or newest first.")]


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """The instants [start, end) of the parameters."""

    start: datetime
    end: datetime


class SpanQuery(msgspec.Struct, frozen=True, kw_only=True):
    """The ways of saying a span, of which one is used at a time."""

    last: str | None
    hours: int | None
    first: str | None
    to: str | None
    start: datetime | None
    end: datetime | None

    def within(self, zone: str, now: datetime, default: Preset) -> Asked:
        """What is asked for, or the default. Raises HTTPException (400) in words."""
        instants = self.start is not None or self.end is not None
        if sum((self.last is not None, self.hours is not None, bool(self.first or self.to), instants)) > 1:
            raise HTTPException(400, "Say the span in one way: last, hours, from and to, or start and end.")
        if self.hours is not None:
            return Asked(start=now - timedelta(hours=self.hours), end=now)
        if instants:
            return _instants(self.start, self.end, now)
        span = _local_dates(zone, now, default, self.last, self.first, self.to)
        return Asked(start=span.start, end=span.end)


def span_query(
    last: Last = None, hours: Hours = None, first: From = None, to: To = None, start: Start = None, end: End = None
) -> SpanQuery:
    return SpanQuery(last=last, hours=hours, first=first, to=to, start=start, end=end)


class PageQuery(msgspec.Struct, frozen=True, kw_only=True):
    """Which rows of a list, from which end."""

    newest_first: bool
    limit: int
    after: tuple[int, int] | None


def page_query(order: Order = "asc", limit: Limit = 1_000, cursor: Cursor = None) -> PageQuery:
    """Raises HTTPException (400) for a cursor that we did not make."""
    return PageQuery(newest_first=order == "desc", limit=limit, after=place_of(cursor))


InSpan = Annotated[SpanQuery, Depends(span_query)]
InPage = Annotated[PageQuery, Depends(page_query)]


def dates_of(zone: str, now: datetime, default: Preset, *, last: str | None, first: str | None, to: str | None) -> Span:
    """Local dates. Raises HTTPException (400) in words."""
    if last is not None and (first or to):
        raise HTTPException(400, "Say the span in one way: last, or from and to.")
    span = _local_dates(zone, now, default, last, first, to)
    if span.whole_days > LONGEST.days:
        raise HTTPException(400, f"One answer has {LONGEST.days} days at most. Ask for a year at a time.")
    return span


def not_too_long(asked: Asked) -> Asked:
    """Raises HTTPException (400) for more than a year."""
    if asked.end - asked.start > LONGEST + timedelta(days=1):
        raise HTTPException(400, f"One answer spans {LONGEST.days} days at most. Ask for a year at a time.")
    return asked


def _local_dates(
    zone: str, now: datetime, default: Preset, last: str | None, first: str | None, to: str | None
) -> Span:
    try:
        return read_span({"last": last or "", "from": first or "", "to": to or ""}, zone, now, default)
    except BadSpan as error:
        raise HTTPException(400, str(error)) from error


def _instants(start: datetime | None, end: datetime | None, now: datetime) -> Asked:
    stop = end or now
    begin = start or stop - timedelta(days=1)
    if not all(EARLIEST <= one.year < LATEST for one in (begin, stop)):
        raise HTTPException(400, f"start and end lie between {EARLIEST} and {LATEST}.")
    if begin >= stop:
        raise HTTPException(400, "start lies before end.")
    return Asked(start=begin, end=stop)


def cursor_of(place: tuple[int, int] | None) -> str | None:
    """A place as a word for an address."""
    return None if place is None else base64.urlsafe_b64encode(f"{place[0]}.{place[1]}".encode()).decode().rstrip("=")


def place_of(cursor: str | None) -> tuple[int, int] | None:
    """The place of a cursor. Raises HTTPException (400) for what we did not make."""
    if cursor is None:
        return None
    try:
        found = re.fullmatch(
            rb"(-?\d{1,15})\.(\d{1,18})", base64.b64decode(cursor + "=" * (-len(cursor) % 4), b"-_", validate=True)
        )
    except (binascii.Error, ValueError):
        found = None
    if found is None:
        raise HTTPException(400, "This cursor is none of ours. Begin without one.")
    return int(found[1]), int(found[2])
