"""The one-page report: a self-contained HTML file that prints on one sheet of A4 or Letter."""

from collections.abc import Sequence
from datetime import date, timedelta

import jinja2
import msgspec

from glucoflow.analytics.data_sufficiency import sufficiency
from glucoflow.analytics.episodes import counts_of, find_episodes
from glucoflow.analytics.profile import profile_of
from glucoflow.analytics.series import Series, date_of
from glucoflow.analytics.summary import Metrics, metrics_of, span_ms
from glucoflow.analytics.time_in_ranges import reconciled, time_in_ranges
from glucoflow.model.glycemia import EPISODE_KINDS, Episode, EpisodeKind, Sufficiency
from glucoflow.model.targets import CV_GOAL, PROFILES, Targets
from glucoflow.model.units import MG_DL, MMOL_L, Unit, glucose
from glucoflow.model.words import count, duration, number, percent
from glucoflow.report.charts import days_svg, profile_svg
from glucoflow.report.reading import PersonInFile

EDGES: dict[Unit, tuple[str, ...]] = {
    MG_DL: ("54", "69", "70", "180", "181", "250"),
    MMOL_L: ("3.0", "3.8", "3.9", "10.0", "10.1", "13.9"),
}
"""The bands' edges as the consensus prints them: 181 mg/dL is 10.05 mmol/L and would round to 10.0."""

EPISODE_NAMES: dict[EpisodeKind, tuple[str, str]] = {
    "low_l1": ("Low", "< {low} for 15 min"),
    "low_l2": ("Very low", "< {very_low} for 15 min"),
    "low_extended": ("Long low", "< {low} for over 2 h"),
    "high_l1": ("High", "> {high} for 15 min"),
    "high_l2": ("Very high", "> {very_high} for 15 min"),
    "high_extended": ("Long very high", "> {very_high} for 90 of 120 min"),
}


class Bar(msgspec.Struct, frozen=True):
    """One band of the time-in-range bar; `shown` are reconciled to add up to 100."""

    key: str
    name: str
    limits: str
    share: float
    shown: str


class Cell(msgspec.Struct, frozen=True):
    """One figure with its unit or goal beneath; `why` says why it is missing."""

    name: str
    value: str
    note: str = ""
    why: str = ""


class EpisodeLine(msgspec.Struct, frozen=True):
    """One kind of episode over the span: how many, how often, how long, how many begin at night."""

    name: str
    rule: str
    count: int
    per_week: str
    typical: str
    at_night: int


class Sheet(msgspec.Struct, frozen=True, kw_only=True):
    """All that the template shows of one person."""

    title: str
    span: str
    source: str
    unit: Unit
    sufficiency: Sufficiency
    metrics: Metrics
    bars: tuple[Bar, ...]
    main: tuple[Cell, ...]
    more: tuple[Cell, ...]
    episodes: tuple[EpisodeLine, ...]
    goals: tuple[str, ...]
    profile_days: int = 0
    profile_svg: str = ""
    days_svg: str = ""


def html_report(people: Sequence[PersonInFile], unit: Unit = MG_DL, targets: Targets = PROFILES["adult"]) -> str:
    """One HTML document with a sheet per person: no script, no file and no host besides itself."""
    loader = jinja2.PackageLoader("glucoflow.report")
    environment = jinja2.Environment(loader=loader, autoescape=True, undefined=jinja2.StrictUndefined)
    pages = [page_of(person, unit, targets) for person in people]
    return environment.get_template("sheet.html.j2").render(pages=pages)


def page_of(person: PersonInFile, unit: Unit, targets: Targets = PROFILES["adult"]) -> Sheet:
    """What one sheet says, computed."""
    used = person.series.used
    metrics = metrics_of(person.series, targets=targets)
    profile = profile_of(used)
    filled = len(used) > 0
    return Sheet(
        title=person.id,
        span=_span(used),
        source=person.source,
        unit=unit,
        metrics=metrics,
        sufficiency=sufficiency(used, span_ms(used)),
        bars=bars_of(used, unit),
        main=_main_cells(metrics, unit),
        more=_more_cells(metrics, unit),
        episodes=episode_rows(find_episodes(used, targets), used, unit, targets),
        goals=_goals(metrics, targets, unit),
        profile_days=profile.days,
        profile_svg=profile_svg(profile, targets, unit) if filled else "",
        days_svg=days_svg(used, targets, unit) if filled else "",
    )


def _span(used: Series) -> str:
    if len(used) == 0:
        return "no readings"
    first, last = (date_of(int(used.local_day[i])) for i in (0, -1))
    days = (last - first + timedelta(days=1)).days
    return f"{_day(first)} to {_day(last)} ({count(days, 'day')})" if days > 1 else _day(first)


def _day(day: date) -> str:
    return f"{day.day} {day:%B %Y}"


def bars_of(used: Series, unit: Unit) -> tuple[Bar, ...]:
    """The five bands from the top, shares reconciled to one decimal; none without readings."""
    shares = time_in_ranges(used)
    if shares is None:
        return ()
    values = (shares.very_high, shares.high, shares.in_range, shares.low, shares.very_low)
    v54, v69, v70, v180, v181, v250 = EDGES[unit]
    texts = (
        ("very_high", "Very high", f"> {v250}"),
        ("high", "High", f"{v181}–{v250}"),
        ("in_range", "In range", f"{v70}–{v180}"),
        ("low", "Low", f"{v54}–{v69}"),
        ("very_low", "Very low", f"< {v54}"),
    )
    shown = reconciled(values, 1)
    return tuple(
        Bar(key, name, limits, share, f"{rounded:.1f} %")
        for (key, name, limits), share, rounded in zip(texts, values, shown, strict=True)
    )


def _main_cells(metrics: Metrics, unit: Unit) -> tuple[Cell, ...]:
    why = metrics.missing
    limits = metrics.n_low_limit + metrics.n_high_limit
    mean_note = f"{unit}; holds {limits} LOW/HIGH readings as 39/401 mg/dL" if limits else unit
    return (
        Cell("Mean", glucose(metrics.mean_mg_dl, unit), mean_note, why.get("mean_mg_dl", "")),
        Cell("GMI", percent(metrics.gmi_percent, 1), "from the mean; not a laboratory A1c", why.get("gmi_percent", "")),
        Cell("CV", percent(metrics.cv_percent, 1), f"stable up to {CV_GOAL:.0f} %", why.get("cv_percent", "")),
        Cell("SD", glucose(metrics.sd_mg_dl, unit), unit, why.get("sd_mg_dl", "")),
        Cell("Tight range", percent(metrics.titr_percent), _tight(unit), why.get("titr_percent", "")),
        Cell("Sensor active", percent(metrics.active_percent), count(metrics.n, "reading"), ""),
    )


def _tight(unit: Unit) -> str:
    return f"{glucose(70, unit)}–{glucose(140, unit)} {unit}"


def _more_cells(metrics: Metrics, unit: Unit) -> tuple[Cell, ...]:
    zone = f"zone {metrics.gri_zone}" if metrics.gri_zone else ""
    given = (
        ("GRI", number(metrics.gri), zone, "gri"),
        ("LBGI", number(metrics.lbgi), "risk of lows", "lbgi"),
        ("HBGI", number(metrics.hbgi), "risk of highs", "hbgi"),
        ("ADRR", number(metrics.adrr), "daily risk", "adrr"),
        ("MAGE", glucose(metrics.mage_mg_dl, unit), unit, "mage_mg_dl"),
        ("MODD", glucose(metrics.modd_mg_dl, unit), f"{unit}, day to day", "modd_mg_dl"),
        ("CONGA-24", glucose(metrics.conga24_mg_dl, unit), unit, "conga24_mg_dl"),
        ("MAG", glucose(metrics.mag_mg_dl_per_h, unit), f"{unit} per hour", "mag_mg_dl_per_h"),
        ("J-index", number(metrics.j_index), "", "j_index"),
        ("eA1c", percent(metrics.ea1c_percent, 1), "from the mean", "ea1c_percent"),
    )
    return tuple(Cell(name, value, note, metrics.missing.get(key, "")) for name, value, note, key in given)


def episode_rows(episodes: Sequence[Episode], used: Series, unit: Unit, targets: Targets) -> tuple[EpisodeLine, ...]:
    """One row a kind, in the order of `EPISODE_KINDS`."""
    totals = counts_of(episodes)
    weeks = span_ms(used) / (7 * 86_400_000)
    limits = {name: glucose(getattr(targets, name), unit) for name in ("very_low", "low", "high", "very_high")}
    rows = []
    for kind in EPISODE_KINDS:
        mine = [episode for episode in episodes if episode.kind == kind]
        lengths = sorted(episode.minutes for episode in mine)
        name, rule = EPISODE_NAMES[kind]
        rows.append(
            EpisodeLine(
                name,
                rule.format(**limits),
                getattr(totals, kind),
                number(len(mine) / weeks) if weeks >= 1 else "–",
                duration(lengths[len(lengths) // 2]) if lengths else "–",
                sum(episode.night for episode in mine),
            )
        )
    return tuple(rows)


def _goals(metrics: Metrics, targets: Targets, unit: Unit) -> tuple[str, ...]:
    """Each goal of the profile with what was reached, in words."""
    low, high = glucose(targets.low, unit), glucose(targets.high, unit)
    given = (
        (f"{low}–{high}", metrics.target_in_percent, targets.goal_in_range, True),
        (f"below {low}", metrics.target_below_percent, targets.goal_below, False),
        (f"below {glucose(54, unit)}", metrics.below_54_percent, targets.goal_very_low, False),
        (f"above {high}", metrics.target_above_percent, targets.goal_above, False),
        (f"above {glucose(250, unit)}", metrics.above_250_percent, targets.goal_very_high, False),
    )
    lines = []
    for name, value, goal, more in given:
        if goal is None or value is None:
            continue
        met = value > goal if more else value < goal
        sign = "more than" if more else "less than"
        lines.append(f"{name} {unit}: {percent(value, 1)}, goal {sign} {goal:g} %: {'met' if met else 'not met'}")
    return tuple(lines)
