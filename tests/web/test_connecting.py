"""Connecting a provider by its real OAuth pages, and everything that can go wrong on the way."""

import html
import re
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from elasticsearch import Elasticsearch
from pydantic import SecretStr
from starlette.requests import Request
from starlette.responses import Response

from glucoflow.model.errors import OtherAccount
from glucoflow.provider import Account
from glucoflow.simulators.nightscout import running_sites
from glucoflow.simulators.nightscout.app import Sites
from glucoflow.simulators.people import demo_scenario
from glucoflow.web.browser_bond import BOND_LASTS, BrowserBond, SignIn, tag_of
from glucoflow.web.security import CSRF_COOKIE
from tests.web.conftest import NAMES, Open
from tests.web.serving import CREDENTIALS, Site, site


@pytest.fixture
def alone(empty_site: Site) -> Site:
    """A site with one person, not connected."""
    empty_site.store.people.add("finn", "Finn", datetime.now(UTC))
    return empty_site


@pytest.fixture
def finns(alone: Site) -> Iterator[httpx.Client]:
    """Finn's: it keeps cookies and follows no redirect."""
    with httpx.Client(base_url=alone.url) as client:
        yield client


def started(finns: httpx.Client) -> str:
    """The state with which an authorization goes to the provider."""
    form = {"csrf": finns.get("/login").cookies.get(CSRF_COOKIE) or finns.cookies[CSRF_COOKIE]}
    answer = finns.post("/people/finn/connect/dexcom", data=form)
    assert answer.status_code == 200
    found = re.search(r'http-equiv="refresh" content="0; url=([^"]+)"', answer.text)
    assert found is not None
    asked = parse_qs(urlsplit(html.unescape(found[1])).query)
    assert asked["redirect_uri"] == [f"{str(finns.base_url).rstrip('/')}/oauth/callback"]
    assert asked["scope"] == ["offline_access"]
    return asked["state"][0]


def back(finns: httpx.Client, **answer: str) -> httpx.Response:
    """The finns follows the provider's answer to the page where it ends."""
    return finns.get("/oauth/callback", params=answer, headers={"accept": "text/html"}, follow_redirects=True)


def test_a_person_is_added_and_connected_in_the_browser(empty_site: Site, open_page: Open) -> None:
    page = open_page(empty_site.url)
    page.get_by_label("Name").fill("Finn Ågren")
    page.get_by_label("Unit").select_option("mmol/L")
    assert page.get_by_label("Time zone").input_value() == "America/Los_Angeles"
    page.get_by_role("button", name="Add").click()
    page.wait_for_url("**/people/finn-agren/status")
    page.get_by_role("button", name="Connect Dexcom", exact=True).click()
    page.wait_for_url("**/oauth2/login*")
    page.locator("#allow").click()
    page.wait_for_url("**/people/finn-agren/status?connected=dexcom")
    assert "Dexcom is connected" in page.inner_text("main")
    assert empty_site.synced == ["finn-agren"]


def test_consent_stores_the_tokens_and_asks_for_a_sync(alone: Site, finns: httpx.Client) -> None:
    state = started(finns)
    page = back(finns, code=alone.provider.code(), state=state)
    assert str(page.url) == f"{alone.url}/people/finn/status?connected=dexcom"
    assert "Dexcom is connected" in page.text
    (made,) = alone.store.connections.for_user("finn")
    assert made.state == "connected"
    assert made.has_credentials
    assert alone.synced == ["finn"]
    assert not [name for name in finns.cookies if name.startswith("glucoflow_oauth")], "nothing of it is left"


def test_a_state_works_once_and_only_ours(alone: Site, finns: httpx.Client) -> None:
    state = started(finns)
    kept = dict(finns.cookies)
    assert back(finns, code=alone.provider.code(), state=state).status_code == 200
    finns.cookies.update(kept)  # as where the cookie was copied before
    for wrong in (state, "made-up", "", "x" * 5000):
        answer = back(finns, code=alone.provider.code(), state=wrong)
        assert answer.status_code == 400
        assert "What to do" in answer.text
    assert len(alone.store.connections.for_user("finn")) == 1


def test_another_browser_cannot_be_led_to_the_end_of_an_attackers_sign_in(alone: Site, finns: httpx.Client) -> None:
    state, code = started(finns), alone.provider.code()
    with httpx.Client(base_url=alone.url) as victim:
        started(victim)  # one of its own is under way
        answer = back(victim, code=code, state=state)
        assert answer.status_code == 400
        assert "not begun in this browser" in answer.text
        denied = back(victim, error="access_denied", state=state)
        assert "finn" not in denied.text
    assert alone.store.connections.for_user("finn") == ()
    assert code in alone.provider.unused
    assert back(finns, code=code, state=state).status_code == 200, "whoever began it is not hindered"


def test_a_sign_in_begins_by_our_form_only(alone: Site, finns: httpx.Client) -> None:
    assert finns.get("/people/finn/connect/dexcom").headers["location"] == "/people/finn/status"
    assert finns.post("/people/finn/connect/dexcom").status_code == 403
    assert not [name for name in finns.cookies if name.startswith("glucoflow_oauth")]


def test_a_forged_or_old_bond_is_none(alone: Site) -> None:
    bond, now = BrowserBond(SecretStr("test")), datetime.now(UTC)

    def carried(by: BrowserBond, at: datetime) -> str:
        answer = Response()
        by.tie(
            Request({"type": "http", "scheme": "http", "headers": [], "server": ("x", 80), "path": "/"}),
            answer,
            SignIn("state", "code"),
            at,
        )
        return answer.headers["set-cookie"].split(";")[0]

    def read(cookie: str) -> SignIn | None:
        return bond.read(Request({"type": "http", "headers": [(b"cookie", cookie.encode())]}), tag_of("state"), now)

    assert read(carried(bond, now)) == SignIn("state", "code")
    assert read(carried(bond, now - BOND_LASTS - timedelta(seconds=1))) is None
    assert read(carried(BrowserBond(SecretStr("another")), now)) is None
    assert read(f"glucoflow_oauth_{tag_of('state')}=é") is None
    assert "code" not in carried(bond, now).split("=", 1)[1]


def test_a_code_the_provider_refuses_is_explained(alone: Site, finns: httpx.Client) -> None:
    answer = back(finns, code="never-given", state=started(finns))
    assert answer.status_code == 400
    assert "no longer accepts" in answer.text
    assert "never-given" not in answer.text + str(answer.url)
    assert alone.store.connections.for_user("finn") == ()


def test_denial_leads_back_to_the_person(alone: Site, finns: httpx.Client) -> None:
    state = started(finns)
    answer = back(finns, error="access_denied", state=state)
    assert answer.status_code == 400
    assert "not allowed" in answer.text
    assert 'href="/people/finn/status"' in answer.text
    assert back(finns, code=alone.provider.code(), state=state).status_code == 400


def test_an_odd_error_is_shown_as_text(finns: httpx.Client) -> None:
    answer = back(finns, error="<b>server_error</b>", state="x")
    assert answer.status_code == 400
    assert "&lt;b&gt;server_error" in answer.text


def test_a_fault_of_the_network_burns_nothing_and_leaves_no_code_in_the_address(
    alone: Site, finns: httpx.Client
) -> None:
    state, code = started(finns), alone.provider.code()
    alone.provider.failing = True
    answer = back(finns, code=code, state=state)
    assert answer.status_code == 503
    assert "Nothing is lost" in answer.text
    assert code not in str(answer.url) + answer.text
    assert state not in str(answer.url) + answer.text
    alone.provider.failing = False
    again = re.search(r'href="(/oauth/finish/[0-9a-f]+)">Try again', answer.text)
    assert again is not None
    assert "Dexcom is connected" in finns.get(again[1], follow_redirects=True).text
    assert alone.synced == ["finn"]


def test_localhost_and_127_are_two_sites_for_a_browser_which_is_said_before_the_sign_in(alone: Site) -> None:
    other = alone.url.replace("127.0.0.1", "localhost")
    with httpx.Client(base_url=other) as client:
        form = {"csrf": client.get("/").cookies[CSRF_COOKIE]}
        answer = client.post("/people/finn/connect/dexcom", data=form)
    assert "refresh" not in answer.text
    assert f'href="{alone.url}/people/finn/status"' in answer.text


def test_without_keys_no_provider_is_offered(es: Elasticsearch, tmp_path: Path) -> None:
    with site(tmp_path, es, NAMES, keys=False) as served:
        served.store.people.add("finn", "Finn", datetime.now(UTC))
        assert "/connect/" not in httpx.get(f"{served.url}/people/finn/status").text
        with httpx.Client(base_url=served.url) as browser:
            form = {"csrf": browser.get("/").cookies[CSRF_COOKIE]}
            assert browser.post("/people/finn/connect/dexcom", data=form).status_code == 404


def test_without_keys_it_says_what_to_do_and_takes_them_without_a_restart(es: Elasticsearch, tmp_path: Path) -> None:
    with site(tmp_path, es, NAMES, keys_come_later=True) as served, httpx.Client(base_url=served.url) as finns:
        served.store.people.add("finn", "Finn", datetime.now(UTC))
        started(finns)  # they are there by now


def test_keys_that_are_missing_are_asked_for_with_the_redirect_uri_to_register(
    es: Elasticsearch, tmp_path: Path
) -> None:
    with (
        site(tmp_path, es, NAMES, keys_come_later=True, keys=False) as served,
        httpx.Client(base_url=served.url) as finns,
    ):
        served.store.people.add("finn", "Finn", datetime.now(UTC))
        form = {"csrf": finns.get("/").cookies[CSRF_COOKIE]}
        answer = finns.post("/people/finn/connect/dexcom", data=form)
    assert answer.status_code == 409
    assert f"{served.url}/oauth/callback" in answer.text
    assert "nothing needs to be restarted" in answer.text


def test_a_way_back_to_another_port_is_said_before_the_sign_in(alone: Site) -> None:
    with httpx.Client(base_url=alone.url) as client:
        form = {"csrf": client.get("/").cookies[CSRF_COOKIE]}
        answer = client.post("/people/finn/connect/dexcom", data=form, headers={"host": "127.0.0.1:1"})
    assert "refresh" not in answer.text
    assert "register http://127.0.0.1:1/oauth/callback" in answer.text
    assert "WEB_PORT" in answer.text


def test_disconnecting_forgets_the_tokens(alone: Site) -> None:
    made = alone.store.connections.add("finn", "dexcom", "us", datetime.now(UTC), CREDENTIALS)
    alone.store.people.add("gwen", "Gwen", datetime.now(UTC))
    with httpx.Client(base_url=alone.url) as browser:
        form = {"csrf": browser.get("/").cookies[CSRF_COOKIE]}
        assert browser.post(f"/people/gwen/connections/{made.id}/disconnect", data=form).status_code == 404
        assert browser.post("/people/finn/sync", data=form | {"back": "/people/finn"}).status_code == 303
        assert alone.synced == ["finn"]
        assert browser.post(f"/people/finn/connections/{made.id}/disconnect", data=form).status_code == 303
    (left,) = alone.store.connections.for_user("finn")
    assert left.state == "disconnected"
    assert not left.has_credentials


def test_older_days_are_asked_for_on_the_status_page(alone: Site, open_page: Open) -> None:
    assert "Load older days" not in httpx.get(f"{alone.url}/people/finn/status").text, "there is nobody to ask"
    alone.store.connections.add("finn", "dexcom", "us", datetime.now(UTC), CREDENTIALS)
    page = open_page(f"{alone.url}/people/finn/status")
    page.get_by_label("From").fill("2026-03-01")
    page.get_by_label("to", exact=True).fill("2026-03-09")
    page.get_by_role("button", name="Load").click()
    page.get_by_text("The backfill has been asked for").wait_for()
    (asked,) = alone.backfilled
    assert (asked.user_id, asked.first, asked.last) == ("finn", date(2026, 3, 1), date(2026, 3, 9))
    page.get_by_text("The days from 2026-03-01 to 2026-03-09 were asked for, and wait for their turn.").wait_for()
    alone.store.backfills.take(asked.id, "w", datetime.now(UTC), timedelta(minutes=5))
    alone.store.backfills.hold(asked.id, "w", "A sync is under way.", datetime.now(UTC), timedelta(minutes=5))
    waits = httpx.get(f"{alone.url}/people/finn/status").text
    assert "The days from 2026-03-01 to 2026-03-09 wait for their turn. A sync is under way." in waits

    run = alone.store.runs.start("backfill", datetime.now(UTC), user_id="finn")
    alone.store.runs.update_progress(run.id, 0.43, datetime.now(UTC))
    assert "running · 43\u00a0%" in httpx.get(f"{alone.url}/people/finn/status").text


@pytest.mark.parametrize(
    ("first", "last", "says"),
    [
        ("2026-03-09", "2026-03-01", "swap them"),
        ("2999-01-01", "2999-01-02", "in the future"),
        ("1990-01-01", "2026-01-01", "twenty years"),
        ("yesterday", "2026-03-01", "first"),
    ],
)
def test_days_that_cannot_be_are_explained_and_not_asked_for(alone: Site, first: str, last: str, says: str) -> None:
    alone.store.connections.add("finn", "dexcom", "us", datetime.now(UTC), CREDENTIALS)
    with httpx.Client(base_url=alone.url) as browser:
        form = {"csrf": browser.get("/").cookies[CSRF_COOKIE], "first": first, "last": last}
        answer = browser.post("/people/finn/backfill", data=form)
    assert 400 <= answer.status_code < 500
    assert says in answer.text
    assert alone.backfilled == []


def test_the_status_shows_errors_with_remedies_and_rejects_with_reasons(town: Site) -> None:
    dora = httpx.get(f"{town.url}/people/dora/status").text
    assert "Dexcom no longer accepts this connection." in dora
    assert "Connect again; the readings since then will follow." in dora
    anna = httpx.get(f"{town.url}/people/anna/status").text
    assert "is null" in anna
    assert "Dexcom was not reachable." in anna


def asked_about(alone: Site) -> str:
    """Finn's connection, to which another account came; its id."""
    store, now = alone.store, datetime.now(UTC)
    made = store.connections.add("finn", "dexcom", "us", now, CREDENTIALS)
    store.leases.claim(made.id, "tests", now, timedelta(minutes=5))
    ledger = store.ledger(made.id, store.runs.start("sync", now, user_id="finn", connection_id=made.id).id, "tests")
    ledger.bind(Account(id="finn"), now)
    ledger = store.ledger(made.id, store.runs.start("sync", now, user_id="finn", connection_id=made.id).id, "tests")
    with pytest.raises(OtherAccount) as met:
        ledger.bind(Account(id="his sister"), now)
    store.connections.record_error(made.id, met.value, now, owner="tests")
    store.leases.release(made.id, "tests")
    return made.id


def test_another_account_is_a_question_with_both_answers_on_the_page(alone: Site, open_page: Open) -> None:
    connection = asked_about(alone)
    page = open_page(f"{alone.url}/people/finn/status")
    page.get_by_text("This is another Dexcom account than before").wait_for()
    assert page.get_by_role("button", name="Connect again").is_visible()
    page.on("dialog", lambda dialog: dialog.accept())
    page.get_by_role("button", name="This account is meant").click()
    page.get_by_text("This is another Dexcom account").wait_for(state="detached")
    assert alone.store.connections.get(connection).state == "connected"
    assert alone.synced == ["finn"]


def test_what_came_by_a_connection_is_taken_back_on_the_page(alone: Site, open_page: Open) -> None:
    connection = asked_about(alone)
    alone.put("finn", days=1, seed=1, end=datetime.now(UTC), connection=connection)
    held = alone.client.count(index=alone.names.alias("finn"), query={"term": {"connection.id": connection}})["count"]
    assert held
    page = open_page(f"{alone.url}/people/finn/status")
    page.on("dialog", lambda dialog: dialog.accept())
    page.get_by_role("button", name="Take back what came by it").click()
    page.get_by_text(f"{held} documents that came by the connection").wait_for()
    assert alone.store.connections.get(connection).state == "disconnected"


def test_which_of_several_sources_counts_is_said_and_changed_on_the_page(alone: Site) -> None:
    official = alone.store.connections.add("finn", "dexcom", "us", datetime.now(UTC), CREDENTIALS)
    share = alone.store.connections.add("finn", "dexcom_share", "us", datetime.now(UTC), CREDENTIALS)

    def first(text: str) -> str:
        return text.split("counts first")[0].rsplit("<h3>", 1)[-1].split("<")[0].strip()

    with httpx.Client(base_url=alone.url) as browser:
        shown = browser.get("/people/finn/status")
        form = {"csrf": browser.cookies[CSRF_COOKIE]}
        assert first(shown.text) == "Dexcom"
        assert f"/connections/{share.id}/first" in shown.text
        assert f"/connections/{official.id}/first" not in shown.text
        assert browser.post(f"/people/finn/connections/{share.id}/first", data=form).status_code == 303
        shown = browser.get("/people/finn/status")
        assert first(shown.text) == "Dexcom Share"
        assert "the one that was there before counts" in shown.text
        assert browser.post("/people/finn/sensor", data=form | {"newer": "true"}).status_code == 303
        assert "the newer one counts" in browser.get("/people/finn/status").text
    assert alone.store.people.get("finn").newer_sensor


def test_what_is_from_elsewhere_is_uploaded_if_somebody_switches_it_on(alone: Site) -> None:
    share = alone.store.connections.add("finn", "dexcom_share", "us", datetime.now(UTC), CREDENTIALS)
    account = alone.store.connections.add("finn", "tidepool", "us", datetime.now(UTC), CREDENTIALS)
    with httpx.Client(base_url=alone.url) as browser:
        shown = browser.get("/people/finn/status").text
        form = {"csrf": browser.cookies[CSRF_COOKIE]}
        assert f"/connections/{account.id}/upload" in shown
        assert f"/connections/{share.id}/upload" not in shown
        assert browser.post(f"/people/finn/connections/{account.id}/upload", data=form | {"on": "true"}).is_redirect
        assert alone.store.connections.get(account.id).uploads
        assert "data set of its own" in browser.get("/people/finn/status").text
        assert browser.post(f"/people/finn/connections/{account.id}/upload", data=form).is_redirect
        assert not alone.store.connections.get(account.id).uploads
        assert browser.post(f"/people/finn/connections/{share.id}/upload", data=form | {"on": "true"}).is_client_error
        assert not alone.store.connections.get(share.id).uploads


@pytest.mark.parametrize("act", ["confirm", "undo", "first", "upload"])
def test_somebody_elses_connection_is_neither_confirmed_nor_undone(alone: Site, act: str) -> None:
    alone.store.people.add("gina", "Gina", datetime.now(UTC))
    other = alone.store.connections.add("gina", "dexcom", "us", datetime.now(UTC), CREDENTIALS)
    with httpx.Client(base_url=alone.url) as browser:
        form = {"csrf": browser.get("/").cookies[CSRF_COOKIE]}
        assert browser.post(f"/people/finn/connections/{other.id}/{act}", data=form).status_code == 404
        assert browser.post(f"/people/gina/connections/{other.id}/{act}").status_code == 403
    assert alone.store.connections.get(other.id).state == "connected"


def test_the_status_says_what_no_run_takes_and_why(alone: Site) -> None:
    made = alone.store.connections.add("finn", "dexcom", "us", datetime.now(UTC), CREDENTIALS)
    page = httpx.get(f"{alone.url}/people/finn/status").text
    assert "due now" in page
    assert "overdue" not in page
    alone.store.connections.schedule(made.id, datetime.now(UTC) - timedelta(minutes=12))
    page = httpx.get(f"{alone.url}/people/finn/status").text
    assert 'class="chip overdue"' in page
    assert "Due for 12 min, and no run has taken it. The schedule is paused in Prefect." in page
    assert "Resume it." in page


@pytest.fixture(scope="module")
def nightscout() -> Iterator[tuple[str, Sites]]:
    with running_sites(demo_scenario(datetime.now(UTC), days=2)) as (url, sites):
        yield url, sites


def test_a_form_connects_where_a_provider_has_no_page(
    alone: Site, open_page: Open, nightscout: tuple[str, Sites]
) -> None:
    url, sites = nightscout
    page = open_page(f"{alone.url}/people/finn/status")
    page.get_by_role("link", name="Connect Nightscout").click()
    assert page.get_by_label("Access token").get_attribute("type") == "password"
    page.get_by_label("Address of the site").fill(url)
    page.get_by_label("Access token").fill("alma-0123456789abcdef")
    page.get_by_role("button", name="Connect").click()
    assert "does not accept this token" in page.get_by_role("alert").inner_text()
    assert page.get_by_label("Address of the site").input_value() == url
    assert page.get_by_label("Access token").input_value() == "", "a secret never comes back"
    assert sites.failures == 1
    assert not alone.store.connections.for_user("finn")
    page.get_by_label("Access token").fill(sites.token("alma"))
    page.get_by_role("button", name="Connect").click()
    page.wait_for_url("**/people/finn/status?connected=nightscout")
    assert "Nightscout is connected" in page.inner_text("main")
    (made,) = alone.store.connections.for_user("finn")
    assert (made.provider, made.region, made.state) == ("nightscout", "site", "connected")
    assert alone.synced == ["finn"]


def test_a_form_is_ours_and_whole(alone: Site, nightscout: tuple[str, Sites]) -> None:
    url, sites = nightscout
    address = f"{alone.url}/people/finn/connect/nightscout"
    with httpx.Client() as browser:
        assert browser.post(address, data={"address": url}).status_code == 403, "without our own token"
        browser.get(address)
        ours = {"csrf": browser.cookies[CSRF_COOKIE]}
        empty = browser.post(address, data=ours)
        assert (empty.status_code, "please fill in: Address of the site" in empty.text) == (200, True)
        token = sites.token("alma")
        elsewhere = browser.post(address, data={**ours, "address": url, "token": token, "region": "moon"})
        assert (elsewhere.status_code, "has no region" in elsewhere.text) == (200, True)
        assert token not in elsewhere.text
    assert httpx.get(f"{alone.url}/people/finn/connect/nobody").status_code == 404
    assert not alone.store.connections.for_user("finn")
