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
ONE_SHOTS = {"settings", "elasticsearch-setup", "postgres-setup", "provision", "dashboards", "demo"}
GOOD = {
    "ELASTIC_PASSWORD": "aaaaaaa1",
    "ES_PASSWORD": "bbbbbbb2",
    "KIBANA_PASSWORD": "ccccccc3",
    "KIBANA_PROVISION_PASSWORD": "ccccccc4",
    "POSTGRES_PASSWORD": "ddddddd4",
    "STORE_PASSWORD": "ddddddd5",
    "PREFECT_STORE_PASSWORD": "ddddddd6",
    "PREFECT_PASSWORD": "eeeeeee5",
    "WEB_PASSWORD": "fffffff6",
    "KIBANA_KEY": "k" * 32,
    "GLUCOFLOW_TOKEN_KEY": Fernet.generate_key().decode(),
}


@pytest.fixture(scope="module")
def services() -> dict[str, Any]:
    """The services, with YAML's merges done."""
    found: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"]
    return found


def test_every_service_shows_its_health_or_ends(services: dict[str, Any]) -> None:
    assert {name for name, one in services.items() if "healthcheck" not in one} == ONE_SHOTS


def test_a_health_check_of_ours_costs_no_more_than_a_bare_interpreter_now_and_then(services: dict[str, Any]) -> None:
    """Each one starts a process for ever: 30 ms of CPU every ten seconds is 0.3 % of a core."""
    checks = [one["healthcheck"] for one in services.values() if "python" in one.get("healthcheck", {}).get("test", [])]
    assert len(checks) == 4
    for check in checks:
        assert check["test"][:5] == ["CMD", "python", "-I", "-S", "-c"], "no site-packages, none of our modules"
        assert re.findall(r"import (\S+)", check["test"][5]) == ["urllib.request"]
        assert int(check["interval"].removesuffix("s")) >= 10


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
    assert {name for name, one in services.items() if "glucoflow-data:/data" in one.get("volumes", [])} == {
        "provision",
        "dashboards",
        "worker",
        "web",
        "demo",
    }, "and nobody else's business"
    assert "postgres-data:/var/lib/postgresql/data" in services["postgres"]["volumes"]


def test_nothing_gains_a_right_and_what_can_be_is_not_writable(services: dict[str, Any]) -> None:
    for name, one in services.items():
        assert one["cap_drop"] == ["ALL"], name
        assert "cap_add" not in one, name
        assert one["security_opt"] == ["no-new-privileges:true"], name
        assert not one.get("privileged"), name
    writable = {name for name, one in services.items() if not one.get("read_only")}
    assert writable == {"elasticsearch", "kibana"}
    assert all(one["tmpfs"] for name, one in services.items() if name not in writable)


def test_our_image_runs_as_a_user_who_cannot_change_the_program() -> None:
    final = (ROOT / "Dockerfile").read_text().rsplit("\nFROM ", 1)[1]
    assert re.search(r"^COPY --from=build /app /app$", final, flags=re.MULTILINE), "root's, as copies are"
    assert re.search(r"^USER glucoflow$", final, flags=re.MULTILINE)


@pytest.mark.parametrize(
    ("secret", "holders"),
    [
        ("ELASTIC_PASSWORD", {"elasticsearch", "elasticsearch-setup"}),
        ("KIBANA_PROVISION_PASSWORD", {"elasticsearch-setup", "dashboards", "worker"}),
        ("KIBANA_PASSWORD", {"elasticsearch-setup", "kibana"}),
        ("POSTGRES_PASSWORD", {"postgres", "postgres-setup"}),
        ("PREFECT_STORE_PASSWORD", {"postgres-setup", "prefect-server"}),
        ("STORE_PASSWORD", {"postgres-setup", "provision", "dashboards", "worker", "web", "demo"}),
        ("GLUCOFLOW_TOKEN_KEY", {"provision", "dashboards", "worker", "web", "demo"}),
        ("WEB_PASSWORD", {"web"}),
    ],
)
def test_a_secret_is_with_whoever_needs_it_and_nobody_else(
    services: dict[str, Any], secret: str, holders: set[str]
) -> None:
    found = {
        name
        for name, one in services.items()
        if "${" + secret + "}" in " ".join(map(str, one.get("environment", {}).values()))
    }
    assert found - {"settings"} == holders


def test_every_image_is_an_exact_version(services: dict[str, Any]) -> None:
    named = {re.sub(r"\$\{[A-Z_]+:-([^}]+)\}", r"\1", one["image"]) for one in services.values() if "build" not in one}
    named |= set(re.findall(r"^FROM (\S+)", (ROOT / "Dockerfile").read_text(), flags=re.MULTILINE))
    for image in named:
        assert re.fullmatch(r"[a-z]+:\d+\.\d+(\.\d+)?(-[a-z-]+)?(@sha256:[0-9a-f]{64})?", image), image
    assert re.search(r"pip install \S+ uv==\d", (ROOT / "Dockerfile").read_text())


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
        ("WEB_PASSWORD", "f", "at least 8"),
        ("KIBANA_PROVISION_PASSWORD", "seven77", "at least 8"),
    ],
)
def test_a_bad_value_is_named_and_not_shown(name: str, value: str, words: str) -> None:
    done = check(**{**GOOD, name: value})
    assert done.returncode == 78
    assert done.stderr.count(" - ") == 1
    assert name in done.stderr
    assert words in done.stderr
    assert len(value) < 2 or value not in done.stderr
