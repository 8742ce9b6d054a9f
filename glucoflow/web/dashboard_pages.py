"""The seven pages of a person: which charts each shows, in which order, over which span by default."""

from collections.abc import Sequence
from datetime import date

import msgspec

from glucoflow.model.said import Said, capital, joined, said
from glucoflow.web.span import PRESETS, Span


class Panel(msgspec.Struct, frozen=True, kw_only=True):
    """One chart on a page; `height` in pixels, `wide` over the whole width.

    `last` is a rolling span of its own, taken while the page shows a rolling one too; around shorter chosen dates it
    shows at least `around` days. `dated` charts are titled with chosen dates; `help` stands in for their own. Spans
    shorter or longer than `days` leave the chart out, and so does a single chosen date unless `one_date` fits: True for
    only there, False for never there. `instead` takes another panel's place, so that nobody misses it elsewhere. Where
    two spans are compared, a chart `twice` is shown for both, side by side.
    """

    chart: str
    height: int = 300
    wide: bool = True
    last: str | None = None
    around: int = 0
    dated: bool = False
    help: Said | None = None
    days: tuple[int, int] = (1, 10_000)
    one_date: bool | None = None
    instead: bool = False
    twice: bool = False


class Placed(msgspec.Struct, frozen=True, kw_only=True):
    """A chart as a page shows it: the span in its address, its width, and what to say of its span."""

    chart: str
    height: int
    wide: bool
    query: str
    title: str | None = None
    help: str | None = None
    note: str = ""

    @property
    def address(self) -> str:
        """Name and span, below the address of the person's charts."""
        return f"{self.chart}?{self.query}"


class DashboardPage(msgspec.Struct, frozen=True, kw_only=True):
    """One page. `window` is its default span; `part` names a template for what is not a chart."""

    slug: str
    title: Said
    lead: Said
    window: str
    panels: tuple[Panel, ...]
    part: str | None = None


DASHBOARD_PAGES: tuple[DashboardPage, ...] = (
    DashboardPage(
        slug="now",
        title=said("Now"),
        window="14d",
        lead=said("The day or days chosen, against the targets."),
        panels=(
            Panel(chart="last_24h", height=320, last="24h", days=(1, 3), dated=True),
            Panel(chart="tir_14d", height=280, wide=False, days=(2, 10_000), twice=True),
            Panel(chart="trace_14d", height=280, wide=False, days=(2, 10_000), twice=True),
        ),
    ),
    DashboardPage(
        slug="profile",
        title=said("24-hour profile"),
        window="14d",
        lead=said("What a usual day looks like: the median and how far readings spread around it, by local time."),
        panels=(
            Panel(chart="profile_24h", height=380, days=(3, 10_000), twice=True),
            Panel(chart="last_24h", height=320, days=(1, 2), dated=True, instead=True),
            Panel(chart="profile_compare", wide=False, days=(3, 10_000)),
            Panel(chart="profile_weekdays", wide=False, days=(7, 10_000)),
        ),
    ),
    DashboardPage(
        slug="days",
        title=said("Days"),
        window="14d",
        part="days",
        lead=said("Day by day. Click a day in the calendar, a chart or the table to see it alone."),
        panels=(
            Panel(
                chart="day_view",
                height=460,
                dated=True,
                one_date=True,
                twice=True,
                help=said(
                    "Every reading, coloured by band, and finger sticks (diamonds); above them carbohydrate, boluses, "
                    "long-acting and basal insulin, activity, notes and alerts."
                ),
            ),
            Panel(chart="day_overlay", height=340, one_date=False, twice=True),
            Panel(chart="calendar_tir", height=240, last="90d", around=90),
            Panel(chart="trace_14d", height=280, one_date=False, twice=True),
        ),
    ),
    DashboardPage(
        slug="patterns",
        title=said("Patterns"),
        window="30d",
        lead=said("When in the day and the week glucose tends to run high or low."),
        panels=(
            Panel(chart="heatmap_mean", height=240, days=(7, 10_000)),
            Panel(chart="heatmap_low", height=240, wide=False, days=(7, 10_000)),
            Panel(chart="heatmap_high", height=240, wide=False, days=(7, 10_000)),
            Panel(chart="hourly_boxes"),
            Panel(chart="nights", height=280, wide=False, days=(2, 10_000)),
            Panel(chart="after_meals", height=280, wide=False),
        ),
    ),
    DashboardPage(
        slug="episodes",
        title=said("Lows and highs"),
        window="30d",
        part="episodes",
        lead=said("Times below or above target that lasted 15 minutes or longer."),
        panels=(
            Panel(chart="last_24h", height=320, days=(1, 1), dated=True),
            Panel(chart="episodes_timeline", height=320, days=(2, 10_000)),
            Panel(chart="episodes_by_hour", height=260),
        ),
    ),
    DashboardPage(
        slug="events",
        title=said("Insulin, meals, activity"),
        window="7d",
        part="events",
        lead=said("What was noted, on the trace, by day, and what glucose did after meals."),
        panels=(
            Panel(chart="events_trace", height=340, days=(1, 45)),
            Panel(chart="trace_14d", height=340, days=(46, 10_000), instead=True),  # so many meals cover one another
            Panel(chart="daily_totals", height=280, wide=False, days=(2, 10_000)),
            Panel(chart="after_meals", height=280, wide=False),
        ),
    ),
    DashboardPage(
        slug="sensor",
        title=said("Sensor and settings"),
        window="30d",
        part="sensor",
        lead=said("How much of the time a sensor was read, what is missing, and how its alerts are set."),
        panels=(
            Panel(chart="sensor_wear", height=260, days=(2, 10_000)),
            Panel(chart="gaps", height=320),
            Panel(chart="alert_settings", height=160, last="90d"),
        ),
    ),
)


def placed(chosen: DashboardPage, span: Span, today: date, *, compared: bool = False) -> tuple[Placed, ...]:
    """The charts of a page that make sense for the span. One that would stand alone in its row gets all of it.

    `compared`: those that can be are shown twice, first of the span before and then of the span, as time goes.
    """
    shown = [panel for panel in chosen.panels if _fits(panel, span)]
    if compared:
        pairs = [one for panel in shown if panel.twice for one in _pair(panel, span)]
        return (*pairs, *_placed([panel for panel in shown if not panel.twice], span, today))
    return _placed(shown, span, today)


def _pair(panel: Panel, span: Span) -> tuple[Placed, Placed]:
    before = Placed(chart=panel.chart, height=panel.height, wide=False, query=span.before, note=_ends(span.compared))
    now = msgspec.structs.replace(before, query=_exact(span), note=_ends(span.label))
    return before, now


def _exact(span: Span) -> str:
    """The days of a span: what is compared is as long on both sides."""
    return span.query if span.preset == "24h" else f"from={span.first}&to={span.last}"


def _ends(text: str) -> str:
    return joined("", [capital(text), "."])


def _placed(shown: Sequence[Panel], span: Span, today: date) -> tuple[Placed, ...]:
    alone = _alone([panel.wide for panel in shown])
    return tuple(
        Placed(
            chart=panel.chart,
            height=panel.height,
            wide=panel.wide or at in alone,
            query=_query(panel, span, today),
            title=span.label if panel.dated and span.preset is None else None,
            help=panel.help,
            note=_note(panel, span),
        )
        for at, panel in enumerate(shown)
    )


def too_short(chosen: DashboardPage, span: Span) -> dict[int, list[str]]:
    """The charts that the span is too short for, by the days that they need; single dates show what else there is."""
    found: dict[int, list[str]] = {}
    for panel in chosen.panels:
        if span.whole_days < panel.days[0] and not _fits(panel, span) and not panel.instead:
            found.setdefault(panel.days[0], []).append(panel.chart)
    return found


def _fits(panel: Panel, span: Span) -> bool:
    if panel.one_date is not None and panel.one_date != span.one_date:
        return False
    return bool(span.preset and panel.last) or panel.days[0] <= span.whole_days <= panel.days[1]


def _alone(wide: Sequence[bool]) -> set[int]:
    """Places of narrow charts without a narrow neighbour to share the row with."""
    alone, open_at = set(), None
    for at, whole_row in enumerate([*wide, True]):
        if whole_row and open_at is not None:
            alone.add(open_at)
        open_at = at if not whole_row and open_at is None else None
    return alone


def _query(panel: Panel, span: Span, today: date) -> str:
    if span.preset:
        return f"last={panel.last or span.preset}"
    return span.around(panel.around, today) if panel.around > span.whole_days else span.query


def _note(panel: Panel, span: Span) -> str:
    own = span.preset and panel.last not in {None, "24h", span.preset}
    return joined("", [PRESETS[panel.last or ""].last, "."]) if own else ""


def dashboard_page(slug: str) -> DashboardPage | None:
    return next((one for one in DASHBOARD_PAGES if one.slug == slug), None)
