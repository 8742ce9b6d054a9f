"""An index as an earlier version left it: one field had another type, which no mapping can change in place."""

from elasticsearch import Elasticsearch

from glucoflow.es.names import Names
from glucoflow.es.provision import ensure_index, provision
from glucoflow.es.templates import component_body


def with_an_older_field(es: Elasticsearch, names: Names, user_id: str) -> str:
    """The index's name; in it, and in the stored component, `device.generation` is text, which cannot be counted."""
    provision(es, names)
    older = component_body("devices", names)["template"]
    older["mappings"]["properties"]["device"]["properties"]["generation"] = {"type": "text"}
    es.cluster.put_component_template(name=names.component("devices"), template=older, version=0)
    name = names.first_index(user_id)
    es.indices.create(index=name, aliases={names.alias(user_id): {"is_write_index": True}})
    es.indices.put_mapping(index=name, meta={"managed_by": "glucoflow", "version": 1, "fingerprint": "older"})
    assert ensure_index(es, names, user_id).name == name, "a sync goes on writing to it"
    return name
