"""A partner from its registration to its end, by clients that others wrote, and by our own connector for Tidepool."""

import re
from datetime import UTC, datetime, time, timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from oauthlib.oauth2 import InvalidGrantError
from pydantic import SecretStr
from requests_oauthlib import OAuth2Session

from connectors.tidepool import TidepoolSettings
from connectors.tidepool.connector import TidepoolConnector
from glucoflow.es.queries import Queries
from glucoflow.model.credentials import Credentials
from glucoflow.model.ingestion import Window
from glucoflow.model.records import Bolus
from glucoflow.partner_api.limits import Limits, Rate
from glucoflow.partner_api.scopes import SCOPES
from glucoflow.provider import Double, Terms
from glucoflow.provider import Site as ProviderSite
from glucoflow.store import NewPartner
from tests.api.conftest import END, moves_in
from tests.web.serving import Site

BACK = "http://localhost:9/back"
DAY = timedelta(days=1)


@pytest.fixture(autouse=True)
def on_loopback(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OAUTHLIB_INSECURE_TRANSPORT", "1")


@pytest.fixture(scope="module")
def paul(doors: Site) -> str:
    return moves_in(doors, "paul", days=12, seed=21)


@pytest.fixture
def partner(doors: Site) -> NewPartner:
    return doors.store.partners.add("Tidepool <b>", [BACK], datetime.now(UTC))


def session(partner: NewPartner, scope: str = "glucose insulin food") -> OAuth2Session:
    return OAuth2Session(partner.partner.id, redirect_uri=BACK, scope=scope.split(), pkce="S256")


def answered(doors: Site, address: str, person: str, answer: str = "yes") -> str:
    """What a browser does with the consent page; where it is sent then."""
    with httpx.Client(base_url=doors.url) as browser:
        page = browser.get(address)
        assert page.status_code == 200, page.text
        fields = dict(re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)"', page.text))
        sent = browser.post("/oauth2/authorize", data={**fields, "person": person, "answer": answer})
    assert sent.status_code == 302, sent.text
    return sent.headers["location"]


def connected(doors: Site, partner: NewPartner, person: str, scope: str = "glucose insulin food") -> OAuth2Session:
    client = session(partner, scope)
    address, _state = client.authorization_url(f"{doors.url}/oauth2/authorize")
    back = answered(doors, address, person)
    client.fetch_token(f"{doors.url}/oauth2/token", authorization_response=back, client_secret=partner.secret)
    return client


def read(doors: Site, client: OAuth2Session, **asked: str) -> Any:
    return client.get(f"{doors.url}/partner/v1/data/{client.token['user_id']}", params=asked)


def test_the_consent_page_names_what_is_shared_and_to_whom(doors: Site, partner: NewPartner, paul: str) -> None:
    address, _ = session(partner, "glucose food").authorization_url(f"{doors.url}/oauth2/authorize")
    page = httpx.get(address)
    assert "Tidepool &lt;b&gt;" in page.text
    assert SCOPES["glucose"].words in page.text
    assert SCOPES["food"].words in page.text
    assert SCOPES["insulin"].words not in page.text
    policy = page.headers["content-security-policy"]
    assert "form-action 'self' http://localhost:9;" in policy
    assert "frame-ancestors 'none'" in policy
    back = answered(doors, address, paul, "no")
    assert parse_qs(urlsplit(back).query)["error"] == ["access_denied"]
    assert doors.store.partners.grants(paul) == ()
    assert httpx.post(address, data={"person": paul, "answer": "yes"}).status_code == 403  # no token of the form


@pytest.mark.parametrize(("change", "status"), [
    ({"redirect_uri": "https://evil.example/"}, 400), ({"client_id": "partner-0"}, 400),
    ({"response_type": "token"}, 302),
    ({"code_challenge_method": "plain"}, 302), ({"code_challenge": ""}, 302), ({"scope": "everything"}, 302),
])  # fmt: skip
def test_a_wrong_question_goes_back_or_nowhere(
    doors: Site, partner: NewPartner, change: dict[str, str], status: int
) -> None:
    address, _ = session(partner).authorization_url(f"{doors.url}/oauth2/authorize")
    params = {**dict(httpx.URL(address).params), **change}
    answer = httpx.get(f"{doors.url}/oauth2/authorize", params=params)
    assert answer.status_code == status
    if status == 302:
        assert answer.headers["location"].startswith(f"{BACK}?error=")
    else:
        assert "evil.example" not in answer.headers.get("location", "")


def test_another_s_client_reads_everything_of_the_guide(doors: Site, partner: NewPartner, paul: str) -> None:
    client = connected(doors, partner, paul)
    me = client.get(f"{doors.url}/partner/v1/me").json()
    assert me["userId"] == client.token["user_id"] != paul
    assert me["scope"] == "glucose insulin food"
    start = END - timedelta(days=3)
    answer = read(doors, client, startDate=start.isoformat(), endDate=END.isoformat(), type="cbg")
    rows = answer.json()
    held = Queries(doors.client, doors.names).readings(paul, start, END + timedelta(milliseconds=1))
    assert len(rows) == len(held.utc) > 800
    for one in rows:
        assert {
            "deviceId",
            "deviceModel",
            "deviceManufacturer",
            "deviceName",
            "deviceSerialNumber",
            "deviceTime",
        } <= set(one)
        assert {"timezone", "units", "value", "time", "id", "sampleInterval"} <= set(one)
    assert sorted(round(one["value"]) for one in rows) == sorted(held.mg_dl.round().astype(int).tolist())
    assert any("trend" in one and "trendRate" in one and "trendRateUnits" in one for one in rows)
    mmol = read(doors, client, startDate=start.isoformat(), type="cbg", units="mmol/L").json()
    assert {one["units"] for one in mmol} == {"mmol/L"}
    every = read(doors, client, startDate=(END - 10 * DAY).isoformat()).json()
    assert {"cbg", "bolus", "food"} <= {one["type"] for one in every}
    assert not {"physicalActivity", "upload", "cgmSettings"} & {one["type"] for one in every}
    assert read(doors, client, type="physicalActivity", latest="true").status_code == 403
    assert doors.store.partners.grants(paul)[0].last_used_at is not None


def test_pages_and_what_was_written_since(doors: Site, partner: NewPartner, paul: str) -> None:
    client = connected(doors, partner, paul, "glucose")
    before = datetime.now(UTC) - timedelta(hours=2)
    ids: list[str] = []
    answer = read(doors, client, updatedSince=before.isoformat(), limit="700")
    while True:
        ids += [one["id"] for one in answer.json()]
        if "next" not in answer.links:
            break
        answer = client.get(answer.links["next"]["url"])
    assert len(ids) == len(set(ids)) > 3_000
    assert datetime.fromisoformat(answer.headers["x-updated-until"]) <= datetime.now(UTC)
    after = datetime.now(UTC) + timedelta(minutes=1)
    assert read(doors, client, updatedSince=after.isoformat()).json() == []
    for bad in (
        {},
        {"startDate": "2020-01-01T00:00:00Z"},
        {"type": "nothing", "latest": "true"},
        {"cursor": "x", "limit": "1"},
    ):
        assert read(doors, client, **bad).status_code == 400, bad


def test_refresh_tokens_turn_and_a_stolen_one_ends_all(doors: Site, partner: NewPartner, paul: str) -> None:
    client = connected(doors, partner, paul, "glucose")
    old = dict(client.token)
    auth = (partner.partner.id, partner.secret)
    new = client.refresh_token(f"{doors.url}/oauth2/token", auth=auth)
    assert new["refresh_token"] != old["refresh_token"]
    assert client.get(f"{doors.url}/partner/v1/me").status_code == 200
    with pytest.raises(InvalidGrantError):
        client.refresh_token(f"{doors.url}/oauth2/token", refresh_token=old["refresh_token"], auth=auth)
    assert httpx.get(
        f"{doors.url}/partner/v1/me", headers={"authorization": f"Bearer {new['access_token']}"}
    ).status_code == 401  # fmt: skip


def test_wrong_secrets_codes_and_verifiers(doors: Site, partner: NewPartner, paul: str) -> None:
    client = session(partner)
    address, _ = client.authorization_url(f"{doors.url}/oauth2/authorize")
    code = parse_qs(urlsplit(answered(doors, address, paul)).query)["code"][0]
    form = {"grant_type": "authorization_code", "code": code, "redirect_uri": BACK, "code_verifier": "x" * 43}
    for auth, status in (((partner.partner.id, "wrong"), 401), ((partner.partner.id, partner.secret), 400)):
        answer = httpx.post(f"{doors.url}/oauth2/token", data=form, auth=auth)
        assert answer.status_code == status
        assert partner.secret not in answer.text


def test_either_side_ends_it(doors: Site, partner: NewPartner, paul: str) -> None:
    for ended_by in ("partner", "person", "operator"):
        client = connected(doors, partner, paul, "glucose")
        grant = doors.store.partners.grants(paul)[0]
        assert client.get(f"{doors.url}/partner/v1/me").status_code == 200
        if ended_by == "partner":
            auth = (partner.partner.id, partner.secret)
            form = {"token": client.token["refresh_token"], "token_type_hint": "refresh_token"}
            assert httpx.post(f"{doors.url}/oauth2/revoke", data=form, auth=auth).status_code == 200
        elif ended_by == "person":
            with httpx.Client(base_url=doors.url) as browser:
                page = browser.get(f"/people/{paul}/apps").text
                csrf = re.search(r'name="csrf" value="([^"]+)"', page)
                assert csrf
                action = f"/people/{paul}/apps/partners/{grant.id}/end"
                assert action in page
                assert browser.post(action, data={"csrf": csrf[1]}).status_code == 303
        else:
            doors.store.partners.remove(partner.partner.id, datetime.now(UTC))
        assert client.get(f"{doors.url}/partner/v1/me").status_code == 401
        assert doors.store.partners.grants(paul)[0].revoked_at is not None


def test_our_own_connector_reads_it(doors: Site, partner: NewPartner, paul: str) -> None:
    client = connected(doors, partner, paul, " ".join(SCOPES))
    credentials = Credentials(
        values={"session": SecretStr(client.token["access_token"]), "user": SecretStr(client.token["user_id"])},
        expires_at=None,
    )
    double = Double(url=f"{doors.url}/partner/v1", client_id="", client_secret=SecretStr(""), redirect_uri="")
    connector = TidepoolConnector(
        TidepoolSettings(),
        ProviderSite(region="us", double=double),
        lambda _new: credentials,
        Terms(now=datetime.now(UTC)),
    )
    window = Window(END - 10 * DAY, END)
    readings = [one for page in connector.pages("readings", window) for one in page.records]
    held = Queries(doors.client, doors.names).readings(paul, window.start, window.end)
    assert [round(one.time.timestamp() * 1000) for one in readings] == held.utc.tolist()
    events = list(connector.pages("events", window))
    assert not [one for page in events for one in page.rejected]
    assert any(isinstance(one, Bolus) for page in events for one in page.records)
    extent = connector.extent("readings")
    assert extent is not None
    assert extent.start <= END - 11 * DAY
    connector.close()


def test_limits_are_published_and_kept(doors: Site, partner: NewPartner, paul: str) -> None:
    published = httpx.get(f"{doors.url}/partner/v1/limits").json()
    assert published["requestsPerMinute"] == 60
    client = connected(doors, partner, paul, "glucose")
    answers = [client.get(f"{doors.url}/partner/v1/me") for _ in range(62)]
    assert [one.status_code for one in answers[:60]] == [200] * 60
    assert answers[-1].status_code == 429
    assert 1 <= int(answers[-1].headers["retry-after"]) <= 60


def test_a_minute_and_a_maintenance_as_the_clock_says() -> None:
    now = datetime(2026, 11, 30, 2, 50, tzinfo=UTC)
    rate = Rate(2)
    assert [rate.wait("a", now), rate.wait("a", now), rate.wait("b", now)] == [None, None, None]
    assert rate.wait("a", now + timedelta(seconds=20)) == 40
    assert rate.wait("a", now + timedelta(seconds=60)) is None
    limits = Limits(maintenance_start=time(2, 45), maintenance_end=time(3, 45))
    assert limits.away_for(now) == timedelta(minutes=55)
    assert limits.away_for(now + timedelta(minutes=55)) is None
    over_midnight = Limits(maintenance_start=time(23, 30), maintenance_end=time(3, 0))
    assert over_midnight.away_for(now) == timedelta(minutes=10)
    assert over_midnight.away_for(datetime(2026, 11, 30, 23, 45, tzinfo=UTC)) == timedelta(hours=3, minutes=15)
    assert Limits().away_for(now) is None


def test_it_describes_itself(doors: Site) -> None:
    said = httpx.get(f"{doors.url}/.well-known/oauth-authorization-server").json()
    assert said["code_challenge_methods_supported"] == ["S256"]
    description = httpx.get(f"{doors.url}/partner/openapi.json").json()
    fields = description["components"]["schemas"]["TidepoolRecord"]["properties"]
    guide = (
        "deviceId deviceModel deviceManufacturer deviceName deviceSerialNumber deviceTime timezone units value trend "
        "trendRateUnits trendRate sampleInterval backfilled type deliveryType duration expectedDuration rate normal "
        "extended"
    )
    assert set(guide.split()) <= set(fields)
    page = httpx.get(f"{doors.url}/partner/docs")
    assert page.status_code == 200
    assert "/partner/v1/data/{userId}" in page.text
    assert "https://" not in page.text
