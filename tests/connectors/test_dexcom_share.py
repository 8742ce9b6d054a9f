"""Dexcom Share: the contract, every form of its times and trends, and a password that is never sent twice."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from pydantic import SecretStr

from connectors.contract import CHECKS, Check, Subject, name_of
from connectors.contract.spoiling_proxy import Reply
from connectors.dexcom_share import HELD, PROVIDER, DexcomShareSettings
from connectors.dexcom_share.connector import DexcomShareConnector
from connectors.dexcom_share.signing_in import log_in
from glucoflow.model.credentials import Credentials
from glucoflow.model.errors import LoginRefused, Misconfigured, Retryable
from glucoflow.model.ingestion import Window
from glucoflow.provider import Site, Terms
from glucoflow.simulators.dexcom_share import running_cloud
from glucoflow.simulators.dexcom_share.app import Cloud
from glucoflow.simulators.people import demo_scenario
from glucoflow.simulators.settable_clock import SettableClock
from glucoflow.simulators.wallclock import epoch, moment
from tests.connectors.conftest import PATIENT, Answer, Provider, site_at

NOW = datetime(2026, 11, 21, 12, 0, 30, tzinfo=UTC)
SETTINGS = DexcomShareSettings()
SIGNED_OUT = Reply(500, b'{"Code":"SessionIdNotFound","Message":"m","SubCode":"s","TypeName":"t"}')


class Running:
    def __init__(self, url: str, cloud: Cloud, clock: SettableClock) -> None:
        self.url = url
        self.cloud = cloud
        self.clock = clock

    def credentials(self, person: str = "alma", user: str = "", password: str = "") -> Credentials:
        typed = {"user": user or f"{person}@example.org", "password": password or self.cloud.password(person)}
        return log_in(
            SETTINGS, site_at(self.url, "us"), {name: SecretStr(one) for name, one in typed.items()}, self.clock()
        )

    def connector(self, person: str = "alma", credentials: Credentials | None = None) -> DexcomShareConnector:
        held = credentials or self.credentials(person)
        terms = Terms(now=self.clock(), limits=PATIENT)
        return DexcomShareConnector(SETTINGS, site_at(self.url, "us"), lambda _new: held, terms)

    def read(self, person: str = "alma", back: timedelta = HELD) -> list[Any]:
        window = Window(self.clock() - back, self.clock() + timedelta(seconds=1))
        return [one for page in self.connector(person).pages("readings", window) for one in page.records]


@pytest.fixture(scope="module")
def one_cloud() -> Iterator[Running]:
    clock = SettableClock(NOW)
    with running_cloud(demo_scenario(NOW, days=20), clock) as (url, cloud):
        yield Running(url, cloud, clock)


@pytest.fixture
def running(one_cloud: Running) -> Running:
    one_cloud.clock.set(NOW)
    one_cloud.cloud.old_form, one_cloud.cloud.jitter_ms, one_cloud.cloud.zero_ids = False, 0, False
    one_cloud.cloud.faults.clear()
    return one_cloud


@pytest.mark.parametrize("check", CHECKS, ids=name_of)
def test_contract(check: Check, running: Running) -> None:
    check(
        Subject(
            provider=PROVIDER,
            url=running.url,
            credentials=running.credentials(),
            now=NOW,
            window=Window(NOW - HELD + timedelta(minutes=10), NOW + timedelta(seconds=1)),
            signed_out=SIGNED_OUT,
            no_secrets=frozenset({"account"}),
        )
    )


@pytest.mark.parametrize("old_form", [False, True])
@pytest.mark.parametrize("person", ["alma", "bruno"])
def test_every_form_is_read_alike(running: Running, person: str, old_form: bool) -> None:
    running.cloud.old_form = old_form
    measured = running.cloud.patients[person].readings(epoch(NOW - HELD), epoch(NOW) + 1)
    read = running.read(person)
    assert [one.time for one in read] == [moment(at) for at in measured.times.tolist()]
    assert [one.value for one in read] == measured.values.tolist()
    assert {one.offset_min for one in read} == {60 if person == "alma" else -300}
    assert {one.trend_word for one in read} >= {"Flat", "FortyFiveUp", "FortyFiveDown"}


@pytest.mark.parametrize(
    ("st", "dt", "offset"),
    [
        ("Date(1772963703000)", "Date(1772963703000-0800)", -480),
        ("/Date(1772963703000)/", "/Date(1772963703000+0545)/", 345),
        ("/Date(1772963703000)/", "/Date(1772934903000)/", -480),
        ("Date(1772963703999)", "Date(1772963703999)", None),
        ("Date(1772963703000)", "nonsense", None),
        ("Date(1772963703000)", None, None),
    ],
)
def test_dates_of_all_forms(provider: Provider, st: str, dt: str | None, offset: int | None) -> None:
    (one,) = answered(provider, {"ST": st, "DT": dt, "WT": st, "Value": 112, "Trend": "Flat"})
    assert (one.time, one.offset_min) == (datetime(2026, 3, 8, 9, 55, 3, tzinfo=UTC), offset)


@pytest.mark.parametrize(
    ("said", "word"),
    [(4, "Flat"), ("4", "Flat"), ("Flat", "Flat"), (0, "None"), (77, "77"), ("New", "New"), (None, None)],
)
def test_trends_of_all_forms(provider: Provider, said: object, word: str | None) -> None:
    (one,) = answered(provider, {"ST": "Date(1772963703000)", "Value": 112, "Trend": said})
    assert one.trend_word == word


def test_error_codes_are_no_glucose(provider: Provider) -> None:
    st = "Date(1772963703000)"
    values = [0, 1, 5, 10, 12, 38, 39, 401]
    read = answered(
        provider, *[{"ST": f"Date({1772963703000 + n * 300_000})", "Value": v} for n, v in enumerate(values)]
    )
    assert [one.value for one in read] == [39, 401]
    assert answered(provider, {"ST": st, "Value": 402}) == []


def answered(provider: Provider, *rows: dict[str, object]) -> list[Any]:
    """What is read of these rows, some minutes after them."""
    now = datetime(2026, 3, 8, 11, 0, tzinfo=UTC)
    provider.script = lambda _: Answer(json.dumps(rows).encode())
    held = Credentials(values={"account": SecretStr("a"), "session": SecretStr("s")})
    connector = DexcomShareConnector(
        SETTINGS, site_at(provider.base_url, "us"), lambda _new: held, Terms(now=now, limits=PATIENT)
    )
    return [one for page in connector.pages("readings", Window(now - HELD, now)) for one in page.records]


def test_no_more_is_asked_for_than_the_gap(running: Running) -> None:
    running.cloud.asked.clear()
    assert running.read(back=timedelta(minutes=60))
    assert len(running.read(back=timedelta(days=30))) == len(running.read())
    assert running.cloud.asked == [(66, 15), (1440, 288), (1440, 288)]
    old = Window(NOW - timedelta(days=9), NOW - timedelta(days=8))
    assert [page.records for page in running.connector().pages("readings", old)] == [()]
    assert len(running.cloud.asked) == 3, "what is older than a day is not asked for"


def test_a_jitter_of_a_second_gives_no_new_key(running: Running) -> None:
    before = {one.key for one in running.read()}
    running.cloud.jitter_ms = 900
    assert {one.key for one in running.read()} == before


def test_an_account_id_works_as_the_user(running: Running) -> None:
    by_name, by_id = running.credentials(), running.credentials(user=running.cloud.account("alma"))
    assert by_name["account"].get_secret_value() == by_id["account"].get_secret_value()


@pytest.mark.parametrize("zero_ids", [False, True])
def test_a_wrong_password_is_sent_once(running: Running, zero_ids: bool) -> None:
    running.cloud.zero_ids = zero_ids
    before = running.cloud.attempts
    with pytest.raises(LoginRefused, match="does not accept this user name and password") as refused:
        running.credentials("chiara", password="wrong")
    assert running.cloud.attempts == before + 1
    assert "region" in refused.value.remedy


def test_a_locked_account_is_said_and_left_alone(running: Running) -> None:
    for _ in range(5):
        with pytest.raises(LoginRefused):
            running.credentials("dario", password="wrong")
    assert running.cloud.locked("dario")
    with pytest.raises(LoginRefused, match="has locked this account"):
        running.credentials("dario")


@pytest.mark.parametrize(
    ("code", "message", "fate"),
    [
        ("SSO_InternalError", "Cannot Authenticate by AccountName", LoginRefused),
        ("SSO_InternalError", "Database is down", Retryable),
        ("InvalidArgument", "accountName", LoginRefused),
        ("SomethingNew", "", Retryable),
    ],
)
def test_the_words_of_the_service(provider: Provider, code: str, message: str, fate: type[Exception]) -> None:
    body = f'{{"Code":"{code}","Message":"{message}","SubCode":"","TypeName":"Fault"}}'.encode()
    provider.script = lambda _: Answer(body, 500)
    with pytest.raises(fate) as told:
        log_in(SETTINGS, site_at(provider.base_url, "us"), {"user": SecretStr("u"), "password": SecretStr("p")}, NOW)
    assert type(told.value) is fate
    assert len(provider.requests) == 1


def test_a_session_that_ended_is_begun_again_once(running: Running) -> None:
    credentials, asked = running.credentials(), []
    running.cloud.expire()

    def source(new: bool) -> Credentials:
        asked.append(new)
        return running.credentials() if new else credentials

    connector = DexcomShareConnector(SETTINGS, site_at(running.url, "us"), source, Terms(now=NOW, limits=PATIENT))
    assert next(connector.pages("readings", Window(NOW - HELD, NOW))).records
    assert asked.count(True) == 1


def test_regions_have_hosts_and_applications_of_their_own(running: Running) -> None:
    running.cloud.region = "jp"
    try:
        with pytest.raises(LoginRefused, match="cannot read"):
            running.credentials()
        typed = {"user": SecretStr("alma@example.org"), "password": SecretStr(running.cloud.password("alma"))}
        assert log_in(SETTINGS, site_at(running.url, "jp"), typed, NOW)["session"]
    finally:
        running.cloud.region = "us"
    with pytest.raises(Misconfigured, match="no region"):
        log_in(SETTINGS, Site(region="moon"), {"user": SecretStr("u"), "password": SecretStr("p")}, NOW)
