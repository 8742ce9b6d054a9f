"""A person's readings as arrays: what every figure is computed from.

A `Series` is ascending, holds one reading a moment and only plausible values; what was left out on the way is counted,
never hidden. Local time is the reading's own: UTC plus the offset that the person's device had at that moment.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from functools import cached_property
from typing import TypeVar

import msgspec
import numpy as np
from numpy.typing import ArrayLike, NDArray

from glucoflow.analytics.intervals import infer_intervals, second_streams
from glucoflow.model.glycemia import ExcludedCounts, ExcludedSpan
from glucoflow.model.localtime import DAY_MS, MINUTE_MS
from glucoflow.model.ranges import USUAL_LIMITS, SensorLimits

NIGHT_END_HOUR = 6
"""Night is 00:00–05:59 local (consensus 2019)."""

LOWEST, HIGHEST = 20.0, 1000.0
"""Values outside are no glucose in mg/dL (error codes, or mmol/L taken for it): dropped and counted."""
FIRST_MOMENT, LAST_MOMENT = 631_152_000_000, 4_102_444_800_000
"""1990 and 2100 (UTC): outside no sensor measured, and a grid out to the year 9999 would not fit in memory."""

EPOCH = date(1970, 1, 1)

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]
T = TypeVar("T", bound=np.generic)


@dataclass(frozen=True, eq=False)
class Series:
    """Readings in ascending time, one a moment. Build it with `Series.of`.

    utc: epoch ms. offset_min: local = utc + offset. interval_ms: how long each reading stands for. beyond: −1 where
    the sensor said LOW, 1 where HIGH, else 0. Excluded and superseded readings are inside until `used` is asked for.
    """

    utc: Ints
    offset_min: NDArray[np.int16]
    mg_dl: Floats
    interval_ms: Ints
    excluded: Bools
    superseded: Bools
    beyond: NDArray[np.int8]
    excluded_counts: ExcludedCounts

    @staticmethod
    def of(
        utc: ArrayLike,
        mg_dl: ArrayLike,
        offset_min: ArrayLike = 0,
        interval_ms: ArrayLike | None = None,
        excluded: ArrayLike | None = None,
        superseded: ArrayLike | None = None,
        beyond: ArrayLike | None = None,
        limits: SensorLimits = USUAL_LIMITS,
    ) -> "Series":
        """Sorts; drops impossible values and moments and repeated moments (the last given is kept), and counts them.

        Where nobody says which readings lie `beyond` their sensor, it is those outside `limits`.

        `offset_min` and `interval_ms` may be one number for all. Without `interval_ms` it is taken from the readings'
        own spacing, sensor by sensor: 1, 5 or 15 minutes, and the second of two streams of one sensor is a repetition.
        Raises ValueError when the arrays differ in length.
        """
        times = np.asarray(utc, dtype=np.int64).ravel()
        size = times.size
        values = _filled(mg_dl, size, np.float64, "mg_dl")
        offsets = _filled(offset_min, size, np.int16, "offset_min")
        out = _filled(False if excluded is None else excluded, size, np.bool_, "excluded")
        old = _filled(False if superseded is None else superseded, size, np.bool_, "superseded")
        said = _beyond(values, limits) if beyond is None else _filled(beyond, size, np.int8, "beyond")
        given = None if interval_ms is None else _filled(interval_ms, size, np.int64, "interval_ms")
        with np.errstate(invalid="ignore"):
            valid = np.isfinite(values) & (values >= LOWEST) & (values <= HIGHEST)
            valid &= (times >= FIRST_MOMENT) & (times < LAST_MOMENT)
        keep = _last_of_each_moment(times, valid, out | old)
        hidden = valid & (out | old)
        counts = ExcludedCounts(
            invalid=size - int(valid.sum()),
            duplicate=int(valid.sum()) - int(hidden.sum()) - int((~hidden)[keep].sum()),
            excluded=int((valid & out & ~old).sum()),
            superseded=int((valid & old).sum()),
        )
        if given is None:
            given, copies = _own_spacing(times, keep, out | old)
            keep = keep[~copies]
            counts = msgspec.structs.replace(counts, duplicate=counts.duplicate + int(copies.sum()))
        return Series(times[keep], offsets[keep], values[keep], given[keep], out[keep], old[keep], said[keep], counts)

    @cached_property
    def used(self) -> "Series":
        """Only the readings that count: neither excluded nor superseded."""
        return self.where(~(self.excluded | self.superseded))

    @cached_property
    def local_ms(self) -> Ints:
        """The wall clock as if it were UTC, in ms."""
        return self.utc + self.offset_min.astype(np.int64) * MINUTE_MS

    @cached_property
    def local_day(self) -> Ints:
        """Days from 1970-01-01 on the person's own calendar."""
        return self.local_ms // DAY_MS

    @cached_property
    def minute_of_day(self) -> Ints:
        return self.local_ms % DAY_MS // MINUTE_MS

    @cached_property
    def weekday(self) -> Ints:
        """1 is Monday, 7 Sunday; 1970-01-01 was a Thursday."""
        return (self.local_day + 3) % 7 + 1

    @cached_property
    def night(self) -> Bools:
        return self.minute_of_day < NIGHT_END_HOUR * 60

    @cached_property
    def whole(self) -> Floats:
        """mg/dL rounded half-even to integers: what bands and episodes are judged on."""
        return np.rint(self.mg_dl)

    @cached_property
    def weights(self) -> Floats | None:
        """Each reading's share of worn time with mean 1; None where all stand for the same time.

        On a sensor that changes between 1 and 5 minutes a plain mean would count the minutes of one five times.
        """
        if self.utc.size == 0 or bool((self.interval_ms == self.interval_ms[0]).all()):
            return None
        weights: Floats = self.interval_ms / self.interval_ms.mean()
        return weights

    @cached_property
    def repeats(self) -> Ints | None:
        """How often each reading counts beside the shortest; None where all stand for the same time."""
        if self.weights is None:
            return None
        result: Ints = self.interval_ms // np.gcd.reduce(self.interval_ms)
        return result

    def __len__(self) -> int:
        return int(self.utc.size)

    def where(self, mask: Bools) -> "Series":
        """The readings under `mask`; what was left out stays counted."""
        if bool(mask.all()):
            return self
        return Series(
            self.utc[mask],
            self.offset_min[mask],
            self.mg_dl[mask],
            self.interval_ms[mask],
            self.excluded[mask],
            self.superseded[mask],
            self.beyond[mask],
            self.excluded_counts,
        )

    def between(self, start: date, end: date) -> "Series":
        """Readings whose own local date lies in [start, end); excluded and superseded are counted for this span."""
        part = self.where((self.local_day >= day_number(start)) & (self.local_day < day_number(end)))
        counts = ExcludedCounts(
            excluded=int((part.excluded & ~part.superseded).sum()), superseded=int(part.superseded.sum())
        )
        return replace(part, excluded_counts=counts)

    def excluding(self, spans: Sequence[ExcludedSpan]) -> "Series":
        """The same readings with those in the spans marked as excluded."""
        marked = self.excluded.copy()
        for span in spans:
            marked |= (self.utc >= epoch_ms(span.start)) & (self.utc < epoch_ms(span.end))
        counts = msgspec.structs.replace(self.excluded_counts, excluded=int((marked & ~self.superseded).sum()))
        return replace(self, excluded=marked, excluded_counts=counts)

    def dates(self) -> list[date]:
        """The local dates that have readings, ascending."""
        return [date_of(int(number)) for number in np.unique(self.local_day)]


def epoch_ms(moment: datetime) -> int:
    """Epoch milliseconds of an aware time. Raises ValueError for a naive one."""
    if moment.tzinfo is None:
        raise ValueError("a time without zone cannot be placed; pass an aware datetime")
    return (moment - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(milliseconds=1)


def moment_of(ms: int) -> datetime:
    """The aware UTC time of epoch milliseconds."""
    return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=int(ms))


def day_number(day: date) -> int:
    """Days from 1970-01-01."""
    return (day - EPOCH).days


def date_of(number: int) -> date:
    """The date of `day_number`."""
    return EPOCH + timedelta(days=int(number))


def _own_spacing(times: Ints, keep: Ints, hidden: Bools) -> tuple[Ints, Bools]:
    """The readings' own intervals, and which of those to keep are a second stream of a sensor."""
    given, copies = np.zeros(times.size, dtype=np.int64), np.zeros(keep.size, dtype=np.bool_)
    for hides in (False, True):  # what does not count says nothing about what does
        mine = hidden[keep] == hides
        given[keep[mine]] = infer_intervals(times[keep[mine]])
        if not hides:
            copies[mine] = second_streams(times[keep[mine]], given[keep[mine]])
    return given, copies


def _beyond(values: Floats, limits: SensorLimits) -> NDArray[np.int8]:
    with np.errstate(invalid="ignore"):
        return (values > limits.high).astype(np.int8) - (values < limits.low).astype(np.int8)


def _filled(given: ArrayLike, size: int, kind: type[T], name: str) -> NDArray[T]:
    array = np.asarray(given, dtype=kind)
    if array.ndim == 0:
        return np.full(size, array, dtype=kind)
    if array.size != size:
        raise ValueError(f"{name} has {array.size} entries for {size} times")
    return array.ravel()


def _last_of_each_moment(times: Ints, valid: Bools, hidden: Bools) -> Ints:
    """Positions of the readings to keep, by time. A reading that counts wins over a hidden one of the same moment."""
    candidates = np.flatnonzero(valid)
    if candidates.size == 0:
        return candidates
    moments = times[candidates]
    if bool((np.diff(moments) > 0).all()):
        return candidates
    order = np.lexsort((candidates, ~hidden[candidates], moments))
    ordered = moments[order]
    last = np.append(ordered[1:] != ordered[:-1], True)
    kept: Ints = candidates[order[last]]
    return kept
