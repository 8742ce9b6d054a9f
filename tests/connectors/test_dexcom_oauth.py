"""The code flow: what is sent, what each answer means, and that no secret gets out."""

import json
import logging
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qs, urlsplit

import pytest
from pydantic import SecretStr

from connectors.dexcom.api import BASE_URLS, Hosts
from connectors.dexcom.oauth import DexcomAuthorizer
from glucoflow.model.credentials import Credentials
from glucoflow.model.errors import AnswerLost, GlucoflowError, Misconfigured, Reauthorize, Retryable
from tests.connectors.conftest import Answer, Provider

NOW = datetime(2026, 3, 9, 12, 0, tzinfo=UTC)
REDIRECT = "http://localhost:8321/oauth/callback"
GOOD = {"access_token": "secret-access", "expires_in": 7200, "token_type": "Bearer", "refresh_token": "secret-refresh"}
SECRETS = ("secret-access", "secret-refresh", "secret-client", "secret-old", "secret-code")


def authorizer(base_url: str, prefix: str = "v3") -> DexcomAuthorizer:
    hosts = Hosts(base_url=base_url, oauth_prefix=prefix)
    return DexcomAuthorizer(hosts, "my-app", SecretStr("secret-client"), REDIRECT)


@pytest.mark.parametrize("base_url", [BASE_URLS["us"], "http://127.0.0.1:8399"])
def test_the_login_page(base_url: str) -> None:
    url = urlsplit(authorizer(base_url, "v2").authorize_url("a state"))
    assert f"{url.scheme}://{url.netloc}{url.path}" == base_url + "/v2/oauth2/login"
    assert parse_qs(url.query) == {
        "client_id": ["my-app"],
        "redirect_uri": [REDIRECT],
        "response_type": ["code"],
        "scope": ["offline_access"],
        "state": ["a state"],
    }


def test_a_code_is_exchanged(provider: Provider) -> None:
    provider.script = lambda _: Answer(json.dumps(GOOD).encode())
    token = authorizer(provider.base_url).exchange("secret-code", NOW)
    assert (token["access"].get_secret_value(), token["refresh"].get_secret_value()) == (
        "secret-access",
        "secret-refresh",
    )
    assert token.expires_at == NOW + timedelta(hours=2)
    (request,) = provider.requests
    assert (request.method, request.path, request.query) == ("POST", "/v3/oauth2/token", {})
    assert request.headers["Content-Type"] == "application/x-www-form-urlencoded"
    assert request.form == {
        "client_id": "my-app",
        "client_secret": "secret-client",
        "code": "secret-code",
        "grant_type": "authorization_code",
        "redirect_uri": REDIRECT,
    }


def test_a_token_is_refreshed(provider: Provider) -> None:
    provider.script = lambda _: Answer(json.dumps(GOOD).encode())
    token = authorizer(provider.base_url).refresh(Credentials(values={"refresh": SecretStr("secret-old")}), NOW)
    assert token["refresh"].get_secret_value() == "secret-refresh"
    assert provider.requests[0].form == {
        "client_id": "my-app",
        "client_secret": "secret-client",
        "grant_type": "refresh_token",
        "redirect_uri": REDIRECT,
        "refresh_token": "secret-old",
    }


@pytest.mark.parametrize("lifetime", [7_200_000, 0, -1, None, True])
def test_an_absurd_lifetime_is_taken_for_two_hours(provider: Provider, lifetime: object) -> None:
    provider.script = lambda _: Answer(json.dumps(GOOD | {"expires_in": lifetime}).encode())
    assert authorizer(provider.base_url).exchange("c", NOW).expires_at == NOW + timedelta(hours=2)


TEXT = {"Content-Type": "text/html"}


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (Answer(b'{"error": "invalid_grant"}', 400), Reauthorize),
        (Answer(b'{"error": "invalid_grant", "error_description": "secret-old"}', 401), Reauthorize),
        (Answer(b'{"error": "invalid_client"}', 401), Misconfigured),
        (Answer(b'{"error": "unauthorized_client"}', 400), Misconfigured),
        (Answer(b'{"error": "invalid_request"}', 400), Retryable),
        (Answer(b'{"error": "unsupported_grant_type"}', 400), Retryable),
        (Answer(b'{"error": "moon phase"}', 400), Retryable),
        (Answer(b'{"error": 7}', 400), Retryable),
        (Answer(b'{"errors": ["dates"]}', 400), Retryable),
        (Answer(b'{"error": "invalid_grant"}', 503), Retryable),  # an outage is never a refused consent
        (Answer(b"<html>secret-old</html>", 200, TEXT), AnswerLost),
        (Answer(b"<html>Bad request</html>", 400, TEXT), Retryable),
        (Answer(b"", 400), Retryable),
        (Answer(b"[]", 200), AnswerLost),
        (Answer(b"{}", 200), Retryable),
        (Answer(b'{"access_token": "secret-access"', 200), AnswerLost),
        (Answer(b'{"access_token": 5, "refresh_token": null, "token_type": "Bearer"}', 200), AnswerLost),
        (Answer(b"", 500), AnswerLost),  # it may have spent the token before it failed
        (Answer(b"", 502), AnswerLost),
        (Answer(b"", 504), AnswerLost),
        (Answer(b"", 429, {"Retry-After": "30"}), Retryable),
        (Answer(b"", 302, {"Location": "https://elsewhere.example/"}), Retryable),
        (Answer(b"", 404), Misconfigured),
        (Answer(json.dumps(GOOD).encode(), 200, cut=20), AnswerLost),
    ],
    ids=lambda value: value.__name__ if isinstance(value, type) else f"{value.status}-{value.body[:40]!r}",
)
def test_what_each_answer_means_and_that_nothing_is_asked_twice(
    provider: Provider, caplog: pytest.LogCaptureFixture, answer: Answer, error: type[GlucoflowError]
) -> None:
    caplog.set_level(logging.DEBUG)
    provider.script = lambda _: answer
    with pytest.raises(error) as caught:
        authorizer(provider.base_url).refresh(Credentials(values={"refresh": SecretStr("secret-old")}), NOW)
    assert type(caught.value) is error
    assert len(provider.requests) == 1
    chain = [
        caught.value,
        caught.value.__cause__,
        None if caught.value.__suppress_context__ else caught.value.__context__,
    ]
    said = " ".join(repr(link) + str(link) for link in chain if link) + caplog.text
    assert not [secret for secret in SECRETS if secret in said]
    if answer.status == 429:
        assert getattr(caught.value, "retry_after", None) == 30


def test_nobody_at_the_address() -> None:
    with pytest.raises(Retryable, match="could not be reached"):
        authorizer("http://127.0.0.1:9").exchange("secret-code", NOW)


def test_secrets_stay_out_of_debug_logs(provider: Provider, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    provider.script = lambda _: Answer(json.dumps(GOOD).encode())
    token = authorizer(provider.base_url).refresh(Credentials(values={"refresh": SecretStr("secret-old")}), NOW)
    assert not [secret for secret in SECRETS if secret in caplog.text + repr(token)]
