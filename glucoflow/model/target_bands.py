"""The bands of a person's targets: as filters for Elasticsearch, as KQL for Kibana, and in words.

Documents carry the band of the consensus (`glucose.range`). A person with limits of their own is judged by the value
itself, with bounds that agree with `ranges.band`: on the value rounded half-even to a whole number, so that a half
belongs to its even neighbour.
"""

import struct
from typing import Any, Final

from glucoflow.model.goals import PARTS, goals_of
from glucoflow.model.ranges import BANDS, Band
from glucoflow.model.said import Said, digits, joined, said
from glucoflow.model.targets import Targets
from glucoflow.model.units import MG_DL, Unit, decimals_of, factor_of, glucose, in_unit

FIELD: Final = "glucose.mg_dl"
BAND_FIELD: Final = "glucose.range"

BELOW: Final[tuple[Band, ...]] = ("very_low", "low")
ABOVE: Final[tuple[Band, ...]] = ("high", "very_high")

NAMES: Final[dict[Band, Said]] = {
    "very_low": said("Very low"),
    "low": said("Low"),
    "in_range": said("In range"),
    "high": said("High"),
    "very_high": said("Very high"),
}

Edges = tuple[int | None, int | None]

_SIGNS = {"gt": ">", "gte": ">=", "lt": "<", "lte": "<="}


def edges_of(targets: Targets, band: Band) -> Edges:
    """The lowest and highest whole mg/dL of a band; None where it is open. A band may be empty (50, 49)."""
    known: dict[Band, Edges] = {
        "very_low": (None, targets.very_low - 1),
        "low": (targets.very_low, targets.low - 1),
        "in_range": (targets.low, targets.high),
        "high": (targets.high + 1, targets.very_high),
        "very_high": (targets.very_high + 1, None),
    }
    return known[band]


def bounds(edges: Edges) -> dict[str, float]:
    """The bounds of a `range` query for values that round half-even into the edges."""
    low, high = edges
    found: dict[str, float] = {}
    if low is not None:
        found["gt" if low % 2 else "gte"] = low - 0.5
    if high is not None:
        found["lt" if high % 2 else "lte"] = high + 0.5
    return found


def band_ranges(targets: Targets) -> dict[str, Any]:
    """An aggregation by band of the value, whatever the limits: it looks at each value once, and not once a band."""
    return {"range": {"field": FIELD, "keyed": True, "ranges": [_range(targets, band) for band in BANDS]}}


def _range(targets: Targets, band: Band) -> dict[str, Any]:
    low, high = edges_of(targets, band)
    found: dict[str, Any] = {"key": band}
    if low is not None:
        found["from"] = _first_of(low)
    if high is not None:
        found["to"] = _first_of(high + 1)
    return found


def _first_of(whole: int) -> float:
    """The least stored value (32 bits) that rounds half-even to a whole number above zero."""
    if whole % 2 == 0:
        return whole - 0.5
    (bits,) = struct.unpack("<I", struct.pack("<f", whole - 0.5))
    (found,) = struct.unpack("<f", struct.pack("<I", bits + 1))
    return float(found)


def query_for(targets: Targets, *bands: Band) -> dict[str, Any]:
    """The Elasticsearch filter for readings in one of these neighbouring bands, given from low to high."""
    if _of_the_consensus(targets):
        return {"term": {BAND_FIELD: bands[0]}} if len(bands) == 1 else {"terms": {BAND_FIELD: list(bands)}}
    return {"range": {FIELD: bounds(_joined(targets, bands))}}


def kql_for(targets: Targets, *bands: Band) -> str:
    """The same in Kibana's query language."""
    if _of_the_consensus(targets):
        names = [f'"{band}"' for band in bands]
        return f"{BAND_FIELD} : {names[0] if len(names) == 1 else '(' + ' or '.join(names) + ')'}"
    tests = [f"{FIELD} {_SIGNS[name]} {edge:g}" for name, edge in bounds(_joined(targets, bands)).items()]
    return " and ".join(tests)


def label(targets: Targets, band: Band, unit: Unit) -> Said:
    """A band with its limits and without its unit: `Very low <54`, `Low 54–69`, `In range 70–180`, `High 181–250`."""
    where = limits(targets, band, unit)
    return joined(" ", (NAMES[band], where)) if where else NAMES[band]


def limits(targets: Targets, band: Band, unit: Unit) -> Said:
    """`<54`, `54–69`, `>250`; empty for a band that is: very low begins where low does."""
    low, high = edges_of(targets, band)
    if low is None:
        return digits(f"<{glucose(targets.very_low, unit)}")
    if high is None:
        return digits(f">{glucose(targets.very_high, unit)}")
    if high < low:
        return digits("")
    # In mmol/L a band ends a tenth short of the next, as in mg/dL it ends one short.
    first = _steps(targets.high, unit) + 1 if band == "high" else _steps(low, unit)
    last = _steps(targets.low, unit) - 1 if band == "low" else _steps(high, unit)
    return digits(f"{_shown(first, unit)}–{_shown(last, unit)}")


def words_for(targets: Targets, unit: Unit) -> dict[str, Any]:
    """The placeholders of charts and dashboards that depend on targets and unit, and what they stand for.

    Texts among them can be said again in another language.

    `{kql_…}` and `{filter_…}` are for `very_low` to `very_high`, `below` and `above`; a filter is a JSON value and
    must be the whole text. `{goal_…}` and `{pregnancy}` are for expressions: percent or `null`, `true` or `false`.
    """
    goals = goals_of(targets)
    groups: dict[str, tuple[Band, ...]] = {**{band: (band,) for band in BANDS}, "below": BELOW, "above": ABOVE}
    limits = {name: glucose(getattr(targets, name), unit) for name in ("very_low", "low", "high", "very_high")}
    return {
        "unit": unit,
        **limits,
        **{f"kql_{name}": kql_for(targets, *bands) for name, bands in groups.items()},
        **{f"filter_{name}": query_for(targets, *bands) for name, bands in groups.items()},
        **{f"label_{band}": label(targets, band, unit) for band in BANDS},
        **{f"goal_{name}": f"{goals[name].percent:g}" if name in goals else "null" for name in PARTS},
        "pregnancy": "true" if targets.pregnancy else "false",
    }


def params_for(targets: Targets, unit: Unit) -> dict[str, Any]:
    """The values of the charts' own params. Limits stay in mg/dL: charts convert when they write a number."""
    limits = {name: getattr(targets, name) for name in ("very_low", "low", "high", "very_high")}
    return {"unit": unit, "factor": round(factor_of(unit), 7), "decimals": decimals_of(unit), **limits}


def _of_the_consensus(targets: Targets) -> bool:
    return (targets.very_low, targets.low, targets.high, targets.very_high) == _CONSENSUS


_CONSENSUS = (Targets().very_low, Targets().low, Targets().high, Targets().very_high)


def _joined(targets: Targets, bands: tuple[Band, ...]) -> Edges:
    return edges_of(targets, bands[0])[0], edges_of(targets, bands[-1])[1]


def _steps(mg_dl: float, unit: Unit) -> int:
    """A value as a whole number of what its unit is shown in: 1 mg/dL or 0.1 mmol/L."""
    return round(in_unit(mg_dl, unit) * (1 if unit == MG_DL else 10))


def _shown(steps: int, unit: Unit) -> str:
    return f"{steps}" if unit == MG_DL else f"{steps / 10:.1f}"
