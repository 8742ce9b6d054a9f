"""The code flow: what is sent, what each answer means, and that no secret gets out."""

import json
import logging
import time
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qs, urlsplit

import pytest
from pydantic import HttpUrl, SecretStr

from connectors.dexcom import DexcomSettings, oauth
from connectors.dexcom.api import BASE_URLS, Hosts
from connectors.dexcom.api import hosts as hosts_of
from connectors.dexcom.oauth import DexcomAuthorizer
from glucoflow.http import refuse_plain_http
from glucoflow.model.credentials import Credentials
from glucoflow.model.errors import AnswerLost, GlucoflowError, Misconfigured, Reauthorize, Retryable
from glucoflow.provider import Limits, Site
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


@pytest.mark.parametrize("own", [None, "https://glucose.example/oauth/callback"])
def test_the_way_back_is_that_of_the_pages_unless_another_is_set(own: str | None) -> None:
    """Shown, registered and used are one, also where the pages moved to another port."""
    pages = "http://localhost:9000/oauth/callback"
    settings = DexcomSettings(client_id="my-app", client_secret=SecretStr("secret-client"), redirect_uri=own)
    address = oauth.authorizer(settings, Site(region="us", callback=pages)).authorize_url("a state")
    assert parse_qs(urlsplit(address).query)["redirect_uri"] == [own or pages]
    with pytest.raises(Misconfigured) as missing:
        oauth.authorizer(settings.model_copy(update={"client_id": None}), Site(region="us", callback=pages))
    assert (own or pages) in missing.value.remedy


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


@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_another_host_gets_nothing(provider: Provider, status: int) -> None:
    """307 and 308 ask for the same request, secrets and all, at another address."""
    elsewhere = Provider()
    elsewhere.start()
    try:
        headers = {"Location": f"{elsewhere.base_url}/v3/oauth2/token", "Content-Type": "application/json"}
        provider.script = lambda _: Answer(json.dumps(GOOD).encode(), status, headers)
        with pytest.raises(Retryable):
            authorizer(provider.base_url).refresh(Credentials(values={"refresh": SecretStr("secret-old")}), NOW)
        assert (len(provider.requests), elsewhere.requests) == (1, [])
    finally:
        elsewhere.stop()


def test_an_answer_that_drips_ends_at_its_deadline(provider: Provider) -> None:
    provider.script = lambda _: Answer(json.dumps(GOOD).encode(), pause=0.1)  # 0.1 s a byte: 12 s in all
    hosts = Hosts(base_url=provider.base_url)
    limits = Limits(connect_s=5, read_s=5, answer_s=1)
    patient = DexcomAuthorizer(hosts, "my-app", SecretStr("secret-client"), REDIRECT, limits)
    begun = time.monotonic()
    with pytest.raises(Retryable):
        patient.refresh(Credentials(values={"refresh": SecretStr("secret-old")}), NOW)
    assert time.monotonic() - begun < 0.1 * len(json.dumps(GOOD))
    assert len(provider.requests) == 1


@pytest.mark.parametrize(
    ("url", "refused"),
    [
        ("http://api.example", True),
        ("http://localhost.example", True),
        ("http://10.0.0.7:8000", True),
        ("http://0.0.0.0", True),
        ("http://127.0.0.1:8399", False),
        ("http://localhost:8399", False),
        ("http://[::1]:8399", False),
        ("https://api.example", False),
    ],
)
def test_secrets_go_unencrypted_to_this_machine_only(url: str, refused: bool) -> None:
    if not refused:
        refuse_plain_http(url, "DEXCOM_BASE_URL")
        return
    with pytest.raises(Misconfigured, match="DEXCOM_BASE_URL is an http:// address"):
        hosts_of(DexcomSettings(base_url=HttpUrl(url)), Site(region="us"))


def test_nobody_at_the_address() -> None:
    with pytest.raises(Retryable, match="could not be reached"):
        authorizer("http://127.0.0.1:9").exchange("secret-code", NOW)


def test_secrets_stay_out_of_debug_logs(provider: Provider, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    provider.script = lambda _: Answer(json.dumps(GOOD).encode())
    token = authorizer(provider.base_url).refresh(Credentials(values={"refresh": SecretStr("secret-old")}), NOW)
    assert not [secret for secret in SECRETS if secret in caplog.text + repr(token)]
