"""The wire between server and cloud: logs requests, writes the Date header of the cloud's clock, serves the faults."""

import asyncio
import socket
import struct
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from urllib.parse import parse_qsl

import orjson
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from glucoflow.simulators.fault_injection import Fault, Faults, Request
from glucoflow.simulators.settable_clock import Clock


@dataclass
class Asked:
    """A request as it came in. Headers are not kept: they carry tokens."""

    at: datetime
    method: str
    path: str
    query: dict[str, str]
    status: int | None = None
    """None: no answer was sent, or not yet."""


@dataclass(frozen=True)
class _Answer:
    status: int
    headers: dict[bytes, bytes]
    body: bytes

    def with_body(self, body: bytes) -> "_Answer":
        return _Answer(self.status, {**self.headers, b"content-length": str(len(body)).encode()}, body)


class FaultyWire:
    """The ASGI app between the server and the cloud: adds the Date header of the cloud's clock, and the faults."""

    def __init__(
        self,
        app: ASGIApp,
        faults: Faults,
        clock: Clock,
        log: list[Asked],
        bearer: Callable[[str], str | None] = lambda _token: None,
        on_answer: Sequence[Callable[[Asked], None]] = (),
    ) -> None:
        """`bearer`: whose a token is, for faults that are for one person. `on_answer` is called with each answer."""
        self._app = app
        self._faults = faults
        self._clock = clock
        self._log = log
        self._bearer = bearer
        self._on_answer = on_answer

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        query = dict(parse_qsl(scope["query_string"].decode("latin-1"), keep_blank_values=True))
        asked = Asked(self._clock(), scope["method"], scope["path"], query)
        self._log.append(asked)
        line = _Line(send, asked)
        fault = self._faults.take(Request(scope["path"], query, self._person(scope)))
        if fault is None:
            answer = await self._answer(scope, receive)
            for happens in self._on_answer:
                happens(asked)
            await line.answer(answer)
        elif fault.kind == "reset":
            await _drain(receive)  # else some clients fail while they write, others while they read
            await line.hang_up()
        elif fault.kind == "status":
            await line.answer(self._status(fault))
        else:
            await self._spoilt(fault, scope, receive, line)

    def _person(self, scope: Scope) -> str | None:
        token = dict(scope["headers"]).get(b"authorization", b"").decode("latin-1").removeprefix("Bearer ")
        return self._bearer(token) if token else None

    async def _spoilt(self, fault: Fault, scope: Scope, receive: Receive, line: "_Line") -> None:
        if fault.kind == "revoke":
            scope["state"] = {**scope.get("state", {}), "revoke": True}
        if fault.kind == "slow":
            await asyncio.sleep(fault.seconds)
        answer = await self._answer(scope, receive, fault.shift if fault.kind == "date" else timedelta(0))
        if fault.kind == "lost":
            await line.hang_up()
        elif fault.kind == "cut":
            await line.answer(answer, stop=len(answer.body) // 2)
            await line.hang_up(reset=False)
        elif fault.kind == "drip":
            await line.drip(answer, fault.chunk, fault.seconds)
        else:
            await line.answer(_changed(answer, fault))

    def _status(self, fault: Fault) -> _Answer:
        made = {"fault": {"faultstring": "Made to fail", "detail": {"errorcode": f"test.{fault.status}"}}}
        body = fault.body if isinstance(fault.body, bytes) else orjson.dumps(made if fault.body is None else fault.body)
        headers = {b"content-type": b"application/json", b"date": _http_date(self._clock())}
        if isinstance(fault.retry_after, datetime):
            headers[b"retry-after"] = _http_date(fault.retry_after)
        elif fault.retry_after is not None:
            headers[b"retry-after"] = str(fault.retry_after).encode()
        return _Answer(fault.status, headers, b"").with_body(body)

    async def _answer(self, scope: Scope, receive: Receive, shift: timedelta = timedelta(0)) -> _Answer:
        """What the cloud answers, whole."""
        status, headers, body = 500, {}, bytearray()

        async def keep(message: Message) -> None:
            nonlocal status, headers
            if message["type"] == "http.response.start":
                status, headers = message["status"], dict(message["headers"])
            else:
                body.extend(message.get("body", b""))

        await self._app(scope, receive, keep)
        headers[b"date"] = _http_date(self._clock() + shift)
        return _Answer(status, headers, bytes(body))


async def _drain(receive: Receive) -> None:
    while (await receive()).get("more_body"):
        pass


class _Line:
    """The way back to one client."""

    def __init__(self, send: Send, asked: Asked) -> None:
        self._send = send
        self._asked = asked

    async def answer(self, answer: _Answer, stop: int | None = None) -> None:
        await self._begin(answer)
        await self._send({"type": "http.response.body", "body": answer.body[:stop], "more_body": stop is not None})

    async def drip(self, answer: _Answer, chunk: int, seconds: float) -> None:
        await self._begin(answer)
        for begin in range(0, len(answer.body), chunk):
            if self._transport().is_closing():
                return
            piece = answer.body[begin : begin + chunk]
            await self._send({"type": "http.response.body", "body": piece, "more_body": True})
            await asyncio.sleep(seconds)
        await self._send({"type": "http.response.body", "body": b""})

    async def hang_up(self, reset: bool = True) -> None:
        transport = self._transport()
        if reset:
            linger_not = struct.pack("ii", 1, 0)  # SO_LINGER on with 0 s: the kernel sends RST instead of FIN
            transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger_not)
            transport.abort()
        else:
            transport.close()
        await asyncio.sleep(0.01)  # lets uvicorn see that the client is gone, or it would answer 500

    async def _begin(self, answer: _Answer) -> None:
        self._asked.status = answer.status
        headers = list(answer.headers.items())
        await self._send({"type": "http.response.start", "status": answer.status, "headers": headers})

    def _transport(self) -> asyncio.Transport:
        """The TCP connection under uvicorn, whose `send` is a method of the request that knows its transport."""
        transport = getattr(getattr(self._send, "__self__", None), "transport", None)
        if not isinstance(transport, asyncio.Transport):
            raise RuntimeError("this fault needs the simulator's own server (running_simulator or run)")
        return transport


def _changed(answer: _Answer, fault: Fault) -> _Answer:
    if fault.kind == "html":
        page = b"<!doctype html><title>Sign in</title><p>Please sign in to the network.</p>"
        html = _Answer(200, {**answer.headers, b"content-type": b"text/html; charset=utf-8"}, b"")
        return html.with_body(page)
    if fault.kind == "truncated":
        return answer.with_body(answer.body[: len(answer.body) // 2])
    if fault.kind == "huge":
        return answer.with_body(answer.body[:-1] + b" " * (fault.size - len(answer.body)) + answer.body[-1:])
    if fault.kind == "changed" and fault.change is not None:
        headers, body = fault.change(dict(answer.headers), answer.body)
        return _Answer(answer.status, headers, b"").with_body(body)
    if fault.kind in ("records", "duplicates"):
        page = orjson.loads(answer.body)
        records = page if isinstance(page, list) else page["records"]
        records += list(fault.records) if fault.kind == "records" else list(records)
        return answer.with_body(orjson.dumps(page))
    return answer


def _http_date(moment: datetime) -> bytes:
    return format_datetime(moment.astimezone(UTC), usegmt=True).encode()
