"""How often a partner may ask for one person, and when it should not: both are published, and said with Retry-After."""

import math
import threading
from collections import OrderedDict
from datetime import UTC, datetime, time, timedelta

import msgspec

MOST_REMEMBERED = 10_000
MINUTE = timedelta(minutes=1)


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """Requests a minute for one consent; days of one request; a daily time (UTC) in which to stay away, if any."""

    per_minute: int = 60
    longest_days: int = 31
    rows: int = 10_000
    maintenance_start: time | None = None
    maintenance_end: time | None = None

    def away_for(self, now: datetime) -> timedelta | None:
        """How long the maintenance that is going on still takes; None outside it."""
        if self.maintenance_start is None or self.maintenance_end is None:
            return None
        moment = now.astimezone(UTC)
        start = datetime.combine(moment.date(), self.maintenance_start, UTC)
        end = datetime.combine(moment.date(), self.maintenance_end, UTC)
        if end <= start:  # over midnight
            start, end = (start, end + timedelta(days=1)) if moment >= start else (start - timedelta(days=1), end)
        return end - moment if start <= moment < end else None


class Rate:
    """Requests of the last minute by consent; kept by this process alone."""

    def __init__(self, per_minute: int) -> None:
        self._per_minute = per_minute
        self._lock = threading.Lock()
        self._asked: OrderedDict[str, list[datetime]] = OrderedDict()

    def wait(self, who: str, now: datetime) -> int | None:
        """Count a request; whole seconds to wait where it is one too many, which is then not counted."""
        with self._lock:
            times = [one for one in self._asked.pop(who, []) if now - one < MINUTE]
            self._asked[who] = times
            while len(self._asked) > MOST_REMEMBERED:
                self._asked.popitem(last=False)
            if len(times) >= self._per_minute:
                return max(1, math.ceil((times[0] + MINUTE - now).total_seconds()))
            times.append(now)
            return None
