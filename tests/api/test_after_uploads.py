"""After an upload figures follow, and a moment that a cloud gave as well counts once, in pages and for apps."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from pydantic import SecretStr

from glucoflow.api.site import Site, open_site
from glucoflow.es.provision import ensure_index, provision
from glucoflow.service.after_uploads import AfterUploads
from glucoflow.service.program_trail import ProgramTrail
from glucoflow.service.runtime import Runtime, open_runtime
from glucoflow.store import App
from tests.flows.conftest import settings_of
from tests.node import Node
from tests.prefixes import own_prefix
from tests.web import feed

END = datetime(2026, 6, 20, 12, 0, tzinfo=UTC)


@pytest.fixture
def rt(elasticsearch_node: Node, tmp_path: Path) -> Iterator[Runtime]:
    with own_prefix(elasticsearch_node) as prefix:
        settings = settings_of(elasticsearch_node, tmp_path, "http://127.0.0.1:9", prefix)
        with open_runtime(settings, lambda: END + timedelta(minutes=1)) as opened:
            provision(opened.client, opened.names)
            opened.store.people.add("anna", "Anna", END, zone="Europe/Berlin")
            yield opened


def site_of(rt: Runtime, after: AfterUploads) -> tuple[Site, App]:
    site = open_site(rt.store, rt.client, rt.names, SecretStr("x"), rt.clock, ProgramTrail(rt.store, rt.clock), after)
    return site, rt.store.apps.add("anna", "xDrip+", "both", END).app


def sgv(minutes: int, value: float) -> dict[str, object]:
    ms = int((END - timedelta(minutes=minutes)).timestamp() * 1000)
    return {"type": "sgv", "date": ms, "sgv": value, "device": "xDrip-G6"}


def test_figures_follow_an_upload(rt: Runtime) -> None:
    after = AfterUploads(rt)
    site, app = site_of(rt, after)
    site.uploads(app).put("entries", [sgv(5 * at, 100) for at in range(1, 288)], rt.clock())
    assert rt.queries.counts("anna").get("summary.day") is None
    after.settle()
    rt.client.indices.refresh(index=rt.names.alias("anna"))
    found = rt.queries.documents("anna", ["summary.day"])
    assert sum(one.source.summary.n for one in found if one.source.summary) == 287
    assert {one.source.summary.mean_mg_dl for one in found if one.source.summary} == {100.0}


def test_a_moment_that_a_cloud_gave_as_well_counts_once(rt: Runtime) -> None:
    rt.store.connections.add("anna", "dexcom", "us", END - timedelta(days=100))
    documents = list(feed.documents("anna", END, 0.5, 3))
    ensure_index(rt.client, rt.names, "anna")
    rt.sink("anna").write(documents, (), END)
    rt.client.indices.refresh(index=rt.names.alias("anna"))
    after = AfterUploads(rt)
    site, app = site_of(rt, after)
    readings = [one.source for one in documents if one.source.glucose and one.source.event.dataset == "cgm.reading"]
    twins = [
        {"type": "sgv", "date": int(one.timestamp.timestamp() * 1000), "sgv": one.glucose.mg_dl, "device": "xDrip"}
        for one in readings
        if one.glucose
    ]
    site.uploads(app).put("entries", twins, rt.clock())
    assert len(list(site.held(app).search("entries", every_type=False))) == 2 * len(readings)
    after.settle()
    site.held(app).refresh()
    assert len(list(site.held(app).search("entries", every_type=False))) == len(readings)
