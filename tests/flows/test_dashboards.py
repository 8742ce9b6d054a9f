"""Everybody's dashboards are brought up to date, against a stand-in for Kibana on a real port."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta

import pytest
from pydantic import HttpUrl, SecretStr

from glucoflow.model.errors import Misconfigured, Unavailable
from glucoflow.service.dashboards import Shown, provision_dashboards
from glucoflow.settings import KibanaSettings
from tests.flows.conftest import NOW, House
from tests.kibana.stand_in import PASSWORD, USER, Kibana, running


@pytest.fixture
def kibana() -> Iterator[Kibana]:
    with running(Kibana()) as served:
        yield served


def with_kibana(house: House, url: str | None) -> None:
    kibana = KibanaSettings(url=HttpUrl(url) if url else None, user=USER, password=SecretStr(PASSWORD))
    house.rt = replace(house.rt, settings=house.rt.settings.model_copy(update={"kibana": kibana}))


def outcomes(shown: list[Shown]) -> dict[str, str]:
    return {one.whose: one.done.outcome if one.done else "failed" for one in shown}


def test_new_people_and_what_they_change_reach_kibana(house: House, kibana: Kibana) -> None:
    with_kibana(house, kibana.url)
    assert outcomes(provision_dashboards(house.rt)) == {"alma": "created", "operator": "created"}
    assert set(kibana.spaces) == {"cgm-alma", "glucoflow-operator"}
    assert outcomes(provision_dashboards(house.rt)) == {"alma": "unchanged", "operator": "unchanged"}

    house.rt.store.people.add("bo", "Bo", NOW)
    house.rt.store.exclusions.add("alma", NOW - timedelta(days=2), NOW - timedelta(days=1), "a bad sensor", NOW)
    said: list[str] = []
    shown = provision_dashboards(house.rt, on_done=lambda one: said.append(one.whose))
    assert outcomes(shown) == {"alma": "updated", "bo": "created", "operator": "unchanged"}
    assert said == ["alma", "bo", "operator"]
    boards = [one for key, one in kibana.objects.items() if key[:2] == ("cgm-alma", "dashboard")]
    sources = [one["attributes"]["kibanaSavedObjectMeta"]["searchSourceJSON"] for one in boards]
    assert len(sources) == 7
    assert all("2026-06-18T12:00:00" in source for source in sources)


def test_ones_fault_stops_nobody_else(house: House, kibana: Kibana) -> None:
    with_kibana(house, kibana.url)
    kibana.refuse = "cgm-days-alma"
    shown = provision_dashboards(house.rt)
    assert outcomes(shown) == {"alma": "failed", "operator": "created"}
    assert "cgm-days-alma" in str(shown[0].error)
    assert set(kibana.spaces) == {"glucoflow-operator"}
    kibana.refuse = None
    assert outcomes(provision_dashboards(house.rt)) == {"alma": "created", "operator": "unchanged"}


def test_without_kibana_it_says_what_to_do(house: House) -> None:
    with_kibana(house, None)
    with pytest.raises(Misconfigured, match="KIBANA_URL"):
        provision_dashboards(house.rt)
    with_kibana(house, "http://127.0.0.1:9")
    with pytest.raises(Unavailable, match="cannot be reached"):
        provision_dashboards(house.rt)
