"""A package that glucoflow does not know adds a provider: one module and one entry point, no line of ours changed."""

import json
import os
import subprocess
import sys
import uuid
from datetime import UTC, datetime
from pathlib import Path

import pytest

from glucoflow.es.names import Names
from glucoflow.es.provision import delete_user
from glucoflow.store import Store, open_store
from tests.node import Node

ROOT = Path(__file__).parents[2]

MODULE = '''
from datetime import UTC, datetime, timedelta

from pydantic import SecretStr
from pydantic_settings import BaseSettings

from glucoflow.model.credentials import Credentials
from glucoflow.model.errors import LoginRefused
from glucoflow.model.ingestion import Window
from glucoflow.model.ranges import SensorLimits
from glucoflow.model.records import Reading
from glucoflow.provider import Field, Form, Page, Polling, Provider, Quirks, settings_config


class AcmeSettings(BaseSettings):
    """Acme."""

    model_config = settings_config("ACME_")


def log_in(settings, site, values, now):
    if values["password"].get_secret_value() != "open sesame":
        raise LoginRefused("Acme does not know this password.", remedy="Type it again.")
    return Credentials(values=dict(values))


class Acme:
    """Readings every five minutes of three hours; every one of them 123, and the last HI."""

    def __init__(self, source, terms):
        self._key = source(False)["password"]
        self._now = terms.now.replace(minute=terms.now.minute // 5 * 5, second=0, microsecond=0)

    def extent(self, kind, updated_since=None):
        return Window(self._now - timedelta(hours=3), self._now)

    def pages(self, kind, window):
        times = [self._now - timedelta(minutes=5 * n) for n in range(36, 0, -1)]
        found = [
            Reading(time=at, key=str(at), value=501 if at == times[-1] else 123, unit="mg/dL", interval_ms=300_000)
            for at in times
            if window.start <= at < window.end
        ]
        yield Page(window=window, records=found)

    def close(self):
        pass


PROVIDER = Provider(
    name="acme", title="Acme", logo="A", kinds=("readings",),
    quirks=Quirks(sensor_limits=SensorLimits(40, 500), sample_interval_ms=60_000, delay=timedelta(minutes=1),
                  freshness="at once"),
    settings=AcmeSettings,
    auth=Form(fields=(Field(name="user", label="E-mail"), Field(name="password", label="Password", secret=True)),
              log_in=log_in),
    polling=lambda settings: Polling(shortest=timedelta(minutes=5), longest=timedelta(minutes=5)),
    open=lambda settings, site, source, terms: Acme(source, terms),
    documentation="https://acme.example/", regions={"world": "everywhere"}, region=lambda settings: "world",
)
'''


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    """As after `pip install acme`, and beside it a package that is broken."""
    for name, module in (("acme", MODULE), ("shaky", "raise RuntimeError('no such lamp')")):
        (tmp_path / f"{name}_cgm.py").write_text(module)
        info = tmp_path / f"{name}_cgm-1.0.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}-cgm\nVersion: 1.0\n")
        (info / "entry_points.txt").write_text(f"[glucoflow.connectors]\n{name} = {name}_cgm:PROVIDER\n")
    return {
        "PATH": os.environ["PATH"],
        "HOME": str(tmp_path),
        "PYTHONPATH": f"{tmp_path}{os.pathsep}{ROOT}",
        "GLUCOFLOW_DATA_DIR": str(tmp_path / "data"),
    }


def ran(environment: dict[str, str], *words: str, typed: str = "") -> subprocess.CompletedProcess[str]:
    argv = [sys.executable, "-m", "glucoflow", *words]
    return subprocess.run(
        argv, env=environment, cwd=environment["HOME"], capture_output=True, text=True, input=typed, check=False
    )


def test_it_is_listed_with_what_it_needs_and_a_broken_one_stops_nobody(environment: dict[str, str]) -> None:
    done = ran(environment, "providers", "--json")
    found = {one["name"]: one for one in json.loads(done.stdout)}
    assert done.returncode == 1
    assert "shaky cannot be loaded: RuntimeError: no such lamp" in done.stderr
    acme = found["acme"]
    assert (acme["title"], acme["kinds"], acme["sign_in"], acme["usable"]) == ("Acme", ["readings"], "form", True)
    assert acme["delay_seconds"] == 60
    assert not found["dexcom"]["usable"]
    assert "DEXCOM_CLIENT_ID" in found["dexcom"]["missing"]


def test_a_person_is_connected_by_its_form_at_the_terminal(environment: dict[str, str]) -> None:
    with store_of(environment) as store:
        store.people.add("ann", "Ann", datetime.now(UTC))
    wrong = ran(environment, "connect", "ann", "acme", typed="ann@example.org\nguess\n")
    assert wrong.returncode == 77
    assert "Acme does not know this password." in wrong.stderr
    nobody = ran(environment, "connect", "ben", "acme", typed="ben@example.org\nopen sesame\n")
    assert nobody.returncode == 65
    there = ran(environment, "connect", "ann", "acme", "--region", "moon")
    assert there.returncode == 78

    done = ran(environment, "connect", "ann", "acme", typed="ann@example.org\nopen sesame\n")
    assert done.returncode == 0, done.stderr
    assert "open sesame" not in done.stdout + done.stderr
    with store_of(environment) as store:
        assert [(one.provider, one.state) for one in store.connections.for_user("ann")] == [("acme", "connected")]


def test_its_readings_come_into_the_index_and_are_read_back(
    environment: dict[str, str], elasticsearch_node: Node
) -> None:
    index = f"t{uuid.uuid4().hex[:8]}-"
    environment |= {
        "ES_ENDPOINT": elasticsearch_node.url,
        "ES_USER": elasticsearch_node.username,
        "ES_PASSWORD": elasticsearch_node.password.get_secret_value(),
        "ES_INDEX": index,
    }
    with store_of(environment) as store:
        store.people.add("ann", "Ann", datetime.now(UTC))
    assert ran(environment, "connect", "ann", "acme", typed="ann@example.org\nopen sesame\n").returncode == 0
    done = ran(environment, "sync", "--user", "ann")
    assert done.returncode == 0, done.stderr
    again = ran(environment, "sync", "--user", "ann")
    assert again.returncode == 0, again.stderr
    client = elasticsearch_node.client()
    try:
        client.indices.refresh(index=f"{index}ann")
        query = {"bool": {"filter": [{"term": {"event.dataset": "cgm.reading"}}, {"term": {"event.provider": "acme"}}]}}
        answer = client.search(index=f"{index}ann", query=query, size=100, sort=["@timestamp"])
        found = [hit["_source"] for hit in answer["hits"]["hits"]]
    finally:
        delete_user(client, Names.below(index), "ann")
        client.close()
    assert 36 <= len(found) <= 38, "each once, and what came between the two syncs"
    assert {one["glucose"]["mg_dl"] for one in found} == {123, 501}
    assert [one["glucose"].get("limit") for one in found if one["glucose"]["mg_dl"] == 501][-1] == "high"
    assert found[0]["sample"]["interval_ms"] == 300_000


def store_of(environment: dict[str, str]) -> Store:
    return open_store(Path(environment["GLUCOFLOW_DATA_DIR"]))
