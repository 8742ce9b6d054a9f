"""Ports of loopback that nobody listens on."""

import socket


def free_port(wanted: int, taken: frozenset[int] = frozenset(), host: str = "127.0.0.1") -> int:
    """`wanted`, or the next of the hundred ports behind it that nobody listens on, or any free one; 0 means any."""
    if wanted:
        for port in range(wanted, min(wanted + 100, 65536)):
            if port not in taken and _can_bind(host, port):
                return port
    with socket.socket() as probe:
        probe.bind((host, 0))
        return int(probe.getsockname()[1])


def _can_bind(host: str, port: int) -> bool:
    with socket.socket() as probe:
        # As servers do: a port in TIME_WAIT counts as free.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            return False
        return True
