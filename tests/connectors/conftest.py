"""A provider that answers as it is told, over real HTTP: each test scripts what the wire brings."""

import ssl
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import NamedTuple
from urllib.parse import parse_qs, urlsplit

import pytest
from pydantic import SecretStr

from glucoflow.provider import Double, Limits, Site

PATIENT = Limits(read_s=30, first_wait_s=0.01, longest_wait_s=0.05, tries=2)
"""Short waits, and time enough on a busy machine."""


def site_at(url: str, region: str) -> Site:
    """A double's, where people sign in by a form."""
    return Site(region=region, double=Double(url=url, client_id="", client_secret=SecretStr(""), redirect_uri=""))


class Request(NamedTuple):
    """What a client sent."""

    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    form: dict[str, str]


class Answer(NamedTuple):
    """What the server sends back. `cut`: close after so many bytes of the body; `pause`: seconds between bytes."""

    body: bytes = b""
    status: int = 200
    headers: dict[str, str] = {"Content-Type": "application/json"}  # noqa: RUF012 – never changed
    cut: int | None = None
    pause: float = 0.0


Script = Callable[[Request], Answer]


class Provider:
    """The running server. Set `script`; read `requests`."""

    def __init__(self) -> None:
        self.script: Script = lambda _: Answer(status=404)
        self.requests: list[Request] = []
        self.stopping = threading.Event()
        provider = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def _serve(self) -> None:
                split = urlsplit(self.path)
                length = int(self.headers.get("Content-Length") or 0)
                request = Request(
                    self.command,
                    split.path,
                    {name: values[0] for name, values in parse_qs(split.query).items()},
                    dict(self.headers.items()),
                    {name: values[0] for name, values in parse_qs(self.rfile.read(length).decode()).items()},
                )
                provider.requests.append(request)
                provider.send(self, provider.script(request))

            do_GET = do_POST = _serve  # noqa: N815

            def log_message(self, *args: object) -> None:
                pass

        class Server(ThreadingHTTPServer):
            daemon_threads = True

            def handle_error(self, *args: object) -> None:
                pass  # clients that hang up early are what the tests are about

        self._server = Server(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01})
        self.base_url = f"http://127.0.0.1:{self._server.server_address[1]}"

    def encrypt(self, context: ssl.SSLContext) -> None:
        """Speak TLS; before `start`."""
        self._server.socket = context.wrap_socket(self._server.socket, server_side=True)
        self.base_url = self.base_url.replace("http:", "https:")

    def send(self, handler: BaseHTTPRequestHandler, answer: Answer) -> None:
        handler.send_response_only(answer.status)
        for name, value in answer.headers.items():
            handler.send_header(name, value)
        handler.send_header("Content-Length", str(len(answer.body)))
        handler.end_headers()
        if answer.pause:
            for number in range(len(answer.body)):
                if self.stopping.wait(answer.pause):
                    return
                handler.wfile.write(answer.body[number : number + 1])
                handler.wfile.flush()
        else:
            handler.wfile.write(answer.body[: answer.cut])
        if answer.cut is not None:
            handler.close_connection = True

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self.stopping.set()
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


@pytest.fixture
def provider() -> Iterator[Provider]:
    server = Provider()
    server.start()
    yield server
    server.stop()
