"""The real app on loopback, over a real store, a real Elasticsearch and a provider of HTTP."""

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import msgspec
import uvicorn
from argon2 import PasswordHasher
from elasticsearch import Elasticsearch
from fastapi import FastAPI
from pydantic import HttpUrl, SecretStr

from connectors.dexcom import DexcomSettings
from glucoflow.analytics.episodes import find_episodes
from glucoflow.analytics.series import Series
from glucoflow.api.site import open_site
from glucoflow.doors import whole_site
from glucoflow.es.names import Names
from glucoflow.es.provision import ensure_index, provision
from glucoflow.es.queries import Queries
from glucoflow.es.retention import delete_of_connection
from glucoflow.es.sink import ElasticsearchSink
from glucoflow.installed import Installed, installed
from glucoflow.model.credentials import Credentials
from glucoflow.model.errors import Reauthorize
from glucoflow.model.ingestion import Counts, RejectedRecord
from glucoflow.service.annotations import Annotations
from glucoflow.service.connect import SiteConnect
from glucoflow.service.derived_documents import episode_document
from glucoflow.service.mail import Mail
from glucoflow.service.notices.desk import Desk
from glucoflow.service.openid import OpenIdProvider
from glucoflow.service.overdue import Cause, find_overdue
from glucoflow.service.passwords import Passwords
from glucoflow.service.providers import Providers
from glucoflow.service.runtime import Runtime
from glucoflow.service.uploads import Uploads
from glucoflow.service.watching import Watch
from glucoflow.settings import Settings, StoreSettings
from glucoflow.store import Backfill, Connection, Store, open_store
from glucoflow.web.access import WebOptions
from glucoflow.web.app import create_app
from tests.stores import lay_store
from tests.web import feed
from tests.web.provider import Provider

CREDENTIALS = Credentials(
    values={"access": SecretStr("a"), "refresh": SecretStr("r")}, expires_at=datetime(2100, 1, 1, tzinfo=UTC)
)
REFUSED = Reauthorize(
    "Dexcom no longer accepts this connection.", remedy="Connect again; the readings since then will follow."
)


class Site(msgspec.Struct, frozen=True, kw_only=True):
    """Where the pages are, and what stands behind them."""

    url: str
    store: Store
    client: Elasticsearch
    names: Names
    provider: Provider
    synced: list[str]
    backfilled: list[Backfill]
    summarized: list[tuple[str, datetime | None, datetime | None]]
    deleted: list[str]
    app: FastAPI

    def put(self, user_id: str, *, days: float, seed: int, end: datetime, **how: Any) -> None:
        """Documents of one person, into the real index by the real sink."""
        ensure_index(self.client, self.names, user_id)
        documents = feed.documents(user_id, end, days, seed, **how)
        ElasticsearchSink(self.client, self.names, user_id).write(documents, (), datetime.now(UTC))
        self._put_episodes(user_id)
        self.client.indices.refresh(index=self.names.alias(user_id))

    def _put_episodes(self, user_id: str) -> None:
        """The episodes of the person's readings, as the summaries store them."""
        self.client.indices.refresh(index=self.names.alias(user_id))
        found = Queries(self.client, self.names).readings(user_id)
        series = Series.of(found.utc, found.mg_dl, found.offset_min, found.interval_ms)
        documents = [episode_document(user_id, "Europe/Berlin", one) for one in find_episodes(series)]
        ElasticsearchSink(self.client, self.names, user_id).write(documents, (), datetime.now(UTC))


EVERY = timedelta(minutes=5)
PAUSED = Cause(message="The schedule is paused in Prefect.", remedy="Resume it.")


@contextmanager
def site(
    folder: Path,
    client: Elasticsearch,
    names: Names,
    *,
    password: str | None = None,
    keys: bool = True,
    port: int = 0,
    keys_come_later: bool = False,
    mail: Mail | None = None,
    sign_on: OpenIdProvider | None = None,
    open_to_all: bool = False,
    clock: Callable[[], datetime] = partial(datetime.now, UTC),
) -> Iterator[Site]:
    """The pages with an empty store, served until the block ends."""
    listening = socket.create_server(("127.0.0.1", port))
    url = f"http://127.0.0.1:{listening.getsockname()[1]}"
    synced: list[str] = []
    backfilled: list[Backfill] = []
    summarized: list[tuple[str, datetime | None, datetime | None]] = []
    deleted: list[str] = []
    lay_store(folder)
    with Provider() as provider, open_store(folder) as store:
        app_of_ours = DexcomSettings(
            base_url=HttpUrl(provider.url),
            client_id="client",
            client_secret=SecretStr("secret"),
            redirect_uri=f"{url}/oauth/callback",
        )

        def undone(one: Connection) -> int:
            store.connections.start_anew(one.id, datetime.now(UTC))
            return delete_of_connection(client, names, one.user_id, one.id, datetime.now(UTC)).documents

        nothing = Providers(settings={}, installed=Installed(providers={}))
        usual = {name: one.settings() for name, one in installed().providers.items()}
        providers = Providers(settings={**usual, "dexcom": app_of_ours}) if keys else nothing
        if keys_come_later:  # with the next look, or, without `keys`, never
            without = app_of_ours.model_copy(update={"client_id": None})
            providers = Providers(settings={**usual, "dexcom": without})
        rt = Runtime(
            settings=Settings.load().model_copy(update={"store": StoreSettings(data_dir=folder)}),
            store=store,
            client=client,
            names=names,
            queries=Queries(client, names),
            providers=providers,
        )
        app = create_app(
            store,
            Queries(client, names),
            SiteConnect(
                store,
                providers,
                synced.append,
                backfilled.append,
                lambda connections, now: find_overdue(store, connections, now, EVERY, lambda: PAUSED),
                undone,
                deleted.append,
                lambda: Providers(settings={**usual, "dexcom": app_of_ours}) if keys else providers,
            ),
            Annotations(store, Queries(client, names), lambda *span: summarized.append(span)),
            WebOptions(
                secret=SecretStr("test"),
                password=SecretStr(password) if password else None,
                sign_on=sign_on,
                open_to_all=open_to_all,
            ),
            clock,
            passwords=Passwords(PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)),
            mail=mail,
            archive=lambda _user_id, out: out.write_bytes(b"PK"),
            uploads=Uploads(rt),
            notices=Desk(rt),
            watch=Watch(rt),
            request_guests=lambda: synced.append("guests in Kibana"),
        )
        trail = app.state.services.programs
        apps = open_site(store, client, names, SecretStr("test"), clock, trail)
        served = whole_site(app, apps, Queries(client, names))
        with _running(uvicorn.Server(uvicorn.Config(served, log_level="warning", ws="wsproto")), listening):
            yield Site(
                url=url,
                store=store,
                client=client,
                names=names,
                provider=provider,
                synced=synced,
                backfilled=backfilled,
                summarized=summarized,
                deleted=deleted,
                app=app,
            )


@contextmanager
def _running(server: uvicorn.Server, listening: socket.socket) -> Iterator[None]:
    thread = threading.Thread(target=server.run, args=([listening],), daemon=True)
    thread.start()
    while not server.started:
        thread.join(0.02)
        assert thread.is_alive(), "the app did not start"
    try:
        yield
    finally:
        server.should_exit = True
        thread.join(10)
        listening.close()


def settle(site: Site, now: datetime) -> None:
    """Four people: in good control; on mmol/L with gaps; not connected yet; consent withdrawn four days ago."""
    people, connections = site.store.people, site.store.connections
    provision(site.client, site.names)
    zone = "Europe/Berlin"
    people.add("anna", "Anna", now, zone=zone)
    people.add("ben", 'Ben "B" 🦊', now, unit="mmol/L", zone=zone)
    people.add("cleo", "Cleo", now, zone=zone)
    people.add("dora", "Dora", now, zone=zone)
    for user_id in ("anna", "ben", "dora"):
        made = connections.add(user_id, "dexcom", "us", now, CREDENTIALS)
        connections.record_success(made.id, now - timedelta(minutes=3))
        connections.schedule(made.id, now + timedelta(minutes=47))
        if user_id == "dora":
            for hours in (14, 12, 8, 0):  # a no is believed when it stays
                connections.record_error(made.id, REFUSED, now - timedelta(days=4, hours=hours))
        if user_id == "anna":
            _history(site.store, made.id, now)
    end = now.replace(second=0, microsecond=0) - timedelta(minutes=4)
    site.put("anna", days=90, seed=1, end=end)
    site.put("ben", days=60, seed=2, end=end, level=135, swing=0.8, gaps=((3.2, 5.1), (0.2, 0.33)))
    site.put("dora", days=20, seed=3, end=end - timedelta(days=4), level=95)


def _history(store: Store, connection_id: str, now: datetime) -> None:
    """A completed run with a rejected record, and a failed one."""
    run = store.runs.start("sync", now - timedelta(minutes=4), user_id="anna", connection_id=connection_id)
    store.leases.claim_due("tests", now, timedelta(minutes=5), 10, user_id="anna", force=True)
    ledger = store.ledger(connection_id, run.id, "tests")
    odd = RejectedRecord(field="value", reason="is null", key="r1", payload=b"{}")
    ledger.advance("readings", now, Counts(pages=1, fetched=864, created=12, rejected=1), [odd], now)
    store.leases.release(connection_id, "tests")
    store.runs.finish(run.id, "completed", now - timedelta(minutes=3))
    failed = store.runs.start("backfill", now - timedelta(days=2), user_id="anna")
    store.runs.finish(
        failed.id, "failed", now - timedelta(days=2), message="Dexcom was not reachable.", remedy="It is tried again."
    )
