"""What somebody has from elsewhere, uploaded to their Tidepool account: once, only if they say so, and nothing back."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

import orjson
import pytest

from glucoflow.es.scan import scan
from glucoflow.model.errors import Unavailable
from glucoflow.service.jobs import Outcome
from glucoflow.simulators.tidepool import running_cloud
from glucoflow.simulators.tidepool.cloud import Cloud
from glucoflow.store import Connection
from glucoflow.tidepool import document_id_of, tidepool_id
from tests.flows.conftest import NOW, House, OpenHouse, small_scenario
from tests.flows.test_one_moment import held
from tests.flows.test_two_sources import connected, with_doubles

DAY, HOUR = timedelta(days=1), timedelta(hours=1)


@dataclass
class Both:
    """Alma at Dexcom for three days and at Tidepool for the last of them."""

    house: House
    cloud: Cloud
    connection_id: str

    @property
    def connection(self) -> Connection:
        return self.house.rt.store.connections.get(self.connection_id)

    def switch(self, on: bool) -> None:
        self.house.rt.store.connections.upload(self.connection_id, on=on)

    def sync(self, later: timedelta = HOUR) -> Outcome:
        self.house.clock.advance(later)
        return next(one for one in self.house.sync("alma") if one.connection_id == self.connection_id)

    def there(self, kind: str = "cbg") -> dict[str, dict[str, Any]]:
        """Records in our data set, by origin."""
        found = [one for one in self.cloud.data_sets.values() if one.person == "alma"]
        assert len(found) <= 1, "one data set"
        records = {key: one for data_set in found for key, one in data_set.records.items()}
        return {key: one for key, one in records.items() if one["type"] == kind}

    def from_elsewhere(self) -> dict[str, dict[str, Any]]:
        """Readings that are not Tidepool's, by the origin that they have there."""
        rt = self.house.rt
        hits = scan(rt.client, rt.names.alias("alma"), {"term": {"event.dataset": "cgm.reading"}})
        documents = {tidepool_id(hit.id): orjson.loads(bytes(hit.source)) for hit in hits}
        return {origin: one for origin, one in documents.items() if one["event"]["provider"] != "tidepool"}

    @property
    def posts(self) -> int:
        return sum(one.method == "POST" and one.path.endswith("/data") for one in self.cloud.requests)


@pytest.fixture
def both(open_house: OpenHouse) -> Iterator[Both]:
    scenario = small_scenario(days=3)
    (alma,) = scenario.people
    young = replace(scenario, people=(replace(alma, since=NOW - DAY),))
    with open_house(scenario) as house, running_cloud(young, house.clock) as (url, cloud):
        providers = with_doubles(house, {**house.rt.providers.doubles, "tidepool": url})
        house = replace(house, rt=replace(house.rt, providers=providers))
        made = connected(house, "tidepool", email="alma@example.org", password=cloud.password("alma"))
        house.sync("alma")
        yield Both(house, cloud, made)


def test_nothing_goes_unless_it_is_switched_on_and_then_each_moment_stands_there_once(both: Both) -> None:
    assert both.cloud.data_sets == {}
    both.switch(True)
    before = len(held(both.house))
    outcome = both.sync()
    assert (outcome.status, outcome.message) == ("ok", "")

    there, elsewhere = both.there(), both.from_elsewhere()
    assert there
    assert set(there) <= set(elsewhere)
    for origin, one in there.items():
        assert one["origin"]["name"] == "org.glucoflow"
        assert one["value"] == elsewhere[origin]["glucose"]["value"]
        assert one["time"][:19] == elsewhere[origin]["@timestamp"][:19]
    first_of_theirs = (NOW - DAY).isoformat()[:19]
    older = {origin for origin, one in elsewhere.items() if one["@timestamp"][:19] < first_of_theirs}
    assert len(older) > 500
    assert older <= set(there)
    assert len(there) - len(older) < 5, "what Tidepool has itself is not put beside it"
    assert all(both.there(kind) for kind in ("food", "bolus", "smbg"))

    requests, puts = len(both.cloud.requests), both.posts
    both.sync()
    assert set(both.there()) >= set(there)
    mine = [one for one in held(both.house) if one["event"]["provider"] == "tidepool"]
    assert len(mine) < 330, "what was uploaded is not read back"
    assert len(held(both.house)) < before + 60
    assert both.posts - puts <= 1
    assert len(both.cloud.requests) - requests < 30

    both.switch(False)
    puts = both.posts
    both.sync()
    assert both.posts == puts
    assert set(both.there()) >= older, "what is there stays"


def test_stopped_in_the_middle_it_goes_on_where_it_was(both: Both, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("glucoflow.service.uploading.AT_ONCE", 100)
    both.switch(True)
    whole = both.house
    seen = 0

    def stop(point: str) -> None:
        nonlocal seen
        seen += point == "uploaded"
        if seen == 3:
            raise Unavailable("The power went.", remedy="")

    both.house = replace(whole, rt=replace(whole.rt, on_point=stop))
    with pytest.raises(Unavailable):
        both.sync()
    assert 0 < len(both.there()) <= 300
    until = both.connection.uploaded_until
    assert until is not None
    both.house = whole
    both.sync(HOUR)
    assert len(both.there()) > 500
    assert set(both.there()) <= set(both.from_elsewhere())


def test_changes_and_deletions_follow(both: Both) -> None:
    both.switch(True)
    both.sync()
    there = both.there()
    taken = sorted(there)[0]
    twin = {**there[taken], "id": "own", "uploadId": "theirs", "origin": {"id": "x", "name": "org.tidepool.own"}}
    both.cloud.put["alma"] = [twin]
    both.sync()
    assert taken not in both.there(), "the account has this moment from its own source now"

    gone = sorted(both.there())[5]
    rt = both.house.rt
    elsewhere = [one.id for one in rt.store.connections.for_user("alma") if one.id != both.connection_id]
    rt.store.connections.disconnect(elsewhere[0])  # else it came again
    rt.client.delete(index=rt.names.alias("alma"), id=document_id_of(gone), refresh=True)
    both.sync(DAY + HOUR)
    assert gone not in both.there(), "once a day what went here goes there"
    assert len(both.there()) > 500


def test_an_account_that_may_only_be_seen_takes_nothing_and_is_read(both: Both) -> None:
    both.switch(True)
    both.cloud.may_not_write.add("alma")
    outcome = both.sync()
    assert outcome.status == "ok"
    assert "could not be uploaded" in outcome.message
    assert both.connection.state == "connected"
    assert "could not be uploaded" in str(both.connection.last_error)
    both.cloud.may_not_write.clear()
    assert both.sync().message == ""
    assert both.connection.last_error is None
    assert len(both.there()) > 500
