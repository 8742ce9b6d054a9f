"""Templates and indices: only newer ones are put, several at once agree, nothing is created by accident."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from elasticsearch import Elasticsearch, NotFoundError

from glucoflow.es.client import make_client
from glucoflow.es.indices import index_behind
from glucoflow.es.names import Names
from glucoflow.es.provision import delete_user, ensure_index, ensure_runs, provision
from glucoflow.es.templates import COMPONENTS, INDEX_TEMPLATES, component_body
from tests.es.proxy import Proxy
from tests.node import Node


def component(es: Elasticsearch, names: Names, part: str) -> dict[str, object]:
    (found,) = es.cluster.get_component_template(name=names.component(part)).body["component_templates"]
    body: dict[str, object] = found["component_template"]
    return body


def test_the_second_time_there_is_nothing_to_do(es: Elasticsearch, fresh: Names) -> None:
    assert len(provision(es, fresh).templates) == len(COMPONENTS) + len(INDEX_TEMPLATES)
    again = provision(es, fresh)
    assert (again.templates, again.updated, again.outdated) == ((), (), ())


def test_an_older_template_is_replaced_a_newer_one_stays(es: Elasticsearch, fresh: Names) -> None:
    for version, part in ((0, "payload"), (99, "glucose")):
        es.cluster.put_component_template(name=fresh.component(part), template={"mappings": {}}, version=version)
    put = provision(es, fresh).templates
    assert fresh.component("payload") in put
    assert fresh.component("glucose") not in put
    assert component(es, fresh, "payload")["version"] == component_body("payload")["version"]
    assert component(es, fresh, "glucose")["version"] == 99


def test_new_fields_come_to_indices_that_are_there(es: Elasticsearch, fresh: Names) -> None:
    provision(es, fresh)
    body = {"mappings": {"dynamic": "strict", "properties": {"@timestamp": {"type": "date"}}}}
    index = fresh.first_index("ann")
    es.indices.put_index_template(name="es-narrow", index_patterns=[index], template=body, priority=9_000)
    try:
        es.indices.create(index=index, aliases={fresh.alias("ann"): {}})
    finally:
        es.indices.delete_index_template(name="es-narrow")
    assert provision(es, fresh).updated == (index,)
    assert es.index(index=fresh.alias("ann"), document={"glucose": {"mg_dl": 100}}, require_alias=True)
    assert provision(es, fresh).updated == ()


def test_a_field_of_another_type_needs_a_migration(es: Elasticsearch, fresh: Names) -> None:
    provision(es, fresh)
    index = fresh.first_index("ann")
    body = {"mappings": {"properties": {"glucose": {"properties": {"mg_dl": {"type": "keyword"}}}}}}
    es.indices.put_index_template(name="es-other", index_patterns=[index], template=body, priority=9_000)
    try:
        es.indices.create(index=index, aliases={fresh.alias("ann"): {}})
    finally:
        es.indices.delete_index_template(name="es-other")
    assert [one.name for one in provision(es, fresh).outdated] == [index]


def test_many_at_once_make_one_index(elasticsearch_node: Node, es: Elasticsearch, fresh: Names) -> None:
    clients = [elasticsearch_node.client() for _ in range(6)]
    with ThreadPoolExecutor(6) as pool:
        made = list(pool.map(lambda client: ensure_index(client, fresh, "ann"), clients))
    for client in clients:
        client.close()
    assert {one.name for one in made} == {fresh.first_index("ann")}
    assert sum(one.made for one in made) == 1, "one of them made it"
    assert es.indices.get_alias(name=fresh.alias("ann")).body == {
        fresh.first_index("ann"): {"aliases": {fresh.alias("ann"): {"is_write_index": True}}}
    }


def test_no_write_makes_an_index(es: Elasticsearch, names: Names) -> None:
    for name in (names.alias("nobody"), names.first_index("nobody")):
        with pytest.raises(NotFoundError, match="index_not_found"):
            es.index(index=name, document={"@timestamp": 0})
    assert not es.indices.exists(index=names.first_index("nobody"))


def test_a_person_goes_with_all_generations_and_nobody_else_does(es: Elasticsearch, names: Names) -> None:
    for user in ("ann", "anna", "ann-b"):
        ensure_index(es, names, user)
    es.indices.create(index=names.next_index(names.first_index("ann")))
    assert delete_user(es, names, "ann") == 2
    assert delete_user(es, names, "ann") == 0
    assert all(es.indices.exists_alias(name=names.alias(user)) for user in ("anna", "ann-b"))
    assert [delete_user(es, names, user) for user in ("anna", "ann-b")] == [1, 1]


def test_the_runs_have_an_index_of_their_own(es: Elasticsearch, names: Names) -> None:
    alias = ensure_runs(es, names).alias
    assert alias == names.runs
    run = {"id": "r1", "flow": "sync", "state": "completed", "counts": {"created": 3}, "message": "all well"}
    assert es.index(index=alias, document={"@timestamp": 0, "run": run}, require_alias=True).body["result"] == "created"


def test_provisioning_costs_the_same_for_one_person_and_for_many(
    proxy: Proxy, through: Elasticsearch, fresh: Names
) -> None:
    """It cost 37 requests for 24 people, and each 5-minute sync paid it."""
    through = through.options(request_timeout=30)
    costs = {}
    for people in (1, 24):
        for number in range(people):
            ensure_index(through, fresh, f"person{number}")
        provision(through, fresh)
        proxy.paths.clear()
        provision(through, fresh)
        costs[people] = len(proxy.paths)
    assert costs == {1: 3, 24: 3}


def test_an_index_that_is_there_costs_one_request(proxy: Proxy, through: Elasticsearch, names: Names) -> None:
    through = through.options(request_timeout=30)
    assert ensure_index(through, names, "ann").made
    proxy.paths.clear()
    assert not ensure_index(through, names, "ann").made
    assert len(proxy.paths) == 1


def test_an_index_made_anew_is_told_from_the_one_before(es: Elasticsearch, names: Names) -> None:
    first = ensure_index(es, names, "ann")
    assert ensure_index(es, names, "ann").lineage == first.lineage
    delete_user(es, names, "ann")
    second = ensure_index(es, names, "ann")
    assert second.made
    assert second.lineage != first.lineage
    # What a move hands on counts only for the index that it was handed to: a copy from a snapshot has another uuid.
    es.indices.put_mapping(index=second.name, meta=second.handing_on(to="somebody-else"))
    found = index_behind(es, names, names.alias("ann"))
    assert found
    assert found.lineage == second.uuid


def test_settings_of_a_persons_index(es: Elasticsearch, names: Names) -> None:
    ensure_index(es, names, "ann")
    answer = es.indices.get_settings(index=names.first_index("ann")).body[names.first_index("ann")]
    index = answer["settings"]["index"]
    assert (index["number_of_shards"], index["auto_expand_replicas"], index["refresh_interval"]) == ("1", "0-1", "5s")


def test_a_longer_prefix_does_not_clash_with_a_shorter_one(elasticsearch_node: Node, fresh: Names) -> None:
    longer = Names(prefix=f"{fresh.prefix}more-", runs=f"{fresh.prefix}more-runs")
    with_own = make_client(elasticsearch_node.url, elasticsearch_node.username, elasticsearch_node.password)
    provision(with_own, fresh)
    provision(with_own, longer)
    for kind in INDEX_TEMPLATES:
        with_own.indices.delete_index_template(name=longer.template(kind))
    for part in COMPONENTS:
        with_own.cluster.delete_component_template(name=longer.component(part))
    with_own.close()
