"""Our OAuth client against an authorization server that no one here wrote, behind the provider's own paths."""

import base64
import io
import threading
import warnings
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from pydantic import SecretStr
from werkzeug.serving import make_server

from connectors.dexcom import DexcomSettings
from connectors.dexcom.oauth import DexcomAuthorizer, authorizer
from glucoflow.model.errors import Reauthorize
from glucoflow.provider import Double, Site

BACK = "http://localhost:9/oauth/callback"
NOW = datetime.now(UTC)


def behind_the_providers_paths(app: Callable[..., Iterable[bytes]]) -> Callable[..., Iterable[bytes]]:
    """The server's own paths differ, and it takes an app's secret for renewals in the header only."""

    def mapped(environ: dict[str, Any], answer: Any) -> Iterable[bytes]:
        last = environ["PATH_INFO"].rpartition("/")[2]
        environ["PATH_INFO"] = {"login": "/oauth2/authorize", "token": "/oauth2/token"}.get(last, last)
        if last == "token":
            body = environ["wsgi.input"].read(int(environ["CONTENT_LENGTH"]))
            asked = parse_qs(body.decode())
            app_and_secret = f"{asked['client_id'][0]}:{asked['client_secret'][0]}".encode()
            environ["HTTP_AUTHORIZATION"] = f"Basic {base64.b64encode(app_and_secret).decode()}"
            environ["wsgi.input"] = io.BytesIO(body)
        return app(environ, answer)

    return mapped


@pytest.fixture(scope="module")
def ours() -> Iterator[DexcomAuthorizer]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of what it imports, at whichever time that is first
        import oidc_provider_mock
    server = make_server("127.0.0.1", 0, behind_the_providers_paths(oidc_provider_mock.app()), threaded=True)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    double = Double(
        url=f"http://127.0.0.1:{server.server_port}",
        client_id="our-app",
        client_secret=SecretStr("our-secret"),
        redirect_uri=BACK,
    )
    yield authorizer(DexcomSettings(), Site(region="us", double=double))
    server.shutdown()
    thread.join()
    server.server_close()


def signed_in(ours: DexcomAuthorizer) -> dict[str, list[str]]:
    """With what the server sends the person back, after its own page."""
    page = ours.authorize_url("state-of-ours")
    assert "our-app" in httpx.get(page).text
    return parse_qs(urlsplit(httpx.post(page, data={"sub": "olga"}).headers["location"]).query)


def test_sign_in_and_renewals(ours: DexcomAuthorizer) -> None:
    back = signed_in(ours)
    assert back["state"] == ["state-of-ours"]
    first = ours.exchange(back["code"][0], NOW)
    assert first.expires_at is not None
    assert first.expires_at > NOW + timedelta(minutes=10)
    second = ours.refresh(first, NOW)
    third = ours.refresh(second, NOW)
    assert len({one["access"].get_secret_value() for one in (first, second, third)}) == 3


def test_what_the_server_does_not_know_asks_for_a_new_sign_in(ours: DexcomAuthorizer) -> None:
    code = signed_in(ours)["code"][0]
    pair = ours.exchange(code, NOW)
    with pytest.raises(Reauthorize):
        ours.exchange(code, NOW)
    with pytest.raises(Reauthorize):
        ours.refresh(type(pair)(values={**pair.values, "refresh": SecretStr("made-up")}, expires_at=NOW), NOW)
