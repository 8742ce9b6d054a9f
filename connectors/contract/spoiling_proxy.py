"""A proxy between a connector and a double, for the contract: it passes everything on, or spoils what it is told to.

So that one suite can spoil any provider's wire, and a double needs no faults of its own. Loopback only.
"""

import http.client
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

JSON = {"Content-Type": "application/json"}
_DROPPED = frozenset({"content-length", "transfer-encoding", "connection", "keep-alive", "content-encoding"})


@dataclass(frozen=True)
class Asked:
    """A request as it came in."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True)
class Reply:
    """What goes back. `cut`: hang up after so many bytes of the body; `late`: nothing is sent until the proxy closes;
    `drip`: a byte at a time, so many seconds apart."""

    status: int = 200
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=lambda: JSON)
    cut: int | None = None
    late: bool = False
    drip: float = 0.0

    def with_body(self, body: bytes) -> "Reply":
        return replace(self, body=body)


Spoil = Callable[[Asked, Reply], Reply]


class Proxy:
    """The running proxy. Set `spoil`; read `asked`."""

    def __init__(self, target: str) -> None:
        self.asked: list[Asked] = []
        self.spoil: Spoil = lambda _asked, reply: reply
        self.closing = threading.Event()
        self._target = urlsplit(target)
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self._server.daemon_threads = True
        self._server.handle_error = lambda *_: None  # type: ignore[method-assign]  # clients that hang up are expected
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"

    def serve(self) -> None:
        self._server.serve_forever(poll_interval=0.01)

    def close(self) -> None:
        self.closing.set()
        self._server.shutdown()
        self._server.server_close()

    def passed_on(self, asked: Asked) -> Reply:
        """What the double answers."""
        there = http.client.HTTPConnection(self._target.hostname or "", self._target.port, timeout=60)
        try:
            headers = {name: value for name, value in asked.headers.items() if name.lower() not in _DROPPED}
            headers |= {"Host": self._target.netloc, "Accept-Encoding": "identity"}
            there.request(asked.method, asked.path, asked.body or None, headers)
            answer = there.getresponse()
            kept = {name: value for name, value in answer.getheaders() if name.lower() not in _DROPPED}
            return Reply(answer.status, answer.read(), kept)
        finally:
            there.close()


@contextmanager
def proxy_to(target: str) -> Iterator[Proxy]:
    """A proxy in front of the double at `target`, in a thread, for as long as the block runs."""
    proxy = Proxy(target)
    thread = threading.Thread(target=proxy.serve, name="proxy", daemon=True)
    thread.start()
    try:
        yield proxy
    finally:
        proxy.close()
        thread.join()


def _handler(proxy: Proxy) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _serve(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            asked = Asked(self.command, self.path, dict(self.headers.items()), body)
            proxy.asked.append(asked)
            reply = proxy.spoil(asked, proxy.passed_on(asked))
            if reply.late:
                proxy.closing.wait()
                self.close_connection = True
                return
            self.send_response_only(reply.status)
            for name, value in reply.headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(reply.body)))
            self.end_headers()
            if reply.drip:
                for byte in reply.body:
                    if proxy.closing.wait(reply.drip):
                        return
                    self.wfile.write(bytes([byte]))
                    self.wfile.flush()
            else:
                self.wfile.write(reply.body[: reply.cut])
            self.close_connection = self.close_connection or reply.cut is not None

        do_GET = do_POST = do_PUT = do_DELETE = _serve  # noqa: N815

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 – the base's name
            pass

    return Handler
