"""What a page says of one person, as values: for the HTML to print and for the PDF."""

from datetime import date
from typing import TypeVar, cast

import msgspec

from glucoflow.analytics.summary import Metrics
from glucoflow.languages import ENGLISH, Language
from glucoflow.model.glycemia import Sufficiency
from glucoflow.model.ranges import Band
from glucoflow.model.said import again
from glucoflow.model.units import Unit

T = TypeVar("T")


class About(msgspec.Struct, frozen=True, kw_only=True):
    """Whose page this is and where its readings come from. Daily amounts are None where nothing is known."""

    name: str
    source: str
    born: date | None = None
    devices: tuple[str, ...] = ()
    printed: date | None = None
    insulin_a_day: float | None = None
    carbs_a_day: float | None = None


class Bar(msgspec.Struct, frozen=True):
    """One band of the time-in-range bar; `shown` add up to 100, `goal` has its verdict."""

    key: Band
    name: str
    limits: str
    share: float
    shown: str
    goal: str = ""


class Cell(msgspec.Struct, frozen=True):
    """One figure with its unit or goal beneath; `why` says why it is missing."""

    name: str
    value: str
    note: str = ""
    why: str = ""


class EpisodeLine(msgspec.Struct, frozen=True):
    """One kind of episode over the span: how many, how often, how long, how many begin at night."""

    name: str
    rule: str
    count: int
    per_week: str
    typical: str
    at_night: int


class Sheet(msgspec.Struct, frozen=True, kw_only=True):
    """All that a page shows of one person, in `language`. `days` says which dates the small traces are of."""

    title: str
    about: tuple[str, ...]
    span: str
    source: str
    unit: Unit
    sufficiency: Sufficiency
    metrics: Metrics
    bars: tuple[Bar, ...]
    sums: tuple[str, ...]
    main: tuple[Cell, ...]
    more: tuple[Cell, ...]
    episodes: tuple[EpisodeLine, ...]
    goals: tuple[str, ...]
    no_episodes: str | None = None
    not_counted: str = ""
    profile_days: str = ""
    profile_svg: str = ""
    days: str = ""
    days_svg: str = ""
    large_days_svg: str = ""
    language: Language = ENGLISH


def spoken(node: T, language: Language) -> T:
    """A sheet, or a part of one, with every text that can be said again said in this language."""
    return cast("T", _spoken(node, language))


def _spoken(node: object, language: Language) -> object:
    if isinstance(node, str):
        return again(node, language)
    if isinstance(node, tuple):
        return tuple(_spoken(one, language) for one in node)
    if isinstance(node, msgspec.Struct):
        fields = {name: _spoken(getattr(node, name), language) for name in node.__struct_fields__}
        return msgspec.structs.replace(node, **fields)
    return node
