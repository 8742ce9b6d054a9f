"""Consent and tokens: every way in that the real cloud refuses is refused, with the error word of RFC 6749."""

from datetime import timedelta
from pathlib import Path

import httpx
import pytest

from glucoflow.simulators.dexcom import SettableClock
from glucoflow.simulators.dexcom.grants import GrantError, Grants
from tests.simulators.caller import APP, LOGIN, REDIRECT, Caller, landed
from tests.simulators.conftest import NOW


def error(answer: httpx.Response, status: int = 400) -> str:
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/json"
    return str(answer.json()["error"])


def test_a_person_picked_in_the_address_lands_back_with_code_and_state(caller: Caller) -> None:
    back = landed(caller.login(person="bruno", auto="1"))
    assert set(back) == {"code", "state"}
    assert back["state"] == LOGIN["state"]


def test_the_page_lists_the_people_and_its_buttons_approve_or_deny(caller: Caller) -> None:
    page = caller.login()
    assert page.status_code == 200
    assert all(name in page.text for name in ("Alma", "Bruno", "Chiara", "Dario"))
    assert 'value="a b&amp;c"' in page.text
    assert set(landed(caller.login(person="chiara", decision="approve"))) == {"code", "state"}
    assert landed(caller.login(decision="deny")) == {"error": "access_denied", "state": LOGIN["state"]}


@pytest.mark.parametrize(
    ("parameter", "value"), [("redirect_uri", REDIRECT + "/"), ("redirect_uri", ""), ("client_id", "x")]
)
def test_nobody_is_redirected_for_an_unknown_client_or_address(caller: Caller, parameter: str, value: str) -> None:
    answer = caller.login(person="alma", auto="1", **{parameter: value})
    assert error(answer) == ("invalid_client" if parameter == "client_id" else "invalid_request")


@pytest.mark.parametrize(
    ("changes", "word"),
    [
        ({"response_type": "token"}, "unsupported_response_type"),
        ({"response_type": ""}, "unsupported_response_type"),
        ({"scope": "egv"}, "invalid_scope"),
        ({"scope": ""}, "invalid_scope"),
    ],
)
def test_other_wrong_queries_go_back_to_the_app(caller: Caller, changes: dict[str, str], word: str) -> None:
    assert landed(caller.login(person="alma", auto="1", **changes)) == {"error": word, "state": LOGIN["state"]}


def test_an_unknown_person_gets_no_code(caller: Caller) -> None:
    assert error(caller.login(person="nobody", auto="1")) == "invalid_request"


@pytest.mark.parametrize("version", ["v2", "v3"])
def test_both_path_prefixes_give_tokens(caller: Caller, version: str) -> None:
    login = caller.http.get(f"/{version}/oauth2/login", params={**LOGIN, "person": "alma", "auto": "1"})
    form = {**APP, "grant_type": "authorization_code", "code": landed(login)["code"], "redirect_uri": REDIRECT}
    answer = caller.http.post(f"/{version}/oauth2/token", data=form)
    assert answer.status_code == 200
    assert answer.json()["expires_in"] == 7200
    assert answer.json()["token_type"] == "Bearer"
    assert answer.headers["cache-control"] == "no-store"
    assert caller.http.get("/v1/oauth2/login", params=LOGIN).status_code == 404


def test_a_code_works_once_and_its_second_use_revokes_what_it_gave(caller: Caller) -> None:
    code = caller.code()
    first = caller.exchange(code).json()
    assert caller.get("dataRange", first["access_token"]).status_code == 200
    assert error(caller.exchange(code)) == "invalid_grant"
    assert caller.get("dataRange", first["access_token"]).status_code == 401
    assert error(caller.refresh(first["refresh_token"])) == "invalid_grant"


def test_a_code_lives_sixty_seconds(caller: Caller, clock: SettableClock) -> None:
    early, late = caller.code(), caller.code()
    clock.advance(timedelta(seconds=59))
    assert caller.exchange(early).status_code == 200
    clock.advance(timedelta(seconds=1))
    assert error(caller.exchange(late)) == "invalid_grant"


def test_the_exchange_needs_the_redirect_uri_of_the_login(caller: Caller) -> None:
    other = "http://127.0.0.1:8321/oauth/callback"
    assert error(caller.exchange(caller.code(), redirect_uri=other)) == "invalid_grant"
    assert error(caller.token(grant_type="authorization_code", code=caller.code())) == "invalid_request"


@pytest.mark.parametrize("wrong", [{"client_secret": "guess"}, {"client_id": "other"}, {"client_secret": ""}])
def test_a_wrong_client_gets_nothing_and_spends_nothing(caller: Caller, wrong: dict[str, str]) -> None:
    code = caller.code()
    assert error(caller.exchange(code, **wrong), 401) == "invalid_client"
    assert caller.exchange(code).status_code == 200


def test_a_malformed_token_request(caller: Caller) -> None:
    assert error(caller.token()) == "invalid_request"
    assert error(caller.token(grant_type="password")) == "unsupported_grant_type"
    assert error(caller.token(grant_type="refresh_token")) == "invalid_request"
    as_json = caller.http.post("/v3/oauth2/token", json={**APP, "grant_type": "refresh_token", "refresh_token": "x"})
    assert error(as_json) == "invalid_request"
    assert error(caller.refresh("never issued")) == "invalid_grant"


def test_each_refresh_token_works_once_and_reuse_revokes_the_family(caller: Caller) -> None:
    first = caller.tokens()
    second = caller.refresh(first["refresh_token"]).json()
    third = caller.refresh(second["refresh_token"]).json()
    assert len({pair["refresh_token"] for pair in (first, second, third)}) == 3
    other = caller.tokens()
    assert caller.get("dataRange", third["access_token"]).status_code == 200
    assert error(caller.refresh(first["refresh_token"])) == "invalid_grant"
    assert caller.get("dataRange", third["access_token"]).status_code == 401
    assert error(caller.refresh(third["refresh_token"])) == "invalid_grant"
    assert caller.get("dataRange", other["access_token"]).status_code == 200
    assert [attempt.accepted for attempt in caller.sim.refreshes] == [True, True, False, False]
    assert {attempt.person for attempt in caller.sim.refreshes} == {"alma"}


def test_an_access_token_lives_two_hours(caller: Caller, clock: SettableClock) -> None:
    pair = caller.tokens()
    clock.advance(timedelta(seconds=7199))
    assert caller.get("dataRange", pair["access_token"]).status_code == 200
    clock.advance(timedelta(seconds=1))
    answer = caller.get("dataRange", pair["access_token"])
    assert answer.status_code == 401
    assert answer.json()["fault"]["faultstring"] == "Access Token expired"
    assert caller.refresh(pair["refresh_token"]).status_code == 200


def test_a_person_who_takes_back_consent_ends_every_authorization(caller: Caller) -> None:
    pair, other = caller.tokens("dario"), caller.tokens("alma")
    caller.sim.revoke("dario")
    assert caller.get("dataRange", pair["access_token"]).json()["fault"]["faultstring"] == "Invalid Access Token"
    assert error(caller.refresh(pair["refresh_token"])) == "invalid_grant"
    assert caller.get("dataRange", other["access_token"]).status_code == 200


def test_authorizations_outlive_a_restart_where_a_file_is_given(tmp_path: Path) -> None:
    file = tmp_path / "grants.json"
    before = Grants(file)
    pair = before.exchange(before.consent("alma", REDIRECT, NOW), REDIRECT, NOW)
    after = Grants(file)
    assert after.opened(pair.access, NOW).person == "alma"
    assert after.rotate(pair.refresh, NOW).refresh != pair.refresh
    assert file.stat().st_mode & 0o777 == 0o600
    with pytest.raises(GrantError, match="invalid_grant"):
        Grants(file).rotate(pair.refresh, NOW)
    with pytest.raises(GrantError, match="invalid_token"):
        Grants().opened(pair.access, NOW)
