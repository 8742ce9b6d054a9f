"""The one-page report: a self-contained HTML file that prints on one sheet of A4 or Letter."""

from collections.abc import Sequence
from datetime import date

import jinja2
import msgspec

from glucoflow.analytics.profile import profile_of
from glucoflow.analytics.summary import Metrics
from glucoflow.model.episode_words import NAMES as EPISODE_NAMES
from glucoflow.model.episode_words import WHOLE, rule
from glucoflow.model.glycemia import EPISODE_KINDS, Sufficiency
from glucoflow.model.goals import share
from glucoflow.model.ranges import BANDS
from glucoflow.model.target_bands import NAMES, limits
from glucoflow.model.targets import CV_GOAL, PROFILES, Targets
from glucoflow.model.units import MG_DL, Unit, glucose
from glucoflow.model.words import count, duration, number, percent
from glucoflow.report.charts import days_svg, profile_svg
from glucoflow.report.figures import Figures, figures_of
from glucoflow.report.reading import PersonInFile
from glucoflow.report.rows import decision_lines, rows_lines


class Bar(msgspec.Struct, frozen=True):
    """One band of the time-in-range bar; `shown` add up to 100."""

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
    rows: tuple[str, ...]
    """What became of the file's rows, and what was decided on it."""
    unit: Unit
    sufficiency: Sufficiency
    metrics: Metrics
    bars: tuple[Bar, ...]
    main: tuple[Cell, ...]
    more: tuple[Cell, ...]
    episodes: tuple[EpisodeLine, ...]
    goals: tuple[str, ...]
    no_episodes: str | None = None
    profile_days: str = ""
    profile_svg: str = ""
    days_svg: str = ""


def html_report(people: Sequence[PersonInFile], unit: Unit = MG_DL, targets: Targets = PROFILES["adult"]) -> str:
    """One HTML document with a sheet per person: no script, no file and no host besides itself."""
    loader = jinja2.PackageLoader("glucoflow.report")
    environment = jinja2.Environment(loader=loader, autoescape=True, undefined=jinja2.StrictUndefined)
    pages = [
        page_of(
            one.id,
            one.source,
            figures_of(one.series, targets),
            unit,
            (*rows_lines(one.contents, one.rows), *decision_lines(one.contents)),
        )
        for one in people
    ]
    return environment.get_template("sheet.html.j2").render(pages=pages)


def page_of(title: str, source: str, figures: Figures, unit: Unit, rows: tuple[str, ...] = ()) -> Sheet:
    """What one sheet says, computed. `rows` say what became of a file's rows."""
    used, targets = figures.used, figures.targets
    profile = profile_of(used)
    filled = len(used) > 0
    return Sheet(
        title=title,
        span=_span(figures),
        source=source,
        rows=rows,
        unit=unit,
        metrics=figures.metrics,
        sufficiency=figures.state,
        bars=bars_of(figures, unit),
        main=_main_cells(figures.metrics, unit),
        more=_more_cells(figures.metrics, unit),
        episodes=episode_rows(figures, unit),
        no_episodes=figures.no_episodes,
        goals=goal_lines(figures, unit),
        profile_days=count(profile.days, "day"),
        profile_svg=profile_svg(profile, targets, unit) if filled else "",
        days_svg=days_svg(used, targets, unit) if filled else "",
    )


def _span(figures: Figures) -> str:
    if figures.first is None or figures.last is None:
        return "no readings"
    days = figures.calendar_days
    dates = f"{_day(figures.first)} to {_day(figures.last)}" if days > 1 else _day(figures.first)
    return f"{dates} ({figures.days_with_data} of {count(days, 'day')} with data)"


def _day(day: date) -> str:
    return f"{day.day} {day:%B %Y}"


def bars_of(figures: Figures, unit: Unit) -> tuple[Bar, ...]:
    """The five bands of the person's targets from the top; none without readings."""
    shares = figures.shares
    if shares is None:
        return ()
    return tuple(
        Bar(band, NAMES[band], limits(figures.targets, band, unit), shares.exact[band], shares.text(band))
        for band in reversed(BANDS)
    )


def goal_lines(figures: Figures, unit: Unit) -> tuple[str, ...]:
    """Each goal of the profile with the exact share's verdict, in words; none where the data do not bear one."""
    shares, targets = figures.shares, figures.targets
    if shares is None or not figures.state.sufficient:
        return ()
    places = {
        "in_range": f"{glucose(targets.low, unit)}–{glucose(targets.high, unit)}",
        "below": f"below {glucose(targets.low, unit)}",
        "very_low": f"below {glucose(targets.very_low, unit)}",
        "above": f"above {glucose(targets.high, unit)}",
        "very_high": f"above {glucose(targets.very_high, unit)}",
    }
    return tuple(
        f"{places[name]} {unit}: {shares.text(name)}, {shares.verdict(name)}" for name in places if name in shares.goals
    )


def _main_cells(metrics: Metrics, unit: Unit) -> tuple[Cell, ...]:
    why = metrics.missing
    limits = metrics.n_low_limit + metrics.n_high_limit
    mean_note = f"{unit}; holds {count(limits, 'reading')} at the sensor's limits" if limits else unit
    return (
        Cell("Mean", glucose(metrics.mean_mg_dl, unit), mean_note, why.get("mean_mg_dl", "")),
        Cell("GMI", percent(metrics.gmi_percent, 1), "from the mean; not a laboratory A1c", why.get("gmi_percent", "")),
        Cell("CV", percent(metrics.cv_percent, 1), f"stable up to {CV_GOAL:.0f} %", why.get("cv_percent", "")),
        Cell("SD", glucose(metrics.sd_mg_dl, unit), unit, why.get("sd_mg_dl", "")),
        Cell("Tight range", share(metrics.titr_percent), _tight(unit), why.get("titr_percent", "")),
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


def episode_rows(figures: Figures, unit: Unit) -> tuple[EpisodeLine, ...]:
    """One row a kind, in the order of `EPISODE_KINDS`; a deeper or longer one is named as part of the plain one.

    Per week means per week of worn time, as in the references (iglu, cgmguru).
    """
    rows = []
    for kind in EPISODE_KINDS:
        mine = [episode for episode in figures.episodes if episode.kind == kind]
        lengths = sorted(episode.minutes for episode in mine)
        rows.append(
            EpisodeLine(
                f"of these {EPISODE_NAMES[kind]}" if kind in WHOLE else EPISODE_NAMES[kind].capitalize(),
                rule(kind, figures.targets, unit),
                len(mine),
                number(len(mine) / figures.worn_weeks) if figures.worn_weeks >= 1 else "–",
                duration(lengths[len(lengths) // 2]) if lengths else "–",
                sum(episode.night for episode in mine),
            )
        )
    return tuple(rows)
