"""A Tidepool account: the contract, every type that a document of ours holds, and whose data are read."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest
from pydantic import SecretStr

from connectors.contract import CHECKS, Check, Subject, name_of
from connectors.contract.spoiling_proxy import Reply
from connectors.tidepool import PROVIDER, TidepoolSettings
from connectors.tidepool.connector import TidepoolConnector
from connectors.tidepool.signing_in import log_in
from connectors.tidepool.uploading import TidepoolUploader
from glucoflow.enrich import Enricher, Owner
from glucoflow.model import records as r
from glucoflow.model.credentials import Credentials
from glucoflow.model.documents import Document
from glucoflow.model.errors import LoginRefused, Misconfigured, Reauthorize, Retryable
from glucoflow.model.ingestion import Kind, Window
from glucoflow.model.ranges import WIDEST_LIMITS
from glucoflow.provider import Double, Site, Terms
from glucoflow.simulators.people import demo_scenario
from glucoflow.simulators.settable_clock import SettableClock
from glucoflow.simulators.tidepool import running_cloud
from glucoflow.simulators.tidepool.cloud import Cloud, user_id
from glucoflow.simulators.wallclock import epoch, moment
from tests.connectors.conftest import PATIENT, Answer, Provider, site_at

NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
DAY = timedelta(days=1)
SETTINGS = TidepoolSettings()
CANNOT_VIEW = Reply(403, b'{"code":"data_cant_view","message":"user is not authorized to view data"}')


class Running:
    def __init__(self, url: str, cloud: Cloud) -> None:
        self.url = url
        self.cloud = cloud
        self.site = site_at(url, "us")

    def credentials(self, person: str = "alma", password: str = "", **more: str) -> Credentials:
        typed = {"email": f"{person}@example.org", "password": password or self.cloud.password(person), **more}
        return log_in(SETTINGS, self.site, {name: SecretStr(one) for name, one in typed.items()}, NOW)

    def connector(self, credentials: Credentials) -> TidepoolConnector:
        return TidepoolConnector(SETTINGS, self.site, lambda _new: credentials, Terms(now=NOW, limits=PATIENT))

    def read(self, kind: Kind, window: Window, person: str = "alma") -> list[Any]:
        connector = self.connector(self.credentials(person))
        return [one for page in connector.pages(kind, window) for one in page.records]


@pytest.fixture(scope="module")
def running() -> Iterator[Running]:
    with running_cloud(demo_scenario(NOW, days=60), SettableClock(NOW)) as (url, cloud):
        yield Running(url, cloud)


@pytest.mark.parametrize("check", CHECKS, ids=name_of)
def test_contract(check: Check, running: Running) -> None:
    check(
        Subject(
            provider=PROVIDER,
            url=running.url,
            credentials=running.credentials(),
            now=NOW,
            window=Window(NOW - 2 * DAY, NOW),
            signed_out=CANNOT_VIEW,
            no_secrets=frozenset({"user"}),
        )
    )


def test_everything_that_the_account_holds_is_read(running: Running) -> None:
    window = Window(NOW - 40 * DAY, NOW)
    measured = running.cloud.patients["alma"].readings(epoch(window.start), epoch(window.end))
    read = running.read("readings", window)
    assert [one.time for one in read] == [moment(at) for at in measured.times.tolist()]
    assert [round(one.value * 18.01559) for one in read] == measured.values.tolist()
    assert {one.unit for one in read} == {"mmol/L"}
    assert {one.offset_min for one in read} == {60, 120}, "Berlin, before and after the clocks change"
    assert any(one.trend_word == "fortyFiveUp" for one in read)
    rates = [rate for rate in measured.rates.tolist() if rate == rate]
    assert [one.trend_rate for one in read if one.trend_rate is not None] == pytest.approx(rates, abs=1e-3)
    events = running.read("events", window)
    kinds = {type(one) for one in events}
    assert kinds >= {r.Food, r.Bolus, r.Basal, r.Exercise, r.Note, r.Fingerstick}


def test_a_window_is_half_open_though_the_answer_is_not(running: Running) -> None:
    first, second = running.read("readings", Window(NOW - DAY, NOW))[:2]
    assert [one.key for one in running.read("readings", Window(first.time, second.time))] == [first.key]


def test_the_ends_of_a_sensor_are_said_by_its_records(running: Running) -> None:
    at = NOW - 9 * DAY

    def cbg(minute: int, value: float, *notes: dict[str, object]) -> dict[str, object]:
        time = (at + timedelta(minutes=minute)).isoformat()
        body = {"id": f"c{minute}", "type": "cbg", "time": time, "units": "mg/dL", "value": value}
        return {**body, "deviceId": "AbbottFreeStyleLibre3", "annotations": list(notes)}

    high = {"code": "bg/out-of-range", "value": "high"}
    running.cloud.put["dario"] = [
        cbg(1, 450),
        cbg(2, 501, {**high, "threshold": 500}),
        cbg(3, 401, {**high, "threshold": 400}),
    ]
    found = [
        one
        for one in running.read("readings", Window(at, at + timedelta(minutes=4)), "dario")
        if one.key[0] == "c" and len(one.key) == 2
    ]
    assert [(one.value, one.sensor_limits and one.sensor_limits.high) for one in found] == [
        (450, None),
        (501, 500),
        (401, 400),
    ]


def test_odd_records_and_types_that_are_not_held(running: Running) -> None:
    at = NOW - 8 * DAY
    time = at.isoformat()
    running.cloud.put["bruno"] = [
        {"id": "w", "type": "wizard", "time": time, "carbInput": 40, "units": "mg/dL"},
        {"id": "b", "type": "basal", "time": time, "deliveryType": "automated", "rate": 0.8, "duration": 300_000},
        {"id": "neg", "type": "bolus", "time": time, "subType": "normal", "normal": -3},
        {"id": "cal", "type": "deviceEvent", "subType": "calibration", "time": time, "units": "mg/dL", "value": 120},
        {"id": "al", "type": "alert", "time": time, "name": "urgentLow"},
    ]
    window = Window(at, at + timedelta(seconds=1))
    connector = running.connector(running.credentials("bruno"))
    (page,) = connector.pages("events", window)
    assert {type(one) for one in page.records} >= {r.Food, r.Basal}
    assert [(one.key, one.field) for one in page.rejected] == [("neg", "normal")]
    assert [type(one) for one in running.read("calibrations", window, "bruno")] == [r.Calibration]
    assert [one.name for one in running.read("alerts", window, "bruno")] == ["urgentLow"]
    (status,) = running.read("devices", Window(NOW - 3 * DAY, NOW), "bruno")
    assert status.last_upload == datetime(2026, 11, 21, tzinfo=UTC), "the newest of three"


def test_a_backfill_begins_before_the_first_record(running: Running) -> None:
    extent = running.connector(running.credentials()).extent("readings")
    since = running.cloud.scenario.person("alma").since
    assert extent is not None
    assert since - timedelta(days=181) <= extent.start <= since


def test_somebody_who_shares_is_read_by_name(running: Running) -> None:
    running.cloud.shares["alma"] = ["bruno"]
    assert running.credentials()["user"].get_secret_value() == user_id("alma")
    assert running.credentials(person="bruno")["user"].get_secret_value() == user_id("bruno")
    shared = log_in(
        SETTINGS,
        running.site,
        {
            "email": SecretStr("alma@example.org"),
            "password": SecretStr(running.cloud.password("alma")),
            "person": SecretStr("bruno"),
        },
        NOW,
    )
    assert shared["user"].get_secret_value() == user_id("bruno")
    with pytest.raises(Reauthorize, match="those who do: “Bruno”"):
        log_in(SETTINGS, running.site, {**shared.values, "person": SecretStr("A Doctor")}, NOW)


def test_a_wrong_password_is_sent_once(running: Running) -> None:
    before = running.cloud.logins
    with pytest.raises(LoginRefused, match="does not accept"):
        running.credentials("alma", "wrong")
    assert running.cloud.logins == before + 1


def test_a_session_that_ended_is_begun_again(running: Running) -> None:
    old = running.credentials()
    running.cloud.expire()
    terms = Terms(now=NOW, limits=PATIENT)
    connector = TidepoolConnector(SETTINGS, running.site, lambda new: running.credentials() if new else old, terms)
    assert next(connector.pages("readings", Window(NOW - DAY, NOW))).records


def test_what_is_uploaded_stands_once_and_one_that_is_refused_keeps_no_other_away(running: Running) -> None:
    credentials = running.credentials("bruno")
    uploader = TidepoolUploader(SETTINGS, running.site, lambda _new: credentials, Terms(now=NOW, limits=PATIENT))
    at = NOW - 7 * DAY

    def reading(number: int, value: float) -> Document:
        time = at + timedelta(minutes=5 * number)
        record = r.Reading(time=time, key=str(number), value=value, unit="mg/dL", payload=msgspec.Raw(b'{"own":1}'))
        owner = Owner(user_id="bruno", connection_id="c", provider="dexcom", zone="UTC", sensor_limits=WIDEST_LIMITS)
        (document,) = Enricher(owner, "readings").documents([record])
        return document

    documents = [reading(number, 100 + number) for number in range(9)]
    right = documents[4].source.glucose
    assert right is not None
    odd = msgspec.structs.replace(documents[4].source, glucose=msgspec.structs.replace(right, value=9000.0))
    documents[4] = msgspec.structs.replace(documents[4], source=odd)
    data_set = uploader.begin(None)
    assert uploader.begin("of another account") == uploader.begin(data_set) == data_set
    assert [uploader.put(data_set, documents), uploader.put(data_set, documents)] == [1, 1]
    held = running.cloud.data_sets[data_set].records
    assert sorted(one["value"] for one in held.values()) == [100, 101, 102, 103, 105, 106, 107, 108]
    assert all("payload" not in one and one["origin"]["type"] == "service" for one in held.values())
    corrected = reading(0, 190)
    assert uploader.put(data_set, [corrected]) == 0
    assert [one["value"] for one in held.values()].count(190) == 1
    assert 100 not in {one["value"] for one in held.values()}

    window = Window(at, at + DAY)
    read = [one.value for one in running.read("readings", window, "bruno")]
    assert len(read) > 200
    assert 190 not in read, "what glucoflow uploaded is not read back"
    uploader.take_back(data_set, [documents[1].id, "never put"])
    assert uploader.keep_only(data_set, window, {one.id for one in documents[:4]}) == 4
    assert len(running.cloud.data_sets[data_set].records) == 3


@pytest.mark.parametrize(
    ("answer", "fate"),
    [(Answer(b"<html>", 200), Retryable), (Answer(b"", 503), Retryable), (Answer(b'{"userid":"x"}'), Retryable)],
)
def test_a_sign_in_that_fails_is_not_refused(provider: Provider, answer: Answer, fate: type[Exception]) -> None:
    provider.script = lambda _: answer
    site = Site(
        region="us", double=Double(url=provider.base_url, client_id="", client_secret=SecretStr(""), redirect_uri="")
    )
    with pytest.raises(fate):
        log_in(SETTINGS, site, {"email": SecretStr("a@example.org"), "password": SecretStr("p")}, NOW)


def test_regions_have_their_hosts() -> None:
    with pytest.raises(Misconfigured, match="no region"):
        log_in(SETTINGS, Site(region="moon"), {"email": SecretStr("a"), "password": SecretStr("p")}, NOW)
