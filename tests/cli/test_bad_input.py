"""What a user can get wrong, and what can be broken around them: words with the cure, the right exit code, no loss."""

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography.fernet import Fernet
from pydantic import SecretStr

from glucoflow.model.credentials import Credentials
from glucoflow.service.runtime import open_runtime
from glucoflow.settings import Settings
from tests.cli.conftest import Cloud, Command, Said

NOBODY_LISTENS = "http://127.0.0.1:9"
DATA, UNAVAILABLE, TEMPORARY, CONFIG, USAGE = 65, 69, 75, 78, 2


def assert_says(said: Said, code: int, *words: str) -> None:
    """It ended with this code and these words, on standard error, like a person would say it."""
    assert said.code == code, said.err
    flat = " ".join(said.err.split())
    for word in words:
        assert word in flat, said.err
    assert said.out == ""
    assert "Traceback" not in said.err
    for inner in ("Error(", "sqlalchemy", "elastic_transport", "urllib3", "ApiError", "Exception"):
        assert inner not in said.err


def test_a_wrong_client_secret_names_the_setting_and_the_right_one_goes_on(cloud: Cloud, command: Command) -> None:
    assert command("sync").code == 0
    cloud.clock.advance(timedelta(hours=3))  # the access token is over, so the secret is needed
    wrong = command("sync", "--user", "alma", DEXCOM_CLIENT_SECRET="not-it")
    assert_says(wrong, CONFIG, "DEXCOM_CLIENT_SECRET")
    assert "not-it" not in wrong.err
    assert command("sync", "--user", "alma").code == 0, "nobody has to connect again"
    assert cloud.stored() == cloud.truth()


def test_missing_keys_are_named_with_where_to_get_them(cloud: Cloud, command: Command) -> None:
    said = command("sync", "--user", "alma", DEXCOM_CLIENT_SECRET="")
    assert_says(said, CONFIG, "DEXCOM_CLIENT_SECRET not set", "developer.dexcom.com", ".env")
    assert command("sync", "--user", "alma").code == 0


def test_an_unreachable_provider_is_tried_again_later(cloud: Cloud, command: Command) -> None:
    said = command("sync", "--user", "alma", DEXCOM_BASE_URL=NOBODY_LISTENS)
    assert_says(said, TEMPORARY, "alma: 0 new")
    shown = command("status")
    assert shown.code == 1
    assert "alma" in shown.out
    assert command("sync", "--user", "alma").code == 0
    assert cloud.stored() == cloud.truth()


def test_a_person_left_from_the_demo_stops_nobody_else(cloud: Cloud, command: Command) -> None:
    with open_runtime(Settings.load()) as rt:
        now = rt.clock()
        rt.store.people.add("berta", "Berta", now)
        values = {"access": SecretStr("a"), "refresh": SecretStr("r")}
        credentials = Credentials(values=values, expires_at=now + timedelta(hours=1))
        rt.store.connections.add("berta", "dexcom", "simulator", now, credentials)
    said = command("sync")
    assert_says(said, TEMPORARY, "belongs to the demo", "glucoflow up --demo")
    assert cloud.stored() == cloud.truth()


@pytest.mark.parametrize(
    "arguments",
    [("sync",), ("people",), ("status",), ("provision",), ("export", "--user", "alma", "--out", "out.ndjson")],
    ids=lambda arguments: arguments[0],
)
def test_an_unreachable_elasticsearch(cloud: Cloud, command: Command, arguments: tuple[str, ...]) -> None:
    said = command(*arguments, ES_ENDPOINT=NOBODY_LISTENS)
    assert said.code in (UNAVAILABLE, TEMPORARY)
    assert_says(said, said.code, "Elasticsearch")
    assert not Path("out.ndjson").exists(), "no file that looks whole"


@pytest.mark.parametrize("arguments", [("sync",), ("people",), ("provision",)], ids=lambda arguments: arguments[0])
def test_a_wrong_password_of_elasticsearch(cloud: Cloud, command: Command, arguments: tuple[str, ...]) -> None:
    said = command(*arguments, ES_PASSWORD="hunter2")
    assert_says(said, CONFIG, "Elasticsearch", "ES_PASSWORD")
    assert "hunter2" not in said.err


def test_an_index_made_read_only_by_a_full_disk(cloud: Cloud, command: Command) -> None:
    assert command("sync", "--user", "alma").code == 0
    before = cloud.stored()
    with open_runtime(Settings.load()) as rt:
        alias = rt.names.alias("alma")
        rt.client.indices.put_settings(index=alias, settings={"index.blocks.read_only_allow_delete": True})
    cloud.clock.advance(timedelta(minutes=30))
    assert_says(command("sync", "--user", "alma"), TEMPORARY, "disk")
    doctor = command("doctor")
    assert doctor.code != 0
    assert "read-only" in doctor.out
    assert cloud.stored() == before
    with open_runtime(Settings.load()) as rt:
        rt.client.indices.put_settings(index=alias, settings={"index.blocks.read_only_allow_delete": None})
    assert command("sync", "--user", "alma").code == 0
    assert cloud.stored() == cloud.truth()


@pytest.mark.parametrize("key", [Fernet.generate_key().decode(), "far-too-short"], ids=["another", "no key"])
def test_a_wrong_encryption_key_stops_everything_and_costs_nobody_their_consent(
    cloud: Cloud, command: Command, key: str
) -> None:
    for arguments in (("sync",), ("people",), ("provision",)):
        said = command(*arguments, GLUCOFLOW_TOKEN_KEY=key)
        assert_says(said, CONFIG, "GLUCOFLOW_TOKEN_KEY")
        assert key not in said.err
    assert command("sync", "--user", "alma").code == 0
    assert cloud.stored() == cloud.truth()


def test_a_lost_key_file_is_not_quietly_replaced(cloud: Cloud, command: Command) -> None:
    file = Path("data/token.key")
    kept = file.read_bytes()
    file.unlink()
    assert_says(command("sync"), CONFIG, "key")
    file.write_bytes(kept)
    assert command("sync", "--user", "alma").code == 0


@pytest.mark.parametrize(
    "arguments",
    [
        ("sync", "--user", "nobody"),
        ("backfill", "nobody", "--from", "2026-01-01", "--to", "2026-01-02"),
        ("export", "--user", "nobody", "--out", "out"),
        ("import-file", "nobody", "README.md"),
        ("disconnect", "nobody"),
        ("delete-user", "nobody", "--yes"),
        ("kibana", "export", "--user", "nobody", "--out", "out"),
    ],
    ids=lambda arguments: arguments[0],
)
def test_an_unknown_person_and_who_is_known(cloud: Cloud, command: Command, arguments: tuple[str, ...]) -> None:
    Path("README.md").write_text("no data")
    assert_says(command(*arguments), DATA, "nobody", "alma")
    assert not Path("out").exists()


def test_days_that_are_swapped_in_the_future_or_none(cloud: Cloud, command: Command) -> None:
    today = datetime.now(UTC).date()
    later = [str(today + timedelta(days=n)) for n in (3, 5)]
    for first, last, words in (
        ("2026-02-02", "2026-02-01", "swap"),
        (*later, "future"),
        ("1980-01-01", "2026-01-01", "twenty years"),
    ):
        assert_says(command("backfill", "alma", "--from", first, "--to", last), DATA, words)
    for wrong in ("2026-13-01", "2026-02-30", "yesterday", ""):
        assert_says(command("backfill", "alma", "--from", wrong, "--to", "2026-02-01"), USAGE, "--from")
    said = command("export", "--user", "alma", "--out", "out", "--from", "2026-02-02", "--to", "2026-02-01")
    assert_says(said, DATA, "swap")
    assert cloud.sim.requested("egvs") == 0


def test_unknown_options_commands_kinds_and_providers(cloud: Cloud, command: Command) -> None:
    assert_says(command("sync", "--every"), USAGE, "--every")
    assert_says(command("synk"), USAGE, "synk")
    assert_says(command("backfill"), USAGE, "backfill --help")
    days = ("--from", "2026-01-01", "--to", "2026-01-02")
    assert_says(command("backfill", "alma", *days, "--kinds", "readings,steps"), DATA, "steps", "readings")
    assert_says(command("backfill", "alma", *days, "--provider", "libre"), DATA, "libre")
    assert_says(command("export", "--user", "alma", "--out", "out", "--kinds", "steps"), DATA, "steps", "cgm.reading")
    assert_says(command("export", "--user", "alma", "--out", "out", "--format", "pdf"), USAGE, "tidepool")


def test_settings_that_cannot_be_are_named_all_at_once_and_not_shown(command: Command) -> None:
    Path(".env").write_text(
        "ES_PORT=many\nSYNC_THREADS=1000\nDEXCOM_REGION=mars\nES_ENDPOINT=localhost\nDEXCOM_MAINTENANCE_START=25:00\n"
        "ES_INDEX=Ümlaut-\nES_HEAP=plenty\n"
    )
    said = command("people")
    names = (
        "ES_PORT",
        "SYNC_THREADS",
        "DEXCOM_REGION",
        "ES_ENDPOINT",
        "DEXCOM_MAINTENANCE_START",
        "ES_INDEX",
        "ES_HEAP",
    )
    assert_says(said, CONFIG, *names, ".env.example")
    for value in ("many", "1000", "mars", "25:00", "Ümlaut", "plenty"):
        assert value not in said.err


@pytest.mark.parametrize(
    ("name", "value", "word"),
    [
        ("GLUCOFLOW_DATABASE_URL", "postgresql+psycopg://u:hunter2@127.0.0.1:9/glucoflow", "GLUCOFLOW_DATABASE_URL"),
        ("GLUCOFLOW_DATABASE_URL", "hunter2", "GLUCOFLOW_DATABASE_URL"),
        ("GLUCOFLOW_DATA_DIR", "/proc/nowhere", "GLUCOFLOW_DATA_DIR"),
        ("ES_CA_CERTS", "missing.pem", "ES_CA_CERTS"),
    ],
)
def test_places_that_cannot_be_used(cloud: Cloud, command: Command, name: str, value: str, word: str) -> None:
    said = command("people", **{name: value})
    assert said.code in (CONFIG, UNAVAILABLE)
    assert_says(said, said.code, word)
    assert "hunter2" not in said.err


def test_an_env_file_that_is_no_text(command: Command) -> None:
    Path(".env").write_bytes(b"ES_INDEX=\xff\xfe\x00")
    assert_says(command("people"), CONFIG, ".env")


def test_without_anything_running_it_says_what_to_start(command: Command) -> None:
    assert_says(command("people"), UNAVAILABLE, "glucoflow up", "ES_ENDPOINT")
    doctor = command("doctor")
    assert doctor.code == UNAVAILABLE
    assert doctor.out.count("→") >= 3, "each failure has its cure"


@pytest.fixture
def taken_port() -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield int(listener.getsockname()[1])


def test_a_taken_port_of_the_pages(cloud: Cloud, taken_port: int) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "glucoflow", "web", "--port", str(taken_port)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    said = Said(done.returncode, done.stdout, done.stderr)
    assert_says(said, UNAVAILABLE, str(taken_port), "WEB_PORT")


def test_pages_for_everybody_need_a_password(cloud: Cloud, command: Command) -> None:
    assert_says(command("web", WEB_HOST="0.0.0.0"), CONFIG, "WEB_PASSWORD")  # noqa: S104 – refused
    assert_says(command("web", WEB_PASSWORD="short"), CONFIG, "WEB_PASSWORD: must have at least 8 characters")


def test_kibana_that_is_not_set_or_not_there(cloud: Cloud, command: Command) -> None:
    assert_says(command("kibana", "provision"), CONFIG, "KIBANA_URL")
    said = command("kibana", "provision", KIBANA_URL=NOBODY_LISTENS)
    assert said.code in (UNAVAILABLE, TEMPORARY)
    assert_says(said, said.code, "Kibana")
    assert_says(command("kibana", "export", "--out", "out"), CONFIG, "--user", "--operator")


def test_what_cannot_be_written_out_is_said_and_no_traceback() -> None:
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [sys.executable, "-m", "glucoflow", "keys", "new"],
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
    assert (done.returncode, "Traceback" in done.stderr) == (69, False), done.stderr
    assert "No space left on device" in done.stderr
    assert "Free some space" in done.stderr


@pytest.mark.parametrize("command", ["up", "people", "doctor"])
def test_a_data_folder_that_cannot_be(command: str, tmp_path: Path) -> None:
    """Each says which it is, and the doctor looks at all else as well."""
    place = {"GLUCOFLOW_DATA_DIR": "/dev/null/data", "BACKUP_PASSPHRASE": "a sentence of our own"}
    done = subprocess.run(
        [sys.executable, "-m", "glucoflow", command], env={**os.environ, **place}, cwd=tmp_path, capture_output=True,
        text=True, check=False,
    )  # fmt: skip
    said = done.stdout + done.stderr
    assert (done.returncode, "Traceback" in said) == (69, False), said
    assert "/dev/null/data" in said
    if command == "doctor":
        assert "Elasticsearch" in said
        assert "clock" in said
