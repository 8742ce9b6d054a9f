"""Where episodes of low and high glucose lie on the grid, by the consensus of 2023.

Source: doi:10.1016/S2213-8587(22)00319-9, as restated by the documentation of cgmguru.

| kind | begins | ends |
|---|---|---|
| low_l1 | < 70 for 15 min | ≥ 70 for 15 min |
| low_l2 | < 54 for 15 min | ≥ 54 for 15 min |
| low_extended | < 70 for over 120 min in one go | ≥ 70 for 15 min |
| high_l1 | > 180 for 15 min | ≤ 180 for 15 min |
| high_l2 | > 250 for 15 min | ≤ 250 for 15 min |
| high_extended | > 250 for 90 of 120 min | ≤ 180 for 15 min |

Time is elapsed time on the 5-minute grid, so 1- and 15-minute sensors are judged alike; each grid point stands for
5 minutes. Readings are rounded to whole mg/dL before the grid is drawn, as for the bands. A gap of over 45 minutes ends
an episode. Level 1 includes the episodes that go on to level 2; `reaches_level_2` tells them apart.
"""

import numpy as np

from glucoflow.analytics.grid import STEP_MIN, Grid
from glucoflow.analytics.series import Bools, Ints
from glucoflow.model.glycemia import EPISODE_KINDS, EpisodeCounts, EpisodeKind
from glucoflow.model.targets import PROFILES, Targets

MIN_POINTS = 15 // STEP_MIN
EXTENDED_LOW_POINTS = 120 // STEP_MIN + 1
EXTENDED_HIGH_POINTS, EXTENDED_HIGH_WINDOW = 90 // STEP_MIN, 120 // STEP_MIN

Bounds = tuple[Ints, Ints]
"""First grid points of episodes, and the points just after their last ones."""


def detect(grid: Grid, targets: Targets = PROFILES["adult"]) -> dict[EpisodeKind, Bounds]:
    """Where the episodes of each kind lie on a grid of whole readings."""
    # Between two readings of 180 a line may come out as 180.00000000000003, which is no high.
    values = np.round(grid.values, 6)
    held = ~np.isnan(values)
    stops = _segment_ends(held)
    with np.errstate(invalid="ignore"):
        low, very_low = values < targets.low, values < targets.very_low
        high, very_high = values > targets.high, values > targets.very_high
    recovered = held & ~high
    return {
        "low_l1": _lasting(low, held & ~low, stops, MIN_POINTS),
        "low_l2": _lasting(very_low, held & ~very_low, stops, MIN_POINTS),
        "low_extended": _lasting(low, held & ~low, stops, EXTENDED_LOW_POINTS),
        "high_l1": _lasting(high, recovered, stops, MIN_POINTS),
        "high_l2": _lasting(very_high, held & ~very_high, stops, MIN_POINTS),
        "high_extended": _extended_high(very_high, recovered, stops),
    }


def spells_below(grid: Grid, limit: float, begins_min: int, ends_min: int) -> Bounds:
    """Spells below a limit by other rules of time: at least so many minutes, over after so many at or above it."""
    values = np.round(grid.values, 6)
    held = ~np.isnan(values)
    with np.errstate(invalid="ignore"):
        low = values < limit
    starts, ends = _runs(low)
    begin, end = _runs(held & ~low)
    exits = np.unique(np.concatenate((begin[end - begin >= ends_min // STEP_MIN], _segment_ends(held))))
    return _until(starts[ends - starts >= begins_min // STEP_MIN], exits)


def count_detected(spans: dict[EpisodeKind, Bounds]) -> EpisodeCounts:
    """The counts alone, without describing each episode."""
    counts = {kind: int(starts.size) for kind, (starts, _) in spans.items()}
    for side in ("low", "high"):
        deeper = contains(spans[_kind(side, "l1")], spans[_kind(side, "l2")])
        counts[f"{side}_l1_only"] = int((~deeper).sum())  # type: ignore[index]
    return EpisodeCounts(**counts)


def _lasting(inside: Bools, outside: Bools, stops: Ints, points: int) -> Bounds:
    """Runs of `inside` of at least `points`, each lasting until a run of `outside` of 15 minutes or a gap."""
    starts, ends = _runs(inside)
    starts = starts[ends - starts >= points]
    return _until(starts, _exits(outside, stops))


def _extended_high(very_high: Bools, recovered: Bools, stops: Ints) -> Bounds:
    exits = _exits(recovered, stops)
    starts = np.flatnonzero(very_high)
    if starts.size == 0:
        return starts, starts
    total = np.concatenate(([0], np.cumsum(very_high)))
    window_end = np.minimum(starts + EXTENDED_HIGH_WINDOW, exits[np.searchsorted(exits, starts, side="right")])
    return _until(starts[total[window_end] - total[starts] >= EXTENDED_HIGH_POINTS], exits)


def _exits(outside: Bools, stops: Ints) -> Ints:
    """Points at which an episode is over, ascending."""
    starts, ends = _runs(outside)
    return np.unique(np.concatenate((starts[ends - starts >= MIN_POINTS], stops)))


def _until(starts: Ints, exits: Ints) -> Bounds:
    """Each start with the next exit; starts that share an exit are one episode."""
    if starts.size == 0:
        return starts, starts
    ends, first = np.unique(exits[np.searchsorted(exits, starts, side="right")], return_index=True)
    return starts[first], ends


def _runs(mask: Bools) -> Bounds:
    edges = np.diff(np.concatenate(([0], mask.view(np.int8), [0])))
    return np.flatnonzero(edges == 1), np.flatnonzero(edges == -1)


def _segment_ends(held: Bools) -> Ints:
    return _runs(held)[1]


def contains(outer: Bounds, inner: Bounds) -> Bools:
    """For each outer span whether an inner one begins in it."""
    result: Bools = np.searchsorted(inner[0], outer[1]) > np.searchsorted(inner[0], outer[0])
    return result


def _kind(side: str, level: str) -> EpisodeKind:
    return next(kind for kind in EPISODE_KINDS if kind == f"{side}_{level}")
