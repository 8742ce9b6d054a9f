"""A whole glucoflow for tests: the strict simulator over HTTP, a real node, a real store, a clock that a test moves."""

import uuid
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from random import Random
from typing import Any

import orjson
import pytest
from pydantic import HttpUrl, SecretStr

from glucoflow.es.provision import ensure_index, provision
from glucoflow.es.scan import scan
from glucoflow.provider import Limits
from glucoflow.service.batches import run_batch, sync_due
from glucoflow.service.demo import connect
from glucoflow.service.jobs import SYNC_JOB, SYNC_NOW, Outcome
from glucoflow.service.providers import Providers
from glucoflow.service.runtime import Runtime, open_runtime
from glucoflow.settings import DemoSettings, ElasticsearchSettings, Settings, StoreSettings
from glucoflow.simulators import DEMO
from glucoflow.simulators.dexcom import Scenario, SettableClock, Simulator, demo_scenario, running_simulator
from tests.node import Node
from tests.prefixes import own_prefix
from tests.stores import lay_store

NOW = datetime(2026, 6, 20, 12, 0, tzinfo=UTC)
IMPATIENT = Limits(tries=2, first_wait_s=0.01, longest_wait_s=0.05, read_s=2, answer_s=3)


@dataclass
class House:
    """The parts of one test's glucoflow, and the simulator it talks to."""

    rt: Runtime
    sim: Simulator
    clock: SettableClock

    def sync(self, user_id: str | None = None) -> list[Outcome]:
        owner = uuid.uuid4().hex
        job = SYNC_JOB if user_id is None else SYNC_NOW
        return sync_due(self.rt, owner, lambda batch: run_batch(self.rt, batch, job, owner, 8), user_id)

    def stored(self, user_id: str, dataset: str = "cgm.reading") -> dict[str, dict[str, object]]:
        """Documents of a dataset by the provider's record id. Fails where two have the same one."""
        alias = self.rt.names.alias(user_id)
        self.rt.client.indices.refresh(index=alias)
        hits = [
            orjson.loads(bytes(hit.source)) for hit in scan(self.rt.client, alias, {"term": {"event.dataset": dataset}})
        ]
        found = {hit["event"]["id"]: hit for hit in hits}
        assert len(found) == len(hits), "a record is there twice"
        return found

    def versions(self, user_id: str) -> dict[str, int]:
        """`_version` by `_id`."""
        alias = self.rt.names.alias(user_id)
        self.rt.client.indices.refresh(index=alias)
        view = self.rt.client.open_point_in_time(index=alias, keep_alive="1m")["id"]
        found: dict[str, int] = {}
        after: list[int] | None = None
        while True:
            answer = self.rt.client.search(
                pit={"id": view}, size=10_000, version=True, source=False, sort=["_shard_doc"], search_after=after
            )
            hits = answer["hits"]["hits"]
            if not hits:
                self.rt.client.close_point_in_time(id=view)
                return found
            found |= {hit["_id"]: hit["_version"] for hit in hits}
            after = hits[-1]["sort"]

    def truth(self, user_id: str, since: datetime | None = None) -> dict[str, int]:
        """Glucose by record id, as a perfect client would hold it now; readings without a value are none."""
        start = since or self.sim.scenario.person(user_id).since
        records = self.sim.truth(user_id, "egvs", start, self.clock() + timedelta(days=1))
        return {record["recordId"]: record["value"] for record in records if record["value"] is not None}

    def values(self, user_id: str) -> dict[str, int]:
        """Glucose by record id, as stored, in mg/dL."""
        stored = self.stored(user_id)
        return {key: int(hit["glucose"]["mg_dl"]) for key, hit in stored.items()}  # type: ignore[index]


OpenHouse = Callable[..., AbstractContextManager[House]]
"""Opens a house over a world, optionally with a clock of the test's own."""


def small_scenario(days: int = 12, **changes: object) -> Scenario:
    """Alma alone, for a few days; keywords replace fields of the person."""
    scenario = demo_scenario(NOW, days=days)
    alma = replace(scenario.person("alma"), **changes)  # type: ignore[arg-type]
    return replace(scenario, people=(alma,))


def settings_of(node: Node, folder: Path, simulator: str, index: str, database: str | None = None) -> Settings:
    loaded = Settings.load()
    es = ElasticsearchSettings(endpoint=HttpUrl(node.url), user=node.username, password=node.password, index=index)
    return loaded.model_copy(
        update={
            "es": es,
            "store": StoreSettings(data_dir=folder, database_url=SecretStr(database) if database else None),
            "demo": DemoSettings(simulators={DEMO: HttpUrl(simulator)}),
        }
    )


def providers_of(settings: Settings, simulator: str, **more: Any) -> Providers:
    """The installed ones, with the demo's cloud at that address; keywords are further fields."""
    return Providers(settings=settings.providers, doubles={DEMO: simulator}, **more)


@contextmanager
def opened_house(
    node: Node, folder: Path, scenario: Scenario, clock: SettableClock | None = None, database: str | None = None
) -> Iterator[House]:
    """Everybody of the world, connected and not yet synced, under an index prefix of the house's own.

    `database` is the address of a store that is laid already; else one in the folder.
    """
    clock = clock or SettableClock(NOW)
    if database is None:
        lay_store(folder)
    with running_simulator(scenario, clock=clock) as sim, own_prefix(node) as index:
        settings = settings_of(node, folder, sim.base_url, index, database)
        with open_runtime(settings, clock) as rt:
            rt = replace(rt, providers=providers_of(settings, sim.base_url, limits=IMPATIENT), random=Random(1))
            provision(rt.client, rt.names)
            for person in scenario.people:
                connect(rt, person)
                ensure_index(rt.client, rt.names, person.id)
            yield House(rt, sim, clock)


@pytest.fixture
def open_house(elasticsearch_node: Node, tmp_path: Path) -> OpenHouse:
    """Opens houses, one after the other."""
    return partial(opened_house, elasticsearch_node, tmp_path)


@pytest.fixture
def house(open_house: OpenHouse) -> Iterator[House]:
    """Alma's twelve days, connected and not yet synced."""
    with open_house(small_scenario()) as opened:
        yield opened


@pytest.fixture(scope="session")
def synced(elasticsearch_node: Node, tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """Alma's thirty days after one sync. Tests only look at them."""
    with opened_house(elasticsearch_node, tmp_path_factory.mktemp("synced"), small_scenario(days=30)) as opened:
        opened.sync()
        yield opened
