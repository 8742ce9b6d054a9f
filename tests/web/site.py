# ruff: noqa: ARG002 - the ports name the arguments
"""The real app served on loopback, over a real Elasticsearch, with a small real store of people and connections."""

import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import msgspec
import uvicorn
from pydantic import SecretStr

from glucoflow.errors import Misconfigured, Reauthorize, Rejected
from glucoflow.units import Unit
from glucoflow.web import ports
from glucoflow.web.access import WebOptions
from glucoflow.web.app import chart_folder, create_app
from glucoflow.web.charts import load_charts
from tests.web import feed


@dataclass
class Town:
    """People, connections and authorizations in memory, behaving as the ports promise."""

    everyone: dict[str, ports.Person] = field(default_factory=dict)
    links: dict[str, list[ports.Connection]] = field(default_factory=dict)
    kept_aside: dict[str, list[ports.RejectCount]] = field(default_factory=dict)
    history: dict[str, list[ports.Run]] = field(default_factory=dict)
    states: dict[str, str] = field(default_factory=dict)
    syncs: list[str] = field(default_factory=list)
    keys: bool = True

    def people(self) -> Sequence[ports.Person]:
        return tuple(self.everyone.values())

    def person(self, user_id: str) -> ports.Person | None:
        return self.everyone.get(user_id)

    def connections(self, user_id: str) -> Sequence[ports.Connection]:
        return tuple(self.links.get(user_id, ()))

    def rejects(self, user_id: str) -> Sequence[ports.RejectCount]:
        return tuple(self.kept_aside.get(user_id, ()))

    def runs(self, user_id: str, limit: int) -> Sequence[ports.Run]:
        return tuple(self.history.get(user_id, ()))[:limit]

    def add(self, display_name: str, unit: Unit, zone: str, now: datetime) -> ports.Person:
        slug = "".join(c for c in display_name.lower() if c.isalnum() and c.isascii())
        if not slug:
            raise Rejected("name", "has no letter that an address can hold")
        self.everyone[slug] = ports.Person(id=slug, display_name=display_name, unit=unit, zone=zone)
        return self.everyone[slug]

    def providers(self) -> Sequence[ports.Provider]:
        return (ports.Provider(name="dexcom", title="Dexcom"),)

    def begin(self, user_id: str, provider: str, now: datetime) -> str:
        if not self.keys:
            raise Misconfigured("There are no keys for Dexcom.", remedy="Set DEXCOM_CLIENT_ID.")
        state = f"state-{len(self.states)}-{user_id}"
        self.states[state] = user_id
        return f"/provider-login?state={state}"

    def complete(self, state: str, code: str, now: datetime) -> ports.Connected:
        user_id = self.states.pop(state, None)
        if user_id is None:
            raise Reauthorize("This link was used before, or is too old.", remedy="Connect again.")
        if code == "bad":
            raise Reauthorize("Dexcom did not accept the code.", remedy="Connect again; a code works for one minute.")
        self.links[user_id] = [ports.Connection(id=f"{user_id}-c", provider="dexcom", state="connected")]
        self.syncs.append(user_id)
        return ports.Connected(user_id=user_id, provider="dexcom")

    def cancel(self, state: str, now: datetime) -> str | None:
        return self.states.pop(state, None)

    def sync(self, user_id: str, now: datetime) -> None:
        self.syncs.append(user_id)

    def disconnect(self, user_id: str, connection_id: str, now: datetime) -> None:
        self.links[user_id] = [
            msgspec.structs.replace(c, state="disconnected") if c.id == connection_id else c
            for c in self.links[user_id]
        ]


class Node:
    """Aggregations from a real Elasticsearch by plain HTTP; knows the names of the test's own indices."""

    def __init__(self, url: str, auth: tuple[str, str] | None, prefix: str) -> None:
        self._client = httpx.Client(base_url=url, auth=auth, timeout=30)
        self.prefix = prefix

    def fill(self, user_id: str, mapping: Mapping[str, Any], lines: bytes) -> None:
        index = self.prefix + user_id
        settings = {"number_of_shards": 1, "auto_expand_replicas": "0-1", "refresh_interval": "-1"}
        self._client.delete(f"/{index}")
        self._client.put(f"/{index}", json={"settings": settings, "mappings": mapping}).raise_for_status()
        self.more(user_id, lines)

    def more(self, user_id: str, lines: bytes) -> None:
        headers = {"content-type": "application/x-ndjson"}
        answer = self._client.post(f"/{self.prefix}{user_id}/_bulk?refresh=true", content=lines, headers=headers)
        assert not answer.raise_for_status().json()["errors"], answer.text[:2000]

    def drop(self, user_ids: Sequence[str]) -> None:
        for user_id in user_ids:
            self._client.delete(f"/{self.prefix}{user_id}")

    def aggregate(self, user_id: str, body: Mapping[str, Any]) -> Mapping[str, Any]:
        answer = self._client.post(f"/{self.prefix}{user_id}/_search", json=body)
        if answer.status_code == 404:
            return {}
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.json()
        return found


@contextmanager
def served(
    town: Town,
    node: ports.Glucose,
    *,
    password: str | None = None,
    charts: Path | None = None,
    port: int = 0,
    **how: Any,
) -> Iterator[str]:
    """The address of the app, running until the block ends."""
    app = create_app(
        town, node, town, load_charts(charts or chart_folder()),
        WebOptions(secret=SecretStr("test-secret"), password=SecretStr(password) if password else None, **how),
        lambda: datetime.now(UTC),
    )  # fmt: skip
    server = uvicorn.Server(uvicorn.Config(app, host="127.0.0.1", port=port, log_level="warning", ws="none"))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        thread.join(0.02)
        assert thread.is_alive(), "the app did not start"
    try:
        yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join(10)


def townspeople(now: datetime) -> Town:
    """Four people: in good control; on mmol/L with a gap; nobody's readings yet; consent withdrawn."""
    long_ago = now - timedelta(days=4)
    return Town(
        everyone={
            "anna": ports.Person(id="anna", display_name="Anna", zone="Europe/Berlin"),
            "ben": ports.Person(id="ben", display_name='Ben "B" 🦊', unit="mmol/L", zone="Europe/Berlin"),
            "cleo": ports.Person(id="cleo", display_name="Cleo", zone="Europe/Berlin"),
            "dora": ports.Person(id="dora", display_name="Dora", zone="Europe/Berlin"),
        },
        links={
            "anna": [
                ports.Connection(
                    id="anna-c", provider="dexcom", state="connected", region="us", last_success_at=now,
                    next_poll_at=now + timedelta(minutes=47),
                )
            ],
            "ben": [ports.Connection(id="ben-c", provider="dexcom", state="connected", last_success_at=now)],
            "dora": [
                ports.Connection(
                    id="dora-c", provider="dexcom", state="needs_reauthorization", last_success_at=long_ago,
                    last_error="Dexcom no longer accepts this connection.", last_error_at=long_ago,
                    last_remedy="Connect again; the readings since then will follow.",
                )
            ],
        },
        kept_aside={"anna": [ports.RejectCount(kind="readings", field="value", reason="is null", count=3)]},
        history={
            "anna": [
                ports.Run(
                    flow="sync", state="completed", started_at=now - timedelta(minutes=3), finished_at=now, fetched=864,
                    created=12, rejected=3,
                ),
                ports.Run(
                    flow="backfill", state="failed", started_at=now - timedelta(days=2), finished_at=now,
                    message="Dexcom was not reachable.", remedy="It will be tried again.",
                ),
            ]
        },
    )  # fmt: skip


def fill(node: Node, now: datetime) -> None:
    """The readings of `townspeople`."""

    mapping = feed.mapping()
    end = now.replace(second=0, microsecond=0) - timedelta(minutes=4)
    node.fill("anna", mapping, feed.bulk_lines(feed.documents("anna", end, 90, 1), now))
    gaps = ((3.2, 5.1), (0.2, 0.33))
    node.fill("ben", mapping, feed.bulk_lines(feed.documents("ben", end, 60, 2, level=135, swing=0.8, gaps=gaps), now))
    node.fill("dora", mapping, feed.bulk_lines(feed.documents("dora", end - timedelta(days=4), 20, 3, level=95), now))
