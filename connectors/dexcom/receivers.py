"""What times without a zone mean, which receivers send.

A receiver that shows UTC may never have been told where its owner is. One that has shown another difference before
means it: its owner is there. Since when each has is what later runs know of it, however long ago that was.
"""

from collections.abc import Mapping
from datetime import datetime
from types import MappingProxyType

import msgspec

from connectors.dexcom.times import has_zone, offset_min, shows_utc
from glucoflow.model.records import Record
from glucoflow.provider import Page

NOTHING: Mapping[str, datetime] = MappingProxyType({})

NEAREST_ZONE_MIN = 60
"""From UTC to the next zones. A smaller difference is a clock that is wrong."""


class Receivers:
    """What receivers showed, of all kinds of records; one is named by the word for what displayed a record."""

    def __init__(self, known: Mapping[str, datetime] = NOTHING) -> None:
        self._told = dict(known)  # when each first showed that it was told its owner's zone
        self._new: dict[str, datetime] = {}
        self._at_utc: dict[str, str] = {}  # by a record's key, what showed it

    def offset(self, display: str | None, time: datetime, key: str, shown_by: str | None) -> int | None:
        """`times.offset_min`, where what it cannot tell may be known once the page is there (`placed`)."""
        minutes = offset_min(display, time)
        if display is not None and not has_zone(display):
            name = shown_by or ""
            if shows_utc(display, time):
                self._at_utc[key] = name
            elif minutes is not None and abs(minutes) >= NEAREST_ZONE_MIN:
                self._learn(name, time)
        return minutes

    def _learn(self, name: str, since: datetime) -> None:
        if name not in self._told or since < self._told[name]:
            self._told[name] = self._new[name] = since

    def placed(self, whole: Page) -> Page:
        """The page, with the offset 0 for what was shown by a receiver that was set to UTC, and what was learned."""
        if not (self._at_utc or self._new):
            return whole
        records = [self._placed(record) for record in whole.records] if self._at_utc else whole.records
        placed = msgspec.structs.replace(whole, records=records, learned=dict(self._new))
        self._at_utc.clear()
        self._new.clear()
        return placed

    def _placed(self, record: Record) -> Record:
        since = self._told.get(self._at_utc[record.key]) if record.key in self._at_utc else None
        at_utc = since is not None and since <= record.time and record.offset_min is None
        return msgspec.structs.replace(record, offset_min=0) if at_utc else record
