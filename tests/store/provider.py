"""A provider's token endpoint over HTTP: each refresh token works once, and it keeps the count."""

import json
import threading
import time
import urllib.error
import urllib.parse
import urllib.request
from datetime import datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Self

from pydantic import SecretStr

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
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}/token"

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

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        provider = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = urllib.parse.parse_qs(self.rfile.read(int(self.headers["Content-Length"])).decode())
                status, answer = provider.answer(body["refresh_token"][0])
                time.sleep(provider.seconds)
                self.send_response(status)
                self.end_headers()
                self.wfile.write(json.dumps(answer).encode())

            def log_message(self, *_: object) -> None:
                pass

        return Handler


def refresh_at(url: str, credentials: Credentials, now: datetime) -> Credentials:
    """What a connector's Authorizer does, in small."""
    form = urllib.parse.urlencode({"refresh_token": credentials["refresh"].get_secret_value()}).encode()
    try:
        with urllib.request.urlopen(url, form, timeout=20) as response:  # noqa: S310 – our own loopback server
            answer = json.load(response)
    except urllib.error.HTTPError as error:
        with error:
            if error.code == 400:
                raise Reauthorize("The provider no longer accepts this connection.") from None
        raise Retryable("The provider is overloaded.", retry_after=30) from None
    values = {name: SecretStr(answer[name]) for name in ("access", "refresh")}
    return Credentials(values=values, expires_at=now + timedelta(hours=2))
