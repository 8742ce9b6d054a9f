"""One person's rows as arrays, from what a reader found to readings on the time line."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from zoneinfo import ZoneInfo

import msgspec
import numpy as np
from numpy.typing import NDArray

from glucoflow.analytics.series import moment_of
from glucoflow.file_reading.contents import FilePerson, RowCounts, sensor_of
from glucoflow.file_reading.dates import DAY_MONTH, LOCAL, Moment, unpacked
from glucoflow.file_reading.findings import SAMPLES, TEXT, Findings, PersonFound, UnreadRow
from glucoflow.file_reading.merging import Merged, merge
from glucoflow.file_reading.placing import place
from glucoflow.file_reading.units import Decided, in_mg_dl
from glucoflow.model import records as r
from glucoflow.model.localtime import DAY_MS
from glucoflow.model.ranges import SensorLimits
from glucoflow.model.units import MMOL_L

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

NO_DATE = "a date that no calendar has"
NO_GLUCOSE = "a value that no glucose in {unit} can be"


@dataclass(eq=False)
class Columns:
    """`good` are the rows that can still be read."""

    found: PersonFound
    stamps: Ints
    clocks: Ints
    values: Floats
    ticks: Ints
    devices: Ints
    sections: Ints
    lines: Ints
    good: Bools
    changed_clock: int = 0
    """Rows that the transmitter's counter placed otherwise than the wall clock alone."""

    @staticmethod
    def of(found: PersonFound) -> "Columns":
        return Columns(
            found=found,
            stamps=np.array(found.stamps, dtype=np.int64),
            clocks=np.array(found.clocks, dtype=np.int64),
            values=np.array(found.values, dtype=np.float64),
            ticks=np.array(found.ticks, dtype=np.int64),
            devices=np.array(found.devices, dtype=np.int64),
            sections=np.array(found.sections, dtype=np.int64),
            lines=np.array(found.lines, dtype=np.int64),
            good=np.ones(len(found.stamps), dtype=np.bool_),
        )

    @property
    def zoned(self) -> bool:
        """Whether the file itself says the instant of every row."""
        return bool((self.clocks != LOCAL).all())

    def reject(self, rows: Bools, why: str, findings: Findings, shown: Callable[[int], str]) -> None:
        """Count rows as unread, and keep the first of them to be shown."""
        gone = np.flatnonzero(rows & self.good)
        if gone.size == 0:
            return
        self.good[gone] = False
        self.found.unread[why] += int(gone.size)
        for k in gone[: max(0, SAMPLES - len(findings.samples))].tolist():
            findings.samples.append(
                UnreadRow(line=int(self.lines[k]), why=why, text=shown(k)[:TEXT], person=self.found.name)
            )

    def packed_runs(self) -> list[Ints]:
        """Times whose day and month are yet to be told, one device each, in the order of the file."""
        open_ones = self.clocks == DAY_MONTH
        return [self.stamps[open_ones & (self.devices == one)] for one in np.unique(self.devices[open_ones]).tolist()]

    def read_dates(self, day_first: bool, findings: Findings) -> None:
        """Tell day from month, everywhere."""
        rows = self.clocks == DAY_MONTH
        ms, good = unpacked(self.stamps, day_first)
        bad = rows & ~good
        self.reject(bad, NO_DATE, findings, lambda k: _shown_date(int(self.stamps[k])))
        self.stamps = np.where(rows, ms, self.stamps)
        self.clocks = np.where(rows, LOCAL, self.clocks)

    def shown_time(self, k: int) -> str:
        return moment_of(int(self.stamps[k])).replace(tzinfo=None).isoformat(sep=" ")


def _shown_date(stamp: int) -> str:
    days = stamp // DAY_MS
    return f"{days // 100 % 100:02}-{days % 100:02}-{days // 10_000}"


def person_of(
    columns: Columns,
    findings: Findings,
    units: Mapping[int, Decided],
    zone: ZoneInfo | None,
    day_first: bool,
    limits: SensorLimits,
) -> FilePerson:
    """The person of the columns: values in their unit, times placed, rows that are one reading merged."""
    mg_dl, is_limit = _glucose(columns, findings, units, limits)
    keep = np.flatnonzero(columns.good)
    stamps, clocks, devices = columns.stamps[keep], columns.clocks[keep], columns.devices[keep]
    placed = place(stamps, clocks, columns.ticks[keep], _transmitters(findings.devices)[devices], zone)
    columns.changed_clock = placed.by_counter
    merged = merge(placed.utc, mg_dl[keep], columns.ticks[keep], placed.life, devices)
    order = np.flatnonzero(merged.stands)
    order = order[np.lexsort((order, placed.utc[order]))]
    rows = keep[order]
    is_mmol = np.array([units[one].unit == MMOL_L for one in columns.sections[rows].tolist()], dtype=np.bool_)
    is_mmol &= ~is_limit[rows]
    found = columns.found
    number = {int(row): k for k, row in enumerate(rows)} if found.records else {}
    return FilePerson(
        name=found.name,
        utc=placed.utc[order],
        offset_min=placed.offset_min[order],
        zoned=(clocks[order] > LOCAL + 1) | (zone is not None),
        mg_dl=mg_dl[rows],
        value=np.where(is_mmol, columns.values[rows], mg_dl[rows]),
        is_mmol_l=is_mmol,
        device=columns.devices[rows],
        devices=findings.devices,
        ticks=columns.ticks[rows],
        second_sensor=merged.second_sensor[order],
        counts=_counts(found, merged, order),
        records={number[row]: record for row, record in found.records.items() if row in number},
        events=[_event(event, units, zone, day_first) for event in found.events],
    )


def _counts(found: PersonFound, merged: Merged, order: Ints) -> RowCounts:
    return RowCounts(
        rows=found.rows,
        read=int(order.size),
        merged=dict(found.merged + merged.why),
        unread=dict(found.unread),
        second_sensor=int(merged.second_sensor[order].sum()),
        other=dict(sorted(found.aside.items())),
    )


def _transmitters(devices: Sequence[r.Device]) -> Ints:
    """The number of each device's transmitter: two displays of one sensor share its counter."""
    known: dict[str, int] = {}
    numbers = [known.setdefault(one.transmitter_id or "", len(known)) for one in devices]
    return np.array(numbers or [0], dtype=np.int64)


def _glucose(
    columns: Columns, findings: Findings, units: Mapping[int, Decided], limits: SensorLimits
) -> tuple[Floats, Bools]:
    """mg/dL of every row, and which are a sensor's limit; what no glucose can be is rejected."""
    mg_dl = columns.values.copy()
    is_limit = np.zeros(mg_dl.size, dtype=np.bool_)
    for number in np.unique(columns.sections).tolist():
        rows = columns.sections == number
        unit = units[number].unit
        value, limit, impossible = in_mg_dl(columns.values[rows], unit, limits.low - 1, limits.high + 1)
        mg_dl[rows], is_limit[rows] = value, limit
        bad = np.zeros(mg_dl.size, dtype=np.bool_)
        bad[rows] = impossible
        why = NO_GLUCOSE.format(unit=unit)
        columns.reject(bad, why, findings, lambda k: f"{columns.values[k]:g}")
    return mg_dl, is_limit


def _event(
    event: tuple[Moment, int, r.Record],
    units: Mapping[int, Decided],
    zone: ZoneInfo | None,
    day_first: bool,
) -> r.Record:
    """The record at its place on the time line, with its unit, and a key of what it says."""
    (stamp, clock), section, record = event
    stamps = np.array([stamp], dtype=np.int64)
    if clock == DAY_MONTH:
        stamps, clock = unpacked(stamps, day_first)[0], LOCAL
    none = np.full(1, -1, dtype=np.int64)
    at = place(stamps, np.array([clock], dtype=np.int64), none, none, zone)
    utc = int(at.utc[0])
    known = zone is not None or clock > LOCAL + 1
    if isinstance(record, r.Calibration | r.Fingerstick) and section in units:
        record = msgspec.structs.replace(record, unit=units[section].unit)
    said = [getattr(record, name) for name in record.__struct_fields__ if name not in r.Record.__struct_fields__]
    key = record.key or "/".join(map(str, (utc, type(record).__name__, sensor_of(record.device), *said)))
    return msgspec.structs.replace(
        record, time=moment_of(utc), key=key, offset_min=int(at.offset_min[0]) if known else record.offset_min
    )
