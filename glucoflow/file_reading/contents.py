"""What a file holds: its people, their readings and events, and what became of every row."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import msgspec
import numpy as np
from numpy.typing import NDArray

from glucoflow.analytics.intervals import infer_intervals
from glucoflow.analytics.series import moment_of
from glucoflow.file_reading.findings import UnreadRow
from glucoflow.file_reading.format import FileFormat
from glucoflow.model import records as r
from glucoflow.model.units import MG_DL, MMOL_L, Unit

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]


class RowCounts(msgspec.Struct, frozen=True, kw_only=True):
    """What became of the rows that hold a sensor's reading, or should: read, merged and unread add up to `rows`."""

    rows: int
    read: int
    merged: dict[str, int] = {}
    """Rows that say what another says already, by how that is known."""
    unread: dict[str, int] = {}
    second_sensor: int = 0
    """Of those read: of a second sensor worn at the same time, which count in no figure."""
    other: dict[str, int] = {}
    """Rows that hold something else, by what it is."""

    @property
    def n_merged(self) -> int:
        return sum(self.merged.values())

    @property
    def n_unread(self) -> int:
        return sum(self.unread.values())


@dataclass(frozen=True, eq=False, kw_only=True)
class FilePerson:
    """One person of a file: their readings in ascending time, and their events. `name` as the file has it.

    `value` is as received, in mmol/L where `is_mmol_l`; `zoned` says whether the offset is known.
    """

    name: str
    utc: Ints
    offset_min: Ints
    zoned: Bools
    mg_dl: Floats
    value: Floats
    is_mmol_l: Bools
    device: Ints
    devices: Sequence[r.Device]
    ticks: Ints
    second_sensor: Bools
    counts: RowCounts
    records: Mapping[int, r.Reading] = field(default_factory=dict)
    """Readings of which the file says more than a row does, by their place."""
    events: Sequence[r.Record] = ()

    def readings(self) -> Iterator[r.Reading]:
        """The readings as a provider's records, in ascending time. The offset is None where the file does not tell."""
        intervals = infer_intervals(self.utc)
        for k in range(self.utc.size):
            offset = int(self.offset_min[k]) if self.zoned[k] else None
            moment = moment_of(int(self.utc[k]))
            given = self.records.get(k)
            if given is not None:
                value, unit = float(self.value[k]), MMOL_L if self.is_mmol_l[k] else MG_DL
                yield msgspec.structs.replace(given, time=moment, offset_min=offset, value=value, unit=unit)
                continue
            device = self.devices[int(self.device[k])] if self.devices else None
            yield r.Reading(
                time=moment,
                key=f"{int(self.utc[k])}/{sensor_of(device)}",
                offset_min=offset,
                device=device,
                value=float(self.value[k]),
                unit=MMOL_L if self.is_mmol_l[k] else MG_DL,
                interval_ms=int(intervals[k]),
                ticks=int(self.ticks[k]) if self.ticks[k] >= 0 else None,
            )


def sensor_of(device: r.Device | None) -> str:
    """The sensor as far as the file names it; with the moment it is what a reading is known by."""
    if device is None:
        return ""
    return device.transmitter_id or device.serial_number or device.id or device.name or ""


@dataclass(frozen=True, eq=False, kw_only=True)
class Contents:
    """A file that was read. `zoned`: its times are true instants. `decisions` say what was decided and why."""

    format: FileFormat
    people: Sequence[FilePerson]
    zoned: bool
    unit: Unit | None
    """None where parts of the file differ."""
    decisions: Mapping[str, str]
    notes: Sequence[str]
    unread: Sequence[UnreadRow]
    """The first of them."""
    names_are_ids: bool

    @property
    def n_unread(self) -> int:
        return sum(person.counts.n_unread for person in self.people)
