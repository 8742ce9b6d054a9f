"""A real HTTP proxy in front of the real node that does damage on order, and counts what it did."""

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Literal
from urllib.parse import urlsplit


@dataclass
class Fault:
    """What happens to the next `times` requests whose path contains `path`.

    status: answer with it, the node sees nothing. cut_before / cut_after: the connection ends before or after the
    node did its work. slow: the answer comes `seconds` late. html: a page with status 200, passed off as the node's.
    short: the answer to a bulk request lacks its first item.
    items: of a bulk request, the items for which `picks(position)` holds get `status` and `error`, and the node sees
    the others only.
    """

    kind: Literal["status", "cut_before", "cut_after", "slow", "html", "short", "items"]
    path: str = "/_bulk"
    times: int = 1
    status: int = 503
    error: dict[str, Any] = field(default_factory=dict)
    headers: dict[str, str] = field(default_factory=dict)
    seconds: float = 0.0
    picks: Callable[[int], bool] = lambda _: True


@dataclass
class Proxy:
    """Where it listens, the faults to come, and what took place."""

    url: str
    faults: list[Fault] = field(default_factory=list)
    served: list[str] = field(default_factory=list)
    bulks: list[list[str]] = field(default_factory=list)
    """The `_id`s of each bulk request that came in, damaged or not."""
    paths: list[str] = field(default_factory=list)
    on_request: Callable[[str], None] = lambda _path: None
    """Called with the path of each request, before the node sees it."""
    lock: threading.Lock = field(default_factory=threading.Lock)

    def next_fault(self, path: str) -> Fault | None:
        with self.lock:
            for fault in self.faults:
                if fault.times and fault.path in path:
                    fault.times -= 1
                    self.served.append(fault.kind)
                    return fault
        return None


def pairs_of(body: bytes) -> list[list[bytes]]:
    """A bulk body's lines by item."""
    lines = iter(body.splitlines())
    return [[line] if b'{"delete"' in line[:9] else [line, next(lines)] for line in lines]


@contextmanager
def proxied(target: str) -> Iterator[Proxy]:
    """A proxy on a free port until the end of the block."""
    where = urlsplit(target)
    host, port = where.hostname or "127.0.0.1", where.port or 80

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            pass

        def answer(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length") or 0))
            proxy.paths.append(self.path)
            proxy.on_request(self.path)
            if "_bulk" in self.path:
                proxy.bulks.append([next(iter(json.loads(p[0]).values()))["_id"] for p in pairs_of(body)])
            fault = proxy.next_fault(self.path)
            if fault is None:
                return self.reply(*self.forward(body))
            if fault.kind == "status":
                answer = json.dumps({"error": fault.error, "status": fault.status}).encode()
                return self.reply(fault.status, "application/json", answer, fault.headers)
            if fault.kind == "html":
                return self.reply(200, "text/html", b"<html>please log in</html>")
            if fault.kind == "short":
                half = {"items": json.loads(self.forward(body)[2])["items"][1:]}
                return self.reply(200, "application/json", json.dumps(half).encode())
            if fault.kind == "items":
                return self.reply(200, "application/json", self.some(fault, pairs_of(body)))
            if fault.kind == "slow":
                done = self.forward(body)
                time.sleep(fault.seconds)
                return self.reply(*done)
            if fault.kind == "cut_after":
                self.forward(body)
            self.close_connection = True
            return None

        def some(self, fault: Fault, items: list[list[bytes]]) -> bytes:
            kept = [item for at, item in enumerate(items) if not fault.picks(at)]
            good: Iterator[Any] = iter(())
            if kept:
                body = b"".join(line + b"\n" for item in kept for line in item)
                good = iter(json.loads(self.forward(body)[2])["items"])
            bad = {"create": {"status": fault.status, "error": fault.error}}
            return json.dumps({"items": [bad if fault.picks(at) else next(good) for at in range(len(items))]}).encode()

        def forward(self, body: bytes) -> tuple[int, str, bytes]:
            node = HTTPConnection(host, port, timeout=30)
            kept = {k: v for k, v in self.headers.items() if k.lower() not in ("host", "content-length")}
            node.request(self.command, self.path, body=body, headers=kept)
            response = node.getresponse()
            data = response.read()
            node.close()
            return response.status, response.headers.get("content-type", "application/json"), data

        def reply(self, status: int, kind: str, data: bytes, headers: dict[str, str] | None = None) -> None:
            try:
                self.send_response(status)
                self.send_header("x-elastic-product", "Elasticsearch")
                self.send_header("content-type", kind)
                self.send_header("content-length", str(len(data)))
                for name, value in (headers or {}).items():
                    self.send_header(name, value)
                self.end_headers()
                if self.command != "HEAD":
                    self.wfile.write(data)
            except OSError:
                self.close_connection = True  # whoever asked has gone

        do_GET = do_PUT = do_POST = do_DELETE = do_HEAD = answer  # noqa: N815

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    proxy = Proxy(url=f"http://127.0.0.1:{server.server_address[1]}")
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield proxy
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
