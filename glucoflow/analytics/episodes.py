"""Episodes of low and high glucose, described: how deep, how long, when, and what happened around them.

`metrics.spans` decides where they lie (consensus 2023) and holds the rules.
"""

from collections.abc import Sequence
from datetime import datetime

import msgspec
import numpy as np

from glucoflow.analytics.episode_detection import Bounds, contains, detect
from glucoflow.analytics.grid import STEP_MIN, Grid, grid_of
from glucoflow.analytics.series import NIGHT_END_HOUR, Series, epoch_ms, moment_of
from glucoflow.model.glycemia import EPISODE_KINDS, Episode, EpisodeKind, Nearby, NotedKind
from glucoflow.model.localtime import DAY_MS, HOUR_MS, MINUTE_MS
from glucoflow.model.targets import PROFILES, Targets

AROUND_MS = 2 * HOUR_MS


class Event(msgspec.Struct, frozen=True):
    """Something that happened at a time: what may stand around an episode. `amount` in grams, units or minutes."""

    kind: NotedKind
    time: datetime
    amount: float | None = None


def find_episodes(
    series: Series, targets: Targets = PROFILES["adult"], events: Sequence[Event] = ()
) -> tuple[Episode, ...]:
    """All episodes of a series by start, kinds in the order of `EPISODE_KINDS`; thresholds are those of `targets`.

    An episode still going on at the last reading ends there.
    """
    used = series.used
    grid = grid_of(used, used.whole)
    spans = detect(grid, targets)
    found = [episode for kind in EPISODE_KINDS for episode in _described(kind, spans, grid, used, targets)]
    found.sort(key=lambda episode: (episode.start, EPISODE_KINDS.index(episode.kind)))
    return tuple(with_events(found, events)) if events else tuple(found)


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


def _described(
    kind: EpisodeKind, spans: dict[EpisodeKind, Bounds], grid: Grid, series: Series, targets: Targets
) -> list[Episode]:
    starts, ends = spans[kind]
    low = kind.startswith("low")
    threshold = {
        "low_l1": targets.low,
        "low_l2": targets.very_low,
        "low_extended": targets.low,
        "high_l1": targets.high,
        "high_l2": targets.very_high,
        "high_extended": targets.very_high,
    }[kind]
    deeper = contains((starts, ends), spans["low_l2" if low else "high_l2"])
    result = []
    for start, end, deep in zip(starts.tolist(), ends.tolist(), deeper.tolist(), strict=True):
        part = grid.values[start:end]
        extreme = int(part.argmin() if low else part.argmax())
        begins = grid.time(start)
        offset = int(series.offset_min[max(0, int(np.searchsorted(series.utc, begins, side="right")) - 1)])
        minutes = (end - start) * STEP_MIN
        result.append(
            Episode(
                kind=kind,
                start=moment_of(begins),
                end=moment_of(begins + minutes * MINUTE_MS),
                offset_min=offset,
                minutes=minutes,
                extreme_mg_dl=float(part[extreme]),
                extreme_at=moment_of(grid.time(start + extreme)),
                mean_mg_dl=float(part.mean()),
                area_mg_dl_min=float(np.maximum(threshold - part if low else part - threshold, 0).sum() * STEP_MIN),
                night=(begins + offset * MINUTE_MS) % DAY_MS < NIGHT_END_HOUR * HOUR_MS,
                reaches_level_2=bool(deep),
            )
        )
    return result
