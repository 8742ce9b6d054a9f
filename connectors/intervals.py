"""How long a reading stands for, where its provider does not say and its sensors differ."""

from collections import defaultdict
from itertools import pairwise

import msgspec

from glucoflow.model.localtime import MINUTE_MS
from glucoflow.model.records import Reading


def with_intervals(readings: list[Reading]) -> list[Reading]:
    """Readings of a device that reads every minute, or every quarter of an hour, say so."""
    by_device: dict[str, list[Reading]] = defaultdict(list)
    for one in readings:
        by_device[one.device.id or "" if one.device else ""].append(one)
    result: list[Reading] = []
    for of_one in by_device.values():
        of_one.sort(key=lambda one: one.time)
        gaps = [(after.time - before.time).total_seconds() for before, after in pairwise(of_one)]
        around = zip([None, *gaps], [*gaps, None], strict=True) if gaps else [(None, None)] * len(of_one)
        for one, (before, behind) in zip(of_one, around, strict=True):
            interval = _interval_ms([gap for gap in (before, behind) if gap is not None])
            result.append(msgspec.structs.replace(one, interval_ms=interval) if interval else one)
    return result


def _interval_ms(gaps: list[float]) -> int | None:
    """By the gaps to a reading's neighbours, in seconds; None for the usual five minutes."""
    if not gaps:
        return None
    if 30 <= min(gaps) < 150:
        return MINUTE_MS
    return 15 * MINUTE_MS if len(gaps) == 2 and min(gaps) >= 600 and max(gaps) <= 1200 else None
