"""In whatever order renewals, outages, crashes and new consents come: no token is lost but to a crash in its gap."""

import tempfile
from datetime import datetime, timedelta
from pathlib import Path

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from glucoflow.model.credentials import Credentials
from glucoflow.model.errors import Reauthorize, Retryable
from glucoflow.store import Connection, Store, open_store
from tests.store.conftest import NOW, connect, pair


class Killed(BaseException):
    """The process is gone: nothing after this point runs, as far as the code can tell."""


class Renewals(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.now = NOW
        self.generation = 0
        self.die_at: str | None = None
        self.lost = False
        self.folder = tempfile.TemporaryDirectory(prefix="glucoflow-any-")
        self.store: Store
        self.connection: Connection

    @initialize()
    def start(self) -> None:
        self.open()
        self.connection = connect(self.store)

    def open(self) -> None:
        self.store = open_store(Path(self.folder.name), on_point=self.on_point)

    def on_point(self, point: str) -> None:
        if point == self.die_at:
            raise Killed

    def refresh(self, credentials: Credentials, now: datetime) -> Credentials:
        if self.die_at == "before":
            raise Killed
        if self.die_at == "outage":
            raise Retryable("The provider is down.")
        if credentials["refresh"].get_secret_value() != f"refresh-{self.generation}":
            assert self.lost, "a spent token was sent although its successor was never lost"
            raise Reauthorize("The provider no longer accepts this connection.")
        self.generation += 1
        return pair(self.generation, now + timedelta(hours=2))

    @rule(
        minutes=st.sampled_from([0, 2, 130]),
        fault=st.sampled_from(
            [
                None,
                None,
                "before",
                "outage",
                "after_renewal",
                "after_renewal_save",
            ]
        ),
    )
    def ask(self, minutes: int, fault: str | None) -> None:
        self.now += timedelta(minutes=minutes)
        self.die_at, before = fault, self.generation
        try:
            answer = self.store.credentials.current(self.connection.id, self.now, self.refresh)
        except Killed:
            self.lost = self.lost or fault == "after_renewal"
            self.store.close()
            self.open()
        except Reauthorize as error:
            told = str(error)
            assert self.lost
            assert "was lost" in told
        except Retryable:
            assert fault == "outage"
        else:
            assert answer["access"].get_secret_value() == f"access-{self.generation}"
            assert not self.lost
        assert self.generation - before <= 1

    @rule()
    def consent(self) -> None:
        self.generation += 10
        self.store.connections.reconnect(self.connection.id, "us", self.now, pair(self.generation))
        self.lost = False

    @invariant()
    def only_a_lost_token_needs_a_new_consent(self) -> None:
        if self.store.connections.get(self.connection.id).state != "connected":
            assert self.lost

    def teardown(self) -> None:
        self.store.close()
        self.folder.cleanup()


TestRenewals = Renewals.TestCase
TestRenewals.settings = settings(max_examples=12, stateful_step_count=12, deadline=None)
