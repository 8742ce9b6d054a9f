"""What is due for long and taken by nobody is a state of its own, with the reason, and only then."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID

import pytest
from prefect.client.orchestration import get_client
from prefect.states import Running
from pydantic import HttpUrl, SecretStr

from flows.asking import POOL
from flows.deployments import register
from glucoflow.model.credentials import Credentials
from glucoflow.service.overdue import Cause, cause, find_overdue
from glucoflow.settings import PrefectSettings, Settings
from glucoflow.store import Store, new_owner, open_store
from tests.flows.conftest import NOW
from tests.ports import free_ports
from tests.prefect_database import PrefectDatabase, recorded_flows

EVERY = timedelta(minutes=5)
CREDENTIALS = Credentials(values={"access_token": SecretStr("a")}, expires_at=None)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    """Anna, connected and due at NOW."""
    with open_store(tmp_path) as store:
        store.people.add("anna", "Anna", NOW)
        store.connections.add("anna", "dexcom", "us", NOW, CREDENTIALS)
        yield store


def state(store: Store, now: datetime) -> str:
    connections = store.connections.list()
    found = find_overdue(store, connections, now, EVERY, lambda: Cause(message="Why.", remedy="Do."))
    assert (found.cause is None) == (not found.connection_ids) == (found.words(now) == "")
    return found.state(connections[0])


def test_due_for_longer_than_two_intervals_and_taken_by_nobody(store: Store) -> None:
    assert state(store, NOW + 2 * EVERY) == "connected"
    late = NOW + 2 * EVERY + timedelta(seconds=1)
    assert state(store, late) == "overdue"
    (connection,) = store.connections.list()
    assert store.leases.claim(connection.id, new_owner(), late, timedelta(minutes=15))
    assert state(store, late) == "connected", "somebody works on it"
    assert state(store, late + timedelta(minutes=16)) == "overdue", "no more"


def test_not_while_syncs_begin_or_where_nobody_is_to_be_asked(store: Store) -> None:
    late = NOW + timedelta(hours=1)
    store.runs.start("sync", late - 3 * EVERY, user_id="anna")
    assert state(store, late) == "overdue"
    store.runs.start("backfill", late, user_id="anna")
    assert state(store, late) == "overdue", "a backfill polls nobody"
    store.runs.start("sync", late - EVERY, user_id="anna")
    assert state(store, late) == "connected", "the others' turn comes"
    assert state(store, late + timedelta(hours=1)) == "overdue"
    (connection,) = store.connections.list()
    store.connections.disconnect(connection.id)
    assert state(store, late + timedelta(hours=1)) == "disconnected"


@pytest.fixture(scope="module")
def settings(prefect_database: PrefectDatabase) -> Iterator[Settings]:
    """Those of a Prefect server that knows no flow yet."""
    with recorded_flows(prefect_database), get_client(sync_client=True) as client:
        here = PrefectSettings(api_url=HttpUrl(str(client.api_url)))
        yield Settings.load().model_copy(update={"prefect": here})


def test_the_reasons(settings: Settings) -> None:
    """One after the other, each with the one before mended."""
    now = datetime.now(UTC)
    (nowhere,) = free_ports(1)
    away = PrefectSettings(api_url=HttpUrl(f"http://127.0.0.1:{nowhere}/api"))
    assert "does not answer" in cause(settings.model_copy(update={"prefect": away}), now).message

    assert "does not know the flow" in cause(settings, now).message
    with ThreadPoolExecutor(1) as pool:  # where the suite's browser was started, this thread has a loop
        pool.submit(register, settings).result()

    with get_client(sync_client=True) as client:
        sync = client.read_deployment_by_name("sync/sync").id
        client.pause_deployment(sync)
        paused = cause(settings, now)
        assert "paused" in paused.message
        assert "Resume the deployment called sync" in paused.remedy
        client.resume_deployment(sync)

        assert "No process takes" in cause(settings, now).message
        assert "glucoflow worker" in cause(settings, now).remedy
        client.send_worker_heartbeat(POOL, "one", heartbeat_interval_seconds=30)
        assert "no sync begins" in cause(settings, now).message

        run = client.create_flow_run_from_deployment(sync).id
        assert isinstance(run, UUID)
        client.set_flow_run_state(run, Running(), force=True)
        assert "no sync begins" in cause(settings, now).message, "it began a moment ago"
        held = cause(settings, datetime.now(UTC) + timedelta(minutes=11))
        assert "A run that began at" in held.message
        assert "holds the slot" in held.message
