"""`dataRange`: what an account holds, or what of it was changed since a moment."""

from datetime import datetime, timedelta

import msgspec

from connectors.dexcom.http import not_understood
from connectors.dexcom.times import system_time
from connectors.dexcom.wire import EARLIEST
from glucoflow.model.ingestion import Kind, Window

LAST_RECORD = timedelta(seconds=1)
"""`end` is the last record's time and windows are half-open: without this the last record would come a sync late."""


class _Moment(msgspec.Struct, frozen=True, rename="camel"):
    system_time: str


class _Span(msgspec.Struct, frozen=True):
    start: _Moment
    end: _Moment


class _Answer(msgspec.Struct, frozen=True, rename="camel"):
    record_type: str
    calibrations: _Span | None = None
    egvs: _Span | None = None
    events: _Span | None = None


class DataRange(msgspec.Struct, frozen=True):
    """The spans of the three kinds that Dexcom tells of, each half-open; None where there is nothing."""

    readings: Window | None = None
    events: Window | None = None
    calibrations: Window | None = None

    def of(self, kind: Kind) -> Window | None:
        return {"readings": self.readings, "events": self.events, "calibrations": self.calibrations}.get(kind)

    def whole(self) -> Window | None:
        """From the earliest to the latest record of any kind."""
        spans = [span for span in (self.readings, self.events, self.calibrations) if span is not None]
        if not spans:
            return None
        return Window(min(span.start for span in spans), max(span.end for span in spans))


def data_range(body: bytes) -> DataRange:
    """What a `dataRange` answer says. Raises Retryable where it cannot be understood: it is never taken for nothing."""
    try:
        answer = msgspec.json.decode(body, type=_Answer)
        if answer.record_type != "dataRange":
            raise ValueError("another type")
        return DataRange(_window(answer.egvs), _window(answer.events), _window(answer.calibrations))
    except (msgspec.DecodeError, ValueError, RecursionError):
        raise not_understood(body, "a dataRange that cannot be read") from None


def _window(span: _Span | None) -> Window | None:
    if span is None:
        return None
    start = max(_instant(span.start), EARLIEST)  # a clock that was never set must not start a walk from the year 1
    end = _instant(span.end) + LAST_RECORD
    return Window(start, end) if start < end else None


def _instant(moment: _Moment) -> datetime:
    return system_time(moment.system_time)
