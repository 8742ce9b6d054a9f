"""Everything a flow or a command works with, opened from the settings and closed again."""

import random
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from random import Random

from elasticsearch import Elasticsearch

from glucoflow.es.client import make_client
from glucoflow.es.held import Held
from glucoflow.es.names import Names
from glucoflow.es.queries import Queries
from glucoflow.es.sink import ElasticsearchSink
from glucoflow.ingest import Sink, nothing_happens
from glucoflow.model.errors import Unavailable
from glucoflow.node.local import find_running
from glucoflow.service import running
from glucoflow.service.call_budget import CallBudget
from glucoflow.service.providers import Providers
from glucoflow.settings import ElasticsearchSettings, Settings, StoreSettings
from glucoflow.store import Store, open_store


def utc_now() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True, kw_only=True)
class Runtime:
    """The parts, put together. `clock`, `random` and `on_point` are here so that tests can set them."""

    settings: Settings
    store: Store
    client: Elasticsearch
    names: Names
    queries: Queries
    providers: Providers
    clock: Callable[[], datetime] = utc_now
    random: Random = field(default_factory=random.SystemRandom)
    on_point: Callable[[str], None] = nothing_happens

    @property
    def lease(self) -> timedelta:
        return timedelta(minutes=self.settings.sync.lease_minutes)

    def sink(self, user_id: str, before_write: Callable[[], None] = lambda: None, held: Held | None = None) -> Sink:
        """A person's sink; their index must be there. `before_write` and `held` as in `ElasticsearchSink`."""
        return ElasticsearchSink(self.client, self.names, user_id, held=held, before_write=before_write)


@contextmanager
def open_runtime(settings: Settings, clock: Callable[[], datetime] = utc_now) -> Iterator[Runtime]:
    """Open store and Elasticsearch; where no address is set, those that `glucoflow up` runs on the data folder.

    Raises Unavailable or Misconfigured with the cure. Nothing is asked of Elasticsearch yet.
    """
    up = running.find(settings.store.data_dir)
    client = elasticsearch_of(settings.es, settings.store)
    names = Names.below(settings.es.index, settings.index.shared_by_all)
    store = store_of(settings.store)
    try:
        yield Runtime(
            settings=settings,
            store=store,
            client=client,
            names=names,
            queries=Queries(client, names),
            providers=Providers(
                settings=settings.providers,
                doubles=doubles(settings, up),
                callback=callback_of(settings),
                budget=CallBudget(store.calls, clock),
            ),
            clock=clock,
        )
    finally:
        store.close()
        client.close()


def callback_of(settings: Settings) -> str:
    """Where the pages take people back from a sign-in, at the port that they have."""
    return f"http://localhost:{settings.web.port}/oauth/callback"


def doubles(settings: Settings, up: running.Running | None) -> Mapping[str, str]:
    """Addresses of the running doubles by provider: those set, else those that `glucoflow up --demo` started."""
    return {name: str(url).rstrip("/") for name, url in settings.demo.simulators.items()} or (up.doubles if up else {})


def store_of(settings: StoreSettings) -> Store:
    """The store at its address, or in SQLite in the data folder."""
    return open_store(settings.data_dir, url=settings.database_url, token_key=settings.token_key)


def elasticsearch_of(settings: ElasticsearchSettings, store: StoreSettings) -> Elasticsearch:
    """A client for the configured Elasticsearch, or for the node that runs on the data folder."""
    if settings.endpoint is not None:
        return make_client(
            str(settings.endpoint),
            user=settings.user,
            password=settings.password,
            api_key=settings.api_key,
            ca_certs=settings.ca_certs,
            timeout_s=settings.timeout_seconds,
        )
    node = find_running(store.data_dir)
    if node is None:
        raise Unavailable(
            f"No Elasticsearch is running on {store.data_dir.resolve()}, and ES_ENDPOINT names none.",
            remedy="Start `glucoflow up` (in another terminal), or set ES_ENDPOINT in .env.",
        )
    return make_client(node.url, user=node.username, password=node.password, timeout_s=settings.timeout_seconds)
