"""Chart specifications (`kibana/vega/*.vl.json`) made ready for a page: searches run, answers put in as values.

The specifications are Kibana's Vega dialect: a data source is a search with `%context%`, `%timefield%`,
`%autointerval%` and `%timefilter%` in it. Here these become a range, extra filters and a fixed interval, and the
browser gets plain Vega-Lite with the data inside. Nothing else is touched but the params and the placeholders, which
name the person's bands and what is compared.
"""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec

from glucoflow.kibana.placeholders import filled as replaced
from glucoflow.kibana.texts import chart_in, meta_in
from glucoflow.languages import ENGLISH, Language
from glucoflow.model import target_bands
from glucoflow.model.errors import Misconfigured
from glucoflow.model.said import said_n, told
from glucoflow.model.targets import Targets
from glucoflow.model.units import Unit

SUFFIX = ".vl.json"

Json = dict[str, Any]
Search = Callable[[Json], Mapping[str, Any]]


class Column(msgspec.Struct, frozen=True, omit_defaults=True):
    """One column of the table that says what a chart shows. `format` is a d3 number format."""

    field: str
    title: str
    format: str | None = None


class Meta(msgspec.Struct, frozen=True):
    """What a specification says about itself in `usermeta.glucoflow`."""

    title: str
    help: str = ""
    empty: str = "There are no data in this span."
    table: tuple[Column, ...] = ()
    window: str = "14d"


class Chart(msgspec.Struct, frozen=True):
    """One specification, never changed: `filled` and `meta_for` make copies of `spec` and `meta` for a person."""

    name: str
    meta: Meta
    spec: Json


class View(msgspec.Struct, frozen=True, kw_only=True):
    """What one drawing of a chart depends on: the span, the unit and limits of the person, extra filters."""

    start: datetime
    end: datetime
    unit: Unit
    targets: Targets
    filters: Sequence[Json] = ()
    days: int | None = None
    """How many local days the span is of, a begun one included; None for the length between its instants."""
    language: Language = ENGLISH


def load_charts(folder: Path) -> dict[str, Chart]:
    """Every specification of a folder by name. Raises Misconfigured for one that cannot be read."""
    charts = {}
    for path in sorted(folder.glob(f"*{SUFFIX}")):
        name = path.name.removesuffix(SUFFIX)
        try:
            spec = json.loads(path.read_bytes())
            meta = msgspec.convert(spec.pop("usermeta", {}).get("glucoflow", {"title": name}), Meta)
        except (ValueError, AttributeError, TypeError, msgspec.ValidationError) as error:
            raise Misconfigured(
                f"The chart {name} cannot be read: {error}.",
                remedy=f"Restore {path.name} from a fresh copy of glucoflow.",
            ) from error
        charts[name] = Chart(name, meta, spec)
    return charts


def filled(chart: Chart, view: View, search: Search) -> Json:
    """The specification with its searches answered by `search`, its params set and its bands named: plain Vega-Lite."""
    spec: Json = replaced(chart_in(chart.spec, view.language), _words(view))
    _set_params(spec, view)
    for holder in list(_data_sources(spec)):
        holder["data"] = _answered(holder["data"], view, search)
    return spec


def meta_for(meta: Meta, view: View) -> Meta:
    """What a chart says about itself, with the limits and the unit of the person."""
    said_of = meta_in(msgspec.to_builtins(meta), view.language)
    return msgspec.convert(replaced(said_of, _words(view)), Meta)


def _words(view: View) -> Json:
    """`profile_compare` holds the span against the one directly before it, of the same length."""
    length = view.days or (view.end - view.start) / timedelta(days=1)
    n = max(1, round(length))
    compared = {
        "before_days": -length,
        "this_span": said_n("These 24 hours", "These %(n)s days", n),
        "span_before": said_n("The 24 hours before", "The %(n)s days before", n),
        "before_short": said_n("the 24 hours before", "the %(n)s days before", n),
        "delays": "{}",
    }
    return told(target_bands.words_for(view.targets, view.unit) | compared, view.language)


def interval_for(span: timedelta) -> str:
    """The bucket width of `%autointerval%`: every reading for a day or two, some five hundred buckets beyond."""
    days = span / timedelta(days=1)
    for limit, interval in ((2.1, "5m"), (8, "15m"), (15, "30m"), (32, "90m"), (100, "4h"), (200, "8h")):
        if days <= limit:
            return interval
    return "1d"


def _set_params(spec: Json, view: View) -> None:
    values = target_bands.params_for(view.targets, view.unit)
    for param in spec.get("params", ()):
        if param.get("name") in values:
            param["value"] = values[param["name"]]


def _data_sources(node: Any) -> Iterator[Json]:
    if isinstance(node, dict):
        if isinstance(node.get("data"), dict) and isinstance(node["data"].get("url"), dict):
            yield node
        for key, child in node.items():
            if key != "data":
                yield from _data_sources(child)
    elif isinstance(node, list):
        for child in node:
            yield from _data_sources(child)


def _answered(data: Json, view: View, search: Search) -> Json:
    url = data["url"]
    answer: Any = search(_body(url, view))
    format_ = dict(data.get("format", {}))
    for key in filter(None, format_.pop("property", "").split(".")):
        answer = answer.get(key, {}) if isinstance(answer, Mapping) else {}
    rest = {key: value for key, value in data.items() if key not in {"url", "format"}}
    return {**rest, "values": answer or [], **({"format": format_} if format_ else {})}


def _body(url: Json, view: View) -> Json:
    body: Json = _substituted(url["body"], view)
    filters: list[Json] = list(view.filters)
    if "%timefield%" in url:
        span = {"gte": view.start.isoformat(), "lt": view.end.isoformat()}
        filters.insert(0, {"range": {url["%timefield%"]: span}})
    if "query" not in body:
        body["query"] = {"bool": {"filter": filters}}
    return body


def _substituted(node: Any, view: View) -> Any:
    if isinstance(node, list):
        return _substituted_list(node, view)
    if not isinstance(node, dict):
        return node
    if "%timefilter%" in node:
        return _time_filter(node, view)
    result: Json = {}
    for key, child in node.items():
        if key == "interval" and isinstance(child, dict) and "%autointerval%" in child:
            result["fixed_interval"] = interval_for(view.end - view.start)
        else:
            result[key] = _substituted(child, view)
    return result


def _substituted_list(nodes: list[Any], view: View) -> list[Any]:
    """Kibana's own clauses stand as texts inside a bool query: the filters of the page, and nothing for the rest."""
    result: list[Any] = []
    for node in nodes:
        if node == "%dashboard_context-filter_clause%":
            result += view.filters
        elif not (isinstance(node, str) and node.startswith("%dashboard_context-")):
            result.append(_substituted(node, view))
    return result


_UNITS = {"second": 1, "minute": 60, "hour": 3600, "day": 86_400, "week": 604_800}


def _time_filter(node: Json, view: View) -> Any:
    shift = timedelta(seconds=node.get("shift", 0) * _UNITS[node.get("unit", "week")])
    start, end = view.start + shift, view.end + shift
    if node["%timefilter%"] == "min":
        return round(start.timestamp() * 1000)
    if node["%timefilter%"] == "max":
        return round(end.timestamp() * 1000)
    return {"gte": start.isoformat(), "lt": end.isoformat(), "format": "strict_date_optional_time"}
