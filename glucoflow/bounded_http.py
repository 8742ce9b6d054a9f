"""Answers that are bounded in time, from status line to last byte, and in size; and no redirect that is followed."""

import http.client
import io
import time
from socket import socket
from typing import Any

import requests
from requests.adapters import HTTPAdapter
from urllib3 import HTTPConnectionPool, HTTPSConnectionPool, PoolManager
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.exceptions import HTTPError, ReadTimeoutError

from glucoflow.model.errors import Retryable
from glucoflow.provider import Limits

CHUNK = 256 * 1024


class TooMuch(Retryable):
    """The answer was too large or took too long: a shorter window may fit."""


def bounded_session(limits: Limits, title: str) -> requests.Session:
    """A session whose answers are bounded; see `bound`."""
    session = requests.Session()
    bound(session, limits, title)
    return session


def bound(session: requests.Session, limits: Limits, title: str) -> None:
    """Bound a session's answers in time (from status line to last byte) and size. No redirect is ever followed: what
    was signed for one host is sent to no other."""
    for scheme in ("https://", "http://"):
        session.mount(scheme, BoundedAdapter(limits, title))


class BoundedAdapter(HTTPAdapter):
    """Reads each answer whole, within its deadline and size, and takes a redirect's target away."""

    def __init__(self, limits: Limits, title: str) -> None:
        self._limits = limits
        self._title = title
        super().__init__()

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        super().init_poolmanager(*args, **kwargs)
        self._with_deadline(self.poolmanager)

    def proxy_manager_for(self, proxy: Any, **kwargs: Any) -> Any:
        manager = super().proxy_manager_for(proxy, **kwargs)
        self._with_deadline(manager)
        return manager

    def send(self, request: requests.PreparedRequest, *args: Any, **kwargs: Any) -> requests.Response:
        """Raises TooMuch for an answer that is too large, and what requests raises."""
        del args
        kwargs |= {"stream": True, "timeout": (self._limits.connect_s, self._limits.read_s)}
        response = super().send(request, **kwargs)
        try:
            response._content = self._body(response)
        except ReadTimeoutError as error:
            raise requests.ReadTimeout(request=request) from error
        except (HTTPError, OSError) as error:
            raise requests.ConnectionError(request=request) from error
        finally:
            response.close()
        response.headers.pop("Location", None)
        return response

    def _body(self, response: requests.Response) -> bytes:
        chunks: list[bytes] = []
        size = 0
        while chunk := response.raw.read1(CHUNK, decode_content=True):  # what is there: never waits for a full chunk
            size += len(chunk)
            if size > self._limits.max_bytes:
                raise TooMuch(f"{self._title}'s answer is larger than {self._limits.max_bytes // 2**20} MiB.")
            chunks.append(chunk)
        return b"".join(chunks)

    def _with_deadline(self, manager: PoolManager) -> None:
        answer = _answer_within(self._limits.answer_s)

        class Plain(HTTPConnection):
            response_class = answer

        class Secure(HTTPSConnection):
            response_class = answer

        class PlainPool(HTTPConnectionPool):
            ConnectionCls = Plain

        class SecurePool(HTTPSConnectionPool):
            ConnectionCls = Secure

        manager.pool_classes_by_scheme = {"http": PlainPool, "https": SecurePool}


def _answer_within(seconds: float) -> type[http.client.HTTPResponse]:
    """Answers that must have arrived in full `seconds` after they were asked for, headers included."""

    class Timed(http.client.HTTPResponse):
        def __init__(self, sock: socket, *args: Any, **kwargs: Any) -> None:
            super().__init__(sock, *args, **kwargs)
            assert isinstance(self.fp, io.BufferedReader)  # noqa: S101 – for the type
            self.fp = io.BufferedReader(_Timed(self.fp.detach(), sock, time.monotonic() + seconds))

    return Timed


class _Timed(io.RawIOBase):
    """A socket's bytes until a moment. Raises TimeoutError past it."""

    def __init__(self, raw: io.RawIOBase, sock: socket, deadline: float) -> None:
        self._raw = raw
        self._sock = sock
        self._deadline = deadline

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        left = self._deadline - time.monotonic()
        if left <= 0:
            raise TimeoutError("the answer took too long")
        usual = self._sock.gettimeout()
        self._sock.settimeout(left if usual is None else min(left, usual))
        try:
            return self._raw.readinto(buffer)
        finally:
            self._sock.settimeout(usual)

    def close(self) -> None:
        self._raw.close()
        super().close()
