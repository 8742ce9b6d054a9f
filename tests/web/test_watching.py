"""For monitors: probes, measurements and who may read them; the examples ask for what there is."""

import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import httpx
import msgspec
import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families
from pydantic import SecretStr

from glucoflow.model.errors import Retryable
from glucoflow.web.access import WebOptions
from tests.kibana.mapping import ROOT
from tests.web.serving import CREDENTIALS, Site
from tests.web.visiting import Visitor


@pytest.fixture
def token(home: Site) -> Iterator[str]:
    """The site knows monitors by it for as long as the test lasts."""
    services = home.app.state.services
    options: WebOptions = msgspec.structs.replace(services.options, metrics_token=SecretStr("for-monitors-4711"))
    home.app.state.services = msgspec.structs.replace(services, options=options)
    yield "for-monitors-4711"
    home.app.state.services = services


def values(text: str) -> dict[tuple[str, str], float]:
    """By name and the values of its labels."""
    found = {}
    for family in text_string_to_metric_families(text):
        for one in family.samples:
            found[(one.name, " ".join(one.labels[name] for name in sorted(one.labels)))] = one.value
    return found


def test_what_is_measured_is_what_the_store_holds(home: Site, visitors: dict[str, Visitor]) -> None:
    store, olga, now = home.store, visitors["Olga"], datetime.now(UTC)
    before = values(olga.get("/metrics").text)
    good = store.connections.add("anna", "dexcom", "us", now, CREDENTIALS)
    store.connections.record_success(good.id, now - timedelta(hours=2))
    bad = store.connections.add("ben", "dexcom", "us", now - timedelta(hours=5), CREDENTIALS)
    store.connections.record_error(bad.id, Retryable("away"), now)
    run = store.runs.start("sync", now, user_id="anna", connection_id=good.id)
    store.runs.finish(run.id, "completed", now)
    after = values(olga.get("/metrics").text)
    assert after[("glucoflow_people", "")] == 2
    assert (
        after[("glucoflow_connections", "dexcom connected")]
        - before.get(("glucoflow_connections", "dexcom connected"), 0)
        == 2
    )
    assert after[("glucoflow_connections_failing", "dexcom")] == 1
    assert after[("glucoflow_retries_in_a_row", "dexcom")] == 1
    assert after[("glucoflow_success_age_seconds", "dexcom")] >= 5 * 3600
    assert after[("glucoflow_tokens", "dexcom valid")] == 2
    assert after[("glucoflow_runs_last_hour", "sync completed")] == 1
    assert ("glucoflow_records_last_hour", "rejected") in after
    assert ("glucoflow_queue", "messages") in after
    assert not any("anna" in part or "ben" in part for key in after for part in key), "of no person"


def test_who_may_read_measurements(home: Site, visitors: dict[str, Visitor], token: str) -> None:
    assert visitors["Olga"].get("/metrics").status_code == 200
    for name in ("Anna", "Gil", "link", "nobody"):
        assert visitors[name].get("/metrics", headers={"accept": "*/*"}).status_code in (401, 403)
    with httpx.Client(base_url=home.url, headers={"host": "glucoflow:8321"}) as monitor:
        assert monitor.get("/metrics").status_code == 421, "a name that is none of ours"
        for wrong in ("Bearer no", "Bearer", f"Basic {token}", token):
            assert monitor.get("/metrics", headers={"authorization": wrong}).status_code == 421
        right = {"authorization": f"Bearer {token}"}
        assert monitor.get("/metrics", headers=right).status_code == 200
        assert monitor.get("/people/anna", headers=right).status_code == 421, "it opens nothing else"


def test_alive_and_ready(home: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    with httpx.Client(base_url=home.url, headers={"host": "any-name"}, timeout=60) as probe:
        assert probe.get("/health").json() == {"status": "ok"}
        answer = probe.get("/ready")
        assert answer.status_code == (200 if answer.json()["ready"] else 503)
        assert answer.json()["store"]
        assert answer.json()["elasticsearch"]

        def away() -> None:
            raise Retryable("away")

        monkeypatch.setattr(home.store, "check", away)
        answer = probe.get("/ready")
        assert answer.status_code == 503
        assert not answer.json()["store"]
        assert answer.json()["elasticsearch"]
        assert probe.get("/health").status_code == 200


def test_the_examples_ask_for_what_is_measured(home: Site, visitors: dict[str, Visitor]) -> None:
    text = visitors["Olga"].get("/metrics").text
    known = {family.name for family in text_string_to_metric_families(text)} | {"glucoflow_build_info"}
    documented = set(re.findall(r"`(glucoflow_\w+)`", (ROOT / "docs" / "watching.md").read_text()))
    assert documented == known
    board = json.loads((ROOT / "deploy" / "grafana" / "operations.json").read_text())
    rules = yaml.safe_load((ROOT / "deploy" / "prometheus" / "alerts.yml").read_text())
    asked = [target["expr"] for panel in board["panels"] for target in panel["targets"]]
    alerts = [rule for group in rules["groups"] for rule in group["rules"]]
    asked += [rule["expr"] for rule in alerts]
    names = {name for one in asked for name in re.findall(r"glucoflow_\w+", one)}
    assert names <= known, names - known
    assert known <= names, "each is on the dashboard or in an alert"
    labels = {label for one in asked for label in re.findall(r"(\w+)=\"", one)} - {"job"}
    assert labels <= {"provider", "state", "what", "region", "flow"}
    assert len({panel["id"] for panel in board["panels"]}) == len(board["panels"])
    assert all(panel["description"] for panel in board["panels"])
    assert all({"summary", "description"} <= set(rule["annotations"]) and rule["labels"]["severity"] for rule in alerts)
    assert all(one.count("(") == one.count(")") and one.count("{") == one.count("}") for one in asked)
