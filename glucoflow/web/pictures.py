"""Small pictures drawn on the server: lines and share bars, as SVG attributes since the policy forbids inline style."""

from collections.abc import Mapping, Sequence

from glucoflow.model.ranges import BANDS, Band

JOINED = 16 / 360
"""Points further apart than 16 of the 360 minutes are not joined: a gap is a gap, and 15-minute sensors have none."""
LOWEST, HIGHEST = 40.0, 400.0


def height_of(mg_dl: float, height: float) -> float:
    """Where a value lies from the top of a picture; values beyond the scale stay on its edge."""
    share = (min(max(mg_dl, LOWEST), HIGHEST) - LOWEST) / (HIGHEST - LOWEST)
    return round(height * (1 - share), 1)


def line(points: Sequence[tuple[float, float | None]], width: float, height: float) -> str:
    """An SVG path through the points; gaps break it. A lone point becomes a dot of no length."""
    parts: list[str] = []
    last: float | None = None
    for x, value in points:
        if value is None:
            continue
        joined = last is not None and x - last <= JOINED
        place = f"{x * width:.1f} {height_of(value, height)}"
        parts.append(f"L{place}" if joined else f"M{place}h0")
        last = x
    return "".join(parts)


def share_bar(shares: Mapping[Band, float]) -> list[tuple[Band, float, float]]:
    """(band, start, width) in percent of the bar, for the bands that have a share."""
    bars, start = [], 0.0
    for name in BANDS:
        share = shares.get(name, 0.0)
        if share > 0:
            bars.append((name, round(start, 3), round(share, 3)))
            start += share
    return bars
