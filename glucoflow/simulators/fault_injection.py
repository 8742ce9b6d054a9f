"""Faults at the wire: what networks, proxies and providers do on a bad day, armed by a test and counted when served."""

import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any, Literal

FaultKind = Literal[
    "status",
    "html",
    "truncated",
    "cut",
    "reset",
    "lost",
    "drip",
    "slow",
    "huge",
    "records",
    "duplicates",
    "date",
    "revoke",
    "changed",
]
"""
- status: answers `status` (with `retry_after` in seconds or as an HTTP date, and `body`, bytes or JSON); nothing else
- html: a login page with status 200
- truncated: the right answer, its JSON cut in the middle, Content-Length to match
- cut: the right answer, the connection closed in the middle of it
- reset: the request is read and thrown away, then TCP reset
- lost: the request is carried out (a refresh token is spent), then TCP reset instead of the answer
- drip: the right answer, `chunk` bytes every `seconds`
- slow: the right answer after `seconds`
- huge: a valid page filled up with blanks to `size` bytes
- records: `records` added to the page
- duplicates: every record of the page twice
- date: Date header wrong by `shift`
- changed: what `change` makes of the right answer's headers and body
- revoke: the person takes back the authorization just before this request
"""


Change = Callable[[dict[bytes, bytes], bytes], tuple[dict[bytes, bytes], bytes]]


@dataclass(frozen=True)
class Request:
    """What a fault looks at. `person` is whose token came with it."""

    path: str
    query: Mapping[str, str] = field(default_factory=dict)
    person: str | None = None

    def touches(self, day: date) -> bool:
        """Whether it asks for a window (startDate to endDate, half-open) with a moment of that day."""
        start, end = self.query.get("startDate", ""), self.query.get("endDate", "")
        return start < (day + timedelta(days=1)).isoformat() and end > f"{day.isoformat()}T00:00:00"


@dataclass(frozen=True)
class Fault:
    """A fault for the next `times` requests whose path matches the pattern `path`, after `skip` good ones.

    `times` None: until it is cleared. `person`: only requests with a token of theirs. `day`: only requests whose
    window touches this day (UTC).
    """

    kind: FaultKind
    path: str = ".*"
    times: int | None = 1
    skip: int = 0
    person: str | None = None
    day: date | None = None
    status: int = 503
    body: Any = None
    retry_after: int | datetime | None = None
    records: Sequence[dict[str, Any]] = ()
    size: int = 100 * 2**20
    chunk: int = 1
    seconds: float = 1.0
    shift: timedelta = timedelta(hours=3)
    change: Change | None = None

    def meets(self, request: Request) -> bool:
        """Whether it is for this request."""
        return (
            re.search(self.path, request.path) is not None
            and self.person in (None, request.person)
            and (self.day is None or request.touches(self.day))
        )


@dataclass
class _Armed:
    fault: Fault
    skip: int
    left: int | None


@dataclass
class Faults:
    """The faults to come and those that took place.

    `served` counts them by kind, `met` holds each: a test looks at one of them first.
    """

    served: Counter[str] = field(default_factory=Counter)
    met: list[Fault] = field(default_factory=list)
    _armed: list[_Armed] = field(default_factory=list)

    def add(self, fault: Fault) -> None:
        """Arms a fault; those armed earlier come first."""
        self._armed.append(_Armed(fault, fault.skip, fault.times))

    def clear(self) -> None:
        """Disarms all; what was served stays counted."""
        self._armed.clear()

    def take(self, request: Request) -> Fault | None:
        """The fault for a request, now used up by one; None for a good answer."""
        for armed in self._armed:
            if armed.left != 0 and armed.fault.meets(request):
                if armed.skip > 0:
                    armed.skip -= 1
                    return None
                if armed.left is not None:
                    armed.left -= 1
                self.served[armed.fault.kind] += 1
                self.met.append(armed.fault)
                return armed.fault
        return None
