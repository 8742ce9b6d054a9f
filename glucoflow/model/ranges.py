"""Which band a reading lies in, by the 2019 consensus (Battelino et al., Diabetes Care 42:1593), and its named range.

Bands are decided on the mg/dL value rounded half-even to a whole number, so that a reading means the same in both
units: 3.9 mmol/L is 70.26 mg/dL, in range; 180.5 mg/dL is 180, in range.
"""

from typing import Literal, NamedTuple

Band = Literal["very_low", "low", "in_range", "high", "very_high"]
Context = Literal["fasting", "post_meal", "unknown"]
Limit = Literal["low", "high"]

BANDS: tuple[Band, ...] = ("very_low", "low", "in_range", "high", "very_high")


class SensorLimits(NamedTuple):
    """mg/dL between which a sensor measures; beyond them it says LOW or HIGH. The defaults are most sensors'."""

    low: float = 40.0
    high: float = 400.0


USUAL_LIMITS = SensorLimits()
"""For readings whose sensor is not known; a provider's description has its own."""

WIDEST_LIMITS = SensorLimits(40.0, 500.0)
"""For sources that hold readings of sensors of any make: a record of one that ends sooner says so itself."""


def band(mg_dl: float) -> Band:
    """The band of one value: <54 very_low, 54–69 low, 70–180 in_range, 181–250 high, >250 very_high (mg/dL)."""
    whole = round(mg_dl)
    if whole < 54:
        return "very_low"
    if whole < 70:
        return "low"
    if whole <= 180:
        return "in_range"
    return "high" if whole <= 250 else "very_high"


def tight(mg_dl: float) -> bool:
    """Whether the value lies in the tight range 70–140 mg/dL."""
    return 70 <= round(mg_dl) <= 140


def limit(mg_dl: float, limits: SensorLimits = USUAL_LIMITS) -> Limit | None:
    """`low` or `high` where the sensor's own limit was passed (39 and 401 stand for LOW and HIGH), else None."""
    if mg_dl < limits.low:
        return "low"
    return "high" if mg_dl > limits.high else None


def classification(mg_dl: float, context: Context) -> str | None:
    """The named range of a value in its context; None where the context is unknown and the name depends on it.

    The rows are the integration guide's: severe hypoglycemia <54, hypoglycemia 54–69, normal (fasting) 70–99,
    prediabetic (fasting) 100–125, diabetic (fasting) from 126 (the usual diagnostic cut), normal (post-meal) 70–140,
    elevated (post-meal) 141–180, high (post-meal) >180. Without a context only labels true in both are given.
    """
    whole = round(mg_dl)
    if whole < 54:
        return "severe hypoglycemia"
    if whole < 70:
        return "hypoglycemia"
    if context == "fasting":
        if whole < 100:
            return "normal (fasting)"
        return "prediabetic (fasting)" if whole < 126 else "diabetic (fasting)"
    if context == "post_meal":
        if whole <= 140:
            return "normal (post-meal)"
        return "elevated (post-meal)" if whole <= 180 else "high (post-meal)"
    return "normal" if whole < 100 else None
