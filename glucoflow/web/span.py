"""Which span of time a page shows: the last 24 hours, the last local days with today so far, or whole local dates."""

from collections.abc import Mapping
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import msgspec

from glucoflow.model.said import Said, days_said, digits, said


class Preset(msgspec.Struct, frozen=True):
    """A rolling span in words: on its button, as a title, inside a sentence, and the span before it."""

    short: Said
    last: Said
    within: Said
    before: Said


def _days(n: int) -> Preset:
    return Preset(
        short=said("%(n)s d", n=n),
        last=said("Last %(n)s days", n=n),
        within=said("last %(n)s days", n=n),
        before=said("the %(n)s days before", n=n),
    )


PRESETS = {
    "24h": Preset(digits("24 h"), said("Last 24 hours"), said("last 24 hours"), said("the 24 hours before")),
    "7d": _days(7),
    "14d": _days(14),
    "30d": _days(30),
    "90d": _days(90),
}
LONGEST_DAYS = 5 * 366


class BadSpan(ValueError):
    """The asked-for dates make no span; `text` says why and what to do."""

    def __init__(self, text: Said) -> None:
        super().__init__(text)
        self.text = text


class Span(msgspec.Struct, frozen=True, kw_only=True):
    """[start, end) in UTC. `first` and `last` are the local dates in it; `preset` is set for a rolling span."""

    start: datetime
    end: datetime
    first: date
    last: date
    preset: str | None = None

    @property
    def days(self) -> float:
        return (self.end - self.start) / timedelta(days=1)

    @property
    def whole_days(self) -> int:
        """Length in dates: what previous and next move by."""
        return 1 if self.preset == "24h" else (self.last - self.first).days + 1

    @property
    def one_date(self) -> bool:
        """Whether this is a single chosen date."""
        return self.preset is None and self.first == self.last

    @property
    def query(self) -> str:
        """This span in an address."""
        return f"last={self.preset}" if self.preset else f"from={self.first}&to={self.last}"

    @property
    def label(self) -> Said:
        """`Last 14 days`, `Sat 21 Nov 2026`, `8 – 21 Nov 2026`."""
        return PRESETS[self.preset].last if self.preset else days_said(self.first, self.last)

    @property
    def dates(self) -> Said:
        """The local dates in it, which a paper keeps: `8 – 21 Nov 2026`."""
        return days_said(self.first, self.last)

    @property
    def within(self) -> Said:
        """The label inside a sentence."""
        return PRESETS[self.preset].within if self.preset else self.label

    @property
    def before(self) -> str:
        """The equally long span before this one, for an address."""
        last = self.first - timedelta(days=1) if self.preset is None else self.last - timedelta(days=self.whole_days)
        return f"from={last - timedelta(days=self.whole_days - 1)}&to={last}"

    def after(self, today: date) -> str | None:
        """The next span; None when this one reaches today."""
        if self.preset or self.last >= today:
            return None
        last = min(today, self.last + timedelta(days=self.whole_days))
        return f"from={last - timedelta(days=self.whole_days - 1)}&to={last}"

    def around(self, days: int, today: date) -> str:
        """`days` dates with this span in their middle, or ending today, for an address."""
        last = min(today, self.last + timedelta(days=(days - self.whole_days) // 2))
        return f"from={last - timedelta(days=days - 1)}&to={last}"

    @property
    def compared(self) -> Said:
        """The span of `preceding` in words: `the 14 days before`, `24 Oct – 6 Nov 2026`."""
        if self.preset:
            return PRESETS[self.preset].before
        last = self.first - timedelta(days=1)
        return days_said(last - timedelta(days=self.whole_days - 1), last)

    def preceding(self) -> tuple[datetime, datetime]:
        """The instants of the span just before, for comparing: as long, and as many whole days where it is of days."""
        if self.preset not in {None, "24h"}:
            return self.start - timedelta(days=self.whole_days), self.start
        return self.start - (self.end - self.start), self.start


def minute_after(now: datetime) -> datetime:
    """`now` on the next full minute: what is asked twice within a minute, Elasticsearch answers from its cache."""
    return now if not (now.second or now.microsecond) else now.replace(second=0, microsecond=0) + timedelta(minutes=1)


def rolling(preset: str, zone: str, now: datetime) -> Span:
    """The last 24 hours, or the last local days, today so far included; `preset` is a key of PRESETS.

    Days begin at midnight: a day that is cut would have another value here than on its own page.
    """
    today, end = now.astimezone(ZoneInfo(zone)).date(), minute_after(now)
    if preset == "24h":
        start = end - timedelta(hours=24)
        return Span(start=start, end=end, first=start.astimezone(ZoneInfo(zone)).date(), last=today, preset=preset)
    first = today - timedelta(days=int(preset[:-1]) - 1)
    return Span(start=midnight(first, zone), end=end, first=first, last=today, preset=preset)


def midnight(day: date, zone: str) -> datetime:
    """The instant at which a local date begins."""
    return datetime.combine(day, time(), ZoneInfo(zone)).astimezone(UTC)


def dates(first: date, last: date, zone: str) -> Span:
    """Whole local dates, both inside the span, by the person's home zone."""
    start, end = midnight(first, zone), midnight(last + timedelta(days=1), zone)
    return Span(start=start, end=end, first=first, last=last)


def read_span(query: Mapping[str, str], zone: str, now: datetime, default: str) -> Span:
    """The span an address asks for (`last=14d`, or `from` and `to` as dates). Raises BadSpan with a sentence."""
    if query.get("from") or query.get("to"):
        return _of_dates(query.get("from") or query["to"], query.get("to") or query["from"], zone, now)
    preset = query.get("last") or default
    if preset not in PRESETS:
        raise BadSpan(
            said(
                "“%(span)s” is no span this page knows. Choose one of %(known)s.",
                span=preset[:20],
                known=", ".join(PRESETS),
            )
        )
    return rolling(preset, zone, now)


def _of_dates(first: str, last: str, zone: str, now: datetime) -> Span:
    try:
        start, end = date.fromisoformat(first), date.fromisoformat(last)
    except ValueError:
        raise BadSpan(said("A date could not be read. Write it as year-month-day, like 2026-11-21.")) from None
    today = now.astimezone(ZoneInfo(zone)).date()
    if start > end:
        raise BadSpan(
            said("The first day (%(first)s) is after the last (%(last)s). Swap the two.", first=start, last=end)
        )
    if start > today:
        raise BadSpan(
            said(
                "%(day)s is in the future. There is nothing to show yet: choose a day up to %(today)s.",
                day=start,
                today=today,
            )
        )
    if start.year < 1990:
        raise BadSpan(said("%(day)s is before any sensor. Choose a later first day.", day=start))
    end = min(end, today)
    if (end - start).days > LONGEST_DAYS:
        raise BadSpan(said("That is more than five years. Choose a shorter span."))
    return dates(start, end, zone)
