"""The seven pages of a person: which charts each shows, in which order, over which span by default."""

import msgspec

from glucoflow.web.span import Span


class Panel(msgspec.Struct, frozen=True):
    """One chart on a page; `height` in pixels, `wide` over the whole width.

    `last` is a rolling span of its own, taken while the page shows a rolling one too. `days` are the lengths of spans,
    in days, for which the chart says something; chosen dates outside them leave it out.
    """

    chart: str
    height: int = 300
    wide: bool = True
    last: str | None = None
    days: tuple[int, int] = (1, 10_000)


class Board(msgspec.Struct, frozen=True, kw_only=True):
    """One page. `window` is its default span; `part` names a template for what is not a chart."""

    slug: str
    title: str
    lead: str
    window: str
    panels: tuple[Panel, ...]
    part: str | None = None


BOARDS: tuple[Board, ...] = (
    Board(
        slug="now", title="Now", window="14d",
        lead="The day or days chosen, against the targets.",
        panels=(
            Panel("last_24h", 320, last="24h", days=(1, 3)), Panel("tir_14d", 280, wide=False, days=(2, 10_000)),
            Panel("trace_14d", 280, wide=False, days=(2, 10_000)),
        ),
    ),
    Board(
        slug="profile", title="24-hour profile", window="14d",
        lead="What a usual day looks like: the median and how far readings spread around it, by local time.",
        panels=(
            Panel("profile_24h", 380), Panel("profile_compare", 300, wide=False),
            Panel("profile_weekdays", 300, wide=False),
        ),
    ),
    Board(
        slug="days", title="Days", window="14d", part="days",
        lead="Day by day: time in range, traces, and days over one another.",
        panels=(
            Panel("day_overlay", 340), Panel("calendar_tir", 240, last="90d", days=(2, 10_000)),
            Panel("trace_14d", 280),
        ),
    ),
    Board(
        slug="patterns", title="Patterns", window="30d",
        lead="When in the day and the week glucose tends to run high or low.",
        panels=(
            Panel("heatmap_mean", 240), Panel("heatmap_low", 240, wide=False), Panel("heatmap_high", 240, wide=False),
            Panel("hourly_boxes", 300), Panel("nights", 280, wide=False), Panel("after_meals", 280, wide=False),
        ),
    ),
    Board(
        slug="episodes", title="Lows and highs", window="30d", part="episodes",
        lead="Times below or above target that lasted 15 minutes or longer.",
        panels=(Panel("episodes_timeline", 320), Panel("episodes_by_hour", 260)),
    ),
    Board(
        slug="events", title="Insulin, meals, activity", window="7d", part="events",
        lead="What was noted, on the trace, by day, and what glucose did after meals.",
        panels=(
            Panel("events_trace", 340), Panel("daily_totals", 280, wide=False), Panel("after_meals", 280, wide=False),
        ),
    ),
    Board(
        slug="sensor", title="Sensor and settings", window="30d", part="sensor",
        lead="How much of the time a sensor was read, what is missing, and how its alerts are set.",
        panels=(Panel("sensor_wear", 260), Panel("gaps", 320)),
    ),
)  # fmt: skip


def panels_for(chosen: Board, span: Span) -> tuple[Panel, ...]:
    """The panels of a page that make sense for the span."""
    return tuple(
        panel for panel in chosen.panels
        if (span.preset and panel.last) or panel.days[0] <= span.whole_days <= panel.days[1]
    )  # fmt: skip


def board(slug: str) -> Board | None:
    return next((one for one in BOARDS if one.slug == slug), None)
