"""The files of deploy/ in the real programs, before a site: what it believes of a visitor, and what goes through."""

import os
import shutil
import socket
import ssl
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest
import uvicorn
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocket
from websockets.sync.client import connect

from glucoflow.web.security import CSRF_COOKIE
from tests.compose.test_file import ROOT
from tests.ports import free_ports

HOST = "glucose.example.org"
FORGED = {"X-Forwarded-For": "203.0.113.9", "X-Forwarded-Proto": "http"}
TLS_PATH = "/etc/letsencrypt/live/glucose.example.org"


async def seen(request: Request) -> JSONResponse:
    """What the site believes, and a cookie as the pages set theirs."""
    client = request.client.host if request.client else None
    answer = JSONResponse({"scheme": request.url.scheme, "host": request.headers["host"], "client": client})
    answer.set_cookie(CSRF_COOKIE, "x", httponly=True, samesite="lax", secure=request.url.scheme == "https")
    return answer


async def echo(socket: WebSocket) -> None:
    await socket.accept()
    await socket.send_text(f"{socket.url.scheme} {await socket.receive_text()}")
    await socket.close()


@pytest.fixture(scope="module")
def upstream() -> Iterator[int]:
    """The port of a site that is served as `glucoflow web` is."""
    app = Starlette(routes=[Route("/", seen), WebSocketRoute("/socket", echo)])
    listening = socket.create_server(("127.0.0.1", 0))
    config = uvicorn.Config(app, log_config=None, ws="wsproto", forwarded_allow_ips="127.0.0.1")
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, args=([listening],), daemon=True)
    thread.start()
    while not server.started:
        time.sleep(0.02)
    yield listening.getsockname()[1]
    server.should_exit = True
    thread.join(10)
    listening.close()


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with fullchain.pem and privkey.pem for the names of the files, signed by themselves."""
    folder, key = tmp_path_factory.mktemp("tls"), ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, HOST)])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(HOST), x509.DNSName(f"prefect.{HOST}")]), False)
        .sign(key, hashes.SHA256())
    )
    (folder / "fullchain.pem").write_bytes(made.public_bytes(serialization.Encoding.PEM))
    form = serialization.PrivateFormat.PKCS8
    secret = key.private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption())
    (folder / "privkey.pem").write_bytes(secret)
    return folder


def nginx(folder: Path, certificate: Path, upstream: int, plain: int, tls: int) -> list[str]:
    text = (ROOT / "deploy" / "nginx" / "glucoflow.conf").read_text()
    for there, here in (
        ("listen 80;", f"listen 127.0.0.1:{plain};"),
        ("listen 443", f"listen 127.0.0.1:{tls}"),
        (TLS_PATH, str(certificate)),
        ("127.0.0.1:8321", f"127.0.0.1:{upstream}"),
    ):
        assert there in text
        text = text.replace(there, here)
    kinds = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
    own = "".join(f"{kind}_temp_path {folder}/{kind};\n" for kind in kinds)
    user = "user root;\n" if os.getuid() == 0 else ""
    (folder / "nginx.conf").write_text(
        f"{user}daemon off;\npid {folder}/pid;\nerror_log {folder}/error.log;\nevents {{}}\n"
        f"http {{\naccess_log off;\n{own}{text}}}\n"
    )
    return ["nginx", "-e", f"{folder}/error.log", "-c", str(folder / "nginx.conf")]


def caddy(folder: Path, certificate: Path, upstream: int, plain: int, tls: int) -> list[str]:
    text = (ROOT / "deploy" / "caddy" / "Caddyfile").read_text()
    assert "127.0.0.1:8321" in text
    text = text.replace("127.0.0.1:8321", f"127.0.0.1:{upstream}")
    for name in (f"\n{HOST} {{\n", f"\nprefect.{HOST} {{\n"):
        assert name in text
        text = text.replace(name, f"{name}\ttls {certificate}/fullchain.pem {certificate}/privkey.pem\n")
    head = f"{{\n\tadmin off\n\thttp_port {plain}\n\thttps_port {tls}\n\tdefault_bind 127.0.0.1\n}}\n"
    (folder / "Caddyfile").write_text(head + text)
    return ["caddy", "run", "--config", str(folder / "Caddyfile"), "--adapter", "caddyfile"]


@contextmanager
def running(argv: list[str], folder: Path, port: int) -> Iterator[None]:
    environment = {"PATH": os.environ["PATH"], "HOME": str(folder), "XDG_DATA_HOME": str(folder)}
    log = folder / "log"
    with log.open("wb") as out, subprocess.Popen(argv, env=environment, stdout=out, stderr=out) as process:
        try:
            deadline = time.monotonic() + 60
            while process.poll() is None and time.monotonic() < deadline:
                with suppress(OSError):
                    socket.create_connection(("127.0.0.1", port), 1).close()
                    break
                time.sleep(0.05)
            assert process.poll() is None, log.read_text()
            yield
        finally:
            process.terminate()


@pytest.mark.parametrize("program", [nginx, caddy], ids=["nginx", "caddy"])
def test_a_site_behind_it_knows_who_comes_and_that_by_https(
    program: object, upstream: int, certificate: Path, tmp_path: Path
) -> None:
    name = program.__name__  # type: ignore[attr-defined]
    if shutil.which(name) is None:
        assert os.environ.get("CI") != "true", f"{name} is not installed"
        pytest.skip(f"{name} is not installed")
    plain, tls = free_ports(2)
    argv = program(tmp_path, certificate, upstream, plain, tls)  # type: ignore[operator]
    trust = ssl.create_default_context(cafile=str(certificate / "fullchain.pem"))
    with running(argv, tmp_path, tls), httpx.Client(verify=trust, timeout=120) as client:
        asked = {"headers": {"Host": HOST, **FORGED}, "extensions": {"sni_hostname": HOST}}
        answer = client.get(f"https://127.0.0.1:{tls}/", **asked)  # type: ignore[arg-type]
        assert answer.json() == {"scheme": "https", "host": HOST, "client": "127.0.0.1"}, "and not what was forged"
        assert "Secure" in answer.headers["set-cookie"]
        assert answer.headers["strict-transport-security"] == "max-age=31536000"
        moved = client.get(f"http://127.0.0.1:{plain}/people", headers={"Host": HOST})
        assert moved.status_code in (301, 308)
        assert moved.headers["location"].startswith(f"https://{HOST}")
        raw = socket.create_connection(("127.0.0.1", tls))
        with raw, connect(f"wss://{HOST}/socket", sock=raw, ssl=trust, server_hostname=HOST, open_timeout=120) as ws:
            ws.send("hello")
            assert ws.recv(timeout=120) == "wss hello"
