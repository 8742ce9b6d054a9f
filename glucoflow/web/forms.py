"""A form that could not be done comes back with what was entered, and says beside the field what is wrong."""

from collections.abc import Mapping
from datetime import date, datetime
from functools import cache
from math import isfinite
from typing import Annotated
from zoneinfo import available_timezones

import msgspec
from fastapi import Form

from glucoflow.model.errors import Rejected
from glucoflow.model.said import said
from glucoflow.model.units import MG_DL, MMOL_L, Unit

Text = Annotated[str, Form()]
"""A field of a form."""


class Tried(msgspec.Struct, frozen=True, kw_only=True):
    """What somebody entered into the form of this name, and what is wrong with which field of it."""

    form: str
    values: Mapping[str, str]
    field: str
    message: str


def tried(form: str, values: Mapping[str, str], error: Rejected, fields: Mapping[str, str]) -> Tried:
    """`fields`: the form's own name for a field that the error names otherwise."""
    return Tried(form=form, values=values, field=fields.get(error.field, error.field), message=error.reason)


def day_of(field: str, text: str) -> date:
    """A date as a browser sends it. Raises Rejected for what is none."""
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise Rejected(field, said("choose a day, as year-month-day: 2026-11-21")) from None


def time_of(field: str, text: str) -> datetime:
    """A wall-clock time as a browser sends it. Raises Rejected for what is none."""
    try:
        return datetime.fromisoformat(text).replace(tzinfo=None)
    except ValueError:
        raise Rejected(field, said("choose a day and a time, as 2026-11-21T07:30")) from None


def unit_chosen(text: str) -> Unit:
    """The unit that was chosen. Raises Rejected for anything else."""
    for unit in (MG_DL, MMOL_L):
        if text == unit:
            return unit
    raise Rejected("unit", said("is %(one)s or %(other)s", one=MG_DL, other=MMOL_L))


def number_of(field: str, text: str) -> float | None:
    """A number with point or comma; None for nothing. Raises Rejected for what is none."""
    if not text.strip():
        return None
    try:
        value = float(text.replace(",", "."))
        if not isfinite(value):
            raise ValueError
        return value
    except ValueError:
        raise Rejected(field, said("is no number")) from None


@cache
def zones() -> tuple[str, ...]:
    """Time zones by name, as people choose them: Region/City."""
    left_out = ("Etc/", "SystemV/", "posix/", "right/", "US/", "Brazil/", "Canada/", "Chile/", "Mexico/")
    return ("UTC", *sorted(name for name in available_timezones() if "/" in name and not name.startswith(left_out)))
