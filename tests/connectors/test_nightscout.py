"""Nightscout: the contract over both versions of the API, what the double holds, and what is said of odd sites."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from pydantic import SecretStr

from connectors.contract import CHECKS, Check, Subject, name_of
from connectors.nightscout import PROVIDER, NightscoutSettings
from connectors.nightscout.connector import NightscoutConnector
from connectors.nightscout.signing_in import log_in
from glucoflow.model import records as r
from glucoflow.model.credentials import Credentials
from glucoflow.model.errors import LoginRefused, Misconfigured, Retryable
from glucoflow.model.ingestion import Kind, Window
from glucoflow.provider import Site, Terms
from glucoflow.simulators.fault_injection import Fault
from glucoflow.simulators.nightscout import running_sites
from glucoflow.simulators.nightscout.app import Sites
from glucoflow.simulators.people import demo_scenario
from glucoflow.simulators.settable_clock import SettableClock
from glucoflow.simulators.wallclock import epoch
from tests.connectors.conftest import PATIENT, Answer, Provider, site_at

NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
DAY = timedelta(days=1)


class Running:
    """Sites, and connectors to them."""

    def __init__(self, url: str, sites: Sites) -> None:
        self.url = url
        self.sites = sites

    @property
    def site(self) -> Site:
        return site_at(self.url, "site")

    def credentials(self, person: str = "alma", token: str | None = None) -> Credentials:
        said = self.sites.token(person) if token is None else token
        typed = {"address": SecretStr(self.url)} | ({"token": SecretStr(said)} if said else {})
        return log_in(NightscoutSettings(), self.site, typed, NOW)

    def connector(self, person: str = "alma", now: datetime = NOW) -> NightscoutConnector:
        credentials = self.credentials(person)
        return NightscoutConnector(self.site, lambda _new: credentials, Terms(now=now, limits=PATIENT))

    def read(self, kind: Kind, window: Window, person: str = "alma") -> list[Any]:
        return [one for page in self.connector(person).pages(kind, window) for one in page.records]


@pytest.fixture(scope="module", params=["v3", "v1"])
def running(request: pytest.FixtureRequest) -> Iterator[Running]:
    with running_sites(demo_scenario(NOW, days=60), SettableClock(NOW), v3=request.param == "v3") as (url, sites):
        yield Running(url, sites)


@pytest.mark.parametrize("check", CHECKS, ids=name_of)
def test_contract(check: Check, running: Running) -> None:
    window = Window(NOW - 2 * DAY, NOW)
    check(Subject(provider=PROVIDER, url=running.url, credentials=running.credentials(), now=NOW, window=window))


def test_everything_that_the_site_holds_is_read(running: Running) -> None:
    window = Window(NOW - 30 * DAY, NOW)
    held = running.sites.documents["alma"].of("entries", epoch(window.start), epoch(window.end), NOW)
    wanted = sorted((one["date"], one["sgv"]) for one in held if one["type"] == "sgv")
    read = running.read("readings", window)
    assert [(round(one.time.timestamp() * 1000), one.value) for one in read] == wanted
    assert len(wanted) > 7_000, "more than one answer holds"
    treated = running.sites.documents["alma"].of("treatments", epoch(window.start), epoch(window.end), NOW)
    events = running.read("events", window)
    assert sum(one["carbs"] or 0 for one in treated) == sum(one.carbs_g or 0 for one in events if type(one) is r.Food)
    assert sum(one["insulin"] or 0 for one in treated) == sum(one.normal or 0 for one in events if type(one) is r.Bolus)
    meters = [one["mbg"] for one in held if one["type"] == "mbg"]
    assert sorted(meters) == sorted(one.value for one in events if type(one) is r.Fingerstick)


def test_a_backfill_begins_where_the_site_does_and_asks_for_no_empty_years(running: Running) -> None:
    connector = running.connector()
    asked = len(running.sites.requests)
    extent = connector.extent("readings")
    assert extent is not None
    since = running.sites.scenario.person("alma").since
    assert since - timedelta(days=181) <= extent.start <= since
    assert len(running.sites.requests) - asked <= 3


def test_devices_are_the_newest_status_and_the_profile(running: Running) -> None:
    found = running.read("devices", Window(NOW - 3 * DAY, NOW))
    assert sorted(type(one).__name__ for one in found) == ["DeviceSettings", "DeviceStatus"]
    (status,) = [one for one in found if isinstance(one, r.DeviceStatus)]
    assert NOW - timedelta(minutes=10) < status.time <= NOW
    (profile,) = [one for one in found if isinstance(one, r.DeviceSettings)]
    assert profile.schedule_name == "Default"


def test_error_codes_are_no_glucose_and_limits_are_the_sensors(running: Running) -> None:
    at = NOW - timedelta(hours=40, minutes=1)
    plain, libre = [(5, "xDrip"), (38, "xDrip"), (39, "xDrip"), (401, "xDrip")], [(401, "Libre3"), (450, "Libre3")]
    for number, (value, device) in enumerate(plain + libre):
        moment = at + timedelta(seconds=number)
        running.sites.documents["bruno"].put(
            "entries",
            {"type": "sgv", "sgv": value, "date": epoch(moment) * 1000, "dateString": "nonsense", "device": device},
        )
    found = running.read("readings", Window(at, at + timedelta(seconds=6)), "bruno")
    assert [one.value for one in found] == [39, 401, 401, 450]
    assert [one.sensor_limits and one.sensor_limits.high for one in found] == [None, 400, None, None]


def test_a_sensor_that_reads_every_minute_says_so_however_the_page_is_cut(running: Running) -> None:
    start = NOW - timedelta(days=50, hours=3)
    site = running.sites.documents["chiara"]
    for minute in range(90):
        at = epoch(start + timedelta(minutes=minute))
        site.put("entries", {"type": "sgv", "sgv": 100 + minute, "date": at * 1000, "device": "Juggluco"})
    whole = running.read("readings", Window(start, start + timedelta(minutes=90)), "chiara")
    own = [one for one in whole if one.device and one.device.id == "Juggluco"]
    assert [one.interval_ms for one in own] == [60_000] * 90
    one = running.read("readings", Window(start + timedelta(minutes=7), start + timedelta(minutes=8)), "chiara")
    assert [one.interval_ms for one in one if one.device and one.device.id == "Juggluco"] == [60_000]


def test_treatments_of_every_sort(running: Running) -> None:
    start = NOW - timedelta(days=20)
    site = running.sites.documents["dario"]
    bodies: list[dict[str, object]] = [
        {"eventType": "Meal Bolus", "carbs": 45, "insulin": 4.5, "notes": "pizza"},
        {"eventType": "Temp Basal", "absolute": 0.55, "duration": 30},
        {"eventType": "BG Check", "glucose": "6.2", "glucoseType": "Finger", "units": "mmol"},
        {"eventType": "Exercise", "duration": 40},
        {"eventType": "Site Change"},
        {"eventType": "Correction Bolus", "insulin": -2},
    ]
    for number, body in enumerate(bodies):
        site.put("treatments", {"created_at": (start + timedelta(seconds=number)).isoformat(), **body})
    pages = list(running.connector("dario").pages("events", Window(start, start + timedelta(seconds=len(bodies)))))
    found: list[Any] = [one for page in pages for one in page.records]
    assert [(type(one).__name__, one.time.second) for one in found] == [
        ("Food", 0),
        ("Bolus", 0),
        ("Note", 0),
        ("Basal", 1),
        ("Fingerstick", 2),
        ("Exercise", 3),
        ("Note", 4),
    ]
    assert (found[1].normal, found[2].text, found[3].rate, found[3].duration_ms) == (
        4.5,
        "Meal Bolus: pizza",
        0.55,
        1_800_000,
    )
    assert (found[4].value, found[4].unit, found[6].text) == (6.2, "mmol/L", "Site Change")
    assert [one.field for page in pages for one in page.rejected] == ["insulin"]


def test_what_v3_changed_long_ago_is_found(running: Running) -> None:
    old = NOW - timedelta(days=33)
    site = running.sites.documents["bruno"]
    site.put("entries", {"type": "sgv", "sgv": 77, "date": epoch(old) * 1000, "srvModified": epoch(NOW) * 1000 - 5})
    found = running.connector("bruno").extent("readings", NOW - timedelta(hours=1))
    if running.sites.v3:
        assert found == Window(old, old + timedelta(seconds=1))
    else:
        assert found is None


def test_a_wrong_token_is_tried_once(running: Running) -> None:
    before = running.sites.failures
    with pytest.raises(LoginRefused, match="does not accept this token") as refused:
        running.credentials(token="alma-0123456789abcdef")
    assert running.sites.failures == before + 1
    assert "readable" in refused.value.remedy


def test_without_a_token_the_site_says_whether_anybody_may_read(running: Running) -> None:
    with pytest.raises(LoginRefused, match="wants a token"):
        running.credentials(token="")
    with running_sites(demo_scenario(NOW, days=2), SettableClock(NOW), readable_by_all=True) as (url, sites):
        anybody = Running(url, sites)
        assert set(anybody.credentials(token="").values) == {"address"}


def test_the_secret_of_a_site_opens_it_as_well(running: Running) -> None:
    credentials = running.credentials(token=running.sites.secret("bruno"))
    assert "jwt" not in credentials.values, "v3 takes no secrets"
    connector = NightscoutConnector(running.site, lambda _new: credentials, Terms(now=NOW, limits=PATIENT))
    assert [one for page in connector.pages("readings", Window(NOW - DAY, NOW)) for one in page.records]


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (Answer(b"<!doctype html><title>Authelia</title>", headers={"Content-Type": "text/html"}), "login page"),
        (Answer(b"", 302, {"Location": "https://login.example/"}), "sends its callers elsewhere"),
        (Answer(b"Not Found", 404), "no Nightscout at this address"),
        (Answer(b'{"status":"ok"}'), "no Nightscout"),
    ],
)
def test_what_is_no_site_is_said_in_words(provider: Provider, answer: Answer, said: str) -> None:
    provider.script = lambda _: answer
    with pytest.raises(Misconfigured, match=said) as told:
        _typed(provider.base_url)
    assert told.value.remedy


def test_an_overloaded_site_is_not_refused(provider: Provider) -> None:
    provider.script = lambda _: Answer(b"", 503)
    with pytest.raises(Retryable):
        _typed(provider.base_url)


@pytest.mark.parametrize("typed", ["http://site.example", "http://192.168.1.7:1337/"])
def test_a_site_without_tls_is_not_sent_a_token(typed: str) -> None:
    with pytest.raises(Misconfigured, match="unencrypted") as told:
        _typed(typed)
    assert "NIGHTSCOUT_ALLOW_HTTP" in told.value.remedy


@pytest.mark.parametrize("typed", ["", "://", "ftp://site.example", "https://", "my site", "https://[::1"])
def test_what_is_no_address_is_said(typed: str) -> None:
    with pytest.raises(Misconfigured, match="no address of a site"):
        _typed(typed)


@pytest.mark.parametrize("ending", ["", "/", "/api/v1", "/api/v1/entries.json", "/?token=alma-0123456789abcdef"])
def test_an_address_is_taken_as_people_copy_it(provider: Provider, ending: str) -> None:
    provider.script = lambda asked: Answer(b"[]") if asked.path == "/api/v1/entries.json" else Answer(b"", 404)
    credentials = _typed(provider.base_url + ending)
    assert credentials["address"].get_secret_value() == provider.base_url
    assert ("token" in credentials.values) == ("token=" in ending)
    assert all("token" not in asked.query for asked in provider.requests), "a token in an address is logged by proxies"


def test_a_lapsed_jwt_is_exchanged_again_and_the_wire_may_fail(running: Running) -> None:
    good = running.connector()
    running.sites.faults.add(Fault("status", path="entries", status=503, times=1))
    assert [one for page in good.pages("readings", Window(NOW - DAY, NOW)) for one in page.records]
    later: Callable[[bool], Credentials] = lambda new: running.credentials() if new else _lapsed(running)  # noqa: E731
    connector = NightscoutConnector(running.site, later, Terms(now=NOW, limits=PATIENT))
    assert [one for page in connector.pages("readings", Window(NOW - DAY, NOW)) for one in page.records]


def _lapsed(running: Running) -> Credentials:
    old = running.credentials()
    if "jwt" not in old.values:
        return old
    jwt = SecretStr(running.sites.jwt("alma", NOW - timedelta(hours=9)))
    return Credentials(values={**old.values, "jwt": jwt})


def _typed(address: str) -> Credentials:
    return log_in(NightscoutSettings(), Site(region="site"), {"address": SecretStr(address)}, NOW)
