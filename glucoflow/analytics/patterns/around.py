"""What glucose does around things that happen: meals, mornings, lows, a new sensor."""

from collections.abc import Sequence
from datetime import date

import numpy as np

from glucoflow.analytics.episodes import find_episodes
from glucoflow.analytics.grid import STEP_MIN, grid_of
from glucoflow.analytics.patterns.meals import MealEffect, MealResponse, Sitting, meal_effect, meal_responses
from glucoflow.analytics.patterns.pattern import SIGNIFICANT, Pattern, Question
from glucoflow.analytics.resampling import at_least
from glucoflow.analytics.series import Series, date_of, day_number, epoch_ms
from glucoflow.model.localtime import HOUR_MS, MINUTE_MS
from glucoflow.model.said import Said, listed, said, said_n
from glucoflow.model.units import glucose_unit

FEWEST_MEALS = 5
DAWN_RISE = 20.0
DAWN_NIGHTS = 5
BEFORE_DAWN, AFTER_DAWN = range(180, 240), range(360, 420)
REBOUND_POINTS = 3 * 60 // STEP_MIN
SITTINGS: tuple[Sitting, ...] = ("breakfast", "lunch", "dinner", "other")
SITTING_WORDS: dict[Sitting, Said] = {
    "breakfast": said("breakfast"),
    "lunch": said("lunch"),
    "dinner": said("dinner"),
    "other": said("other"),
}

MEAL_RULE = said(
    "At least 5 such meals with readings before and after, at least half peak above range within 3 hours, and glucose "
    "rose more within the next hour than at the same time of days without a meal (where there are none: than in the "
    "hours before the same meals); corrected for the times of day looked at."
)
DAWN_RULE = said(
    "Mean of 06:00–07:00 at least 20 mg/dL above that of 03:00–04:00 on at least half of 5 or more nights without food "
    "between 03:00 and 07:00, and higher more often than not (exact sign test, p below 0.05)."
)
REBOUND_RULE = said(
    "At least 3 lows, and at least a third of all, are followed by a reading above range within 3 hours, more often "
    "than any other moment in range is (exact binomial test, p below 0.05)."
)


def after_meals(question: Question) -> list[Pattern] | None:
    """Times of day whose meals usually end above range and raise glucose more than such hours without a meal do."""
    part = question.series.between(question.start, question.end)
    responses = meal_responses(part, question.meals)
    tested = []
    for name in SITTINGS:
        mine = [response for response in responses if response.sitting == name]
        effect = meal_effect(part, mine, question.meals, question.seed) if len(mine) >= FEWEST_MEALS else None
        if effect is not None:
            tested.append((name, mine, effect))
    if not tested:
        return None
    found = [(name, mine, effect) for name, mine, effect in tested if _usually_high(question, mine) and effect.low > 0]
    return [_after(question, found, len(tested))] if found else []


def dawn(question: Question) -> list[Pattern] | None:
    """A rise between 03:00 and 07:00 without food."""
    used = question.series.between(question.start, question.end).used
    fed = {int(day) for day in _fed_mornings(question, used)}
    rises = {day: rise for day, rise in _rises(question, used).items() if day not in fed}
    strong = [day for day, rise in rises.items() if rise >= DAWN_RISE]
    upward = sum(rise > 0 for rise in rises.values())
    chance = at_least(upward, len(rises), 0.5)
    if len(rises) < DAWN_NIGHTS:
        return None
    if 2 * len(strong) < len(rises):
        return []
    middle = float(np.median(list(rises.values())))
    text = said_n(
        "glucose rose between 03:00 and 07:00 on %(nights)s of %(n)s night without food (median of all %(rise)s)",
        "glucose rose between 03:00 and 07:00 on %(nights)s of %(n)s nights without food (median of all %(rise)s)",
        len(rises),
        nights=len(strong),
        rise=glucose_unit(middle, question.unit),
    )
    return [
        Pattern(
            kind="dawn_rise",
            text=text,
            days_with=len(strong),
            days_of=len(rises),
            rule=DAWN_RULE,
            start=question.start,
            end=question.end,
            dates=tuple(date_of(day) for day in sorted(strong)),
            numbers={"median_rise_mg_dl": middle},
            p_value=chance,
            minute_from=180,
            minute_to=420,
        )
    ]


def rebound(question: Question) -> list[Pattern] | None:
    """Highs within 3 hours after lows, against what follows any other moment in range."""
    part = question.series.between(question.start, question.end)
    lows = [episode for episode in find_episodes(part, question.targets) if episode.kind == "low_l1"]
    used = part.used
    grid = grid_of(used, used.whole)
    if not lows or grid.values.size == 0:
        return None
    high = np.nan_to_num(grid.values) > question.targets.high
    ahead = np.concatenate((np.cumsum(high), np.full(REBOUND_POINTS, high.sum())))
    follows = ahead[REBOUND_POINTS:] - ahead[:-REBOUND_POINTS] > 0
    in_range = (grid.values >= question.targets.low) & ~high
    base = float(follows[in_range].mean()) if in_range.any() else 1.0
    ends = [min((epoch_ms(low.end) - grid.anchor) // (STEP_MIN * MINUTE_MS) - 1, high.size - 1) for low in lows]
    rebounds = [low for low, end in zip(lows, ends, strict=True) if follows[end]]
    chance = at_least(len(rebounds), len(lows), base)
    if len(rebounds) < 3 or 3 * len(rebounds) < len(lows):
        return []
    dates = {date_of((epoch_ms(low.start) + low.offset_min * MINUTE_MS) // (24 * HOUR_MS)) for low in rebounds}
    return [
        Pattern(
            kind="rebound_highs",
            text=said_n(
                "%(highs)s of %(n)s low were followed by a high within 3 hours",
                "%(highs)s of %(n)s lows were followed by a high within 3 hours",
                len(lows),
                highs=len(rebounds),
            ),
            days_with=len(rebounds),
            days_of=len(lows),
            rule=REBOUND_RULE,
            start=question.start,
            end=question.end,
            dates=tuple(sorted(dates)),
            numbers={"expected_percent": 100 * base},
            p_value=chance,
        )
    ]


def _usually_high(question: Question, mine: Sequence[MealResponse]) -> bool:
    return 2 * len(_high(question, mine)) >= len(mine)


def _high(question: Question, mine: Sequence[MealResponse]) -> list[MealResponse]:
    return [response for response in mine if round(response.peak_mg_dl) > question.targets.high]


def _after(
    question: Question, found: Sequence[tuple[Sitting, Sequence[MealResponse], MealEffect]], looked_at: int
) -> Pattern:
    """One pattern for all times of day: three meals are one thing to say. Those as clear as the clearest are named."""
    level = SIGNIFICANT / looked_at
    named = [one for one in found if one[2].p_value < level] or [min(found, key=lambda one: one[2].p_value)]
    high = [response for _, mine, _ in named for response in _high(question, mine)]
    of = sum(len(mine) for _, mine, _ in named)
    names = [name for name, _, _ in named]
    where = listed(SITTING_WORDS[name] for name in names)
    words = said("other meals") if names == ["other"] else said("meals at %(sitting)s time", sitting=where)
    more = listed(glucose_unit(effect.rise - effect.rise_without, question.unit) for _, _, effect in named)
    rise = float(np.median([response.rise_mg_dl for _, mine, _ in named for response in mine]))
    peak = float(np.median([response.minutes_to_peak for _, mine, _ in named for response in mine]))
    limit = glucose_unit(question.targets.high, question.unit)
    text = said(
        "%(n)s of %(all)s %(meals)s peaked above %(limit)s, and glucose rose %(more)s more than at such times "
        "without a meal",
        n=len(high),
        all=of,
        meals=words,
        limit=limit,
        more=more,
    )
    return Pattern(
        kind="after_meals",
        text=text,
        days_with=len(high),
        days_of=of,
        rule=MEAL_RULE,
        start=question.start,
        end=question.end,
        dates=tuple(sorted({_local_date(response) for response in high})),
        numbers={"median_rise_mg_dl": rise, "median_minutes_to_peak": peak},
        p_value=min(1.0, looked_at * min(effect.p_value for _, _, effect in named)),
    )


def _local_date(response: MealResponse) -> date:
    return date_of((epoch_ms(response.time) + response.offset_min * MINUTE_MS) // (24 * HOUR_MS))


def _rises(question: Question, used: Series) -> dict[int, float]:
    """Mean of the hour from 06:00 minus that from 03:00 by local day number, where both hours are half worn."""
    rises = {}
    for day in range(day_number(question.start), day_number(question.end)):
        part = used.where(used.local_day == day)
        hours = []
        for hour in (BEFORE_DAWN, AFTER_DAWN):
            piece = part.where((part.minute_of_day >= hour.start) & (part.minute_of_day < hour.stop))
            if int(piece.interval_ms.sum()) >= HOUR_MS // 2:
                hours.append(float(piece.mg_dl.mean()))
        if len(hours) == 2:
            rises[day] = hours[1] - hours[0]
    return rises


def _fed_mornings(question: Question, used: Series) -> set[int]:
    """Local day numbers on which something was eaten between 03:00 and 07:00."""
    fed = set()
    for meal in question.meals:
        at = epoch_ms(meal)
        nearest = min(int(np.searchsorted(used.utc, at)), max(0, len(used) - 1))
        if len(used):
            local = at + int(used.offset_min[nearest]) * MINUTE_MS
            if 3 <= local // HOUR_MS % 24 < 7:
                fed.add(local // (24 * HOUR_MS))
    return fed
