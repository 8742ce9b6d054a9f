"""A provider's token endpoint over HTTP: each refresh token works once, and it keeps the count."""

import json
import threading
import time
import urllib.error
import urllib.parse
import urllib.request
from datetime import datetime, timedelta
from typing import Self

from pydantic import SecretStr
from pytest_httpserver import HTTPServer
from werkzeug import Request, Response

from glucoflow.model.credentials import Credentials
from glucoflow.model.errors import Reauthorize, Retryable


class Provider:
    """Rotating tokens `refresh-0`, `refresh-1` … of one account; an old one is `invalid_grant`."""

    def __init__(self) -> None:
        self.calls = 0
        self.generation = 0
        self.seconds = 0.0
        self.broken = False
        self._lock = threading.Lock()
        self._server = HTTPServer(threaded=True)
        self._server.expect_request("/token", method="POST").respond_with_handler(self._answered)

    def __enter__(self) -> Self:
        self._server.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.stop()

    @property
    def url(self) -> str:
        return self._server.url_for("/token")

    def refresh(self, credentials: Credentials, now: datetime) -> Credentials:
        return refresh_at(self.url, credentials, now)

    def answer(self, refresh_token: str) -> tuple[int, dict[str, str]]:
        with self._lock:
            self.calls += 1
            if self.broken:
                return 503, {}
            if refresh_token != f"refresh-{self.generation}":
                return 400, {"error": "invalid_grant"}
            self.generation += 1
            return 200, {"access": f"access-{self.generation}", "refresh": f"refresh-{self.generation}"}

    def _answered(self, request: Request) -> Response:
        status, answer = self.answer(request.form["refresh_token"])
        time.sleep(self.seconds)
        return Response(json.dumps(answer), status)


def refresh_at(url: str, credentials: Credentials, now: datetime) -> Credentials:
    """What a connector's Authorizer does, in small."""
    form = urllib.parse.urlencode({"refresh_token": credentials["refresh"].get_secret_value()}).encode()
    try:
        with urllib.request.urlopen(url, form, timeout=120) as response:  # noqa: S310 – our own loopback server
            answer = json.load(response)
    except urllib.error.HTTPError as error:
        with error:
            if error.code == 400:
                raise Reauthorize("The provider no longer accepts this connection.") from None
        raise Retryable("The provider is overloaded.", retry_after=30) from None
    values = {name: SecretStr(answer[name]) for name in ("access", "refresh")}
    return Credentials(values=values, expires_at=now + timedelta(hours=2))
