"""What a reading's document takes from its neighbours: meals before it, and the readings just before it."""

from bisect import bisect_right
from collections.abc import Iterable, Sequence

from glucoflow.model.localtime import HOUR_MS
from glucoflow.model.ranges import Context
from glucoflow.model.trends import rate_of

FASTING_MS = 8 * HOUR_MS
POST_MEAL_MS = 2 * HOUR_MS
TAIL_MS = 20 * 60_000
"""How much of the past a reading's trend can depend on."""


class Meals:
    """Known meals and boluses, for the context of a reading. Times in epoch ms, any order."""

    def __init__(self, meals: Iterable[int] = (), boluses: Iterable[int] = ()) -> None:
        self._meals = sorted(meals)
        self._intake = sorted([*self._meals, *boluses])

    def context(self, time_ms: int, hour: int) -> Context:
        """post_meal within 2 h after a meal; fasting before 10:00 with neither meal nor bolus in the 8 h before."""
        if not self._meals:
            return "unknown"
        at = bisect_right(self._meals, time_ms)
        if at and time_ms - self._meals[at - 1] <= POST_MEAL_MS:
            return "post_meal"
        at = bisect_right(self._intake, time_ms)
        if hour < 10 and (not at or time_ms - self._intake[at - 1] > FASTING_MS):
            return "fasting"
        return "unknown"


class Tail:
    """The readings just before the next one: what its gap and its computed trend depend on."""

    def __init__(self, times_ms: Sequence[int] = (), mg_dl: Sequence[float] = (), devices: Sequence[str] = ()) -> None:
        self._times = list(times_ms)
        self._values = list(mg_dl)
        self._devices = list(devices)

    def gap_to(self, time_ms: int, interval_ms: int) -> int | None:
        """Milliseconds since the previous reading where at least one is missing between, else None."""
        if not self._times:
            return None
        since = time_ms - self._times[-1]
        return since if since > 1.5 * interval_ms else None

    def push(self, time_ms: int, mg_dl: float, device: str) -> None:
        if len(self._times) > 64:
            del self._times[:-32], self._values[:-32], self._devices[:-32]
        self._times.append(time_ms)
        self._values.append(mg_dl)
        self._devices.append(device)

    def rate(self, device: str) -> float | None:
        """Slope (mg/dL/min) of the newest readings of this device, by the rules of `trends.rate_of`."""
        own = [i for i in range(max(0, len(self._times) - 32), len(self._times)) if self._devices[i] == device]
        return rate_of([self._times[i] for i in own], [self._values[i] for i in own])
