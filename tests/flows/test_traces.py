"""What Prefect holds of a person who was deleted: nothing. On a Prefect of its own, where nobody else's runs stand."""

import re
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.events import EventPage
from pydantic import BaseModel, HttpUrl

from flows.backfill import backfill
from flows.maintenance import delete_user
from flows.sync import sync
from glucoflow.model.words import count
from glucoflow.service.deletion import delete_person
from glucoflow.service.runtime import open_runtime
from glucoflow.settings import PrefectSettings, Settings
from glucoflow.simulators.dexcom import Simulator
from tests.flows.test_prefect import cloud, prefect, ran, run_of

__all__ = ["cloud", "prefect"]  # fixtures


def test_a_deleted_person_leaves_no_trace_in_prefect_and_a_receipt(cloud: Simulator) -> None:
    cloud.revoke("bruno")
    ran(sync)  # whose table of trouble names bruno
    day = datetime.now(UTC).date() - timedelta(days=1)
    ran(backfill, user_id="alma", start=day, end=day)
    ran(backfill, user_id="bruno", start=day, end=day)
    with get_client(sync_client=True) as client:
        assert mentions(client, "alma")
        assert mentions(client, "bruno")
        here = PrefectSettings(api_url=HttpUrl(str(client.api_url)))
    with open_runtime(Settings.load().model_copy(update={"prefect": here})) as rt:
        receipt = delete_person(rt, "bruno")
    assert receipt.prefect is not None
    assert receipt.prefect.runs >= 1
    assert receipt.prefect.artifacts >= 1
    assert receipt.rows["connections"] == 1
    assert receipt.rows["runs"] >= 2
    assert f"From Prefect: {count(receipt.prefect.runs, 'run')}" in " ".join(receipt.sentences())
    with get_client(sync_client=True) as client:
        assert mentions(client, "alma")
        assert mentions(client, "bruno") == []


def test_the_flow_that_deletes_does_not_remember_whom(cloud: Simulator, monkeypatch: pytest.MonkeyPatch) -> None:
    with get_client(sync_client=True) as client:
        monkeypatch.setenv("PREFECT_API_URL", str(client.api_url))
        state = ran(delete_user, user_id="chiara", confirm="chiara")
        assert state.is_completed(), state.message
        assert mentions(client, "chiara") == []
        run = client.read_flow_run(UUID(str(state.state_details.flow_run_id)))
        assert (run.parameters, run.name) == ({}, "of-a-deleted-person")
    (receipt,) = [one for one in run_of(state)[1] if one.key == "delete-user"]
    assert "From Elasticsearch:" in str(receipt.data)
    assert "chiara" not in str(receipt.data)


def mentions(client: SyncPrefectClient, person: str) -> list[str]:
    """Where a person's id stands in what Prefect holds: runs, artifacts, logs, events.

    Events that repeat a table of outcomes, which are kept for two days, are not among them (docs/security.md).
    """
    held: list[BaseModel] = [
        *client.read_flow_runs(limit=200),
        *client.read_artifacts(limit=200),
        *client.read_logs(limit=200),
    ]
    page: EventPage | None = client.read_events(limit=50)
    while page is not None:
        held += [one for one in page.events if not one.event.startswith("prefect.artifact")]
        page = client.read_events_page(str(page.next_page)) if page.next_page else None
    id_alone = re.compile(rf".{{0,80}}(?<![\w-]){person}(?![\w-]).{{0,80}}")
    return [f"{type(one).__name__}: {found[0]}" for one in held if (found := id_alone.search(one.model_dump_json()))]
