"""A whole `glucoflow up` beside a cloud of given records: how its processes are started, ended and looked at."""

import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import msgspec
from pydantic import HttpUrl

from connectors.dexcom import DexcomSettings
from glucoflow.es.provision import delete_user
from glucoflow.service import running
from glucoflow.service.runtime import Runtime, open_runtime
from glucoflow.settings import ElasticsearchSettings, Settings, StoreSettings
from glucoflow.simulators.dexcom import Client, Simulator
from tests.cli.program import Folder
from tests.node import Node
from tests.scenarios.playing import PROVIDER, sign_in

INTERVAL = timedelta(minutes=1)
LONGEST_START_S = 200


class Installation:
    """One data folder, its `up` (or none), and the cloud that its people are connected to.

    With `node`, `up` starts none of its own, which is most of what a start costs; its people are to be deleted then.
    """

    def __init__(self, folder: Folder, sim: Simulator, node: Node | None = None) -> None:
        self.folder = folder
        self.sim = sim
        self.up: subprocess.Popen[bytes] | None = None
        self._es = ElasticsearchSettings()
        if node is not None:
            index = f"up{uuid.uuid4().hex[:8]}-"
            self._es = ElasticsearchSettings(
                endpoint=HttpUrl(node.url), user=node.username, password=node.password, index=index
            )
            folder.environment |= {
                "ES_ENDPOINT": node.url,
                "ES_USER": node.username,
                "ES_PASSWORD": node.password.get_secret_value(),
                "ES_INDEX": index,
            }
        folder.environment |= {
            "DEXCOM_BASE_URL": sim.base_url,
            "DEXCOM_CLIENT_ID": Client.id,
            "DEXCOM_CLIENT_SECRET": Client().secret,
            "DEXCOM_POLL_MIN_MINUTES": "5",
            "DEXCOM_POLL_MAX_MINUTES": "5",
            "DEXCOM_MAINTENANCE_START": "00:00",
            "DEXCOM_MAINTENANCE_END": "00:00",
            "SYNC_EVERY_MINUTES": "1",
        }

    def start(self) -> None:
        """`glucoflow up`, until its flows are served."""
        with (self.folder.home / "up.err").open("wb") as err:
            self.up = subprocess.Popen(
                [sys.executable, "-m", "glucoflow", "up"],
                cwd=self.folder.home,
                env=self.folder.environment,
                stdout=err,
                stderr=err,
            )
        self.until(lambda: "Ctrl-C" in self.said(), LONGEST_START_S)
        self.until(lambda: bool(self.deployment("retention")), LONGEST_START_S)

    def stop(self, by: signal.Signals = signal.SIGINT) -> None:
        """End `up` by a signal, and wait for all of its processes."""
        assert self.up
        self.up.send_signal(by)
        self.up.wait(30)
        assert self.folder.gone_within(20), self.folder.processes()
        self.up = None

    def said(self) -> str:
        return (self.folder.home / "up.err").read_text()

    def until(self, holds: Callable[[], bool], seconds: float) -> None:
        """Wait until something holds; what cannot be reached yet does not."""
        deadline = time.monotonic() + seconds
        while True:
            try:
                if holds():
                    return
            except (httpx.HTTPError, FileNotFoundError):
                pass
            assert time.monotonic() < deadline, f"not within {seconds} s:\n{self.said()[-3000:]}"
            time.sleep(0.5)

    def where(self) -> running.Running:
        """The addresses of its parts."""
        return msgspec.json.decode((self.folder.data / "running.json").read_bytes(), type=running.Running)

    @contextmanager
    def runtime(self) -> Iterator[Runtime]:
        """Its store and Elasticsearch, while it runs."""
        dexcom = DexcomSettings(
            base_url=self.sim.base_url,
            client_id=Client.id,
            client_secret=Client().secret,
        )
        store = StoreSettings(data_dir=self.folder.data)
        update = {"store": store, "providers": {PROVIDER: dexcom}, "es": self._es}
        with open_runtime(Settings.load().model_copy(update=update)) as rt:
            yield rt

    def delete(self, user: str) -> None:
        """Their index goes."""
        with self.runtime() as rt:
            delete_user(rt.client, rt.names, user)

    def connect(self, user: str) -> None:
        """The person signs in to the account of the same name; they are due at once."""
        now = datetime.now(UTC)
        with self.runtime() as rt:
            if rt.store.people.find(user) is None:
                rt.store.people.add(user, user, now)
            sign_in(rt, user, user, now)

    @contextmanager
    def browser(self) -> Iterator[httpx.Client]:
        """A visitor of the pages."""
        address = str(self.where().web).replace("localhost", "127.0.0.1")  # whose cookies httpx keeps
        with httpx.Client(base_url=address, timeout=120) as client:
            yield client

    def status_page(self, user: str) -> str:
        with self.browser() as browser:
            return browser.get(f"/people/{user}/status").text

    def prefect(self, path: str, **query: Any) -> Any:
        """Prefect's API, with its login."""
        user, _, password = (self.folder.data / "prefect.login").read_text().partition(":")
        answer = httpx.post(f"{self.where().prefect}/{path}", json=query, timeout=120, auth=(user, password))
        return answer.raise_for_status().json() if answer.content else None

    def deployment(self, name: str) -> dict[str, Any]:
        """A flow's deployment, or nothing while it is not served."""
        found: list[dict[str, Any]] = self.prefect("deployments/filter", deployments={"name": {"any_": [name]}})
        return found[0] if found else {}

    def runs(self, state: str) -> list[dict[str, Any]]:
        """Prefect's runs in a state."""
        found: list[dict[str, Any]] = self.prefect("flow_runs/filter", flow_runs={"state": {"type": {"any_": [state]}}})
        return found

    def synced_since(self, user: str, moment: datetime) -> bool:
        """Whether a sync of theirs began and ended well after `moment`."""
        with self.runtime() as rt:
            return any(
                run.flow == "sync" and run.state == "completed" and run.started_at > moment
                for run in rt.store.runs.list(user_id=user, limit=20)
            )

    def due(self, user: str) -> None:
        """Their next poll is now."""
        with self.runtime() as rt:
            for connection in rt.store.connections.for_user(user):
                rt.store.connections.schedule(connection.id, datetime.now(UTC))
