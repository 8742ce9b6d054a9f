"""An outage is 503 on every address, never an empty list; what was refused comes again and is whole."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from glucoflow.es.client import make_client
from glucoflow.es.provision import provision
from tests.api.conftest import NAMES, Phone
from tests.api.sent import NOW, ago, androidaps_bolus, clock_since, ms, xdrip_sgv, z
from tests.es.proxy import Fault, Proxy, proxied
from tests.node import Node
from tests.web.serving import Site, site


@pytest.fixture
def broken(elasticsearch_node: Node, tmp_path: Path) -> Iterator[tuple[Site, Proxy]]:
    """A site whose Elasticsearch a test can take away."""
    node = elasticsearch_node
    with (
        proxied(node.url) as proxy,
        make_client(proxy.url, node.username, node.password, timeout_s=20) as client,
        site(tmp_path, client, NAMES, clock=clock_since(NOW)) as served,
    ):
        provision(client, NAMES)
        yield served, proxy


def away(proxy: Proxy, status: int = 503) -> None:
    proxy.faults = [Fault("status", path="", times=10_000, status=status)]


READS = (
    "/api/v1/entries.json",
    "/api/v1/entries",
    "/api/v1/entries/sgv.json",
    "/api/v1/entries/current",
    "/api/v1/treatments",
    "/api/v1/devicestatus.json",
    "/api/v1/profile.json",
    "/api/v1/profile/current",
    "/api/v2/properties",
    "/pebble",
    "/api/v3/entries",
    "/api/v3/treatments/history/0",
    "/api/v3/lastModified",
    "/api/v3/treatments/x",
    "/api/v1/treatments/5f0f0f0f0f0f0f0f0f0f0f0f",
)


def test_nothing_is_answered_with_an_empty_list(broken: tuple[Site, Proxy]) -> None:
    served, proxy = broken
    served.store.people.add("out", "Out", datetime.now(UTC))
    with Phone(served, "out") as phone:
        assert phone.post("/api/v1/entries", json=[xdrip_sgv(5)]).status_code == 200
        away(proxy)
        for path in READS:
            answer = phone.get(path)
            assert answer.status_code == 503, path
            assert isinstance(answer.json(), dict)
        sent = [xdrip_sgv(10), xdrip_sgv(15)]
        assert phone.post("/api/v1/entries", json=sent).status_code == 503
        assert phone.post("/api/v3/treatments", json=androidaps_bolus(4, "a")).status_code == 503
        assert phone.delete("/api/v1/treatments?find[created_at]=" + z(ago(4))).status_code == 503
        assert phone.get("/api/v1/status.json").status_code == 200
        proxy.faults = []
        assert phone.post("/api/v1/entries", json=sent).status_code == 200
        assert phone.post("/api/v3/treatments", json=androidaps_bolus(4, "a")).status_code == 201
        dates = [one["date"] for one in phone.get("/api/v1/entries.json").json()]
        assert dates == [ms(ago(at)) for at in (5, 10, 15)]
        assert len(phone.get("/api/v1/treatments").json()) == 1
