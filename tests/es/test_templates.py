"""The mapping and the documents say the same, field for field."""

import json
import types
import typing
from datetime import datetime
from typing import Any, Literal

import msgspec
import pytest
from elasticsearch import Elasticsearch

from glucoflow.analytics.summary import COMPARED, Metrics
from glucoflow.es.encode import decode
from glucoflow.es.names import Names
from glucoflow.es.provision import ensure_index
from glucoflow.es.scan import scan
from glucoflow.es.sink import ElasticsearchSink
from glucoflow.es.templates import COMPONENTS, INDEX_TEMPLATES, component_body, mapping_properties
from glucoflow.files import packaged
from glucoflow.model.documents import Document, Source
from glucoflow.model.glycemia import Episode, EpisodeCounts, ExcludedCounts, Sufficiency
from tests.es.made import NOW

EVERY_NODE_HAS = {"keyword", "text", "float", "integer", "long", "short", "byte", "boolean", "date", "object"}


def mapped(properties: dict[str, Any], path: str = "") -> dict[str, str]:
    """Field paths of a mapping with their types."""
    found: dict[str, str] = {}
    for name, field in properties.items():
        if "properties" in field:
            found |= mapped(field["properties"], f"{path}{name}.")
        else:
            found[path + name] = field["type"]
    return found


def struct_in(hint: Any) -> type[msgspec.Struct] | None:
    """The struct that a type is, may be, or is a sequence of."""
    if isinstance(hint, type) and issubclass(hint, msgspec.Struct):
        return hint
    inner = typing.get_args(hint) if typing.get_origin(hint) in (types.UnionType, typing.Union, tuple) else ()
    return next((found for each in inner if (found := struct_in(each))), None)


def fields_of(struct: type[msgspec.Struct], path: str = "") -> dict[str, Any]:
    """Field paths of a struct as encoded, with their types."""
    found: dict[str, Any] = {}
    for field in msgspec.structs.fields(struct):
        inner = struct_in(field.type)
        name = path + field.encode_name
        found |= fields_of(inner, f"{name}.") if inner else {name: field.type}
    return found


def kinds_of(hint: Any) -> set[Any]:
    if typing.get_origin(hint) is Literal:
        return {type(value) for value in typing.get_args(hint)}
    if typing.get_origin(hint) in (types.UnionType, typing.Union, tuple):
        inner = (each for each in typing.get_args(hint) if each not in (type(None), ...))
        return {kind for each in inner for kind in kinds_of(each)}
    return {hint}


FITS = {
    str: {"keyword", "text"},
    float: {"float"},
    int: {"integer", "long", "short", "byte"},
    bool: {"boolean"},
    datetime: {"date"},
    msgspec.Raw: {"object"},
}


def written_apart() -> set[str]:
    """summary.* and episode.*: made by the flows from the structs of `metrics` and `episodes`."""
    own = {field for field in mapped(mapping_properties()) if field.split(".")[0] in {"summary", "episode"}}
    return own - set(fields_of(Source))


def test_every_field_of_a_document_is_mapped_and_nothing_else() -> None:
    assert set(fields_of(Source)) == set(mapped(mapping_properties())) - written_apart()


@pytest.mark.parametrize(("field", "hint"), fields_of(Source).items())
def test_the_mapped_type_fits_the_documents(field: str, hint: Any) -> None:
    kind = mapped(mapping_properties()).get(field)
    assert all(kind in FITS[each] for each in kinds_of(hint)), (field, kind, hint)


def test_summaries_hold_every_figure_and_episodes_every_field() -> None:
    fields = set(mapped(mapping_properties()))
    metrics = {f"summary.{f.encode_name}" for f in msgspec.structs.fields(Metrics) if f.name != "excluded_counts"}
    nested = (
        set(fields_of(ExcludedCounts, "summary.left_out."))
        | set(fields_of(EpisodeCounts, "summary.episodes."))
        | set(fields_of(Sufficiency, "summary.sufficiency."))
        | {f"summary.change.{name}" for name in COMPARED}
    )
    about = {f"summary.{name}" for name in ("window", "start", "end", "date", "weekday", "days")}
    assert {field for field in fields if field.startswith("summary.")} == metrics | nested | about
    twins = {"episode.extreme_mmol_l"}
    assert {field for field in fields if field.startswith("episode.")} == set(fields_of(Episode, "episode.")) | twins


def test_only_types_that_the_bare_distribution_has() -> None:
    assert set(mapped(mapping_properties()).values()) <= EVERY_NODE_HAS
    runs = json.loads((packaged("index_templates") / "index" / "runs.json").read_text())
    assert set(mapped(runs["template"]["mappings"]["properties"]).values()) <= EVERY_NODE_HAS


def test_no_field_stands_in_two_components_and_every_file_is_used() -> None:
    tops = [
        name
        for part in COMPONENTS
        for name in component_body(part)["template"].get("mappings", {}).get("properties", ())
    ]
    assert len(tops) == len(set(tops))
    assert {path.stem for path in (packaged("index_templates") / "component").glob("*.json")} == set(COMPONENTS)
    assert {path.stem for path in (packaged("index_templates") / "index").glob("*.json")} == set(INDEX_TEMPLATES)


def example(hint: Any) -> Any:
    """A value of a type, as JSON has it."""
    if typing.get_origin(hint) is Literal:
        return typing.get_args(hint)[0]
    struct = struct_in(hint)
    if struct is not None:
        whole = {f.encode_name: example(f.type) for f in msgspec.structs.fields(struct)}
        return [whole] if typing.get_origin(hint) is tuple else whole
    if typing.get_origin(hint) is tuple:
        return [example(typing.get_args(hint)[0])]
    if typing.get_origin(hint) in (types.UnionType, typing.Union):
        return example(typing.get_args(hint)[0])
    values = {str: "some text", float: 1.5, int: 7, bool: True, datetime: "2026-01-02T03:04:05.678000Z"}
    return {"any": ["thing", {"x": None}]} if hint is msgspec.Raw else values[hint]


def test_a_document_with_every_field_is_stored_and_comes_back_whole(
    es: Elasticsearch, names: Names, sink: ElasticsearchSink
) -> None:
    whole = example(Source)
    whole["user"]["id"] = "ann"
    source = msgspec.json.decode(json.dumps(whole), type=Source)
    assert sink.write([Document("one", source)], [], NOW).created == 1
    es.indices.refresh(index=names.alias("ann"))
    (hit,) = scan(es, names.alias("ann"))
    stored = decode(hit.source)
    assert set(fields_of(Source)) == {path for path in fields_of(Source) if value_at(stored, path) is not None}
    unstamped = msgspec.structs.replace(source.event, hash=None, ingested=None)
    assert msgspec.structs.replace(stored, event=unstamped) == msgspec.structs.replace(source, event=unstamped)


def value_at(source: Any, path: str) -> Any:
    for part in path.split("."):
        source = source[0] if isinstance(source, tuple) else source
        names = {field.encode_name: field.name for field in msgspec.structs.fields(source)}
        source = getattr(source, names[part], None)
    return source


def test_a_field_that_nobody_declared_is_refused(es: Elasticsearch, names: Names) -> None:
    ensure_index(es, names, "ann")
    answer = es.options(ignore_status=400).index(index=names.alias("ann"), document={"glucose": {"surprise": 1}})
    assert answer.body["error"]["type"] == "strict_dynamic_mapping_exception"
