"""Glucose in mg/dL and mmol/L: one factor, used everywhere.

18.01559 mg/dL per mmol/L is the factor of the Tidepool platform (molar mass of glucose 180.1559 g/mol). Others in
the field use 18, 18.0182 or 0.0555; mixing them moves readings across a band's edge.
"""

from typing import Literal

from glucoflow.model.said import Said, digits

Unit = Literal["mg/dL", "mmol/L"]

MG_DL: Unit = "mg/dL"
MMOL_L: Unit = "mmol/L"
MG_DL_PER_MMOL_L = 18.01559

_SPELLINGS: dict[str, Unit] = {"mg/dl": MG_DL, "mmol/l": MMOL_L}


def to_mmol_l(mg_dl: float) -> float:
    """mmol/L to five decimals: enough to restore every whole mg/dL from 1 to 1000 exactly."""
    return round(mg_dl / MG_DL_PER_MMOL_L, 5)


def to_mg_dl(mmol_l: float) -> float:
    """mg/dL, whole where the value came from a whole mg/dL (to within the five decimals of `to_mmol_l`)."""
    exact = mmol_l * MG_DL_PER_MMOL_L
    whole = round(exact)
    return float(whole) if abs(exact - whole) < 1e-4 else exact


def in_mg_dl(value: float, unit: Unit) -> float:
    """`value` given in `unit`, as mg/dL."""
    return value if unit == MG_DL else to_mg_dl(value)


def in_unit(mg_dl: float, unit: Unit) -> float:
    """A mg/dL value in `unit`, for showing to a person: five decimals in mmol/L, unchanged in mg/dL."""
    return mg_dl if unit == MG_DL else to_mmol_l(mg_dl)


def decimals_of(unit: Unit) -> int:
    """Digits behind the point that a person reads: whole mg/dL, tenths of mmol/L."""
    return 0 if unit == MG_DL else 1


def as_shown(mg_dl: float, unit: Unit) -> float:
    """A mg/dL value in `unit`, to the digits that a person reads: a bound that is entered as it is said is within."""
    return round(in_unit(mg_dl, unit), decimals_of(unit))


def factor_of(unit: Unit) -> float:
    """What a value in mg/dL is multiplied by."""
    return 1.0 if unit == MG_DL else 1 / MG_DL_PER_MMOL_L


def glucose(mg_dl: float | None, unit: Unit) -> Said:
    """A value as a person reads it, without its unit: whole mg/dL, mmol/L with one decimal, a dash for None."""
    return digits("–" if mg_dl is None else f"{in_unit(mg_dl, unit):.{decimals_of(unit)}f}")


def glucose_unit(mg_dl: float | None, unit: Unit) -> Said:
    """The same with its unit: `104 mg/dL`, `5.8 mmol/L`."""
    return digits("–" if mg_dl is None else f"{glucose(mg_dl, unit)} {unit}")


def parse_unit(text: str) -> Unit:
    """The unit a provider named, whatever its capitals. Raises ValueError for anything else."""
    unit = _SPELLINGS.get(text.strip().lower())
    if unit is None:
        raise ValueError(f"unit is {text!r}, expected mg/dL or mmol/L")
    return unit
