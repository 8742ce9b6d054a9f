"""Rows of one file that are one reading: written twice, shown by two devices, or read by phone and reader.

Two rows are one only where the file shows it. An id that is empty or masked is no key, nor is a counter that keeps no
step with the clock.
"""

from collections import Counter
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from glucoflow.analytics.intervals import infer_intervals
from glucoflow.analytics.one_moment import superseded
from glucoflow.file_reading.findings import AGAIN

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

TWIN_MS = 150_000
"""Half the shortest usual interval: two rows of one count of a transmitter are one reading if they are nearer."""
NEAR_MG_DL, NEAR_SHARE = 10.0, 0.10
ALIKE = 0.8
"""Above this share of near values two devices show one sensor; below, two sensors are worn at once."""

OTHER_VALUE = "another value for a moment that is there already (the last one is kept)"
SECOND_DISPLAY = "the same reading, shown by a second device"
SECOND_READER = "one sensor, read by a second device"


class Merged(NamedTuple):
    """Which rows stand; why the others do not; and which of those that stand are of a second sensor worn at once."""

    stands: Bools
    why: Counter[str]
    second_sensor: Bools


def merge(utc: Ints, mg_dl: Floats, ticks: Ints, life: Ints, devices: Ints) -> Merged:
    """What one person's rows come to. Rows are in the order of the file."""
    stands = np.ones(utc.size, dtype=np.bool_)
    why: Counter[str] = Counter()
    _drop(stands, why, _same_count(utc, mg_dl, ticks, life), SECOND_DISPLAY)
    same, other = _same_moment(utc, mg_dl, devices, stands)
    _drop(stands, why, same, AGAIN)
    _drop(stands, why, other, OTHER_VALUE)
    beside, second = _second_devices(utc, mg_dl, devices, stands)
    _drop(stands, why, beside, SECOND_READER)
    return Merged(stands, why, second & stands)


def _drop(stands: Bools, why: Counter[str], gone: Bools, reason: str) -> None:
    gone = gone & stands
    if gone.any():
        why[reason] += int(gone.sum())
        stands[gone] = False


def _same_count(utc: Ints, mg_dl: Floats, ticks: Ints, life: Ints) -> Bools:
    """All but the last of rows with one count of one transmitter that are near in time, or the same in value."""
    gone = np.zeros(utc.size, dtype=np.bool_)
    rows = np.flatnonzero(life >= 0)
    rows = rows[np.lexsort((rows, ticks[rows], life[rows]))]
    if rows.size < 2:
        return gone
    a, b = rows[:-1], rows[1:]
    twin = (life[a] == life[b]) & (ticks[a] == ticks[b])
    twin &= (np.abs(utc[a] - utc[b]) <= TWIN_MS) | (mg_dl[a] == mg_dl[b])
    gone[a[twin]] = True
    return gone


def _same_moment(utc: Ints, mg_dl: Floats, devices: Ints, stands: Bools) -> tuple[Bools, Bools]:
    """Rows of one device and moment: those with the same value as one that stays, and those with another."""
    same = np.zeros(utc.size, dtype=np.bool_)
    other = np.zeros(utc.size, dtype=np.bool_)
    rows = np.flatnonzero(stands)
    rows = rows[np.lexsort((rows, utc[rows], devices[rows]))]
    if rows.size < 2:
        return same, other
    a, b = rows[:-1], rows[1:]
    twin = (devices[a] == devices[b]) & (utc[a] == utc[b])
    same[a[twin & (mg_dl[a] == mg_dl[b])]] = True
    other[a[twin & (mg_dl[a] != mg_dl[b])]] = True
    return same, other


def _second_devices(utc: Ints, mg_dl: Floats, devices: Ints, stands: Bools) -> tuple[Bools, Bools]:
    """Rows whose moment a better device holds: of the same sensor, and of a second sensor. The device that begins first
    is the best, as among a connection's sensors."""
    merged = np.zeros(utc.size, dtype=np.bool_)
    second = np.zeros(utc.size, dtype=np.bool_)
    rows = np.flatnonzero(stands)
    rows = rows[np.argsort(utc[rows], kind="stable")]
    if rows.size < 2:
        return merged, second
    names, first_at = np.unique(devices[rows], return_index=True)
    intervals = np.zeros(rows.size, dtype=np.int64)
    rank = np.zeros(rows.size, dtype=np.int64)
    for place, name in enumerate(names[np.argsort(first_at, kind="stable")].tolist()):
        mine = devices[rows] == name
        intervals[mine] = infer_intervals(utc[rows[mine]])
        rank[mine] = place
    gone = superseded(utc[rows], intervals, rank)
    for place in range(names.size):
        mine = np.flatnonzero(gone & (rank == place))
        if mine.size:
            kept = np.flatnonzero(~gone)
            near = _near_values(utc[rows[mine]], mg_dl[rows[mine]], utc[rows[kept]], mg_dl[rows[kept]])
            alike = float(near.mean()) >= ALIKE
            (merged if alike else second)[rows[mine]] = True
    return merged, second


def _near_values(utc: Ints, mg_dl: Floats, other_utc: Ints, other_mg_dl: Floats) -> Bools:
    """Which values are near those of the other rows that are nearest in time."""
    right = np.clip(np.searchsorted(other_utc, utc), 0, other_utc.size - 1)
    left = np.clip(right - 1, 0, None)
    nearest = np.where(np.abs(other_utc[left] - utc) <= np.abs(other_utc[right] - utc), left, right)
    apart = np.abs(mg_dl - other_mg_dl[nearest])
    near: Bools = (apart <= NEAR_MG_DL) | (apart <= NEAR_SHARE * other_mg_dl[nearest])
    return near
