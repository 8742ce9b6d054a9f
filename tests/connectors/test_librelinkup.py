"""LibreLinkUp: the contract, what the double holds, and every way in which a sign-in ends."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from pydantic import SecretStr

from connectors.contract import CHECKS, Check, Subject, name_of
from connectors.librelinkup import HELD, PROVIDER, LibreLinkUpSettings
from connectors.librelinkup.connector import LibreLinkUpConnector
from connectors.librelinkup.signing_in import log_in
from glucoflow.enrich import Enricher, Owner
from glucoflow.model import records as r
from glucoflow.model.credentials import Credentials
from glucoflow.model.errors import LoginRefused, Misconfigured, Reauthorize, Retryable, Unreadable
from glucoflow.model.ingestion import Kind, Window
from glucoflow.provider import Page, Site, Terms
from glucoflow.simulators.librelinkup import running_cloud
from glucoflow.simulators.librelinkup.app import Cloud, patient_id
from glucoflow.simulators.people import demo_scenario
from glucoflow.simulators.settable_clock import SettableClock
from glucoflow.simulators.wallclock import epoch, moment
from tests.connectors.conftest import PATIENT, site_at

NOW = datetime(2026, 11, 21, 12, 0, 30, tzinfo=UTC)
SETTINGS = LibreLinkUpSettings()


class Running:
    """A cloud whose clock a test moves, and connectors to it."""

    def __init__(self, url: str, cloud: Cloud, clock: SettableClock) -> None:
        self.url = url
        self.cloud = cloud
        self.clock = clock
        self.site = site_at(url, "world")

    def credentials(self, email: str = "alma@example.org", password: str = "", **more: str) -> Credentials:
        typed = {"email": email, "password": password or f"{email.partition('@')[0]}-libre", **more}
        values = {name: SecretStr(value) for name, value in typed.items()}
        return log_in(SETTINGS, self.site, values, self.clock())

    def connector(
        self, credentials: Credentials | None = None, settings: LibreLinkUpSettings = SETTINGS
    ) -> LibreLinkUpConnector:
        held = credentials or self.credentials()
        return LibreLinkUpConnector(settings, self.site, lambda _new: held, Terms(now=self.clock(), limits=PATIENT))

    def pages(self, kind: Kind = "readings", credentials: Credentials | None = None) -> list[Page]:
        return list(self.connector(credentials).pages(kind, Window(self.clock() - HELD, self.clock())))

    def read(self, kind: Kind = "readings", credentials: Credentials | None = None) -> list[Any]:
        return [one for page in self.pages(kind, credentials) for one in page.records]


@pytest.fixture(scope="module")
def one_cloud() -> Iterator[Running]:
    clock = SettableClock(NOW)
    with running_cloud(demo_scenario(NOW, days=30), clock) as (url, cloud):
        yield Running(url, cloud, clock)


@pytest.fixture
def running(one_cloud: Running) -> Running:
    one_cloud.clock.set(NOW)
    one_cloud.cloud.faults.clear()
    one_cloud.cloud.locked_until.clear()
    return one_cloud


@pytest.mark.parametrize("check", CHECKS, ids=name_of)
def test_contract(check: Check, running: Running) -> None:
    window = Window(NOW - HELD + timedelta(minutes=10), NOW + timedelta(seconds=1))
    check(
        Subject(
            provider=PROVIDER,
            url=running.url,
            credentials=running.credentials(),
            now=NOW,
            window=window,
            no_secrets=frozenset({"host", "patient"}),
        )
    )


def test_the_graph_is_read_as_it_is_and_the_current_value_is_its_edge(running: Running) -> None:
    measured = running.cloud.patients["alma"].readings(epoch(NOW - HELD), epoch(NOW) + 1)
    found = running.read()
    graph, current = [one for one in found if not one.key.endswith("/current")], found[-1]
    assert [(one.time, one.value) for one in graph] == [
        (moment(at), value)
        for at, value in zip(measured.times.tolist()[:-1], measured.values.tolist()[:-1], strict=True)
    ]
    assert all(one.offset_min == 60 for one in graph), "Berlin in winter"
    assert (current.key, current.value) == (f"{patient_id('alma')}/current", measured.values.tolist()[-1])
    assert current.time > graph[-1].time
    assert current.trend_word in ("flat", "fortyFiveUp", "singleUp", "fortyFiveDown", "singleDown")


def test_a_poll_costs_two_requests_whatever_is_read(running: Running) -> None:
    credentials = running.credentials()
    before = len(running.cloud.requests)
    connector = running.connector(credentials)
    for kind in PROVIDER.kinds:
        connector.extent(kind)
        list(connector.pages(kind, Window(NOW - HELD, NOW)))
    assert len(running.cloud.requests) - before == 2


def test_polled_every_five_minutes_nothing_is_missed_or_held_twice(running: Running) -> None:
    held: dict[str, r.Reading] = {}
    credentials = running.credentials()
    for _ in range(60):
        for page in running.pages(credentials=credentials):
            for key in page.deleted:
                held.pop(key, None)
            held |= {one.key: one for one in page.records if isinstance(one, r.Reading)}
        running.clock.advance(timedelta(minutes=5, seconds=7))
    end = running.clock() - timedelta(minutes=5, seconds=7)
    measured = running.cloud.patients["alma"].readings(epoch(NOW - HELD), epoch(end) + 1)
    times = [moment(at) for at in measured.times.tolist()]
    assert sorted(one.time for one in held.values() if not one.key.endswith("/current")) == times[:-1]
    assert sum(one.key.endswith("/current") for one in held.values()) == 1


def test_both_units_give_the_same_and_the_ends_are_the_sensors(running: Running) -> None:
    grid = running.cloud.patients["bruno"].readings(epoch(NOW - HELD), epoch(NOW) + 1).times.tolist()
    for at, value in zip(grid[5:9], (450, 640, 40, 20), strict=True):
        running.cloud.values[("bruno", at)] = value
    running.cloud.follow("mm@example.org", "bruno", mmol=True)
    in_mg = running.read(credentials=running.credentials("bruno@example.org"))
    in_mmol = running.read(credentials=running.credentials("mm@example.org"))
    assert [(one.time, one.value, one.unit) for one in in_mg] == [(one.time, one.value, one.unit) for one in in_mmol]
    assert [one.value for one in in_mg[5:9]] == [450, 501, 40, 39]
    limits = PROVIDER.quirks.sensor_limits
    owner = Owner(user_id="b", connection_id="c", provider="librelinkup", zone="UTC", sensor_limits=limits)
    documents = [one.source for one in Enricher(owner, "readings").documents(in_mg[5:9])]
    assert [one.glucose and one.glucose.limit for one in documents] == [None, "high", None, "low"]


def test_the_log_book_is_alerts_of_two_weeks(running: Running) -> None:
    credentials = running.credentials("bruno@example.org")
    connector = running.connector(credentials)
    found: list[Any] = [
        one for page in connector.pages("alerts", Window(NOW - timedelta(days=14), NOW)) for one in page.records
    ]
    assert found
    assert {one.name for one in found} == {"low"}
    assert found[0].time < NOW - HELD, "further back than the trace"


def test_the_sensor_is_a_device(running: Running) -> None:
    (status,) = running.read("devices")
    assert status.device.serial_number == f"0M{patient_id('alma')[:8].upper()}"


def test_nobody_has_synced_yet(running: Running) -> None:
    running.cloud.follow("new@example.org", "chiara", never_synced=True)
    credentials = running.credentials("new@example.org")
    assert running.read(credentials=credentials) == []
    assert running.read("devices", credentials) == []


def test_a_wrong_password_is_tried_once_and_never_locks(running: Running) -> None:
    before = running.cloud.logins
    with pytest.raises(LoginRefused, match="does not accept this e-mail and password"):
        running.credentials("dario@example.org", "wrong")
    assert running.cloud.logins == before + 1
    assert not running.cloud.locked_until


def test_a_locked_account_is_left_alone_as_long_as_it_says(running: Running) -> None:
    running.cloud.locked_until["dario@example.org"] = running.clock().timestamp() + 200
    with pytest.raises(Retryable, match="locked this account for 5 minutes") as locked:
        running.credentials("dario@example.org")
    assert locked.value.retry_after == 300


@pytest.mark.parametrize(
    ("step", "said"), [("tou", "new terms of use"), ("pp", "new privacy policy"), ("verifyEmail", "must be confirmed")]
)
def test_what_must_be_accepted_is_said(running: Running, step: str, said: str) -> None:
    running.cloud.follow("step@example.org", "alma", step=step)
    with pytest.raises(LoginRefused, match=said) as told:
        running.credentials("step@example.org")
    assert "LibreLinkUp app" in told.value.remedy


def test_a_second_factor_is_said(running: Running) -> None:
    running.cloud.follow("two@example.org", "alma", second_factor=True)
    with pytest.raises(LoginRefused, match="second factor"):
        running.credentials("two@example.org")


def test_whom_it_follows_is_chosen(running: Running) -> None:
    running.cloud.follow("both@example.org", "alma", "bruno")
    with pytest.raises(Reauthorize, match="follows several people: “Alma Example”, “Bruno Example”"):
        running.credentials("both@example.org")
    with pytest.raises(Reauthorize, match="does not follow one person of that name"):
        running.credentials("both@example.org", person="Carla")
    chosen = running.credentials("both@example.org", person=" bruno  example")
    assert chosen["patient"].get_secret_value() == patient_id("bruno")
    running.cloud.follow("none@example.org")
    with pytest.raises(Reauthorize, match="follows nobody") as told:
        running.credentials("none@example.org")
    assert "owner's own account does not work" in told.value.remedy


def test_an_account_of_another_region_is_followed_there_once(running: Running) -> None:
    """Two clouds: the first sends the account on to the second."""
    with running_cloud(demo_scenario(NOW, days=2), running.clock) as (url, there):
        there.region = "de"
        there.follow("far@example.org", "alma", region="de")
        running.cloud.follow("far@example.org", "alma", region="de")
        settings = LibreLinkUpSettings(base_url=running.url, region_url=url)
        values = {"email": SecretStr("far@example.org"), "password": SecretStr("far-libre")}
        found = log_in(settings, Site(region="world"), values, NOW)
        assert found["host"].get_secret_value() == url
        connector = LibreLinkUpConnector(
            settings, Site(region="world"), lambda _new: found, Terms(now=NOW, limits=PATIENT)
        )
        assert next(connector.pages("readings", Window(NOW - HELD, NOW))).records
        there.region = "fr"  # and on again, and again
        with pytest.raises(Retryable, match="from region to region"):
            log_in(settings, Site(region="world"), values, NOW)


def test_too_old_a_version_names_the_setting(running: Running) -> None:
    credentials = running.credentials()
    old = running.connector(credentials, LibreLinkUpSettings(version="4.15.9"))
    with pytest.raises(Misconfigured, match=r"at least 4\.16\.0") as told:
        list(old.pages("readings", Window(NOW - HELD, NOW)))
    assert "LIBRELINKUP_VERSION=4.16.0" in told.value.remedy


def test_somebody_who_is_not_followed_any_more(running: Running) -> None:
    running.cloud.follow("gone@example.org", "alma")
    credentials = running.credentials("gone@example.org")
    running.cloud.followers["gone@example.org"].follows.clear()
    with pytest.raises(Unreadable, match="do not share with this account"):
        running.pages(credentials=credentials)


def test_a_session_that_ended_is_begun_again(running: Running) -> None:
    credentials = running.credentials()
    running.cloud.expire()
    terms = Terms(now=NOW, limits=PATIENT)
    connector = LibreLinkUpConnector(
        SETTINGS, running.site, lambda new: running.credentials() if new else credentials, terms
    )
    assert next(connector.pages("readings", Window(NOW - HELD, NOW))).records
