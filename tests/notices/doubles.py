"""What notices are sent to: an HTTP service, a push service with a browser behind it, a mail server, all real."""

import base64
import json
import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from email import message_from_bytes, policy
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import http_ece
import jwt
from aiosmtpd.controller import Controller
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from tests.ports import free_ports


class Service:
    """Takes messages by HTTP, unless it is told to fail (`status`) or to hang (`hang_s`)."""

    def __init__(self) -> None:
        self.status = 200
        self.hang_s = 0.0
        self.taken: list[dict[str, Any]] = []
        self.asked: list[tuple[str, str, dict[str, str], bytes]] = []
        self.url = ""
        self.port = 0

    @property
    def address(self) -> str:
        """As Apprise names it."""
        return f"json://127.0.0.1:{self.port}/secret-path-4711"

    @property
    def titles(self) -> list[str]:
        return [one["title"] for one in self.taken]


@contextmanager
def running_service() -> Iterator[Service]:
    service = Service()

    class Handler(BaseHTTPRequestHandler):
        def _answer(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length") or 0))
            if service.hang_s:  # nobody waited that long
                time.sleep(service.hang_s)
                return
            headers = {name.lower(): value for name, value in self.headers.items()}
            service.asked.append((self.command, self.path, headers, body))
            if service.status == 200 and body[:1] == b"{":
                service.taken.append(json.loads(body))
            self.send_response(service.status)
            if service.status in (301, 302, 307):
                self.send_header("Location", f"http://127.0.0.1:{service.port}/elsewhere")
            self.send_header("Content-Length", "0")
            self.end_headers()

        do_GET = do_POST = _answer  # noqa: N815

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    service.port = server.server_address[1]
    service.url = f"http://127.0.0.1:{service.port}"
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield service
    finally:
        service.hang_s = 0
        server.shutdown()
        server.server_close()


class Browser:
    """One that subscribed at a push service of its own; it alone can read what comes."""

    def __init__(self, service: Service) -> None:
        self._service = service
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._auth = os.urandom(16)

    @property
    def subscription(self) -> str:
        point = self._key.public_key().public_bytes(
            serialization.Encoding.X962, serialization.PublicFormat.UncompressedPoint
        )
        keys = {"p256dh": _text(point), "auth": _text(self._auth)}
        return json.dumps({"endpoint": f"{self._service.url}/push/abc", "expirationTime": None, "keys": keys})

    def read(self, at: int = -1) -> dict[str, str]:
        """What a message says, decrypted as RFC 8291 has it."""
        _, _, headers, body = self._service.asked[at]
        assert headers["content-encoding"] == "aes128gcm"
        plain = http_ece.decrypt(body, private_key=self._key, auth_secret=self._auth, version="aes128gcm")
        found: dict[str, str] = json.loads(plain)
        return found

    def claims(self, at: int = -1) -> tuple[dict[str, Any], str]:
        """Who signed the request, as its token says, proven by the key that came with it (RFC 8292); and that key."""
        authorization = self._service.asked[at][2]["authorization"]
        assert authorization.startswith("vapid t=")
        token, _, key = authorization.removeprefix("vapid t=").partition(",k=")
        point = base64.urlsafe_b64decode(key + "==")
        public = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), point)
        return jwt.decode(token, public, algorithms=["ES256"], audience=self._service.url), key


class Inbox:
    """A mail server, and what came."""

    def __init__(self) -> None:
        self.messages: list[Any] = []
        (self.port,) = free_ports(1)

    async def handle_DATA(self, _server: Any, _session: Any, envelope: Any) -> str:  # noqa: N802 - aiosmtpd's name
        self.messages.append(message_from_bytes(envelope.content, policy=policy.default))
        return "250 OK"


@contextmanager
def running_mail() -> Iterator[Inbox]:
    inbox = Inbox()
    server = Controller(inbox, hostname="127.0.0.1", port=inbox.port)
    server.start()
    try:
        yield inbox
    finally:
        server.stop()


def _text(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")
