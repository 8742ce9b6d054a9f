"""Numbers in words, the same on pages, in commands and in reports: counts with their noun, shares, lengths of time."""

from datetime import timedelta

from glucoflow.model.said import Said, digits, minute_said, said_n

NOUNS = (
    said_n("%(n)s calendar day", "%(n)s calendar days", 2),
    said_n("%(n)s day", "%(n)s days", 2),
    said_n("%(n)s document", "%(n)s documents", 2),
    said_n("%(n)s episode", "%(n)s episodes", 2),
    said_n("%(n)s low", "%(n)s lows", 2),
    said_n("%(n)s night", "%(n)s nights", 2),
    said_n("%(n)s reading", "%(n)s readings", 2),
    said_n("%(n)s record", "%(n)s records", 2),
    said_n("%(n)s second", "%(n)s seconds", 2),
    said_n("%(n)s span", "%(n)s spans", 2),
    said_n("%(n)s time", "%(n)s times", 2),
)
"""What pages count, for the catalogues: `count` puts these messages together."""


def count(n: int, noun: str = "", plural: str = "") -> Said:
    """`12`, `1 day`, `1,250 readings`, `2 people`: digits in groups of three; a plural without an s is given."""
    return said_n(f"%(n)s {noun}", f"%(n)s {plural or f'{noun}s'}", n) if noun else digits(f"{n:,}")


def number(value: float | None, decimals: int = 1) -> Said:
    """The value, or a dash for None."""
    return digits("–" if value is None else f"{value:.{decimals}f}")


def percent(value: float | None, decimals: int = 0) -> Said:
    """`62 %`, a dash for None; what would round to 0 but is not says so: `<1 %`, `<0.1 %`."""
    if value is not None and 0 < value < 0.5 * 10**-decimals:
        return digits(f"<{10**-decimals:g} %")
    return digits("–" if value is None else f"{value:.{decimals}f} %")


def length(span: timedelta) -> Said:
    """A span without its sign, coarse: `40 s`, `12 min`, `3 h`, `5 days`."""
    seconds = abs(span).total_seconds()
    if seconds < 60:
        return digits(f"{int(seconds)} s")
    if seconds < 90 * 60:
        return digits(f"{seconds / 60:.0f} min")
    if seconds < 48 * 3600:
        return digits(f"{seconds / 3600:.0f} h")
    return count(round(seconds / 86_400), "day")


def duration(minutes: float) -> str:
    """Minutes to the minute: `1 h 05 min`."""
    hours, rest = divmod(round(minutes), 60)
    return f"{hours} h {rest:02d} min" if hours else f"{rest} min"


clock = minute_said


def signed(value: float, decimals: int = 1) -> Said:
    """`+7.9`, `−1.8`, with a real minus sign; zero has none."""
    text = f"{abs(value):.{decimals}f}"
    if float(text) == 0:
        return digits(text)
    return digits(f"+{text}" if value > 0 else f"−{text}")


def by_comma(text: str) -> tuple[str, ...]:
    """The words of a text that has several by comma."""
    return tuple(word.strip() for word in text.split(",") if word.strip())
