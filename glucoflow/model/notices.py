"""Notices: what somebody is told of, where to, and on what terms. Values only; `service/notices` decides and sends."""

from collections.abc import Iterable
from datetime import datetime
from typing import Literal

import msgspec

from glucoflow.model.errors import Rejected
from glucoflow.model.said import Said, said
from glucoflow.model.units import MG_DL, MG_DL_PER_MMOL_L, Unit, glucose_unit, in_unit
from glucoflow.model.words import number

Cause = Literal[
    "urgent_low", "low", "falling", "high", "reconnect", "no_reading", "sync_failing", "rejected", "weekly", "disk"
]
Channel = Literal["mail", "service", "push"]

GLUCOSE: tuple[Cause, ...] = ("urgent_low", "low", "falling", "high")
"""Of readings that are of now; all others are about the running of things, and come at most once a day."""
OF_PERSON: tuple[Cause, ...] = (*GLUCOSE, "reconnect", "no_reading", "sync_failing", "rejected", "weekly")
OF_OPERATOR: tuple[Cause, ...] = ("reconnect", "sync_failing", "rejected", "disk", "weekly")
USUAL: tuple[Cause, ...] = ("reconnect", "no_reading", "sync_failing")
"""What a new receiver of a person gets, unless something else is chosen: nothing of glucose unasked."""

CAUSE_WORDS: dict[Cause, str] = {
    "urgent_low": said("urgent low"),
    "low": said("low"),
    "falling": said("falling fast"),
    "high": said("high for long"),
    "reconnect": said("a connection needs its person again"),
    "no_reading": said("no reading for longer than usual"),
    "sync_failing": said("nothing fetched for hours"),
    "rejected": said("records that were rejected"),
    "weekly": said("a summary every Monday"),
    "disk": said("disk nearly full"),
}


class Terms(msgspec.Struct, frozen=True, kw_only=True):
    """When a person is told. Glucose in mg/dL, the rate in mg/dL a minute, quiet hours in minutes of the local day."""

    urgent_low: float = 54.0
    low: float = 70.0
    high: float = 250.0
    high_minutes: int = 60
    falling: float = 3.0
    repeat_minutes: int = 30
    """A notice of glucose comes again after so long, while it lasts and nobody has acknowledged it."""
    silent_minutes: int = 60
    """No reading for so long beyond the provider's own delay is worth a notice."""
    failing_hours: int = 6
    quiet_start: int | None = None
    quiet_end: int | None = None
    urgent_anyway: bool = True
    """Whether an urgent low is told in quiet hours too."""

    @property
    def quiet(self) -> tuple[int, int] | None:
        """[start, end) in minutes of the local day, over midnight where the end is the smaller; None for none."""
        if self.quiet_start is None or self.quiet_end is None or self.quiet_start == self.quiet_end:
            return None
        return self.quiet_start, self.quiet_end


_NEAR = MG_DL_PER_MMOL_L / 20
"""Half a tenth of mmol/L, in mg/dL: a bound that is entered as it is shown is within."""


def checked(terms: Terms, unit: Unit) -> Terms:
    """The same terms. Raises Rejected, naming the field and the bounds in `unit`, for those that cannot be meant."""
    if not 40 - _NEAR <= terms.urgent_low <= terms.low:
        floor = glucose_unit(40, unit)
        raise Rejected("urgent_low", said("lies between %(least)s and the low limit", least=floor))
    if not terms.low <= 120 + _NEAR:
        raise Rejected("low", said("lies between the urgent limit and %(most)s", most=glucose_unit(120, unit)))
    if not 140 - _NEAR <= terms.high <= 400 + _NEAR:
        raise Rejected("high", _between(glucose_unit(140, unit), glucose_unit(400, unit)))
    if not 1 - _NEAR / 10 <= terms.falling <= 10 + _NEAR / 10:
        slow, fast = (number(in_unit(rate, unit), 0 if unit == MG_DL else 2) for rate in (1, 10))
        raise Rejected("falling", _between(slow, fast))
    bounds = (
        ("high_minutes", terms.high_minutes, 15, 240),
        ("repeat_minutes", terms.repeat_minutes, 5, 24 * 60),
        ("silent_minutes", terms.silent_minutes, 10, 7 * 24 * 60),
        ("failing_hours", terms.failing_hours, 1, 7 * 24),
    )
    for field, value, least, most in bounds:
        if not least <= value <= most:
            raise Rejected(field, _between(least, most))
    for field, minute in (("quiet_start", terms.quiet_start), ("quiet_end", terms.quiet_end)):
        if minute is not None and not 0 <= minute < 24 * 60:
            raise Rejected(field, said("is a time of the day"))
    if (terms.quiet_start is None) != (terms.quiet_end is None):
        raise Rejected("quiet_end", said("give both ends of the quiet hours, or neither"))
    return terms


def _between(least: object, most: object) -> Said:
    return said("lies between %(least)s and %(most)s", least=least, most=most)


class Receiver(msgspec.Struct, frozen=True, kw_only=True):
    """Where notices go. The address itself is asked for separately; `shown` is as much of it as is ever shown.

    Without a `user_id` it is the operator's.
    """

    id: str
    user_id: str | None
    name: str
    channel: Channel
    shown: str
    causes: tuple[Cause, ...]
    created_at: datetime
    last_sent_at: datetime | None
    last_error: str | None
    last_error_at: datetime | None


class State(msgspec.Struct, frozen=True, kw_only=True):
    """What is remembered of one cause of one person: since when it is the case, when it was told, how often."""

    since: datetime | None = None
    said_at: datetime | None = None
    times: int = 0
    acknowledged_at: datetime | None = None


class Standing(State, frozen=True, kw_only=True):
    """The same with what it is about, for pages."""

    user_id: str | None
    cause: Cause


class Message(msgspec.Struct, frozen=True, kw_only=True):
    """What goes out. `link` leads to where it is acknowledged."""

    title: str
    body: str
    link: str = ""

    @property
    def text(self) -> str:
        return f"{self.body}\n\n{self.link}" if self.link else self.body


class Outgoing(msgspec.Struct, frozen=True, kw_only=True):
    """A message on its way to one receiver, leased by whoever sends it now. `tries` counts the ones before.

    `key` is the notice's: a newer message of the same one takes this one's place where it has not been read yet.
    Without a `user_id` it is the operator's.
    """

    id: str
    key: str
    user_id: str | None
    receiver_id: str
    channel: Channel
    cause: Cause
    message: Message
    tries: int
    until: datetime


def causes_of(names: Iterable[str], operator: bool) -> tuple[Cause, ...]:
    """The causes of these names, in their order. Raises Rejected for none, or one that there is not."""
    wanted = set(names)
    known = OF_OPERATOR if operator else OF_PERSON
    if unknown := wanted - set(known):
        raise Rejected("causes", f"are of {', '.join(known)}, not {', '.join(sorted(unknown))}")
    if not wanted:
        raise Rejected("causes", said("choose at least one"))
    return tuple(one for one in known if one in wanted)
