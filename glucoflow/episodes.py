"""Episodes of low and high glucose, as the consensus of 2023 counts them (doi:10.1016/S2213-8587(22)00319-9).

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

from collections.abc import Sequence
from datetime import datetime
from typing import Literal

import msgspec
import numpy as np
from numpy.typing import NDArray

from glucoflow.metrics.grid import STEP_MIN, Grid, grid_of
from glucoflow.metrics.series import (
    DAY_MS,
    HOUR_MS,
    MINUTE_MS,
    NIGHT_END_HOUR,
    Bools,
    Ints,
    Series,
    epoch_ms,
    moment_of,
)
from glucoflow.metrics.targets import PROFILES, Targets

Kind = Literal["low_l1", "low_l2", "low_extended", "high_l1", "high_l2", "high_extended"]
KINDS: tuple[Kind, ...] = ("low_l1", "low_l2", "low_extended", "high_l1", "high_l2", "high_extended")
EventKind = Literal["meal", "bolus", "exercise"]

MIN_POINTS = 15 // STEP_MIN
EXTENDED_LOW_POINTS = 120 // STEP_MIN + 1
EXTENDED_HIGH_POINTS, EXTENDED_HIGH_WINDOW = 90 // STEP_MIN, 120 // STEP_MIN
AROUND_MS = 2 * HOUR_MS

Spans = tuple[Ints, Ints]
"""First grid points of episodes, and the points just after their last ones."""


class Event(msgspec.Struct, frozen=True):
    """Something that happened at a time: what may stand around an episode. `amount` in grams, units or minutes."""

    kind: EventKind
    time: datetime
    amount: float | None = None


class Nearby(msgspec.Struct, frozen=True):
    """An event within 2 hours of an episode's start; negative minutes are before it."""

    kind: EventKind
    minutes: int
    amount: float | None = None


class Episode(msgspec.Struct, frozen=True, kw_only=True):
    """One episode. Its end is the first moment after it; `area_mg_dl_min` lies between trace and threshold."""

    kind: Kind
    start: datetime
    end: datetime
    offset_min: int
    minutes: int
    extreme_mg_dl: float
    extreme_at: datetime
    mean_mg_dl: float
    area_mg_dl_min: float
    night: bool
    reaches_level_2: bool
    around: tuple[Nearby, ...] = ()


class EpisodeCounts(msgspec.Struct, frozen=True, kw_only=True):
    """How many of each kind began; `*_l1_only` leaves out those that reached level 2."""

    low_l1: int = 0
    low_l2: int = 0
    low_extended: int = 0
    high_l1: int = 0
    high_l2: int = 0
    high_extended: int = 0
    low_l1_only: int = 0
    high_l1_only: int = 0


def find_episodes(
    series: Series, targets: Targets = PROFILES["adult"], events: Sequence[Event] = ()
) -> tuple[Episode, ...]:
    """All episodes of a series by start, kinds in the order of `KINDS`; thresholds are those of `targets`.

    An episode still going on at the last reading ends there.
    """
    used = series.used
    grid = grid_of(used, used.whole)
    spans = spans_of(grid, targets)
    found = [
        episode
        for kind in KINDS
        for episode in _described(kind, spans, grid, used, targets)
    ]  # fmt: skip
    found.sort(key=lambda episode: (episode.start, KINDS.index(episode.kind)))
    return tuple(with_events(found, events)) if events else tuple(found)


def spans_of(grid: Grid, targets: Targets = PROFILES["adult"]) -> dict[Kind, Spans]:
    """Where the episodes of each kind lie on a grid of whole readings."""
    values = grid.values
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


def count_spans(spans: dict[Kind, Spans]) -> EpisodeCounts:
    """The counts alone, without describing each episode."""
    counts = {kind: int(starts.size) for kind, (starts, _) in spans.items()}
    for side in ("low", "high"):
        deeper = _contains(spans[_kind(side, "l1")], spans[_kind(side, "l2")])
        counts[f"{side}_l1_only"] = int((~deeper).sum())  # type: ignore[index]
    return EpisodeCounts(**counts)


def count(episodes: Sequence[Episode]) -> EpisodeCounts:
    """The counts of described episodes."""
    totals = {kind: sum(1 for episode in episodes if episode.kind == kind) for kind in KINDS}
    only = {
        f"{kind}_only": sum(1 for episode in episodes if episode.kind == kind and not episode.reaches_level_2)
        for kind in ("low_l1", "high_l1")
    }
    return EpisodeCounts(**totals, **only)


def with_events(episodes: Sequence[Episode], events: Sequence[Event]) -> list[Episode]:
    """The episodes with the events that lie within 2 hours before or after their start."""
    ordered = sorted(events, key=lambda event: event.time)
    times = np.array([epoch_ms(event.time) for event in ordered], dtype=np.int64)
    result = []
    for episode in episodes:
        start = epoch_ms(episode.start)
        first, last = np.searchsorted(times, [start - AROUND_MS, start + AROUND_MS + 1])
        around = tuple(
            Nearby(event.kind, round((int(times[first + i]) - start) / MINUTE_MS), event.amount)
            for i, event in enumerate(ordered[first:last])
        )
        result.append(msgspec.structs.replace(episode, around=around))
    return result


def _lasting(inside: Bools, outside: Bools, stops: Ints, points: int) -> Spans:
    """Runs of `inside` of at least `points`, each lasting until a run of `outside` of 15 minutes or a gap."""
    starts, ends = _runs(inside)
    starts = starts[ends - starts >= points]
    return _until(starts, _exits(outside, stops))


def _extended_high(very_high: Bools, recovered: Bools, stops: Ints) -> Spans:
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


def _until(starts: Ints, exits: Ints) -> Spans:
    """Each start with the next exit; starts that share an exit are one episode."""
    if starts.size == 0:
        return starts, starts
    ends, first = np.unique(exits[np.searchsorted(exits, starts, side="right")], return_index=True)
    return starts[first], ends


def _runs(mask: Bools) -> Spans:
    edges = np.diff(np.concatenate(([0], mask.view(np.int8), [0])))
    return np.flatnonzero(edges == 1), np.flatnonzero(edges == -1)


def _segment_ends(held: Bools) -> Ints:
    return _runs(held)[1]


def _contains(outer: Spans, inner: Spans) -> NDArray[np.bool_]:
    """For each outer span whether an inner one begins in it."""
    result: NDArray[np.bool_] = np.searchsorted(inner[0], outer[1]) > np.searchsorted(inner[0], outer[0])
    return result


def _kind(side: str, level: str) -> Kind:
    return next(kind for kind in KINDS if kind == f"{side}_{level}")


def _described(kind: Kind, spans: dict[Kind, Spans], grid: Grid, series: Series, targets: Targets) -> list[Episode]:
    starts, ends = spans[kind]
    low = kind.startswith("low")
    threshold = {
        "low_l1": targets.low, "low_l2": targets.very_low, "low_extended": targets.low,
        "high_l1": targets.high, "high_l2": targets.very_high, "high_extended": targets.very_high,
    }[kind]  # fmt: skip
    deeper = _contains((starts, ends), spans["low_l2" if low else "high_l2"])
    result = []
    for start, end, deep in zip(starts.tolist(), ends.tolist(), deeper.tolist(), strict=True):
        part = grid.values[start:end]
        extreme = int(part.argmin() if low else part.argmax())
        begins = grid.time(start)
        offset = int(series.offset_min[max(0, int(np.searchsorted(series.utc, begins, side="right")) - 1)])
        minutes = (end - start) * STEP_MIN
        result.append(
            Episode(
                kind=kind, start=moment_of(begins), end=moment_of(begins + minutes * MINUTE_MS), offset_min=offset,
                minutes=minutes, extreme_mg_dl=float(part[extreme]), extreme_at=moment_of(grid.time(start + extreme)),
                mean_mg_dl=float(part.mean()),
                area_mg_dl_min=float(np.maximum(threshold - part if low else part - threshold, 0).sum() * STEP_MIN),
                night=(begins + offset * MINUTE_MS) % DAY_MS < NIGHT_END_HOUR * HOUR_MS, reaches_level_2=bool(deep),
            )
        )  # fmt: skip
    return result
