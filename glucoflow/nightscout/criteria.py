"""What a query asks of documents: conditions with MongoDB's meaning, matched against documents as they are given out.

An unknown operator or a name that cannot be read is refused: it must never mean everything. A condition on a field that
no document has matches what it would there, but never in `sure` (for deletes), where a missing field matches nothing.
"""

import operator
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal

import msgspec
import regex

from glucoflow.nightscout.incoming import Doc
from glucoflow.nightscout.moments import ms_of

Op = Literal["eq", "ne", "gt", "gte", "lt", "lte", "in", "nin", "exists", "regex"]
OPS: tuple[Op, ...] = ("eq", "ne", "gt", "gte", "lt", "lte", "in", "nin", "exists", "regex")
TIME_TEXTS = frozenset({"dateString", "created_at", "sysTime", "startDate", "timestamp", "eventTime"})
TIME_NUMBERS = frozenset({"date", "mills", "srvModified", "srvCreated"})
LONGEST_PATTERN = 200
PATTERN_SECONDS = 0.2


class BadQuery(Exception):
    """A query that cannot be understood; the text says what."""


class Condition(msgspec.Struct, frozen=True):
    """One field against values: all given ones for `ne` and `nin`, any for `eq` and `in`."""

    field: str
    op: Op
    values: tuple[str, ...]


class Criteria(msgspec.Struct, frozen=True):
    """All of these together, or with `any_of` at least one, or with `none_of` none."""

    conditions: tuple[Condition, ...] = ()
    parts: tuple["Criteria", ...] = ()
    mode: Literal["all", "any", "none"] = "all"

    @property
    def fields(self) -> set[str]:
        """Every field that is asked about."""
        return {one.field for one in self.conditions}.union(*(part.fields for part in self.parts))

    @property
    def is_empty(self) -> bool:
        return not self.conditions and not self.parts

    def matches(self, document: Doc, *, sure: bool = False) -> bool:
        """Whether a document is asked for."""
        found = (
            *(_holds(one, document, sure) for one in self.conditions),
            *(part.matches(document, sure=sure) for part in self.parts),
        )
        if self.mode == "all":
            return all(found)
        return any(found) if self.mode == "any" else not any(found)


class Moments(msgspec.Struct, frozen=True):
    """Times in epoch ms, both ends included; None where open."""

    first: int | None = None
    last: int | None = None


def span_of(criteria: Criteria, time_fields: Sequence[str]) -> Moments:
    """The narrowest span that all matching documents lie in. Raises BadQuery for what is no time."""
    first: list[int] = []
    last: list[int] = []
    for one in criteria.conditions:
        if one.field not in time_fields or one.op not in ("eq", "gt", "gte", "lt", "lte") or len(one.values) != 1:
            continue
        ms = _time(one.field, one.values[0])
        if one.op in ("eq", "gt", "gte"):
            first.append(ms)
        if one.op in ("eq", "lt", "lte"):
            last.append(ms)
    for part in criteria.parts:
        if part.mode == "all" and criteria.mode == "all":
            inner = span_of(part, time_fields)
            first += [] if inner.first is None else [inner.first]
            last += [] if inner.last is None else [inner.last]
    return Moments(max(first, default=None), min(last, default=None)) if criteria.mode == "all" else Moments()


def _time(field: str, value: str) -> int:
    if field in TIME_NUMBERS and re.fullmatch(r"-?\d{1,15}(\.\d+)?", value.strip()):
        return round(float(value))
    ms = ms_of(value)
    if ms is None:
        raise BadQuery(f"{value[:40]!r} ({field}) cannot be parsed as a valid ISO-8601 date")
    return ms


def check(criteria: Criteria) -> None:
    """Raises BadQuery for times, numbers and patterns that cannot be read, before anything is looked at."""
    for one in criteria.conditions:
        if one.op in ("eq", "ne", "gt", "gte", "lt", "lte") and one.field in TIME_TEXTS | TIME_NUMBERS:
            for value in one.values:
                if not _pattern(value):
                    _time(one.field, value)
        if one.op == "regex" or _pattern(one.values[0] if one.values else ""):
            for value in one.values:
                _compiled(_pattern(value) or value)
    for part in criteria.parts:
        check(part)


def _holds(one: Condition, document: Doc, sure: bool) -> bool:
    there, value = _value(document, one.field)
    if one.op == "exists":
        wanted = one.values[0].lower() not in ("false", "0", "")
        return there == wanted and not (sure and not there)
    if sure and not there:
        return False
    if one.op in ("ne", "nin"):
        return not any(_equal(one.field, value, said) for said in one.values)
    if one.op in ("eq", "in"):
        return any(_equal(one.field, value, said) for said in one.values)
    if one.op == "regex":
        return isinstance(value, str) and all(_found(_pattern(said) or said, value) for said in one.values)
    return all(_compare(_ORDER[one.op], one.field, value, said) for said in one.values)


_ORDER: Mapping[str, Callable[[Any, Any], bool]] = {
    "gt": operator.gt,
    "gte": operator.ge,
    "lt": operator.lt,
    "lte": operator.le,
}


def _value(document: Doc, path: str) -> tuple[bool, Any]:
    value: Any = document
    for name in path.split("."):
        if isinstance(value, list) and name.isdigit() and int(name) < len(value):
            value = value[int(name)]
        elif isinstance(value, dict) and name in value:
            value = value[name]
        else:
            return False, None
    return value is not None, value


def _equal(field: str, value: Any, said: str) -> bool:
    if (pattern := _pattern(said)) is not None:
        return isinstance(value, str) and _found(pattern, value)
    if value is None:
        return said in ("null", "")
    if isinstance(value, bool):
        return said.lower() == str(value).lower()
    if isinstance(value, int | float) or field in TIME_TEXTS:
        return _compare(operator.eq, field, value, said)
    return isinstance(value, str) and value == said


def _compare(holds: Callable[[Any, Any], bool], field: str, value: Any, said: str) -> bool:
    if field in TIME_TEXTS | TIME_NUMBERS:
        mine = ms_of(value)
        return mine is not None and holds(mine, _time(field, said))
    if isinstance(value, int | float) and not isinstance(value, bool):
        try:
            return holds(value, float(said))
        except ValueError:
            return False
    return isinstance(value, str) and holds(value, said)


def _pattern(said: str) -> str | None:
    """The pattern of a text in slashes, as Nightscout takes it."""
    found = re.fullmatch(r"/(.*)/i?", said, re.S)
    return found[1] if found and len(said) > 2 else None


def _compiled(pattern: str) -> "regex.Pattern[str]":
    if len(pattern) > LONGEST_PATTERN:
        raise BadQuery("a pattern is too long")
    try:
        return regex.compile(pattern.replace(r"\/", "/"), regex.IGNORECASE)
    except regex.error as error:
        raise BadQuery(f"a pattern cannot be understood: {error}") from error


def _found(pattern: str, text: str) -> bool:
    try:
        return _compiled(pattern).search(text[:2_000], timeout=PATTERN_SECONDS) is not None
    except TimeoutError as error:
        raise BadQuery("a pattern takes too long") from error


_NAME = re.compile(r"[A-Za-z_][\w-]{0,80}(\.[\w-]{1,80}){0,8}")
_BRACKETS = re.compile(r"\[([^\[\]]*)\]")
_GROUPS: Mapping[str, Literal["all", "any", "none"]] = {"$or": "any", "$and": "all", "$nor": "none"}


def from_find(pairs: Sequence[tuple[str, str]]) -> Criteria:
    """The criteria of all `find[…]` of a query string, in order. Raises BadQuery."""
    tree: dict[str, Any] = {}
    for key, value in pairs:
        if not key.startswith("find"):
            continue
        rest = key.removeprefix("find")
        path = _BRACKETS.findall(rest)
        if not path or "".join(f"[{part}]" for part in path) != rest or len(path) > 8:
            raise BadQuery(f"{key[:60]!r} cannot be understood")
        _put(tree, path, value)
    criteria = _all_of(tree)
    check(criteria)
    return criteria


def _put(tree: dict[str, Any], path: list[str], value: str) -> None:
    node = tree
    for part in path[:-1]:
        node = node.setdefault(part, {})
        if not isinstance(node, dict):
            raise BadQuery("a field is asked for in two ways")
    last = path[-1]
    held = node.setdefault(last, [])
    if not isinstance(held, list):
        raise BadQuery("a field is asked for in two ways")
    held.append(value)


def _all_of(tree: Mapping[str, Any]) -> Criteria:
    conditions: list[Condition] = []
    parts: list[Criteria] = []
    for name, inner in tree.items():
        if name in _GROUPS:
            if not isinstance(inner, dict) or not inner:
                raise BadQuery(f"{name} needs a list")
            members = [_all_of(member) if isinstance(member, dict) else _refuse(name) for member in inner.values()]
            parts.append(Criteria(parts=tuple(members), mode=_GROUPS[name]))
        elif not _NAME.fullmatch(name):
            raise BadQuery(f"{name[:40]!r} is no field")
        else:
            _field(name, inner, conditions, parts)
    return Criteria(tuple(conditions), tuple(parts))


def _refuse(name: str) -> Criteria:
    raise BadQuery(f"{name} needs a list of conditions")


def _field(name: str, inner: Any, conditions: list[Condition], parts: list[Criteria]) -> None:
    if isinstance(inner, list):
        conditions.append(Condition(name, "eq", tuple(inner)))
        return
    for word, value in inner.items():
        op = word.removeprefix("$")
        if word == "$not":
            negated: list[Condition] = []
            _field(name, value, negated, parts)
            parts.append(Criteria(tuple(negated), mode="none"))
        elif word.startswith("$") and op in ("in", "nin"):
            conditions.append(Condition(name, op, _listed(value)))
        elif word.startswith("$") and op in OPS and isinstance(value, list):
            conditions.append(Condition(name, op, tuple(value)))
        elif word == "$options":
            continue
        elif not word.startswith("$") and _NAME.fullmatch(word):
            _field(f"{name}.{word}", value, conditions, parts)
        elif word in ("", "0") and isinstance(value, list):
            conditions.append(Condition(name, "eq", tuple(value)))
        else:
            raise BadQuery(f"the operator {word[:20]!r} is not known")


def _listed(value: Any) -> tuple[str, ...]:
    if isinstance(value, dict):
        return tuple(one for part in value.values() if isinstance(part, list) for one in part)
    return tuple(one for text in value for one in text.split(","))
