"""As much of KQL as the dashboards use: read, turned into a query for Elasticsearch, and judged on a document here."""

import re
from dataclasses import dataclass
from typing import Any

TOKEN = re.compile(r'\s*("(?:[^"\\]|\\.)*"|>=|<=|[():<>]|[^\s():<>"]+)')
COMPARE = {"<": "lt", "<=": "lte", ">": "gt", ">=": "gte"}


@dataclass(frozen=True)
class Test:
    field: str
    op: str
    values: tuple[str, ...]


@dataclass(frozen=True)
class Group:
    how: str  # and, or, not
    parts: tuple[Any, ...]


def read(query: str) -> Test | Group:
    """Raises ValueError for what is not understood. An empty query is an empty `and`."""
    tokens = TOKEN.findall(query)
    if "".join(tokens).replace(" ", "") != re.sub(r'\s+(?=(?:[^"]*"[^"]*")*[^"]*$)', "", query).replace(" ", ""):
        raise ValueError(query)
    if not tokens:
        return Group("and", ())
    tree, rest = _any(tokens)
    if rest:
        raise ValueError(f"{query}: {rest}")
    return tree


def _any(tokens: list[str]) -> tuple[Test | Group, list[str]]:
    return _chain(tokens, "or", lambda some: _chain(some, "and", _one))


def _chain(tokens: list[str], word: str, below: Any) -> tuple[Test | Group, list[str]]:
    part, rest = below(tokens)
    parts = [part]
    while rest and rest[0] == word:
        part, rest = below(rest[1:])
        parts.append(part)
    return (parts[0] if len(parts) == 1 else Group(word, tuple(parts))), rest


def _one(tokens: list[str]) -> tuple[Test | Group, list[str]]:
    first, rest = tokens[0], tokens[1:]
    if first == "not":
        part, rest = _one(rest)
        return Group("not", (part,)), rest
    if first == "(":
        part, rest = _any(rest)
        assert rest[0] == ")"
        return part, rest[1:]
    op, rest = rest[0], rest[1:]
    if rest[0] != "(":
        return Test(first.strip('"'), op, (rest[0].strip('"'),)), rest[1:]
    end = rest.index(")")
    return Test(first.strip('"'), op, tuple(v.strip('"') for v in rest[1:end] if v != "or")), rest[end + 1 :]


def names(tree: Test | Group) -> set[str]:
    """Every field that is asked for."""
    return {tree.field} if isinstance(tree, Test) else {name for part in tree.parts for name in names(part)}


def to_es(tree: Test | Group) -> dict[str, Any]:
    if isinstance(tree, Test):
        if tree.op in COMPARE:
            return {"range": {tree.field: {COMPARE[tree.op]: tree.values[0]}}}
        if tree.values == ("*",):
            return {"exists": {"field": tree.field}}
        return {"terms": {tree.field: list(tree.values)}}
    clause = {"and": "filter", "or": "should", "not": "must_not"}[tree.how]
    return {"bool": {clause: [to_es(part) for part in tree.parts]}}


def holds(tree: Test | Group, doc: dict[str, Any]) -> bool:
    """On a flat document: field by its full name."""
    if isinstance(tree, Group):
        results = [holds(part, doc) for part in tree.parts]
        return {"and": all(results), "or": any(results), "not": not any(results)}[tree.how]
    value = doc.get(tree.field)
    if value is None:
        return False
    if tree.op in COMPARE:
        limit = float(tree.values[0])
        return bool({"<": value < limit, "<=": value <= limit, ">": value > limit, ">=": value >= limit}[tree.op])
    shown = str(value).lower() if isinstance(value, bool) else str(value)
    return tree.values == ("*",) or shown in tree.values
