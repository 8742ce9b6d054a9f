"""`glucoflow up --demo` as its user has it: one start with everything tried against it, then Ctrl-C, kill -9, again."""

import json
import os
import re
import signal
import socket
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from playwright.sync_api import Browser, Page

from glucoflow.simulators.dexcom import demo_scenario, running_simulator
from glucoflow.web.security import CSRF_COOKIE, SESSION_COOKIE
from tests.cli.attack import FOREIGN, ask, foreign_browser, foreign_site, rebound
from tests.cli.conftest import Command
from tests.cli.program import DEMO, Folder, Up
from tests.ports import is_free

FOUR = ("alma", "bruno", "chiara", "dario")
PEOPLE = (*FOUR, "emil", "frida")
STATUS_ROW = r"(\w+) +dexcom +connected +(?:\d,)?\d{3}( +(\d+ (s|min)|now)){3} +0 *"


@pytest.fixture(scope="module")
def folder() -> Iterator[Folder]:
    """New home, new data folder, for all of this module."""
    with Folder() as made:
        yield made


@pytest.fixture(scope="module")
def up(folder: Folder) -> Iterator[Up]:
    """The first start."""
    with Up(folder) as started:
        yield started


@pytest.fixture
def here(up: Up, command: Command, clean: pytest.MonkeyPatch) -> Command:
    """Commands in a second terminal, where `up` runs in the first."""
    clean.setenv("GLUCOFLOW_DATA_DIR", str(up.folder.data))
    return command


def login(up: Up) -> tuple[str, str]:
    """What Prefect's server asks for."""
    user, _, password = (up.folder.data / "prefect.login").read_text().partition(":")
    return user, password


def prefect(up: Up, path: str, **query: Any) -> Any:
    """Prefect's API, asked again while its SQLite is busy, as Prefect's own client does."""
    address, deadline = f"{up.where().prefect}/{path}", time.monotonic() + 300
    while (answer := httpx.post(address, json=query, timeout=120, auth=login(up))).status_code == 503:
        assert time.monotonic() < deadline
        time.sleep(0.5)
    return answer.raise_for_status().json()


def deployment(up: Up, name: str) -> Any:
    """A flow's deployment, once the flows are served."""
    deadline = time.monotonic() + 300
    while not (found := prefect(up, "deployments/filter", deployments={"name": {"any_": [name]}})):
        assert time.monotonic() < deadline, "the flows are not served"
        time.sleep(0.5)
    return found[0]


def values_of(answer: dict[str, Any], began: datetime) -> dict[str, list[int]]:
    """Each person's glucose values from the provider itself, up to the newest of the answer and all before the start.

    A sensor may just be silent, so that the newest is not of the last minutes.
    """
    with running_simulator(demo_scenario(datetime.now(UTC), days=int(DEMO[3]))) as sim:
        found = {}
        for one in answer["people"]:
            if one["id"] not in FOUR:
                continue
            end = max(began, datetime.fromisoformat(one["newest"]) + timedelta(seconds=1))
            records = sim.truth(one["id"], "egvs", sim.scenario.person(one["id"]).since, end)
            found[one["id"]] = [record["value"] for record in records if record["value"] is not None]
    return found


def test_it_answers_in_json_with_the_figures_of_what_the_provider_holds(up: Up) -> None:
    assert [one["id"] for one in up.answer["people"]] == list(PEOPLE)
    assert set(up.answer) == {"people", "seconds"}
    assert set(up.answer["seconds"]) == {"start", "sync", "total"}
    assert up.answer["seconds"]["total"] >= up.answer["seconds"]["start"] > 0
    truth = values_of(up.answer, up.began)
    emil, frida = up.answer["people"][len(FOUR) :]
    assert 100 <= emil["readings"] <= 180, "his follower's account holds twelve hours"
    assert 1_700 <= frida["readings"] <= 7 * 288 + 300, "one moment once, though two accounts hold her last day"
    for one in up.answer["people"][: len(FOUR)]:
        values = truth[one["id"]]
        assert set(one) == {"id", "readings", "newest", "tir", "mean_mg_dl", "index"}
        assert one["readings"] == len(values) > 800
        assert one["mean_mg_dl"] == pytest.approx(sum(values) / len(values), abs=0.06)
        in_range = sum(70 <= value <= 180 for value in values)
        assert one["tir"] == pytest.approx(100 * in_range / len(values), abs=0.06)
        assert one["index"] == f"cgm-{one['id']}"


def test_all_else_is_on_standard_error_without_a_traceback(up: Up) -> None:
    where = up.where()
    assert where.prefect is not None
    assert where.web is not None
    for address in (where.web, where.prefect.removesuffix("/api"), where.elasticsearch):
        assert address in up.said()
    assert "Traceback" not in up.said()
    for log in ("web", "flows", "simulator"):
        assert "Traceback" not in (up.folder.data / "logs" / f"{log}.log").read_text(), log


def test_commands_beside_it(up: Up, here: Command, tmp_path: Path) -> None:
    people = here("people", "--json")
    assert people.code == 0
    assert [one["id"] for one in json.loads(people.out)] == list(PEOPLE)
    status = here("status")
    assert status.code == 0, status.out
    rows = [re.fullmatch(STATUS_ROW, line) for line in status.out.splitlines()]
    assert [row[1] for row in rows if row] == [*FOUR, "frida"], "a row each, in 80 columns"
    before = datetime.now(UTC)
    for one in json.loads(here("status", "--json").out):
        asked = datetime.fromisoformat(one["newest"]) + timedelta(seconds=one["lag_seconds"])
        assert before - timedelta(seconds=1) < asked <= datetime.now(UTC), "the lag is the newest reading's age"
    doctor = here("doctor")
    assert doctor.code == 0, doctor.out
    assert doctor.out.count("✓") == len(doctor.out.strip().splitlines()) > 8
    synced = here("sync", "--user", "alma")
    assert synced.code == 0, synced.err
    # A reading that came since the first sync may end what was under way then.
    assert "0 changed" in synced.err or " 0 new" not in synced.err, synced.err
    day = str(datetime.now(UTC).date() - timedelta(days=5))
    filled = here("backfill", "alma", "--from", day, "--to", day)
    assert filled.code == 0, filled.err
    assert "0 new, 0 changed" in filled.err


def test_files_out_and_in_again(up: Up, here: Command, tmp_path: Path) -> None:
    for form, name in (("ndjson", "alma.ndjson"), ("tidepool", "alma.json"), ("csv", "tables")):
        span = ("--from", str(datetime.now(UTC).date() - timedelta(days=3)))
        done = here("export", "--user", "alma", "--format", form, "--out", name, *span)
        assert done.code == 0, done.err
        assert f"wrote {name}" in done.err
    lines = [json.loads(line) for line in Path("alma.ndjson").read_text().splitlines()]
    assert sum(line["_source"]["event"]["dataset"] == "cgm.reading" for line in lines) > 700
    again = here("import-file", "alma", "alma.ndjson")
    assert again.code == 0, again.err
    assert "0 new, 0 changed" in again.err
    dashboards = here("kibana", "export", "--user", "alma", "--out", "alma.kibana.ndjson")
    assert dashboards.code == 0, dashboards.err
    assert "dashboard" in {json.loads(line).get("type") for line in Path("alma.kibana.ndjson").read_text().splitlines()}
    moments = (datetime(2026, 1, 1, tzinfo=UTC) + timedelta(minutes=5 * i) for i in range(14 * 288))
    Path("mine.csv").write_text("id,time,gl\n" + "".join(f"me,{moment:%Y-%m-%d %H:%M:%S},120\n" for moment in moments))
    report = here("report", "mine.csv", "--json")
    assert report.code == 0, report.err
    assert json.loads(report.out)
    wrong = here("report", "alma.ndjson")
    assert (wrong.code, wrong.out) == (65, ""), "what `export` wrote is not for `report`"
    assert "alma.ndjson is JSON" in wrong.err
    assert "Clarity" in wrong.err


def test_a_second_up_finds_the_first(up: Up) -> None:
    said = up.folder.command("up", "--demo")
    assert said.code == 0
    assert "already running" in said.out
    assert str(up.where().web) in said.out


def test_the_page_answers_with_the_people(up: Up) -> None:
    page = httpx.get(str(up.where().web), timeout=120)
    assert page.status_code == 200
    assert all(name in page.text for name in ("Alma", "Bruno", "Chiara", "Dario"))


def test_prefect_knows_the_flows_their_forms_and_the_first_sync(up: Up) -> None:
    deployment(up, "retention")  # the last to be served
    deployments = {one["name"]: one for one in prefect(up, "deployments/filter")}
    assert set(deployments) >= {"sync", "backfill", "refresh-tokens", "summarize", "provision", "import-file", "export"}
    form = deployments["backfill"]["parameter_openapi_schema"]
    assert form["properties"]["start"]["format"] == "date"
    assert form["properties"]["end"]["format"] == "date"
    assert set(form["required"]) == {"user_id", "start", "end"}
    runs = prefect(up, "flow_runs/filter", flow_runs={"name": {"any_": ["sync-due"]}})
    assert "COMPLETED" in {run["state_type"] for run in runs}


def test_syncs_are_scheduled(up: Up) -> None:
    """Prefect's scheduler writes coming runs down; with an SQLAlchemy it cannot work with it silently never does."""
    sync = deployment(up, "sync")
    wanted = {"deployments": {"id": {"any_": [sync["id"]]}}, "flow_runs": {"state": {"type": {"any_": ["SCHEDULED"]}}}}
    deadline = time.monotonic() + 300
    while not prefect(up, "flow_runs/filter", **wanted):
        log = (up.folder.data / "logs" / "prefect.log").read_text()
        assert "InvalidRequestError" not in log, "Prefect's scheduler fails; see data/logs/prefect.log"
        assert time.monotonic() < deadline
        time.sleep(0.5)


def test_a_part_that_is_killed_is_started_again(up: Up) -> None:
    """Prefect's server, with SIGKILL: the pages stay; that flows go on is shown by all that follow."""
    line = next(one for one in up.folder.pids().items() if "prefect-server" in one[1] and "guard.py" not in one[1])
    os.kill(line[0], signal.SIGKILL)
    deadline = time.monotonic() + 300
    while "prefect ended by itself and is started again" not in up.said():
        assert time.monotonic() < deadline
        assert httpx.get(f"{up.where().web}/healthz", timeout=120).status_code == 200
        time.sleep(0.2)
    while True:
        assert time.monotonic() < deadline
        try:
            prefect(up, "deployments/filter")
            break
        except httpx.HTTPError:
            time.sleep(0.2)


def test_a_backfill_started_in_prefects_form_runs_our_code_whatever_prefect_says(up: Up) -> None:
    """With the password somebody puts a shell command before it and another entrypoint: neither is run."""
    backfill = deployment(up, "backfill")
    mark = up.folder.home / "pulled"
    changed = {
        "pull_steps": [{"prefect.deployments.steps.run_shell_script": {"script": f"touch {mark}"}}],
        "entrypoint": "os.getcwd",
    }
    address = f"{up.where().prefect}/deployments/{backfill['id']}"
    deadline = time.monotonic() + 300
    while (answer := httpx.patch(address, json=changed, auth=login(up), timeout=60)).status_code == 503:
        assert time.monotonic() < deadline  # Prefect's database is busy: it was just started again
        time.sleep(0.5)
    answer.raise_for_status()
    day = str(datetime.now(UTC).date() - timedelta(days=4))
    parameters = {"user_id": "chiara", "start": day, "end": day}
    run = _ended(up, prefect(up, f"deployments/{backfill['id']}/create_flow_run", parameters=parameters))
    assert run["state_type"] == "COMPLETED"
    assert not mark.exists()
    assert run["name"] == f"backfill-{day}-{day}"
    artifacts = prefect(up, "artifacts/filter", artifacts={"flow_run_id": {"any_": [run["id"]]}})
    assert {one["key"] for one in artifacts} == {"backfill", "backfill-progress"}
    back = {"pull_steps": backfill["pull_steps"], "entrypoint": backfill["entrypoint"]}
    while (answer := httpx.patch(address, json=back, auth=login(up), timeout=60)).status_code == 503:
        assert time.monotonic() < deadline
        time.sleep(0.5)
    answer.raise_for_status()


def test_a_backfill_asked_for_on_the_page_runs_in_prefect(up: Up) -> None:
    day = str(datetime.now(UTC).date() - timedelta(days=5))
    address = str(up.where().web).replace("localhost", "127.0.0.1")  # whose cookies httpx keeps
    deadline = time.monotonic() + 300
    with httpx.Client(base_url=address, timeout=120) as browser:
        csrf = browser.get("/people/bruno/status").cookies[CSRF_COOKIE]
        asked = {"csrf": csrf, "first": day, "last": day}
        while (answer := browser.post("/people/bruno/backfill", data=asked)).status_code != 303:
            assert "the flow yet" in answer.text
            assert time.monotonic() < deadline, "the flows are not served"
            time.sleep(0.5)
    assert answer.headers["location"] == "/people/bruno/status?loading=1"
    wanted = {"user_id": "bruno", "start": day, "end": day}
    while not (
        found := [one for one in prefect(up, "flow_runs/filter") if wanted.items() <= one["parameters"].items()]
    ):
        assert time.monotonic() < deadline, "no run takes it up"
        time.sleep(0.5)
    (run,) = found
    assert _ended(up, run)["state_type"] == "COMPLETED"


def _ended(up: Up, run: dict[str, Any]) -> dict[str, Any]:
    deadline = time.monotonic() + 300
    while run["state_type"] not in {"COMPLETED", "FAILED", "CRASHED", "CANCELLED"}:
        assert time.monotonic() < deadline, run["state_name"]
        time.sleep(0.5)
        run = httpx.get(f"{up.where().prefect}/flow_runs/{run['id']}", auth=login(up)).json()
    return run


def test_a_page_of_somebody_else_can_do_nothing(up: Up, browser: Browser) -> None:
    """Not from another origin, and not by a name that its owner points here; with the password it would all work."""
    deployment(up, "retention")  # the last to be served
    where = up.where()
    ours = {one["name"]: one for one in prefect(up, "deployments/filter")}
    shell = [{"prefect.deployments.steps.run_shell_script": {"script": f"touch {up.folder.home}/owned"}}]
    deletion = {"parameters": {"user_id": "alma", "confirm": "alma"}}
    with foreign_browser(browser) as chromium, foreign_site() as elsewhere:
        page = chromium.new_page()
        page.goto(elsewhere)
        for name, address in (("prefect", str(where.prefect)), ("web", str(where.web)), ("es", where.elasticsearch)):
            url = f"{address}/deployments/filter" if name == "prefect" else address
            assert ask(page, url, mode="no-cors")["reached"], f"{name} was never reached: this proves nothing"
            assert not ask(page, url)["reached"], f"{name} lets any page read its answers"
        for where_from in (str(where.prefect), str(where.prefect).replace("127.0.0.1", "localhost")):
            attack(page, where_from, ours, shell, deletion)
        port = int(str(where.prefect).removesuffix("/api").rsplit(":", 1)[1])
        with rebound(chromium, port) as rebinding:
            answer = ask(rebinding, f"http://{FOREIGN}:{port}/api/deployments/filter", {}, method="POST")
            assert (answer["reached"], answer["status"]) == (True, 400), "the name is not one of the server's"
            attack(rebinding, f"http://{FOREIGN}:{port}/api", ours, shell, deletion)
        for address in (str(where.web), where.elasticsearch, *where.doubles.values()):
            port = int(address.rsplit(":", 1)[1])
            with rebound(chromium, port) as rebinding:
                answer = ask(rebinding, f"http://{FOREIGN}:{port}/people")
                assert answer["reached"]
                assert answer["status"] in {400, 401, 421}, f"{address} answers to a foreign name"
    after = {one["name"]: one for one in prefect(up, "deployments/filter")}
    assert after.keys() == ours.keys()
    for name, one in ours.items():
        assert [after[name][what] for what in ("id", "pull_steps", "entrypoint")] == [
            one[what] for what in ("id", "pull_steps", "entrypoint")
        ]
    assert not [run for run in prefect(up, "flow_runs/filter") if run["parameters"].get("confirm")]
    assert not (up.folder.home / "owned").exists()
    assert "alma" in httpx.get(str(where.web), timeout=120).text.lower()


def attack(page: Page, api: str, ours: dict[str, Any], shell: list[Any], deletion: dict[str, Any]) -> None:
    """List, patch, run and delete, as plain text and as JSON."""
    sync, delete = (ours[name]["id"] for name in ("sync", "delete-user"))
    for kind in ("text/plain", "application/json"):
        asked = [
            ask(page, f"{api}/deployments/filter", {"limit": 5}, method="POST", media=kind),
            ask(page, f"{api}/deployments/{sync}", {"pull_steps": shell}, method="PATCH", media=kind),
            ask(page, f"{api}/deployments/{sync}/create_flow_run", {"state": None}, method="POST", media=kind),
            ask(page, f"{api}/deployments/{delete}/create_flow_run", deletion, method="POST", media=kind),
            ask(page, f"{api}/deployments/{sync}", method="DELETE"),
        ]
        assert all(one["status"] in {0, 400, 401, 403} for one in asked), asked


def test_backups_may_keep_documents_in_its_snapshots(up: Up) -> None:
    """With ES_SNAPSHOTS the user of the node says where they are kept, and takes one."""
    password = (up.folder.data / "elasticsearch.password").read_text().strip()
    place = {"type": "fs", "settings": {"location": "home"}}
    only_alma = {"indices": ["cgm-alma-000001"], "include_global_state": False}
    with httpx.Client(base_url=str(up.where().elasticsearch), auth=("glucoflow", password), timeout=60) as user:
        for path, body in (("home", place), ("home/one?wait_for_completion=true", only_alma)):
            answer = user.put(f"/_snapshot/{path}", json=body)
            assert answer.status_code == 200, answer.text
        assert user.get("/_snapshot/home/*").json()["snapshots"][0]["state"] == "SUCCESS"
        assert user.delete("/_snapshot/home/one").status_code == 200


def test_what_reads_and_writes_is_no_superuser_of_elasticsearch(up: Up) -> None:
    """All of `up` works with this user; what it does not need it may not."""
    password = (up.folder.data / "elasticsearch.password").read_text().strip()
    with httpx.Client(base_url=str(up.where().elasticsearch), auth=("glucoflow", password)) as user:
        assert user.get("/cgm-*/_count").json()["count"] > 0
        said = {
            path: user.request(method, path, json=body).status_code
            for method, path, body in (
                ("PUT", "/_security/user/x", {"password": "x" * 10, "roles": ["superuser"]}),
                ("PUT", "/_security/role/x", {"cluster": ["all"]}),
                ("GET", "/_security/user", None),
                ("GET", "/.security/_search", None),
                ("PUT", "/_cluster/settings", {"persistent": {"indices.recovery.max_bytes_per_sec": "1mb"}}),
                ("PUT", "/_ingest/pipeline/x", {"processors": []}),
                ("PUT", "/somebody-elses", None),
                ("POST", "/somebody-elses/_doc", {}),
            )
        }
    assert set(said.values()) == {403}, said


def _let_in(up: Up) -> dict[str, str]:
    """An account, a browser that is logged in, an invitation, a link, an app, a guest: and what of each is secret."""
    password = "a walk by the lake at dusk"
    with httpx.Client(base_url=str(up.where().web), headers={"accept": "text/html"}, timeout=60) as browser:

        def sent(path: str, **fields: Any) -> str:
            return browser.post(path, data={"csrf": browser.cookies[CSRF_COOKIE], **fields}).text

        browser.get("/accounts")
        sent("/accounts/operator", name="Olga", password=password)
        until = (datetime.now(UTC) + timedelta(days=3)).date().isoformat()
        pages = {
            "invitation": sent("/invites", name="Nadia", unit="mg/dL", zone="UTC"),
            "link": sent("/people/alma/shares", name="School", pages=["now"], until=until),
        }
        found = {name: re.search(r'<code class="link">[^<]+/([\w-]{43})</code>', page) for name, page in pages.items()}
        app = re.search(r"\b(phone-[0-9a-f]{24})\b", sent("/people/alma/apps", name="Phone", rights="both"))
        assert app is not None
        assert httpx.get(f"{up.where().web}/api/v1/status.json", headers={"api-secret": app[1]}).status_code == 200
        browser.get(f"/invite/{found['invitation'][1]}" if found["invitation"] else "/")
        assert browser.get("/people/alma/nothing-here").status_code == 404
        return {
            "password": password,
            "session": browser.cookies[SESSION_COOKIE],
            "app": app[1],
            **{name: one[1] for name, one in found.items() if one is not None},
        }


def test_no_secret_is_in_logs_prefect_or_the_store(up: Up) -> None:
    let_in = _let_in(up)
    assert len(let_in) == 5
    secrets = {**_secrets(up.folder.data), **{name: one.encode() for name, one in let_in.items()}}
    secrets |= {name: up.folder.environment[name].encode() for name in ("OIDC_CLIENT_SECRET", "SMTP_PASSWORD")}
    assert len(secrets) > 19
    held_by = {"token.key", "web.secret", "prefect.login", "elasticsearch.password", "simulator.json"}
    files = [file for file in up.folder.data.rglob("*") if file.is_file() and file.name not in held_by]
    files = [file for file in files if "elasticsearch/data" not in str(file)] + [up.folder.home / "up.err"]
    assert {"glucoflow.db", "prefect.db", "flows.log", "web.log", "elasticsearch.log"} <= {file.name for file in files}
    seen = {str(file): file.read_bytes() for file in files}
    seen |= {f"arguments of {pid}": line.encode() for pid, line in up.folder.pids().items()}
    for what in ("flow_runs", "task_runs", "logs", "artifacts", "deployments"):
        seen[what] = json.dumps(prefect(up, f"{what}/filter")).encode()
    found = [(where, name) for where, held in seen.items() for name, secret in secrets.items() if secret in held]
    assert not found
    for name, secret in secrets.items():
        assert secret.decode() not in up.said(), name


def _secrets(data: Path) -> dict[str, bytes]:
    """What must never be seen: everything the provider handed out, and our own keys and passwords."""
    state = json.loads((data / "simulator.json").read_text())
    found = {f"{kind} {i}": key for kind in state if kind != "families" for i, key in enumerate(state[kind])}
    for name in ("token.key", "web.secret", "prefect.login", "elasticsearch.password"):
        found[name] = (data / name).read_text().strip()
    return {name: secret.encode() for name, secret in found.items() if len(secret) >= 16}


def test_kill_9_leaves_nothing_behind(up: Up) -> None:
    """In the middle of a sync that a flow's own process runs."""
    sync = deployment(up, "sync")
    run = prefect(up, f"deployments/{sync['id']}/create_flow_run", parameters={"user_id": "alma"})
    deadline = time.monotonic() + 300
    while prefect(up, "flow_runs/filter", flow_runs={"id": {"any_": [run["id"]]}})[0]["state_type"] != "RUNNING":
        assert time.monotonic() < deadline
        time.sleep(0.05)
    assert len(up.folder.processes()) >= 7
    os.kill(up.process.pid, signal.SIGKILL)
    up.process.wait(5)
    assert up.folder.gone_within(8), up.folder.processes()


@pytest.fixture(scope="module")
def following(folder: Folder) -> Iterator[Up]:
    """The next start: after a kill, on the same data, with the wanted port taken by somebody else."""
    with socket.create_server(("127.0.0.1", int(folder.environment["ES_PORT"]))), Up(folder) as started:
        yield started


def test_the_next_one_doubles_nothing_and_takes_free_ports(up: Up, following: Up) -> None:
    """Whoever was just synced when all was killed is not due yet: all until their newest is there, once."""
    assert {one["id"]: one["readings"] for one in following.answer["people"] if one["id"] in FOUR} == {
        person: len(values) for person, values in values_of(following.answer, up.began).items()
    }


def test_one_sync_and_no_more_by_parts_that_run_elsewhere(following: Up) -> None:
    """`--once` in a folder of its own, with the Elasticsearch and the Prefect of the other."""
    where, (_, password) = following.where(), login(following)
    with Folder() as folder:
        said = folder.command(
            *("up", "--demo", "--days", "1", "--json", "--once"),
            ES_ENDPOINT=where.elasticsearch,
            ES_USER="glucoflow",
            ES_PASSWORD=(following.folder.data / "elasticsearch.password").read_text().strip(),
            ES_INDEX="glucoflow-once-",  # what the node's user may write
            PREFECT_API_URL=str(where.prefect),
            PREFECT_API_AUTH_STRING=f"glucoflow:{password}",
        )
        assert said.code == 0, said.err
        answer = json.loads(said.out)
        assert {one["index"] for one in answer["people"]} == {f"glucoflow-once-{person}" for person in PEOPLE}
        assert all(one["readings"] > 100 for one in answer["people"])
        assert folder.gone_within(3), folder.processes()
        assert not (folder.data / "elasticsearch").exists()
        assert not (folder.data / "prefect.login").exists()


def test_ctrl_c_ends_everything(following: Up) -> None:
    up, where = following, following.where()
    up.process.send_signal(signal.SIGINT)
    assert up.process.wait(60) == 130
    assert up.folder.gone_within(1), up.folder.processes()
    for address in (where.elasticsearch, where.prefect, where.web, *where.doubles.values()):
        assert is_free(int(str(address).removesuffix("/api").rsplit(":", 1)[1])), address
    assert not (up.folder.data / "running.json").exists()
    assert "Traceback" not in up.said()
    assert up.process.stdout is not None
    assert up.process.stdout.read() == "", "only the one JSON object was on standard output"


def test_without_keys_it_says_what_to_set_and_where_to_get_it(command: Command) -> None:
    from glucoflow.service.providers import Providers
    from glucoflow.settings import Settings

    missing = Providers(settings=Settings.load().providers).missing("dexcom")
    said = f"{missing} {missing.remedy if missing else ''}"
    for words in ("DEXCOM_CLIENT_ID", "DEXCOM_CLIENT_SECRET", "developer.dexcom.com", ".env", "/oauth/callback"):
        assert words in said
