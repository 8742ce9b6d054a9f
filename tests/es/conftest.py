"""Fixtures: a prefix of one's own on the session's node, a proxy that breaks things, sinks that do not wait long."""

import uuid
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from elasticsearch import Elasticsearch

from glucoflow.es.client import make_client
from glucoflow.es.names import Names
from glucoflow.es.provision import delete_user, ensure_index, provision
from glucoflow.es.sink import ElasticsearchSink, SinkOptions
from glucoflow.es.templates import COMPONENTS, INDEX_TEMPLATES
from glucoflow.retry import RetryPolicy
from tests.es.proxy import Proxy, proxied
from tests.node import Node

QUICK = SinkOptions(chunk_documents=100, retry=RetryPolicy(tries=4, first_wait_s=0.01, longest_wait_s=0.05))


def own_names() -> Names:
    """Names that nobody else uses."""
    prefix = f"es-{uuid.uuid4().hex[:8]}-"
    return Names(prefix=prefix, runs=f"{prefix}runs")


def remove_everything(es: Elasticsearch, names: Names) -> None:
    quiet = es.options(ignore_status=404)
    found = list(es.indices.get(index=names.pattern, expand_wildcards="all", filter_path="*.aliases").body)
    if found:
        quiet.indices.delete(index=",".join(found))
    for kind in INDEX_TEMPLATES:
        quiet.indices.delete_index_template(name=names.template(kind))
    for part in COMPONENTS:
        quiet.cluster.delete_component_template(name=names.component(part))


@pytest.fixture
def fresh(es: Elasticsearch) -> Iterator[Names]:
    """Names under which nothing is there, not even templates."""
    names = own_names()
    yield names
    remove_everything(es, names)


@contextmanager
def with_templates(es: Elasticsearch) -> Iterator[Names]:
    """Names of a layout with an index a person, with templates."""
    names = own_names()
    provision(es, names)
    yield names
    remove_everything(es, names)


@pytest.fixture(scope="package")
def provisioned(es: Elasticsearch) -> Iterator[Names]:
    with with_templates(es) as names:
        yield names


@pytest.fixture
def names(es: Elasticsearch, provisioned: Names) -> Iterator[Names]:
    """Names with templates, and nobody's index."""
    yield provisioned
    delete_user(es, provisioned, "ann")


@pytest.fixture
def proxy(elasticsearch_node: Node) -> Iterator[Proxy]:
    with proxied(elasticsearch_node.url) as running:
        yield running


@pytest.fixture
def through(proxy: Proxy, elasticsearch_node: Node) -> Iterator[Elasticsearch]:
    """A client that goes through the proxy and waits for an answer no longer than a second."""
    client = make_client(proxy.url, elasticsearch_node.username, elasticsearch_node.password, timeout_s=1)
    yield client
    client.close()


@pytest.fixture
def sink(es: Elasticsearch, names: Names) -> ElasticsearchSink:
    ensure_index(es, names, "ann")
    return ElasticsearchSink(es, names, "ann", QUICK, seed=1)


@pytest.fixture
def damaged(through: Elasticsearch, es: Elasticsearch, names: Names) -> ElasticsearchSink:
    """A sink behind the proxy."""
    ensure_index(es, names, "ann")
    return ElasticsearchSink(through, names, "ann", QUICK, seed=1)
