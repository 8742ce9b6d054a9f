"""How much data stands behind a figure: percent active, whether it is enough to judge, and which figures it bears.

Sufficient is what the consensus of 2019 asks for: 70 % of the readings of 14 days, which is 9.8 worn days (2,823 of
4,032 readings at five minutes). A longer window asks for 70 % of its own length.
"""

from typing import TypeVar

import msgspec
import numpy as np

from glucoflow.analytics.series import Series
from glucoflow.model.glycemia import GlycemicMetrics, Sufficiency
from glucoflow.model.goals import Goal, share
from glucoflow.model.localtime import DAY_MS
from glucoflow.model.said import Said, digits, said
from glucoflow.model.targets import Targets
from glucoflow.model.words import count, number

DAYS_NEEDED = 14
ACTIVE_NEEDED = 70.0

NEED_A_DAY = (
    "cv_percent",
    "j_index",
    "lbgi",
    "hbgi",
    "bgri",
    "adrr",
    "gri",
    "gri_zone",
    "modd_mg_dl",
    "conga24_mg_dl",
    "mage_mg_dl",
    "mag_mg_dl_per_h",
)
"""Figures about how glucose moves within days: nothing can be said of them before one day is worn for 70 %."""

NEED_A_FORTNIGHT = ("gmi_percent", "ea1c_percent")
"""Figures that stand for a laboratory's A1c."""

NOT_IN_PREGNANCY = said("not known to be right in pregnancy")

M = TypeVar("M", bound=GlycemicMetrics)


def covered_ms(series: Series) -> int:
    """The time that used readings stand for."""
    return int(series.interval_ms.sum())


def usual_interval_ms(series: Series) -> int | None:
    """The interval that most readings have; None without readings."""
    if len(series) == 0:
        return None
    kinds = series.interval_ms
    if bool((kinds == kinds[0]).all()):
        return int(kinds[0])
    values, counts = np.unique(kinds, return_counts=True)
    return int(values[counts.argmax()])


def active_percent(series: Series, period_ms: int) -> float | None:
    """Readings present ÷ readings expected in the whole period at the sensor's own interval, at most 100.

    With mixed intervals every reading covers its own, so a change of sensor does not change the meaning. None for an
    empty period.
    """
    if period_ms <= 0:
        return None
    return min(100.0, 100.0 * covered_ms(series) / period_ms)


def sufficiency(
    series: Series, period_ms: int, days_needed: int = DAYS_NEEDED, calendar_days: int | None = None
) -> Sufficiency:
    """Judges a series of used readings against `days_needed` days at 70 %. See `sufficiency_of`."""
    return sufficiency_of(covered_ms(series), period_ms, days_needed, calendar_days)


def sufficiency_of(
    worn_ms: int, period_ms: int, days_needed: int = DAYS_NEEDED, calendar_days: int | None = None
) -> Sufficiency:
    """Whether so much worn time in a period is 70 % of `days_needed` days, and of the period where that is longer.

    `days` is worn time in days, `calendar_days` how many days of the calendar it is spread over (by default the
    period's length); `reason` names both.
    """
    whole_ms = max(period_ms, days_needed * DAY_MS)
    spread = max(1, round(period_ms / DAY_MS)) if calendar_days is None else calendar_days
    reason = None
    if worn_ms <= 0:
        reason = said("not enough data: no readings")
    elif worn_ms * 100 < whole_ms * ACTIVE_NEEDED:
        of = max(days_needed, spread)
        needed = -(-whole_ms * ACTIVE_NEEDED // (DAY_MS * 10)) / 10
        reason = said(
            "not enough data: has %(worn)s of %(days)s worn, %(needed)s are needed (70 %%); spread over %(spread)s",
            worn=_floored(worn_ms / DAY_MS),
            days=count(of, "day"),
            needed=number(needed),
            spread=count(spread, "calendar day"),
        )
    return Sufficiency(
        sufficient=reason is None,
        days=round(worn_ms / DAY_MS, 2),
        days_needed=days_needed,
        calendar_days=spread,
        active_percent=min(100.0, 100.0 * worn_ms / period_ms) if period_ms > 0 else None,
        reason=reason,
    )


def active_words(percent: float | None) -> Said:
    """`99 %`; beside the 70 % that are needed with as many decimals as keep it on its side; a dash for None."""
    if percent is None:
        return digits("–")
    if (percent < ACTIVE_NEEDED) == (round(percent) < ACTIVE_NEEDED):
        return digits(f"{percent:.0f} %")
    return share(percent, Goal("in_range", ACTIVE_NEEDED))


def why_no_estimate(worn_ms: int, state: Sufficiency, targets: Targets) -> str | None:
    """Why there is no GMI or eA1c, in words; None where there is one. `state` is that of 14 days or more."""
    if targets.pregnancy:
        return NOT_IN_PREGNANCY
    if state.sufficient and state.days_needed >= DAYS_NEEDED:
        return None
    if worn_ms * 100 >= DAYS_NEEDED * DAY_MS * ACTIVE_NEEDED:
        return said(
            "needs %(needed)s %% of the %(days)s days worn, has %(has)s %%",
            needed=number(ACTIVE_NEEDED, 0),
            days=state.calendar_days,
            has=_floored(state.active_percent or 0),
        )
    return said(
        "needs 14 days, %(needed)s of them worn (70 %%); has %(has)s",
        needed=digits("9.8"),
        has=_floored(worn_ms / DAY_MS),
    )


def why_no_variability(worn_ms: int) -> str | None:
    """Why nothing is said of variability and risk, in words; None where it is."""
    if worn_ms * 100 >= DAY_MS * ACTIVE_NEEDED:
        return None
    return said(
        "needs %(needed)s worn hours (70 %% of a day), has %(has)s",
        needed=digits("16.8"),
        has=_floored(worn_ms / DAY_MS * 24),
    )


def borne(metrics: M, worn_ms: int, state: Sufficiency, targets: Targets) -> M:
    """The figures that the data bear; each of the others is None, and `missing` says what it lacks.

    Means, shares and quantiles describe what is there, and stand beside its number.
    """
    gone: dict[str, str] = {}
    for names, why in (
        (NEED_A_DAY, why_no_variability(worn_ms)),
        (NEED_A_FORTNIGHT, why_no_estimate(worn_ms, state, targets)),
    ):
        if why is not None:
            gone |= {name: why for name in names if getattr(metrics, name) is not None}
    if not gone:
        return metrics
    missing = {**getattr(metrics, "missing", {}), **gone}
    return msgspec.structs.replace(metrics, **dict.fromkeys(gone), missing=missing)


def _floored(value: float) -> Said:
    """One decimal, rounded down: 9.79 of 9.8 needed is not 9.8."""
    return digits(f"{int(value * 10 + 1e-9) / 10:.1f}")
