"""docker-compose.yml by itself: what starts when, what is healthy when, and that nothing in it is made up."""

import os
import re
import resource
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import yaml
from cryptography.fernet import Fernet
from dotenv import dotenv_values
from typer.main import get_command

from glucoflow.cli.app import app
from glucoflow.settings import Settings
from tests.ports import free_ports

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


def by_default(text: str) -> str:
    """A text of the file where .env says nothing."""
    return re.sub(r"\$\{[A-Z_]+:-([^}]*)\}", r"\1", text)


def filled(text: str, values: Mapping[str, str]) -> str:
    """A text of the file as compose fills it in: ${X}, ${X:-default} and ${X:+instead}."""

    def value(found: re.Match[str]) -> str:
        name, how, word = found[1], found[2], found[3] or ""
        given = values.get(name, "")
        return (word if given else "") if how == ":+" else given or word

    return re.sub(r"\$\{([A-Z_]+)(?:(:[-+])([^}]*))?\}", value, text)


def mebibytes(text: str) -> int:
    number, unit = re.fullmatch(r"(\d+)([mg])", by_default(text)).groups()  # type: ignore[union-attr]
    return int(number) * {"m": 1, "g": 1024}[unit]


def test_all_of_it_fits_into_four_gigabytes(services: dict[str, Any]) -> None:
    """What runs for years, and with it any of the one-shots that run beside it; each has a limit of its own."""
    limits = {name: mebibytes(one["mem_limit"]) for name, one in services.items() if "profiles" not in one}
    always = sum(limit for name, limit in limits.items() if name not in ONE_SHOTS)
    assert always + max(limits[name] for name in ONE_SHOTS & limits.keys()) <= 4096
    assert all("mem_limit" in one for one in services.values())


def test_everything_says_who_it_runs_as_and_no_log_fills_the_disk(services: dict[str, Any]) -> None:
    for name, one in services.items():
        assert one["user"] in {"10001:10001", "1000:0", "postgres"}, name
        assert one["logging"] == {"driver": "json-file", "options": {"max-size": "10m", "max-file": "3"}}, name
    user = re.search(r"useradd .*--uid (\d+) --gid (\d+)", (ROOT / "Dockerfile").read_text())
    assert user is not None
    assert services["web"]["user"] == ":".join(user.groups())


class Answering(BaseHTTPRequestHandler):
    """Answers as each service does when it is well, or with 503."""

    protocol_version = "HTTP/1.1"
    well = True

    def do_GET(self) -> None:
        self._answer(200 if self.well else 503, b"missing authentication credentials" if self.well else b"")

    def do_HEAD(self) -> None:
        self._answer(302 if self.well else 503, b"")

    def _answer(self, status: int, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


def run_check(check: dict[str, Any], port: int) -> int:
    """A health check as Docker runs it, of a service that is on this port."""
    kind, *words = check["test"]
    argv = {"CMD": words, "CMD-SHELL": ["/bin/sh", "-c", *words]}[kind]
    here = [re.sub(r"localhost:\d+", f"127.0.0.1:{port}", word) for word in argv]
    environment = {"PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])}
    return subprocess.run(here, env=environment, capture_output=True, check=False, timeout=60).returncode


def test_each_health_check_over_http_tells_well_from_ill_and_from_away(services: dict[str, Any]) -> None:
    checks = {name: one["healthcheck"] for name, one in services.items() if "healthcheck" in one}
    assert {"elasticsearch", "kibana", "prefect-server", "worker", "web", "simulator", "postgres"} == set(checks)
    del checks["postgres"]
    with ThreadingHTTPServer(("127.0.0.1", 0), Answering) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        for name, check in checks.items():
            Answering.well = True
            assert run_check(check, server.server_port) == 0, name
            Answering.well = False
            assert run_check(check, server.server_port) != 0, name
        server.shutdown()
    [away] = free_ports(1)
    assert all(run_check(check, away) != 0 for check in checks.values())


def test_a_health_check_waits_for_the_start_and_then_hardly_looks(services: dict[str, Any]) -> None:
    for name, one in services.items():
        check = one.get("healthcheck", {"interval": "60s", "start_interval": "2s", "start_period": "5m"})
        assert (check["interval"], check["start_interval"], check["start_period"]) == ("60s", "2s", "5m"), name


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


DECIDED_HERE = {
    "DEMO_SIMULATORS", "ES_ENDPOINT", "ES_USER", "ES_API_KEY", "GLUCOFLOW_DATABASE_URL", "PREFECT_API_URL",
    "PREFECT_API_AUTH_STRING", "KIBANA_URL", "KIBANA_USER",  # one another's addresses and names
    "ES_PORT", "ES_HEAP", "ES_HOME", "ES_SNAPSHOTS", "PREFECT_PORT", "WEB_HOST", "WEB_PORT",  # of `glucoflow up`
    "GLUCOFLOW_DATA_DIR", "GLUCOFLOW_CACHE_DIR", "BACKUP_DIR", "BACKUP_PASSPHRASE_FILE", "ES_CA_CERTS",
    "MQTT_CA_CERTS",  # places in a container
}  # fmt: skip


def test_every_setting_of_the_example_gets_where_it_is_read() -> None:
    """Compose reads .env for the file alone: what the file does not pass on is not set."""
    passed = set(re.findall(r"\$\{([A-Z_]+)", (ROOT / "docker-compose.yml").read_text()))
    shown = set(re.findall(r"^# ([A-Z_]+)=", (ROOT / ".env.example").read_text(), flags=re.MULTILINE))
    assert shown - passed == DECIDED_HERE


@pytest.mark.parametrize(("given", "cron"), [({"BACKUP_PASSPHRASE": "a secret sentence"}, "5 3 * * *"), ({}, None)])
def test_backups_are_scheduled_by_whoever_makes_the_schedule(
    services: dict[str, Any], given: dict[str, str], cron: str | None, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    from flows.deployments import schedule

    monkeypatch.chdir(tmp_path)
    for name in [one for one in os.environ if one.startswith("BACKUP_")]:
        monkeypatch.delenv(name)
    for name, value in services["provision"]["environment"].items():
        if name.startswith("BACKUP_"):
            seen = filled(value, {**given, "BACKUP_AT": "03:05"})
            assert "secret" not in seen, "it needs only to know that there is one"
            monkeypatch.setenv(name, seen)
    (made,) = [options for flow, options in schedule(Settings.load()) if flow.name == "backup"]
    assert made["cron"] == cron


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
        for volume in map(by_default, one.get("volumes", [])):
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
        ("BACKUP_PASSPHRASE:-", {"worker"}),
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


def begun(
    folder: Path, way: str, *arguments: str, preexec_fn: Callable[[], None] | None = None
) -> subprocess.CompletedProcess[str]:
    """.env as `glucoflow init` or docker/init.sh writes it, without anybody at a terminal."""
    argv = {"sh": ["sh", str(ROOT / "docker" / "init.sh")], "init": [sys.executable, "-m", "glucoflow", "init"]}[way]
    if way == "init" and arguments:
        arguments = ("--host", *arguments)
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), "HOME": str(folder)}
    return subprocess.run(
        [*argv, *arguments], cwd=folder, env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True,
        check=False, preexec_fn=preexec_fn,
    )  # fmt: skip


@pytest.mark.parametrize("way", ["sh", "init"])
def test_a_beginning_has_every_secret_and_is_never_written_over(way: str, tmp_path: Path) -> None:
    done = begun(tmp_path, way, "glucose.example.org")
    assert done.returncode == 0, done.stderr
    file = tmp_path / ".env"
    assert file.stat().st_mode & 0o777 == 0o600
    written = dotenv_values(file)
    values = {name: value for name, value in written.items() if value}
    good = check(**{name: values[name] for name in GOOD})
    assert (good.returncode, good.stderr) == (0, "")
    assert values["BACKUP_PASSPHRASE"] == values["WEB_PASSWORD"]
    assert values["WEB_PASSWORD"] in done.stderr
    secrets = [values[name] for name in GOOD]
    assert len(set(secrets)) == len(GOOD), "no secret twice"
    assert all(len(one) >= 23 for one in secrets)
    Fernet(values["GLUCOFLOW_TOKEN_KEY"])
    assert values["WEB_ALLOWED_HOSTS"] == "glucose.example.org,localhost,127.0.0.1"
    assert values["FORWARDED_ALLOW_IPS"] == "127.0.0.1,172.16.0.0/12", "without compose as well as with it"
    assert values["DEXCOM_REDIRECT_URI"] == "https://glucose.example.org/oauth/callback"
    used = re.findall(r"\$\{([A-Z_]+)", (ROOT / "docker-compose.yml").read_text())
    assert set(written) <= set(used)
    before = file.read_text()
    again = begun(tmp_path, way)
    assert (again.returncode, "is there already" in again.stderr) == (78, True)
    assert file.read_text() == before


def test_both_beginnings_write_the_same_lines(tmp_path: Path) -> None:
    lines = []
    for way in ("sh", "init"):
        (tmp_path / way).mkdir()
        assert begun(tmp_path / way, way, "x.example").returncode == 0
        text = (tmp_path / way / ".env").read_text().partition("\n")[2]
        secret = set(GOOD) | {"BACKUP_PASSPHRASE"}
        lines.append(
            [line.partition("=")[0] if line.partition("=")[0] in secret else line for line in text.splitlines()]
        )
    assert lines[0] == lines[1]


@pytest.mark.parametrize("way", ["sh", "init"])
def test_a_beginning_on_a_full_disk_leaves_no_half(way: str, tmp_path: Path) -> None:
    def small() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (300, resource.RLIM_INFINITY))
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)

    done = begun(tmp_path, way, preexec_fn=small)
    assert done.returncode not in (0, 78), done.stderr
    assert "Traceback" not in done.stderr
    assert list(tmp_path.iterdir()) == [], "half of it would be taken for all"
    assert begun(tmp_path, way).returncode == 0


@pytest.mark.parametrize("way", ["sh", "init"])
def test_what_is_no_host_name_begins_nothing(way: str, tmp_path: Path) -> None:
    assert begun(tmp_path, way, "https://x.example/").returncode in (2, 65)
    assert list(tmp_path.iterdir()) == []


def test_the_image_is_built_for_both_kinds_of_machine_with_its_contents_listed() -> None:
    jobs = yaml.safe_load((ROOT / ".github" / "workflows" / "image.yml").read_text())["jobs"]
    [build] = [one["with"] for one in jobs["build"]["steps"] if "build-push" in one.get("uses", "")]
    assert build["platforms"] == "linux/amd64,linux/arm64"
    assert build["sbom"] is True
    final = (ROOT / "Dockerfile").read_text().rsplit("\nFROM ", 1)[1]
    for name in re.findall(r"^(\w+)=", build["build-args"], flags=re.MULTILINE):
        assert re.search(rf"^ARG {name}=", final, flags=re.MULTILINE)
        assert f'"${name}"' in final, f"{name} is a label"
    [suite] = yaml.safe_load((ROOT / ".github" / "workflows" / "tests.yml").read_text())["jobs"].values()
    assert suite["steps"][-1]["run"].endswith(".ci/run")
