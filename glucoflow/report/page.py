"""The page that a clinic asks for: what it says of one person, for the HTML to print and for the PDF."""

from collections.abc import Sequence
from datetime import date, timedelta

from glucoflow.analytics.data_sufficiency import active_words
from glucoflow.analytics.more_figures import gri_parts
from glucoflow.analytics.profile import profile_of
from glucoflow.analytics.summary import Metrics
from glucoflow.analytics.time_in_ranges import time_in_ranges
from glucoflow.languages import ENGLISH, Language
from glucoflow.model.episode_words import NAMES as EPISODE_NAMES
from glucoflow.model.episode_words import WHOLE, rule
from glucoflow.model.glycemia import EPISODE_KINDS
from glucoflow.model.goals import Goal, share
from glucoflow.model.ranges import BANDS
from glucoflow.model.said import Said, capital, date_said, digits, joined, said, said_n
from glucoflow.model.target_bands import NAMES, limits
from glucoflow.model.targets import CV_GOAL
from glucoflow.model.units import Unit, glucose
from glucoflow.model.words import count, duration, number, percent
from glucoflow.report.charts import days_svg, profile_svg
from glucoflow.report.figures import Figures
from glucoflow.report.sheet import About, Bar, Cell, EpisodeLine, Sheet, spoken

MOST_DAYS = 28
"""Small traces on the first page; of a longer span the last ones are shown."""
LARGE_DAYS = 14
"""Days one under another on the second page."""
A1C_SLOPE, A1C_OFFSET = 10.929, 2.152
"""mmol/mol = 10.929 · (% − 2.152): the IFCC's master equation."""


def page_of(about: About, figures: Figures, unit: Unit, large: bool = False, language: Language = ENGLISH) -> Sheet:
    """What one page says, computed, in a language; with `large` also the last days, for a second one."""
    used, targets = figures.used, figures.targets
    profile = profile_of(used)
    filled = figures.first is not None and figures.last is not None and len(used) > 0
    first, last = _shown_days(figures) if filled else (date.min, date.min)
    sheet = Sheet(
        language=language,
        title=about.name,
        about=_about(about),
        span=_span(figures),
        source=about.source,
        unit=unit,
        metrics=figures.metrics,
        sufficiency=figures.state,
        bars=bars_of(figures, unit),
        sums=_sums(figures, unit),
        main=_main_cells(figures, about, unit),
        more=_more_cells(figures.metrics, unit),
        episodes=episode_rows(figures, unit),
        no_episodes=figures.no_episodes,
        goals=goal_lines(figures, unit),
        not_counted=not_counted(figures.metrics),
        profile_days=count(profile.days, "day"),
        profile_svg=profile_svg(profile, targets, unit, language=language) if filled else "",
        days=_dates(first, last) if filled else "",
        days_svg=days_svg(used, targets, unit, first, last, language=language) if filled else "",
        large_days_svg=_large(figures, unit, language) if large and filled else "",
    )
    return spoken(sheet, language)


def _about(about: About) -> tuple[str, ...]:
    lines: list[str] = []
    if about.born is not None:
        lines.append(said("born %(date)s", date=date_said(about.born)))
    if about.devices:
        lines.append(said("devices: %(names)s", names=", ".join(about.devices)))
    if about.printed is not None:
        lines.append(said("printed on %(date)s", date=date_said(about.printed)))
    return tuple(lines)


def _shown_days(figures: Figures) -> tuple[date, date]:
    assert figures.first is not None  # noqa: S101 - the caller has readings
    assert figures.last is not None  # noqa: S101
    return max(figures.first, figures.last - timedelta(days=MOST_DAYS - 1)), figures.last


def _large(figures: Figures, unit: Unit, language: Language) -> str:
    first, last = _shown_days(figures)
    first = max(first, last - timedelta(days=LARGE_DAYS - 1))
    return days_svg(figures.used, figures.targets, unit, first, last, 540, 50, across=1, language=language)


def _span(figures: Figures) -> str:
    if figures.first is None or figures.last is None:
        return said("no readings")
    return said_n(
        "%(dates)s (%(held)s of %(n)s day with data)",
        "%(dates)s (%(held)s of %(n)s days with data)",
        figures.calendar_days,
        dates=_dates(figures.first, figures.last),
        held=figures.days_with_data,
    )


def _dates(first: date, last: date) -> Said:
    if first == last:
        return date_said(first)
    return said("%(first)s to %(last)s", first=date_said(first), last=date_said(last))


def bars_of(figures: Figures, unit: Unit) -> tuple[Bar, ...]:
    """The five bands of the person's targets from the top; none without readings."""
    shares, judged = figures.shares, figures.state.sufficient
    if shares is None:
        return ()
    return tuple(
        Bar(
            band,
            NAMES[band],
            limits(figures.targets, band, unit),
            shares.exact[band],
            shares.text(band),
            "" if band in ("low", "high") else shares.verdict(band, judged),
        )
        for band in reversed(BANDS)
    )


def _sums(figures: Figures, unit: Unit) -> tuple[str, ...]:
    shares = figures.shares
    if shares is None:
        return ()
    low, high = glucose(figures.targets.low, unit), glucose(figures.targets.high, unit)
    lines = []
    for name, where in (("above", said("above %(limit)s", limit=high)), ("below", said("below %(limit)s", limit=low))):
        goal = shares.verdict(name, figures.state.sufficient)
        lines.append(joined("", [where, ": ", shares.text(name), *([" (", goal, ")"] if goal else [])]))
    return tuple(lines)


def goal_lines(figures: Figures, unit: Unit) -> tuple[str, ...]:
    """Each goal of the profile with the exact share's verdict, in words; none where the data do not bear one."""
    shares, targets = figures.shares, figures.targets
    if shares is None or not figures.state.sufficient:
        return ()
    places = {
        "in_range": joined("–", [glucose(targets.low, unit), glucose(targets.high, unit)]),
        "below": said("below %(limit)s", limit=glucose(targets.low, unit)),
        "very_low": said("below %(limit)s", limit=glucose(targets.very_low, unit)),
        "above": said("above %(limit)s", limit=glucose(targets.high, unit)),
        "very_high": said("above %(limit)s", limit=glucose(targets.very_high, unit)),
    }
    judged = [name for name in places if name in shares.goals]
    return tuple(
        joined("", [places[name], f" {unit}: ", shares.text(name), ", ", shares.verdict(name)]) for name in judged
    )


def _main_cells(figures: Figures, about: About, unit: Unit) -> tuple[Cell, ...]:
    metrics, why = figures.metrics, figures.metrics.missing
    beyond = metrics.n_low_limit + metrics.n_high_limit
    mean_note: str = unit
    if beyond:
        at_limits = count(beyond, "reading")
        mean_note = said("%(unit)s; holds %(readings)s at the sensor's limits", unit=unit, readings=at_limits)
    spread = None
    if metrics.p75_mg_dl is not None and metrics.p25_mg_dl is not None:
        spread = metrics.p75_mg_dl - metrics.p25_mg_dl
    cells = [
        Cell(said("Mean"), glucose(metrics.mean_mg_dl, unit), mean_note, why.get("mean_mg_dl", "")),
        Cell(said("GMI"), percent(metrics.gmi_percent, 1), _gmi_note(metrics), why.get("gmi_percent", "")),
        Cell(
            said("CV"),
            share(metrics.cv_percent, Goal("in_range", CV_GOAL)),
            _cv_note(figures),
            why.get("cv_percent", ""),
        ),
        Cell(said("SD"), glucose(metrics.sd_mg_dl, unit), unit, why.get("sd_mg_dl", "")),
        Cell(said("IQR"), glucose(spread, unit), said("%(unit)s, middle half", unit=unit)),
        Cell("GRI", number(metrics.gri), _gri_note(figures), why.get("gri", "")),
        Cell(said("Tight range"), share(metrics.titr_percent), _tight(unit), why.get("titr_percent", "")),
        Cell(said("Sensor active"), active_words(metrics.active_percent), count(metrics.n, "reading")),
        Cell(
            said("Days"),
            said("%(held)s of %(days)s", held=figures.days_with_data, days=figures.calendar_days),
            said("with data"),
        ),
    ]
    if about.insulin_a_day is not None:
        insulin = said("%(n)s U", n=number(about.insulin_a_day))
        cells.append(Cell(said("Insulin a day"), insulin, said("all that is known, by day")))
    if about.carbs_a_day is not None:
        carbs = digits(f"{about.carbs_a_day:.0f} g")
        cells.append(Cell(said("Carbohydrate a day"), carbs, said("as noted, by day")))
    return tuple(cells)


def _gri_note(figures: Figures) -> str:
    shares, metrics = time_in_ranges(figures.used), figures.metrics
    if shares is None or metrics.gri is None:
        return ""
    parts = gri_parts(shares)
    lows, highs = number(parts.hypo), number(parts.hyper)
    return said("zone %(zone)s; lows %(lows)s, highs %(highs)s", zone=metrics.gri_zone, lows=lows, highs=highs)


def _gmi_note(metrics: Metrics) -> str:
    if metrics.gmi_percent is None:
        return ""
    ifcc = number(A1C_SLOPE * (metrics.gmi_percent - A1C_OFFSET), 0)
    return said("%(n)s mmol/mol; not a laboratory A1c", n=ifcc)


def _cv_note(figures: Figures) -> str:
    cv = figures.metrics.cv_percent
    if cv is None or not figures.state.sufficient:
        return said("stable up to %(n)s %%", n=number(CV_GOAL, 0))
    if cv <= CV_GOAL:
        return said("stable up to %(n)s %%: met", n=number(CV_GOAL, 0))
    return said("stable up to %(n)s %%: missed", n=number(CV_GOAL, 0))


def _tight(unit: Unit) -> str:
    return joined("", [glucose(70, unit), "–", glucose(140, unit), f" {unit}"])


def _more_cells(metrics: Metrics, unit: Unit) -> tuple[Cell, ...]:
    given = (
        ("LBGI", number(metrics.lbgi), said("risk of lows"), "lbgi"),
        ("HBGI", number(metrics.hbgi), said("risk of highs"), "hbgi"),
        ("ADRR", number(metrics.adrr), said("daily risk"), "adrr"),
        ("MAGE", glucose(metrics.mage_mg_dl, unit), unit, "mage_mg_dl"),
        ("MODD", glucose(metrics.modd_mg_dl, unit), said("%(unit)s, day to day", unit=unit), "modd_mg_dl"),
        ("CONGA-24", glucose(metrics.conga24_mg_dl, unit), unit, "conga24_mg_dl"),
        ("MAG", glucose(metrics.mag_mg_dl_per_h, unit), said("%(unit)s per hour", unit=unit), "mag_mg_dl_per_h"),
        ("J-index", number(metrics.j_index), "", "j_index"),
        ("eA1c", percent(metrics.ea1c_percent, 1), said("from the mean"), "ea1c_percent"),
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
                said("of these %(kind)s", kind=EPISODE_NAMES[kind]) if kind in WHOLE else capital(EPISODE_NAMES[kind]),
                rule(kind, figures.targets, unit),
                len(mine),
                number(len(mine) / figures.worn_weeks) if figures.worn_weeks >= 1 else "–",
                duration(lengths[len(lengths) // 2]) if lengths else "–",
                sum(episode.night for episode in mine),
            )
        )
    return tuple(rows)


def not_counted(metrics: Metrics) -> str:
    """`not counted: 3 repeated, 12 excluded`; empty where all is counted."""
    out = metrics.excluded_counts
    parts: Sequence[tuple[int, Said]] = (
        (out.invalid, said("%(n)s unreadable or impossible", n=count(out.invalid))),
        (out.duplicate, said("%(n)s repeated", n=count(out.duplicate))),
        (out.excluded, said("%(n)s excluded", n=count(out.excluded))),
        (out.superseded, said("%(n)s superseded", n=count(out.superseded))),
    )
    lines = [what for n, what in parts if n]
    return said("not counted: %(readings)s", readings=joined(", ", lines)) if lines else ""
