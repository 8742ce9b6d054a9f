"""A file looked at before anything is written: what it is, how it is read, and how much of it is there already."""

from collections import Counter
from datetime import datetime, timedelta
from pathlib import Path

import msgspec
import numpy as np
from numpy.typing import NDArray

from glucoflow.analytics.series import moment_of
from glucoflow.es.moments import ReadingMoments
from glucoflow.file_reading.choices import Choices
from glucoflow.file_reading.contents import FilePerson, RowCounts
from glucoflow.file_reading.findings import UnreadRow
from glucoflow.model.localtime import epoch_ms
from glucoflow.model.units import Unit
from glucoflow.service.file_import import contents_for, is_somebody_else, owner_of_records, person_meant
from glucoflow.service.runtime import Runtime
from glucoflow.store import Person
from glucoflow.tidepool.files import is_records, read_file

READING = "cgm.reading"
NEAR_MS = 60_000
"""A reading this near to one that is there is the same: some files know the minute only."""


class Preview(msgspec.Struct, frozen=True, kw_only=True):
    """What would be brought in, before anything is written."""

    file: str
    title: str
    unit: Unit | None
    decisions: dict[str, str]
    notes: tuple[str, ...]
    person: str
    """Whose the file says it is; empty where it does not."""
    somebody_else: bool
    people: tuple[str, ...]
    """Everyone in the file."""
    first: datetime | None
    last: datetime | None
    rows: RowCounts
    already_there: int
    unread: tuple[UnreadRow, ...]


def preview(
    rt: Runtime,
    user_id: str,
    path: Path,
    choices: Choices | None = None,
    who: str | None = None,
    named: str | None = None,
) -> Preview:
    """What a file holds and how much of it is there already. Writes nothing. Raises UnreadableFile, Rejected."""
    owning = rt.store.people.get(user_id)
    name = named or path.name
    if is_records(path):
        return _preview_records(rt, owning, path, name)
    contents, zone_note = contents_for(path, choices, owning, name)
    person = person_meant(contents, who, name)
    return Preview(
        file=name,
        title=contents.format.title,
        unit=contents.unit,
        decisions=dict(contents.decisions) | zone_note,
        notes=tuple(contents.notes),
        person="" if contents.names_are_ids else person.name,
        somebody_else=is_somebody_else(contents, person, owning),
        people=tuple(one.name for one in contents.people),
        first=_moment(person, 0),
        last=_moment(person, -1),
        rows=person.counts,
        already_there=_already_there(rt, user_id, person.utc),
        unread=tuple(contents.unread[:20]),
    )


def _preview_records(rt: Runtime, owning: Person, path: Path, name: str) -> Preview:
    """A file of our own: each document comes back as it was."""
    times: list[int] = []
    read = 0
    unread: list[UnreadRow] = []
    for batch in read_file(path, owner_of_records(owning)):
        read += len(batch.documents)
        times += [epoch_ms(one.source.timestamp) for one in batch.documents if one.source.event.dataset == READING]
        unread += [
            UnreadRow(line=0, why=f"{one.field}: {one.reason}", text=one.payload[:200].decode(errors="replace"))
            for one in batch.rejected
        ]
    utc = np.sort(np.array(times, dtype=np.int64))
    return Preview(
        file=name,
        title="file that glucoflow exported",
        unit=None,
        decisions={},
        notes=("Everything in it comes back as it was, events and settings too.",),
        person="",
        somebody_else=False,
        people=(),
        first=moment_of(int(utc[0])) if utc.size else None,
        last=moment_of(int(utc[-1])) if utc.size else None,
        rows=RowCounts(rows=read + len(unread), read=read, unread=dict(Counter(one.why for one in unread))),
        already_there=_already_there(rt, owning.id, utc),
        unread=tuple(unread[:20]),
    )


def _already_there(rt: Runtime, user_id: str, utc: NDArray[np.int64]) -> int:
    """How many of a file's readings, in ascending time, have a moment that is held already, from whatever source."""
    if utc.size == 0:
        return 0
    near = timedelta(milliseconds=NEAR_MS)
    first, last = moment_of(int(utc[0])) - near, moment_of(int(utc[-1])) + near
    held = ReadingMoments(rt.client, rt.names, user_id).between(first, last).time_ms
    held = np.sort(held)
    if held.size == 0:
        return 0
    right = np.clip(np.searchsorted(held, utc), 0, held.size - 1)
    left = np.clip(right - 1, 0, None)
    apart = np.minimum(np.abs(held[right] - utc), np.abs(held[left] - utc))
    return int((apart < NEAR_MS).sum())


def _moment(person: FilePerson, place: int) -> datetime | None:
    return moment_of(int(person.utc[place])) if person.utc.size else None
