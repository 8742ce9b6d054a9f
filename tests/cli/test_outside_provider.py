"""A package that glucoflow does not know adds a provider: one module and one entry point, no line of ours changed."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

MODULE = '''
from datetime import UTC, datetime, timedelta

from pydantic import SecretStr
from pydantic_settings import BaseSettings

from glucoflow.model.credentials import Credentials
from glucoflow.model.errors import Reauthorize
from glucoflow.model.ranges import SensorLimits
from glucoflow.provider import Field, Form, Polling, Provider, Quirks, settings_config


class AcmeSettings(BaseSettings):
    """Acme."""

    model_config = settings_config("ACME_")


def log_in(settings, site, values, now):
    if values["password"].get_secret_value() != "open sesame":
        raise Reauthorize("Acme does not know this password.", remedy="Type it again.")
    return Credentials(values=dict(values))


PROVIDER = Provider(
    name="acme", title="Acme", logo="A", kinds=("readings",),
    quirks=Quirks(sensor_limits=SensorLimits(40, 500), sample_interval_ms=60_000, delay=timedelta(minutes=1),
                  freshness="at once"),
    settings=AcmeSettings,
    auth=Form(fields=(Field(name="user", label="E-mail"), Field(name="password", label="Password", secret=True)),
              log_in=log_in),
    polling=lambda settings: Polling(shortest=timedelta(minutes=5), longest=timedelta(minutes=5)),
    open=lambda settings, site, source, terms: None,
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
    add = (
        "from datetime import UTC, datetime\n"
        "from glucoflow.service.runtime import store_of\n"
        "from glucoflow.settings import Settings\n"
        "with store_of(Settings.load().store) as store:\n"
        "    {}\n"
    )
    new = add.format("store.people.add('ann', 'Ann', datetime.now(UTC))")
    subprocess.run([sys.executable, "-c", new], env=environment, cwd=environment["HOME"], check=True)

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
    seen = add.format("print([(one.provider, one.state) for one in store.connections.for_user('ann')])")
    shown = subprocess.run(
        [sys.executable, "-c", seen],
        env=environment,
        cwd=environment["HOME"],
        check=True,
        capture_output=True,
        text=True,
    )
    assert shown.stdout.strip() == "[('acme', 'connected')]"
