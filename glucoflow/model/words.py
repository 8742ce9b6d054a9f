"""Numbers in words, the same on pages, in commands and in reports: counts with their noun, shares, lengths of time."""

from datetime import timedelta


def count(n: int, noun: str = "", plural: str = "") -> str:
    """`12`, `1 day`, `1,250 readings`, `2 people`: digits in groups of three; a plural without an s is given."""
    return f"{n:,} {noun if n == 1 else plural or f'{noun}s'}" if noun else f"{n:,}"


def number(value: float | None, decimals: int = 1) -> str:
    """The value, or a dash for None."""
    return "–" if value is None else f"{value:.{decimals}f}"


def percent(value: float | None, decimals: int = 0) -> str:
    """`62 %`, a dash for None; what would round to 0 but is not says so: `<1 %`, `<0.1 %`."""
    if value is not None and 0 < value < 0.5 * 10**-decimals:
        return f"<{10**-decimals:g} %"
    return "–" if value is None else f"{value:.{decimals}f} %"


def length(span: timedelta) -> str:
    """A span without its sign, coarse: `40 s`, `12 min`, `3 h`, `5 days`."""
    seconds = abs(span).total_seconds()
    if seconds < 60:
        return f"{int(seconds)} s"
    if seconds < 90 * 60:
        return f"{seconds / 60:.0f} min"
    if seconds < 48 * 3600:
        return f"{seconds / 3600:.0f} h"
    return count(round(seconds / 86_400), "day")


def duration(minutes: float) -> str:
    """Minutes to the minute: `1 h 05 min`."""
    hours, rest = divmod(round(minutes), 60)
    return f"{hours} h {rest:02d} min" if hours else f"{rest} min"


def clock(minute: float) -> str:
    """A minute of the day: `02:30`."""
    return f"{int(minute) // 60:02d}:{int(minute) % 60:02d}"


def signed(value: float, decimals: int = 1) -> str:
    """`+7.9`, `−1.8`, with a real minus sign; zero has none."""
    text = f"{abs(value):.{decimals}f}"
    if float(text) == 0:
        return text
    return f"+{text}" if value > 0 else f"−{text}"
