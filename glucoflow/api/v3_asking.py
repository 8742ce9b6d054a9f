"""What a request of Nightscout's API v3 asks for: filters, order, how many, which fields, changed since when."""

import re
from collections.abc import Mapping
from email.utils import parsedate_to_datetime

from glucoflow.api.exchange import Asked, Refused
from glucoflow.model.localtime import epoch_ms
from glucoflow.nightscout.criteria import Condition, Criteria, Op, check
from glucoflow.nightscout.incoming import Doc
from glucoflow.nightscout.moments import ms_of

MOST = 1_000
RESERVED = frozenset(
    {"token", "secret", "api_secret", "sort", "sort$desc", "limit", "skip", "fields", "now", "permanent"}
)
OPS: Mapping[str, Op] = {
    "eq": "eq",
    "ne": "ne",
    "gt": "gt",
    "gte": "gte",
    "lt": "lt",
    "lte": "lte",
    "in": "in",
    "nin": "nin",
    "re": "regex",
}


def criteria_of(asked: Asked) -> Criteria:
    """The filters. Raises Refused for one that cannot be understood: it never means everything."""
    conditions = []
    for key, value in asked.query:
        if key in RESERVED:
            continue
        name, _, word = key.partition("$")
        if (word and word not in OPS) or not re.fullmatch(r"[A-Za-z_][\w.-]{0,80}", name):
            raise Refused(400, f"Bad filter {key[:40]}")
        op = OPS[word or "eq"]
        values = tuple(value.split("|")) if op in ("in", "nin") else (value,)
        conditions.append(Condition(name, op, values))
    criteria = Criteria(tuple(conditions))
    check(criteria)
    return criteria


def sorting_of(asked: Asked) -> tuple[bool, str | None]:
    """Whether descending, and the field where it is not the document's time. Raises Refused."""
    up, down = asked.first("sort"), asked.first("sort$desc")
    if up and down:
        raise Refused(400, "Parameters sort and sort_desc cannot be combined")
    by = up or down
    return up is None, None if by in (None, "date", "created_at", "dateString", "startDate", "mills") else by


def sortable(value: object) -> tuple[int, float, str]:
    """A key by which values of any form can be sorted: others, numbers, texts."""
    if isinstance(value, int | float):
        return 1, float(value), ""
    return (2, 0.0, value) if isinstance(value, str) else (0, 0.0, "")


def limit_of(asked: Asked) -> int:
    """How many documents at most. Raises Refused."""
    return whole_number(asked.first("limit"), "limit", MOST, MOST, least=1)


def whole_number(said: str | None, name: str, default: int, most: int, least: int = 0) -> int:
    """The value of a parameter. Raises Refused for what is no whole number between `least` and `most`."""
    if said in (None, ""):
        return default
    if not re.fullmatch(r"\d{1,9}", said or "") or not least <= int(said or 0) <= most:
        raise Refused(400, f"Parameter {name} out of tolerance")
    return int(said or 0)


def with_fields(asked: Asked, document: Doc) -> Doc:
    """The document, or the fields of it that are asked for."""
    wanted = [name for name in (asked.first("fields") or "").split(",") if name and name != "_all"]
    return {name: document[name] for name in wanted if name in document} if wanted else document


def time_of_header(asked: Asked, header: str) -> int | None:
    """The time of a header in epoch ms; None without one, or where it cannot be read."""
    said = asked.headers.get(header, "").strip()
    if re.fullmatch(r"\d{1,14}", said):
        return int(said)
    try:
        return epoch_ms(parsedate_to_datetime(said)) if said else None
    except ValueError:
        return ms_of(said)
