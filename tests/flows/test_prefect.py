"""The flows as Prefect runs them: names, states, artifacts, forms, and refusals in words."""

import io
import json
import logging
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime, timedelta
from datetime import time as clock_time
from typing import Any, TypeVar, cast
from uuid import UUID

import pytest
from prefect import Flow
from prefect.artifacts import Artifact
from prefect.client.orchestration import get_client
from prefect.client.schemas.filters import ArtifactFilter, ArtifactFilterFlowRunId
from prefect.client.schemas.objects import State
from prefect.client.schemas.schedules import CronSchedule, IntervalSchedule
from prefect.deployments.runner import RunnerDeployment
from prefect.exceptions import PrefectHTTPStatusError
from prefect.settings import PREFECT_FLOWS_HEARTBEAT_FREQUENCY, temporary_settings
from pydantic import HttpUrl, SecretStr
from pypdf import PdfReader

from flows.backfill import backfill
from flows.choices import offer
from flows.deployments import deployments, register, schedule
from flows.maintenance import delete_user, provision_all
from flows.report import report_flow
from flows.sync import sync
from flows.tokens import refresh_tokens
from flows.transfer import FOLDER
from glucoflow.cli.serving import provision_now
from glucoflow.es.indices import index_behind
from glucoflow.es.queries import only
from glucoflow.es.scan import scan
from glucoflow.es.sink import ElasticsearchSink
from glucoflow.model.errors import GlucoflowError
from glucoflow.service.demo import connect
from glucoflow.service.prefect_api import PrefectApi
from glucoflow.service.prefect_traces import forget_person
from glucoflow.service.runtime import open_runtime
from glucoflow.settings import BackupSettings, KibanaSettings, Settings, SyncSettings
from glucoflow.simulators.dexcom import SettableClock, Simulator, demo_scenario, running_simulator
from tests.es.made import NOW, documents
from tests.es.older import with_an_older_field
from tests.es.proxy import proxied
from tests.node import Node
from tests.prefect_database import PrefectDatabase, recorded_flows
from tests.prefixes import own_prefix

T = TypeVar("T")


@pytest.fixture(scope="module")
def prefect(prefect_database: PrefectDatabase) -> Iterator[None]:
    """A Prefect server of its own. Heartbeats are off: each makes a flow a second longer."""
    with (
        recorded_flows(prefect_database),
        temporary_settings({PREFECT_FLOWS_HEARTBEAT_FREQUENCY: None}),
    ):
        yield


@pytest.fixture
def cloud(
    prefect: None, elasticsearch_node: Node, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Simulator]:
    """The four people with two days each, connected; where everything is is in the environment, as for a worker."""
    scenario = demo_scenario(datetime.now(UTC), days=2)
    with (
        running_simulator(scenario, clock=SettableClock(datetime.now(UTC))) as sim,
        own_prefix(elasticsearch_node) as prefix,
    ):
        for name, value in {
            "ES_ENDPOINT": elasticsearch_node.url,
            "ES_USER": elasticsearch_node.username,
            "ES_PASSWORD": elasticsearch_node.password.get_secret_value(),
            "ES_INDEX": prefix,
            "GLUCOFLOW_DATA_DIR": str(tmp_path_factory.mktemp("prefect")),
            "DEMO_SIMULATORS": json.dumps({"dexcom": sim.base_url}),
        }.items():
            monkeypatch.setenv(name, value)
        with open_runtime(Settings.load()) as rt:
            for person in scenario.people:
                connect(rt, person)
        yield sim


def ran(flow: Flow[..., Any], **parameters: Any) -> State[Any]:
    """How a run of the flow ended."""
    return cast("State[Any]", flow(**parameters, return_state=True))


def run_of(state: State[Any]) -> tuple[str, list[Artifact]]:
    """The run's name and its artifacts."""
    run_id = state.state_details.flow_run_id
    assert isinstance(run_id, UUID)
    with get_client(sync_client=True) as client:
        run = client.read_flow_run(run_id)
        shown = client.read_artifacts(
            artifact_filter=ArtifactFilter(flow_run_id=ArtifactFilterFlowRunId(any_=[run_id]))
        )
    return run.name, shown  # type: ignore[return-value]


def test_a_sync_of_everybody_completes_with_its_counts(cloud: Simulator) -> None:
    state = ran(sync)
    assert (state.type, state.name) == ("COMPLETED", "Completed")
    assert "4 connections" in (state.message or "")
    name, shown = run_of(state)
    assert name == "sync-due"
    (table,) = shown
    (row,) = json.loads(str(table.data))
    assert row["outcome"] == "done"
    assert row["connections"] == 4
    assert row["created"] > 2000
    again = ran(sync)
    assert again.is_completed()
    assert json.loads(str(run_of(again)[1][0].data)) == [{"outcome": "nothing was due"}]


def test_a_sync_flow_without_news_costs_six_requests(
    cloud: Simulator, elasticsearch_node: Node, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever the flow itself asks is counted too: it looked after its templates at each sync."""
    assert ran(sync, user_id="alma").is_completed()
    asked = []
    with proxied(elasticsearch_node.url) as proxy, monkeypatch.context() as patch:
        patch.setenv("ES_ENDPOINT", proxy.url)
        for _ in range(2):  # the first of an hour also measures how large all is
            before = len(proxy.paths)
            assert ran(sync, user_id="alma").is_completed()
            asked.append(proxy.paths[before:])
    least = min(asked, key=len)
    assert len(least) <= 6, "\n".join(path[:90] for path in least)
    assert any(path.endswith("/_bulk") or "/_bulk?" in path for path in least), "the run is told"


def test_one_person_without_consent_shows_by_name_and_the_others_go_on(cloud: Simulator) -> None:
    cloud.revoke("bruno")
    state = ran(sync)
    assert (state.type, state.name) == ("COMPLETED", "CompletedWithErrors")
    assert state.message == "1 of 4 connections failed"
    rows = json.loads(str(run_of(state)[1][0].data))
    (trouble,) = [row for row in rows if row.get("person")]
    assert trouble["person"] == "bruno"
    assert "onnect" in trouble["what to do"]


def test_a_provider_that_is_down_for_everybody_fails_the_run(cloud: Simulator) -> None:
    for person in ("alma", "bruno", "chiara", "dario"):
        cloud.revoke(person)
    state = ran(sync)
    assert state.is_failed()
    assert "all 4 connections failed" in (state.message or "")


def test_a_backfill_shows_its_person_its_span_and_its_progress(cloud: Simulator) -> None:
    day = datetime.now(UTC).date() - timedelta(days=1)
    state = ran(backfill, user_id="chiara", start=day, end=day)
    assert state.is_completed()
    name, shown = run_of(state)
    assert name == f"backfill-{day}-{day}"
    by_key = {one.key: one for one in shown}
    assert set(by_key) == {"backfill", "backfill-progress"}
    assert float(str(by_key["backfill-progress"].data)) == 100.0
    assert json.loads(str(by_key["backfill"].data))[0]["created"] > 200
    a_report_of_that_day_is_written(day)


def a_report_of_that_day_is_written(day: date) -> None:
    """Into the folder of flows, and nowhere else."""
    folder = Settings.load().store.data_dir / FOLDER
    folder.mkdir(exist_ok=True)
    state = ran(report_flow, user_id="chiara", out="one.pdf", start=day, end=day, paper="Letter")
    assert state.is_completed(), state.message
    assert "(1 of 1 day with data)" in str(run_of(state)[1][0].data)
    (page,) = PdfReader(folder / "one.pdf").pages
    assert f"{day.day} {day:%B %Y} (1 of 1 day with data)" in page.extract_text()
    outside = ran(report_flow, user_id="chiara", out="../one.pdf", start=day, end=day)
    assert outside.is_failed()
    assert [one.name for one in folder.iterdir()] == ["one.pdf"]


@pytest.mark.parametrize(
    ("parameters", "words"),
    [
        ({"user_id": "nobody", "start": "2026-01-01", "end": "2026-01-02"}, "no person with the id 'nobody'"),
        ({"user_id": "alma", "start": "2026-01-02", "end": "2026-01-01"}, "swap them"),
        ({"user_id": "alma", "start": "2126-01-01", "end": "2126-01-02"}, "in the future"),
        ({"user_id": "alma", "start": "2026-13-01", "end": "2026-12-31"}, "start"),
        ({"user_id": "Alma Ärger", "start": "2026-01-01", "end": "2026-01-02"}, "user_id"),
        ({"user_id": "alma", "start": "2026-01-01", "end": "2026-01-02", "kinds": ["steps"]}, "kinds"),
    ],
    ids=["unknown person", "swapped", "future", "month 13", "bad id", "unknown kind"],
)
def test_what_the_form_lets_through_is_refused_in_words(
    cloud: Simulator, parameters: dict[str, Any], words: str
) -> None:
    state = ran(backfill, **parameters)
    assert state.is_failed()
    assert words in (state.message or "")
    assert cloud.requested("egvs") == 0


def test_deleting_needs_the_id_twice(cloud: Simulator) -> None:
    state = ran(delete_user, user_id="alma", confirm="bruno")
    assert state.is_failed()
    with open_runtime(Settings.load()) as rt:
        assert rt.store.people.find("alma") is not None
    assert ran(delete_user, user_id="alma", confirm="alma").is_completed()
    with open_runtime(Settings.load()) as rt:
        assert rt.store.people.find("alma") is None


def by_command() -> None:
    provision_now(Settings.load(), deployments=False)


def by_flow() -> None:
    state = ran(provision_all)
    assert state.is_completed()
    (artifact,) = run_of(state)[1]
    assert "moved to" in str(artifact.data)


@pytest.mark.parametrize("provision", [by_command, by_flow])
def test_a_changed_field_moves_the_index_while_documents_are_written(
    cloud: Simulator, elasticsearch_node: Node, provision: Callable[[], None]
) -> None:
    """Nothing reached `migrate`: `provision` dropped what it found outdated."""
    with open_runtime(Settings.load()) as rt:
        es, names = rt.client, rt.names
        old = with_an_older_field(es, names, "alma")
        made = documents(1_500, user="alma")
        ElasticsearchSink(es, names, "alma").write(made[:500], [], NOW)
        counted = {"query": only(["cgm.reading"]), "aggs": {"kinds": {"terms": {"field": "device.generation"}}}}
        assert es.options(ignore_status=400).search(index=names.alias("alma"), **counted).meta.status == 400  # type: ignore[arg-type]
        stop, problems = threading.Event(), []
        written = 500

        def write() -> None:
            nonlocal written
            client = elasticsearch_node.client()
            sink = ElasticsearchSink(client, names, "alma")
            try:
                while not stop.is_set() and written < len(made):
                    sink.write(made[written : written + 5], [made[written - 500].id], NOW)
                    written += 5
            except GlucoflowError as problem:
                problems.append(problem)
            finally:
                client.close()

        writer = threading.Thread(target=write)
        writer.start()
        provision()
        after = written
        while written < min(after + 10, len(made)) and writer.is_alive():
            time.sleep(0.01)
        stop.set()
        writer.join()
        assert not problems
        assert written > 500, "there were writes during the move"

        found = index_behind(es, names, names.alias("alma"))
        assert found is not None
        assert found.name == names.next_index(old)
        assert not es.indices.exists(index=old), "nobody reads it, so it is gone"
        es.indices.refresh(index=names.alias("alma"))
        gone = {document.id for document in made[: written - 500 : 5]}
        assert {hit.id for hit in scan(es, names.alias("alma"))} == {one.id for one in made[:written]} - gone
        assert es.search(index=names.alias("alma"), **counted).meta.status == 200  # type: ignore[arg-type]


def test_tokens_that_last_until_the_next_turn_are_left_alone(cloud: Simulator) -> None:
    state = ran(refresh_tokens)
    assert state.is_completed()
    assert "4 connections" in (state.message or "")
    assert cloud.refreshes == []


def test_log_lines_inside_a_run_say_which_run(cloud: Simulator) -> None:
    """What a worker prints: JSON with the run's id, from our own modules too, and no token in it."""
    from glucoflow.logs import json_formatter

    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(json_formatter())
    loggers = [logging.getLogger(name) for name in ("prefect.flow_runs", "flows", "glucoflow", "connectors")]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.addHandler(handler)
        logger.setLevel(logging.DEBUG)
    try:
        cloud.revoke("dario")
        state = ran(sync)
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.removeHandler(handler)
            logger.setLevel(level)
    lines = [json.loads(line) for line in stream.getvalue().splitlines()]
    run_id = str(state.state_details.flow_run_id)
    assert run_id in {line.get("prefect", {}).get("flow_run_id") for line in lines}
    assert {"glucoflow.ingest", "glucoflow.service.sync"} & {line["log"]["logger"] for line in lines}
    assert "Bearer" not in stream.getvalue()
    assert all(grant not in stream.getvalue() for grant in ("access_token", "refresh_token", "not-a-secret"))


def made_by_themselves(settings: Settings) -> Sequence[RunnerDeployment]:
    return in_a_thread(lambda: deployments(settings))


def in_a_thread(work: Callable[[], T]) -> T:
    """In one of its own: where the suite's browser was started, this one has a loop, and Prefect would wait."""
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(work).result()


def test_its_forms_offer_the_people_there_are(cloud: Simulator) -> None:
    """And take whoever came since, but nothing that is no id. What is scheduled keeps its runs, and has no list."""
    settings = Settings.load()
    deployed = in_a_thread(lambda: schedule(settings))
    everybody = [person.id for person in cloud.scenario.people]
    in_a_thread(lambda: register(settings))
    with get_client(sync_client=True) as client:

        def field(name: str) -> dict[str, Any]:
            found = client.read_deployment_by_name(name).parameter_openapi_schema
            assert found
            return cast("dict[str, Any]", found["properties"]["user_id"])

        for name in ("backfill/backfill", "sync/now", "delete-user/delete-user", "archive/archive"):
            assert field(name)["title"] == "Person"
            assert field(name)["anyOf"][0]["enum"] == sorted(everybody)
        assert [one["type"] for one in field("sync/now")["anyOf"]] == ["string", "string", "null"]
        assert not [one for one in field("sync/sync")["anyOf"] if "enum" in one]

        with open_runtime(settings) as rt:
            rt.store.people.add("zoe", "Zoe", NOW)
        disconnect_of = client.read_deployment_by_name("disconnect/disconnect").id
        for user_id in ("zoe", everybody[0]):
            asked = client.create_flow_run_from_deployment(disconnect_of, parameters={"user_id": user_id})
            client.delete_flow_run(asked.id)
        with pytest.raises(PrefectHTTPStatusError, match="409"):
            client.create_flow_run_from_deployment(disconnect_of, parameters={"user_id": "Nobody's id"})
        assert offer(settings, deployed) > 5
        assert field("backfill/backfill")["anyOf"][0]["enum"] == sorted([*everybody, "zoe"])
        assert offer(settings, deployed) == 0, "what is as it should be is left alone"
        with open_runtime(settings) as rt:
            rt.store.people.delete("zoe")
        forget_person(PrefectApi(address=str(client.api_url).rstrip("/")), "zoe")
        assert field("backfill/backfill")["anyOf"][0]["enum"] == sorted(everybody)
        assert offer(settings, deployed) == 0


def test_the_deployments_and_when_they_run() -> None:
    settings = Settings.load().model_copy(update={"sync": SyncSettings(every_minutes=7), "kibana": KibanaSettings()})
    made = {one.name: one for one in made_by_themselves(settings)}
    assert all(str(one.entrypoint).startswith("flows.") for one in made.values()), "by module, from any folder"
    assert {one.work_pool_name for one in made.values()} == {"glucoflow"}
    schedules = {name: [one.schedule for one in deployment.schedules or []] for name, deployment in made.items()}
    intervals = {
        name: [one.interval for one in found if isinstance(one, IntervalSchedule)] for name, found in schedules.items()
    }
    assert intervals["sync"] == [timedelta(minutes=7)]
    assert intervals["refresh-tokens"] == [timedelta(hours=1)]
    assert intervals["backfill"] == intervals["dashboards"] == []
    kibana = KibanaSettings(url=HttpUrl("http://127.0.0.1:5601"))
    with_kibana = made_by_themselves(settings.model_copy(update={"kibana": kibana}))
    (hourly,) = next(one for one in with_kibana if one.name == "dashboards").schedules or []
    assert isinstance(hourly.schedule, IntervalSchedule)
    assert hourly.schedule.interval == timedelta(hours=1)
    assert schedules["backup"] == [], "nobody could decrypt it"
    told = BackupSettings(passphrase=SecretStr("a sentence of our own"), at=clock_time(2, 30))
    with_passphrase = made_by_themselves(settings.model_copy(update={"backup": told}))
    (nightly,) = next(one for one in with_passphrase if one.name == "backup").schedules or []
    assert isinstance(nightly.schedule, CronSchedule)
    assert nightly.schedule.cron == "30 2 * * *"
    form = made["backfill"]._parameter_openapi_schema
    assert form.properties["start"]["format"] == form.properties["end"]["format"] == "date"
    assert form.required == ["user_id", "start", "end"]
    assert made["sync"].concurrency_limit == made["backfill"].concurrency_limit == 1
    assert intervals["now"] == intervals["share"] == [], "asked for, not scheduled"
