"""Wall-clock times on the time line: by the file's offsets, by the transmitter's counter, by the zone, by the order.

A transmitter's counter only ever rises, by one a second. Where the wall clock jumps by quarter hours against it, the
clock was changed: in the repeated hour of autumn, or on a journey. So it tells the two passes of that hour apart even
where no zone is known. A counter that does not keep step with the clock (masked, constant) tells nothing.
"""

from typing import NamedTuple
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

from glucoflow.file_reading.dates import INSTANT, LOCAL
from glucoflow.file_reading.wallclock import offsets, offsets_at, possible_offsets
from glucoflow.model.localtime import MINUTE_MS

Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]

QUARTER_MS = 15 * MINUTE_MS
FARTHEST_MS = 26 * 60 * MINUTE_MS
"""No two clocks on earth are further apart: a counter that begins later is another transmitter's."""
DRIFT_MS = 2 * MINUTE_MS
LEAST_JUMP_MS = 14 * MINUTE_MS
NEVER = -1


class Placed(NamedTuple):
    """UTC and offset of each row, and which rows' counters keep step with the clock (`life` ≥ 0: whose counter)."""

    utc: Ints
    offset_min: Ints
    life: Ints
    by_counter: int
    """Rows whose place the counter decided against the plain wall clock."""


def place(stamps: Ints, clocks: Ints, ticks: Ints, devices: Ints, zone: ZoneInfo | None) -> Placed:
    """Where each row lies. Without zone or offsets the wall clock is taken as UTC, changes of the clock aside."""
    offset = np.where(clocks > INSTANT, clocks, 0).astype(np.int64)
    utc = stamps.copy()
    instants = np.flatnonzero(clocks == INSTANT)
    if zone is not None and instants.size:
        offset[instants] = offsets_at(stamps[instants], zone)
    local = np.flatnonzero(clocks == LOCAL)
    life = np.full(stamps.size, NEVER, dtype=np.int64)
    if local.size == 0:
        return Placed(utc, offset, life, 0)
    wall = stamps[local]
    life[local] = lives(wall, ticks[local], devices[local])
    told = life[local] >= 0
    first = second = np.zeros(wall.size, dtype=np.int64)
    if zone is not None:
        first, second = possible_offsets(wall, zone)
    plain = offsets(wall, first, second)
    found = plain.copy()
    if told.any():
        shift = _shifts(wall, ticks[local], life[local])
        found = _by_zone(shift, life[local], plain, first, second) if zone else _without_zone(wall, shift, life[local])
    offset[local] = found
    utc[local] = wall - found * MINUTE_MS
    return Placed(utc, offset, life, int((found != plain).sum()))


def lives(wall: Ints, ticks: Ints, devices: Ints) -> Ints:
    """The number of the transmitter whose counter each row has, −1 where the counter keeps no step with the clock."""
    result = np.full(wall.size, NEVER, dtype=np.int64)
    number = 0
    for device in np.unique(devices[ticks >= 0]).tolist():
        mine = np.flatnonzero((devices == device) & (ticks >= 0))
        begun = wall[mine] - ticks[mine] * 1000
        order = np.argsort(begun, kind="stable")
        parts = np.split(order, np.flatnonzero(np.diff(begun[order]) > FARTHEST_MS) + 1)
        for part in parts:
            rows = mine[part]
            if _keeps_step(begun[part], ticks[rows]):
                result[rows] = number
                number += 1
    return result


def _keeps_step(begun: Ints, ticks: Ints) -> bool:
    """Whether a counter's beginnings, as the wall clock has them, are a few: one for each setting of the clock."""
    if begun.size < 2 or np.unique(ticks).size < 2:
        return begun.size < 2
    levels = int((np.diff(np.sort(begun)) > DRIFT_MS).sum()) + 1
    return levels <= max(2, begun.size // 4) and np.unique(ticks).size > begun.size // 4


def _shifts(wall: Ints, ticks: Ints, life: Ints) -> Ints:
    """Minutes by which the clock was set at each row against the first row of its transmitter."""
    shift = np.zeros(wall.size, dtype=np.int64)
    for one in np.unique(life[life >= 0]).tolist():
        rows = np.flatnonzero(life == one)
        rows = rows[np.lexsort((wall[rows], ticks[rows]))]
        jumps = np.diff(wall[rows] - ticks[rows] * 1000)
        quarters = np.rint(jumps / QUARTER_MS).astype(np.int64)
        set_anew = (np.abs(jumps) >= LEAST_JUMP_MS) & (np.abs(jumps - quarters * QUARTER_MS) <= DRIFT_MS)
        shift[rows[1:]] = np.cumsum(np.where(set_anew, quarters * 15, 0))
    return shift


def _by_zone(shift: Ints, life: Ints, plain: Ints, first: Ints, second: Ints) -> Ints:
    """A transmitter's rows keep step with one another, and are set by the zone where most of them agree with it."""
    result = plain.copy()
    for one in np.unique(life[life >= 0]).tolist():
        rows = np.flatnonzero(life == one)
        anchors = np.unique(np.concatenate([first[rows] - shift[rows], second[rows] - shift[rows]]))
        agreeing = [int(((shift[rows] + a == first[rows]) | (shift[rows] + a == second[rows])).sum()) for a in anchors]
        best = [a for a, n in zip(anchors.tolist(), agreeing, strict=True) if n == max(agreeing)]
        usual = np.median(plain[rows] - shift[rows])
        result[rows] = shift[rows] + min(best, key=lambda anchor: abs(anchor - usual))
    return result


def _without_zone(wall: Ints, shift: Ints, life: Ints) -> Ints:
    """A transmitter's clock begins as the one before it ended. Rows without a counter follow those with one."""
    result = np.zeros(wall.size, dtype=np.int64)
    numbers = np.unique(life[life >= 0])
    begins = [int(wall[life == one].min()) for one in numbers]
    last = 0
    for one in numbers[np.argsort(begins, kind="stable")].tolist():
        rows = np.flatnonzero(life == one)
        result[rows] = shift[rows] + last
        last = int(result[rows[wall[rows].argmax()]])
    without = np.flatnonzero(life < 0)
    if without.size:
        known = np.flatnonzero(life >= 0)
        known = known[np.argsort(wall[known], kind="stable")]
        at = np.searchsorted(wall[known], wall[without], side="right") - 1
        result[without] = np.where(at >= 0, result[known[np.clip(at, 0, None)]], 0)
    return result
