"""Numbers in words, the same on pages, in commands and in reports: counts with their noun, lengths of time."""

from datetime import timedelta


def count(n: int, noun: str) -> str:
    """`1 day`, `12 days`, `1,250 readings`: digits in groups of three, the noun in the plural that takes an s."""
    return f"{n:,} {noun}" if n == 1 else f"{n:,} {noun}s"


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
