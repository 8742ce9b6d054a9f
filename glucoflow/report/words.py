"""Figures as people read them: rounded, in the person's unit, with a dash and a reason where there is none."""

from glucoflow.model.units import MG_DL, Unit, in_unit


def glucose(mg_dl: float | None, unit: Unit) -> str:
    """A value or a difference of glucose without its unit: whole mg/dL, one decimal of mmol/L."""
    if mg_dl is None:
        return "–"
    return f"{round(mg_dl)}" if unit == MG_DL else f"{in_unit(mg_dl, unit):.1f}"


def number(value: float | None, decimals: int = 1) -> str:
    return "–" if value is None else f"{value:.{decimals}f}"


def percent(value: float | None, decimals: int = 0) -> str:
    """A percentage; what would round to 0 but is not says so."""
    if value is None:
        return "–"
    if 0 < value < 0.5 * 10**-decimals:
        return f"<{10**-decimals:g} %"
    return f"{value:.{decimals}f} %"


def duration(minutes: float) -> str:
    """Minutes as `1 h 05 min`."""
    hours, rest = divmod(round(minutes), 60)
    return f"{hours} h {rest:02d} min" if hours else f"{rest} min"
