"""A double as a server: on a free loopback port in a thread for tests, or until interrupted for the command line."""

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import uvicorn
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.types import ASGIApp

from glucoflow.simulators.scenario import Client

C = TypeVar("C")
NAMES = ("localhost", "127.0.0.1", "simulator")
"""Whoever calls it by another name is a web page whose owner points that name at this machine (DNS rebinding)."""


@dataclass(frozen=True)
class AppOptions:
    """What a cloud is told where apps register with it: which one it knows, and where authorizations outlive a restart.

    Clouds that people sign in to by themselves have no use for it.
    """

    client: Client
    state: Path | None = None


@contextmanager
def running(cloud: C, create_app: Callable[[C], ASGIApp]) -> Iterator[tuple[str, C]]:
    """A cloud's app on a free loopback port for as long as the block runs: its address, and the cloud."""
    with in_thread(create_app(cloud)) as url:
        yield url, cloud


@contextmanager
def in_thread(app: ASGIApp) -> Iterator[str]:
    """The app on a free loopback port for as long as the block runs; its address."""
    listener = socket.create_server(("127.0.0.1", 0))
    server = uvicorn.Server(_config(app))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, name="simulator", daemon=True)
    thread.start()
    try:
        _wait(server, thread)
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        server.should_exit = True
        server.force_exit = True
        thread.join(timeout=10)
        listener.close()


def until_interrupted(app: ASGIApp, host: str, port: int) -> None:
    """The app at an address of this machine until Ctrl-C."""
    with suppress(KeyboardInterrupt):
        uvicorn.Server(_config(app, host, port)).run()


def _config(app: ASGIApp, host: str = "127.0.0.1", port: int = 0) -> uvicorn.Config:
    return uvicorn.Config(
        TrustedHostMiddleware(app, NAMES, www_redirect=False),
        host=host,
        port=port,
        log_level="warning",
        access_log=False,
        date_header=False,  # the cloud's own clock writes it (faulty_wire.py)
        server_header=False,
        proxy_headers=False,
        lifespan="off",
        ws="none",
        timeout_keep_alive=30,
    )


def _wait(server: uvicorn.Server, thread: threading.Thread) -> None:
    deadline = time.monotonic() + 10
    while not server.started:
        if not thread.is_alive() or time.monotonic() > deadline:
            raise RuntimeError("the simulator did not start")
        time.sleep(0.005)
