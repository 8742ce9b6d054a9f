"""The unit of a column of glucose: what its heading says, and what the bulk of its values can be.

No meter shows more than 33.3 mmol/L and no sensor less than 36 mg/dL, so the bulk of a column tells its unit. A single
value tells nothing: LOW and HIGH are often written as 39 and 401 among values in mmol/L.
"""

import re
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from glucoflow.file_reading.values import HIGH, LOW
from glucoflow.model.errors import LeftOpen, UnreadableFile
from glucoflow.model.units import MG_DL, MG_DL_PER_MMOL_L, MMOL_L, Unit

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

MOST_MMOL_L = 35.0
LEAST_MG_DL = 20.0
"""Below this nothing is a glucose in mg/dL that was measured: strips end at 20, sensors at 36 or more."""
MOST_MG_DL = 1000.0
LIMITS_MG_DL = (39.0, 40.0, 400.0, 401.0, 500.0, 501.0)
STRAY = 0.2
"""Above this share of values of the other unit a column is mixed, and nobody can say what any value is."""

_MMOL = re.compile(r"m\s?mol\s*(/|par|per|pro)?\s*l?", re.IGNORECASE)
_MG = re.compile(r"mg\s*(/|par|per|pro)?\s*d\s?l", re.IGNORECASE)


class Decided(NamedTuple):
    """The unit of a section and how it is known. `against`: what the heading says, where the values say otherwise."""

    unit: Unit
    why: str
    against: Unit | None = None


def unit_in(heading: str) -> Unit | None:
    """The unit that a heading names, whole: a name that holds `mg` is no unit."""
    mmol, mg = _MMOL.search(heading), _MG.search(heading)
    if mmol and not mg:
        return MMOL_L
    return MG_DL if mg and not mmol else None


def decide(values: Floats, named: Unit | None, where: str) -> Decided:
    """The unit of the values of one section (LOW and HIGH included as they are kept).

    Raises UnreadableFile for a column that mixes units, or whose unit nothing tells.
    """
    numbers = values[(values != LOW) & (values != HIGH)]
    bare = numbers[(numbers > 0) & ~np.isin(numbers, LIMITS_MG_DL)]
    if bare.size == 0:
        return Decided(named or MG_DL, "the heading" if named else "there are only limits of sensors")
    small, large = bare[bare < LEAST_MG_DL], bare[bare > MOST_MMOL_L]
    if small.size > STRAY * bare.size and large.size > STRAY * bare.size:
        raise UnreadableFile(
            f"The column of glucose{where} mixes units: {small.size:,} values are like {small[0]:g}, which only mmol/L "
            f"can be, and {large.size:,} like {large[0]:g}, which only mg/dL can be.",
            remedy="Split the file so that each part has one unit, or export it again.",
        )
    median = float(np.median(bare))
    by_values = MG_DL if median > MOST_MMOL_L else MMOL_L if median < LEAST_MG_DL else None
    if named is None and by_values is None:
        raise LeftOpen(
            f"Nothing tells the unit of the column of glucose{where}: half of its values are below {median:g}.",
            remedy="Say it with --unit mg/dL or --unit mmol/L.",
            about="unit",
        )
    if named is None:
        assert by_values is not None  # noqa: S101 – for the type
        return Decided(by_values, "the values")
    if by_values is None or by_values == named:
        return Decided(named, "heading and values")
    return Decided(by_values, "the values", named)


def in_mg_dl(values: Floats, unit: Unit, low: float, high: float) -> tuple[Floats, Bools, Bools]:
    """mg/dL of a section's values, which of them are limits (written so, or as 39 or 401 among mmol/L), and which can
    be no glucose. Whole where they came from whole ones. `low` and `high` stand for LOW and HIGH."""
    limits = (values == LOW) | (values == HIGH)
    result = np.where(values == LOW, low, np.where(values == HIGH, high, values))
    if unit == MMOL_L:
        told = np.isin(values, LIMITS_MG_DL)
        exact = result * MG_DL_PER_MMOL_L
        near = np.rint(exact)
        mg_dl = np.where(np.abs(exact - near) < 1e-4, near, exact)
        impossible = ~limits & ~told & ((values > MOST_MMOL_L) | (values <= 0.5))
        result = np.where(limits | told, result, mg_dl)
        limits |= told
    else:
        impossible = ~limits & ((values < LEAST_MG_DL) | (values > MOST_MG_DL))
    return result, limits, impossible
