"""The program as a user runs it, in this process where that is the same; and a provider cloud with its own keys."""

import logging
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import httpx
import orjson
import pytest

from glucoflow import cli
from glucoflow.es.queries import only
from glucoflow.es.scan import scan
from glucoflow.service.runtime import open_runtime
from glucoflow.settings import Settings
from glucoflow.simulators.dexcom import Client, SettableClock, Simulator, demo_scenario, running_simulator
from tests.node import Node
from tests.prefixes import own_prefix

OURS = ("BACKUP_", "DEXCOM_", "ES_", "GLUCOFLOW_", "SYNC_", "WEB_", "PREFECT_", "KIBANA_", "LOG_")
KEYS = {"DEXCOM_CLIENT_ID": "clinic", "DEXCOM_CLIENT_SECRET": "kept-between-us"}


@dataclass(frozen=True)
class Said:
    """How a command ended, and what it printed."""

    code: int
    out: str
    err: str


Command = Callable[..., Said]
"""Runs `glucoflow` with the arguments; keywords are environment variables for this call."""


@pytest.fixture
def clean(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> pytest.MonkeyPatch:
    """An empty folder to work in, and none of the machine's own settings."""
    for name in [name for name in os.environ if name.startswith(OURS)]:
        monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)
    return monkeypatch


@pytest.fixture
def command(clean: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Iterator[Command]:
    """`glucoflow …` through its entry point."""
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level

    def run(*arguments: str, **environment: str) -> Said:
        with clean.context() as patch:
            for name, value in environment.items():
                patch.setenv(name, value)
            patch.setattr(sys, "argv", ["glucoflow", *arguments])
            capsys.readouterr()
            with pytest.raises(SystemExit) as end:
                cli.main()
        printed = capsys.readouterr()
        code = end.value.code
        assert isinstance(code, int)
        return Said(code, printed.out, printed.err)

    yield run
    root.handlers, root.level = handlers, level


@dataclass
class Cloud:
    """A provider's cloud with Alma's last days, and the settings with which glucoflow reaches it and the node."""

    sim: Simulator
    clock: SettableClock
    began: datetime

    def stored(self) -> dict[str, int]:
        """Alma's glucose until the test began, by record id, in mg/dL, as indexed."""
        with open_runtime(Settings.load()) as rt:
            alias = rt.names.alias("alma")
            rt.client.indices.refresh(index=alias)
            found = scan(rt.client, alias, only(["cgm.reading"], None, self.began))
            hits = [orjson.loads(bytes(hit.source)) for hit in found]
        return {hit["event"]["id"]: int(hit["glucose"]["mg_dl"]) for hit in hits}

    def truth(self) -> dict[str, int]:
        """The same, as the provider holds it."""
        records = self.sim.truth("alma", "egvs", self.sim.scenario.person("alma").since, self.began)
        return {record["recordId"]: record["value"] for record in records if record["value"] is not None}


@pytest.fixture
def cloud(clean: pytest.MonkeyPatch, elasticsearch_node: Node) -> Iterator[Cloud]:
    """Alma, connected with the app's own keys and not yet synced; everything else is in the environment."""
    with own_prefix(elasticsearch_node) as prefix, running_cloud(clean, elasticsearch_node, prefix) as running:
        yield running


@contextmanager
def running_cloud(clean: pytest.MonkeyPatch, node: Node, prefix: str, days: int = 2) -> Iterator[Cloud]:
    """The same for as long as the block runs, with that many days; documents go below `prefix`."""
    clock = SettableClock(datetime.now(UTC))
    scenario = demo_scenario(clock(), days=days)
    scenario = replace(scenario, people=(scenario.person("alma"),))
    client = Client(KEYS["DEXCOM_CLIENT_ID"], KEYS["DEXCOM_CLIENT_SECRET"], Client.redirect_uris)
    with running_simulator(scenario, clock=clock, client=client) as sim:
        password = node.password.get_secret_value()
        here = {"ES_ENDPOINT": node.url, "ES_USER": node.username, "ES_PASSWORD": password}
        for name, value in {**KEYS, **here, "ES_INDEX": prefix, "DEXCOM_BASE_URL": sim.base_url}.items():
            clean.setenv(name, value)
        _connect(scenario.person("alma").name)
        yield Cloud(sim, clock, clock())


def _connect(name: str) -> None:
    """What the page and a browser would do."""
    with open_runtime(Settings.load()) as rt:
        now = rt.clock()
        rt.store.people.add("alma", name, now, zone="Europe/Berlin")
        authorizer = rt.providers.authorizer("dexcom", "us")
        state = rt.store.oauth_states.create("alma", "dexcom", "us", now)
        consent = httpx.get(f"{authorizer.authorize_url(state)}&person=alma&auto=1")
        code = parse_qs(urlsplit(consent.headers["location"]).query)["code"][0]
        rt.store.connections.add("alma", "dexcom", "us", now, authorizer.exchange(code, now))
