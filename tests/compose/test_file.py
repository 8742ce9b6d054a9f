"""docker-compose.yml by itself: what starts when, what is healthy when, and that nothing in it is made up."""

import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml
from cryptography.fernet import Fernet
from typer.main import get_command

from glucoflow.cli.app import app

ROOT = Path(__file__).parents[2]
ONE_SHOTS = {"settings", "elasticsearch-setup", "provision", "dashboards", "demo"}
GOOD = {
    "ELASTIC_PASSWORD": "a1", "ES_PASSWORD": "b2", "KIBANA_PASSWORD": "c3", "POSTGRES_PASSWORD": "d4",
    "PREFECT_PASSWORD": "e5", "WEB_PASSWORD": "f6", "KIBANA_KEY": "k" * 32,
    "GLUCOFLOW_TOKEN_KEY": Fernet.generate_key().decode(),
}  # fmt: skip


@pytest.fixture(scope="module")
def services() -> dict[str, Any]:
    """The services, with YAML's merges done."""
    found: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"]
    return found


def test_every_service_shows_its_health_or_ends(services: dict[str, Any]) -> None:
    assert {name for name, one in services.items() if "healthcheck" not in one} == ONE_SHOTS


def test_everything_waits_for_what_it_needs(services: dict[str, Any]) -> None:
    for name, one in services.items():
        for other, how in one.get("depends_on", {}).items():
            wanted = "service_completed_successfully" if other in ONE_SHOTS else "service_healthy"
            assert how["condition"] == wanted, f"{name} waits for {other}"
            profiles = services[other].get("profiles", [])
            assert not profiles or profiles == one.get("profiles"), f"{name} waits for {other}, which may not be there"

    def before(name: str) -> set[str]:
        direct = set(services[name].get("depends_on", {}))
        return direct.union(*map(before, direct)) if direct else direct

    for name in services.keys() - {"settings", "simulator"}:
        assert "settings" in before(name), f"{name} starts before the settings are checked"
    for name in ("worker", "web", "demo"):
        assert {"postgres", "elasticsearch", "prefect-server", "provision"} <= before(name)


def test_every_variable_is_in_the_example() -> None:
    used = set(re.findall(r"\$\{([A-Z_]+)", (ROOT / "docker-compose.yml").read_text()))
    shown = set(re.findall(r"^# ([A-Z_]+)=", (ROOT / ".env.example").read_text(), flags=re.MULTILINE))
    assert used - shown == set()


def test_required_variables_are_the_ones_that_are_checked(services: dict[str, Any]) -> None:
    required = set(re.findall(r"\$\{([A-Z_]+)\}", (ROOT / "docker-compose.yml").read_text()))
    assert set(services["settings"]["environment"]) == required == set(GOOD)


def test_no_password_is_in_the_file(services: dict[str, Any]) -> None:
    for one in services.values():
        for name, value in one.get("environment", {}).items():
            if re.search(r"PASSWORD|KEY$|SECRET|AUTH_STRING|URL$", name) and isinstance(value, str):
                assert not re.search(r"://[^/$]*:[^$/@]+@", value), name
                if not value.startswith("http"):
                    assert "${" in value, name


def test_every_command_is_one_of_ours(services: dict[str, Any]) -> None:
    commands = get_command(app).commands  # type: ignore[attr-defined]
    for name, one in services.items():
        if "build" in one and "entrypoint" not in one:
            ours = commands[one["command"][0]]
            options = {option for parameter in ours.params for option in parameter.opts}
            given = {word for word in one["command"][1:] if word.startswith("--")}
            assert given <= options, name


def test_images_are_pinned_and_ports_are_on_loopback(services: dict[str, Any]) -> None:
    for name, one in services.items():
        tag = re.sub(r"\$\{[A-Z_]+:-([^}]+)\}", r"\1", one["image"]).partition(":")[2]
        assert tag, name
        assert tag != "latest", name
        assert all(port.startswith("127.0.0.1:") for port in one.get("ports", [])), name


def test_mounted_files_and_volumes_exist(services: dict[str, Any]) -> None:
    named = set(yaml.safe_load((ROOT / "docker-compose.yml").read_text())["volumes"])
    for one in services.values():
        for volume in one.get("volumes", []):
            source = volume.split(":")[0]
            assert (ROOT / source).is_file() if source.startswith("./") else source in named, volume


def test_what_must_outlive_a_container_is_on_a_volume(services: dict[str, Any]) -> None:
    data = re.search(r"GLUCOFLOW_DATA_DIR=(\S+)", (ROOT / "Dockerfile").read_text())
    assert data is not None
    for name in ("provision", "worker", "web", "demo"):
        assert f"glucoflow-data:{data[1]}" in services[name]["volumes"], name
    assert "elasticsearch-data:/usr/share/elasticsearch/data" in services["elasticsearch"]["volumes"]
    assert "postgres-data:/var/lib/postgresql/data" in services["postgres"]["volumes"]


def check(**values: str) -> subprocess.CompletedProcess[str]:
    """docker/check-settings.sh with these values."""
    script = ["bash", str(ROOT / "docker" / "check-settings.sh")]
    return subprocess.run(script, env=values, capture_output=True, text=True, check=False)


def test_good_settings_pass_without_a_word() -> None:
    done = check(**GOOD)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_two_keys_while_they_rotate_pass() -> None:
    both = f"{Fernet.generate_key().decode()},{GOOD['GLUCOFLOW_TOKEN_KEY']}"
    assert check(**{**GOOD, "GLUCOFLOW_TOKEN_KEY": both}).returncode == 0


def test_all_that_is_missing_is_named_at_once() -> None:
    done = check()
    assert done.returncode == 78
    assert all(f"{name} is not set" in done.stderr for name in GOOD)
    assert ".env.example" in done.stderr


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("POSTGRES_PASSWORD", "with@sign", "letters and digits"),
        ("ES_PASSWORD", 'quote"d', "letters and digits"),
        ("ELASTIC_PASSWORD", "two words", "letters and digits"),
        ("KIBANA_KEY", "tooshort", "32"),
        ("GLUCOFLOW_TOKEN_KEY", "no key!", "Fernet"),
        ("WEB_PASSWORD", "", "not set"),
    ],
)
def test_a_bad_value_is_named_and_not_shown(name: str, value: str, words: str) -> None:
    done = check(**{**GOOD, name: value})
    assert done.returncode == 78
    assert done.stderr.count(" - ") == 1
    assert name in done.stderr
    assert words in done.stderr
    assert not value or value not in done.stderr
