"""Anna, whose readings come by a source that is of now, and to whom things are told; over a real store and node."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

import pytest
from pydantic import HttpUrl, SecretStr

from glucoflow.enrich import Enricher, Owner
from glucoflow.es.provision import ensure_index, provision
from glucoflow.model import records as r
from glucoflow.model.credentials import Credentials
from glucoflow.model.notices import Cause, Receiver
from glucoflow.service.notices.addresses import place_of
from glucoflow.service.notices.push import place_of_browser
from glucoflow.service.runtime import Runtime, open_runtime
from glucoflow.settings import (
    DemoSettings,
    ElasticsearchSettings,
    Settings,
    StoreSettings,
    WebSettings,
)
from glucoflow.settings.doors import MailSettings, NoticeSettings
from glucoflow.simulators.dexcom import SettableClock
from tests.node import Node
from tests.notices.doubles import Browser, Inbox, Service, running_mail, running_service
from tests.prefixes import own_prefix
from tests.stores import lay_store

NOW = datetime(2026, 6, 17, 12, 0, tzinfo=UTC)
CREDENTIALS = Credentials(values={"user": SecretStr("u")}, expires_at=datetime(2100, 1, 1, tzinfo=UTC))


@dataclass
class Home:
    """What a test works with. `connection` is Anna's, at a source of now."""

    rt: Runtime
    clock: SettableClock
    service: Service
    inbox: Inbox
    connection: str

    def readings(
        self, values: Sequence[float], newest: datetime | None = None, *, provider: str = "dexcom_share"
    ) -> None:
        """Every five minutes, the last one now."""
        end = newest or self.clock()
        made = [
            r.Reading(
                time=end - timedelta(minutes=5 * (len(values) - 1 - k)),
                key=f"{provider}-{k}-{value}-{end}",
                offset_min=120,
                value=value,
                unit="mg/dL",
                interval_ms=300_000,
                device=r.Device(transmitter_id="T1"),
            )
            for k, value in enumerate(values)
        ]
        owner = Owner(
            user_id="anna",
            connection_id=self.connection,
            provider=provider,
            zone="Europe/Berlin",
            delivers_meals=False,
        )
        self.rt.sink("anna").write(list(Enricher(owner, "readings").documents(made)), (), self.clock())

    def receiver(self, *causes: Cause, user_id: str | None = "anna", address: str | None = None) -> Receiver:
        place = place_of(address or self.service.address, self.rt.settings.notices, mail=True, operator=True)
        return self.rt.store.receivers.add(
            user_id, "phone", place.channel, place.address, place.shown, causes, self.clock()
        )

    def browser(self, *causes: Cause) -> Browser:
        made = Browser(self.service)
        place = place_of_browser(made.subscription, self.rt.settings.notices)
        self.rt.store.receivers.add("anna", "browser", place.channel, place.address, place.shown, causes, self.clock())
        return made

    def later(self, **span: float) -> None:
        self.clock.now += timedelta(**span)


@pytest.fixture(scope="module")
def parts(
    elasticsearch_node: Node, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Runtime, Service, Inbox]]:
    folder = tmp_path_factory.mktemp("notices")
    lay_store(folder)
    with running_service() as service, running_mail() as inbox, own_prefix(elasticsearch_node) as index:
        node = elasticsearch_node
        settings = Settings.load().model_copy(
            update={
                "es": ElasticsearchSettings(
                    endpoint=HttpUrl(node.url), user=node.username, password=node.password, index=index
                ),
                "store": StoreSettings(data_dir=folder),
                "demo": DemoSettings(),
                "mail": MailSettings(host="127.0.0.1", port=inbox.port, sender="glucoflow@example.org"),
                "notices": NoticeSettings(push_hosts="127.0.0.1", contact="ops@example.org", deadline_seconds=2),
                "web": WebSettings(address=HttpUrl("https://glucose.example.org")),
            }
        )
        with open_runtime(settings) as rt:
            provision(rt.client, rt.names)
            yield rt, service, inbox


@pytest.fixture
def home(parts: tuple[Runtime, Service, Inbox]) -> Iterator[Home]:
    """Anna, connected and synced a minute ago; she goes afterwards, and all that is about her."""
    rt, service, inbox = parts
    clock = SettableClock(NOW)
    rt = replace(rt, clock=clock)
    service.status, service.hang_s = 200, 0
    service.taken.clear()
    service.asked.clear()
    inbox.messages.clear()
    rt.store.people.add("anna", "Anna", NOW - timedelta(days=90), zone="Europe/Berlin")
    ensure_index(rt.client, rt.names, "anna")
    made = rt.store.connections.add("anna", "dexcom_share", "ous", NOW - timedelta(days=90), CREDENTIALS)
    rt.store.connections.record_success(made.id, NOW - timedelta(minutes=1))
    yield Home(rt, clock, service, inbox, made.id)
    rt.store.people.delete("anna")
    for one in rt.store.receivers.list(None):
        rt.store.receivers.remove(one.id)
    rt.client.indices.delete(index=list(rt.client.indices.get(index=rt.names.alias("anna"))))
