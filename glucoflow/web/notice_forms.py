"""The form of a person's notices: limits in their unit, times of the day, minutes and hours."""

from collections.abc import Mapping
from datetime import time

import msgspec

from glucoflow.model.errors import Rejected
from glucoflow.model.notices import Terms
from glucoflow.model.said import said
from glucoflow.model.units import Unit, in_mg_dl
from glucoflow.web.forms import number_of


def terms_of(values: Mapping[str, str], unit: Unit) -> Terms:
    """The terms that a form asks for. What is left empty is as usual. Raises Rejected naming the field."""
    usual = Terms()
    limits = {field: _limit(field, values[field], unit) for field in ("urgent_low", "low", "high", "falling")}
    whole = {
        field: _whole(field, values[field])
        for field in ("high_minutes", "repeat_minutes", "silent_minutes", "failing_hours")
    }
    given = {field: value for field, value in {**limits, **whole}.items() if value is not None}
    return msgspec.structs.replace(
        usual,
        **given,
        quiet_start=_minute("quiet_start", values["quiet_start"]),
        quiet_end=_minute("quiet_end", values["quiet_end"]),
        urgent_anyway=bool(values["urgent_anyway"]),
    )


def _limit(field: str, text: str, unit: Unit) -> float | None:
    value = number_of(field, text)
    return None if value is None else float(in_mg_dl(value, unit))


def _whole(field: str, text: str) -> int | None:
    value = number_of(field, text)
    if value is not None and value != int(value):
        raise Rejected(field, said("is a whole number"))
    return None if value is None else int(value)


def _minute(field: str, text: str) -> int | None:
    """A time of the day as a browser sends it, in minutes; None for nothing."""
    if not text.strip():
        return None
    try:
        at = time.fromisoformat(text.strip())
    except ValueError:
        raise Rejected(field, said("is a time of the day")) from None
    return at.hour * 60 + at.minute
