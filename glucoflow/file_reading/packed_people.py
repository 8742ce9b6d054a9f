"""Whose the files of a ZIP are, or the sheets of a workbook, where they name nobody.

An export of one person may come in parts, and a study packs a file a person. Two parts that hold different values for
the same moments are of two people; and where two are, each part is its own person.
"""

from itertools import combinations
from pathlib import PurePath

import numpy as np
from numpy.typing import NDArray

from glucoflow.file_reading.findings import Findings, PersonFound
from glucoflow.file_reading.merging import ALIKE, NEAR_MG_DL, NEAR_SHARE, TWIN_MS

FEWEST = 6
"""Moments that two parts must share to be compared."""


def tell_apart(found: Findings) -> None:
    """Join the parts that name nobody into one person, or call each by its file where they are several people."""
    nobody = [one for one in found.people if not one.name]
    if len(nobody) < 2:
        return
    with_rows = [one for one in nobody if one.stamps]
    if any(_differ(a, b) for a, b in combinations(with_rows, 2)):
        for one in nobody:
            one.name = PurePath(one.source).stem or one.source
        found.names_are_ids = True
        return
    if len(with_rows) > 1 and len({one.source for one in with_rows}) > 1:
        found.notes.append(f"{len(with_rows)} files were taken as one person's: none of them contradicts another.")
    first = nobody[0]
    for other in nobody[1:]:
        _add(first, other)
        found.people.remove(other)


def _differ(a: PersonFound, b: PersonFound) -> bool:
    """Whether two parts hold different values for moments of both."""
    times, values = _sorted(a)
    others, theirs = _sorted(b)
    right = np.clip(np.searchsorted(others, times), 0, others.size - 1)
    left = np.clip(right - 1, 0, None)
    nearest = np.where(np.abs(others[left] - times) <= np.abs(others[right] - times), left, right)
    shared = np.abs(others[nearest] - times) <= TWIN_MS
    if int(shared.sum()) < FEWEST:
        return False
    apart = np.abs(values[shared] - theirs[nearest[shared]])
    near = (apart <= NEAR_MG_DL * (1 if values.max() > 35 else 1 / 18)) | (apart <= NEAR_SHARE * values[shared])
    return float(near.mean()) < ALIKE


def _sorted(one: PersonFound) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    times = np.array(one.stamps, dtype=np.int64)
    order = np.argsort(times, kind="stable")
    return times[order], np.array(one.values, dtype=np.float64)[order]


def _add(first: PersonFound, other: PersonFound) -> None:
    behind = len(first.stamps)
    first.records.update({behind + place: record for place, record in other.records.items()})
    for name in ("stamps", "clocks", "values", "ticks", "devices", "sections", "lines"):
        getattr(first, name).extend(getattr(other, name))
    first.events += other.events
    first.rows += other.rows
    for name in ("unread", "merged", "aside"):
        getattr(first, name).update(getattr(other, name))
