"""What PostgreSQL says when it cannot serve, in words that tell a full disk, a bad certificate and an outage apart."""

import socket
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from pydantic import SecretStr
from sqlalchemy import text

from glucoflow.model.errors import Misconfigured, Unavailable
from glucoflow.store import open_store
from glucoflow.store.database import Database, database_url
from tests.postgres import Server


@contextmanager
def turning_away(code: str, message: str) -> Iterator[str]:
    """A server that answers every connection with this error, as PostgreSQL does before it lets anybody in."""
    fields = b"".join(
        letter + value.encode() + b"\0"
        for letter, value in ((b"S", "FATAL"), (b"V", "FATAL"), (b"C", code), (b"M", message))
    )
    body = fields + b"\0"
    answer = b"E" + struct.pack("!I", len(body) + 4) + body

    def serve(listening: socket.socket) -> None:
        while True:
            try:
                client, _ = listening.accept()
            except OSError:
                return
            with client:
                while True:
                    head = client.recv(8)
                    if len(head) < 8:
                        break
                    length, what = struct.unpack("!II", head)
                    if length == 8 and what in (80877103, 80877104):  # asks for TLS or GSS encryption
                        client.sendall(b"N")
                        continue
                    client.recv(length - 8)
                    client.sendall(answer)
                    break

    with socket.create_server(("127.0.0.1", 0)) as listening:
        threading.Thread(target=serve, args=(listening,), daemon=True).start()
        yield f"postgresql://gluco:secret@127.0.0.1:{listening.getsockname()[1]}/x"


@pytest.mark.parametrize(
    ("code", "message", "said"),
    [
        ("53100", "could not write init file: No space left on device", "disk of PostgreSQL's server is full"),
        ("53300", "sorry, too many clients already", "no free connection"),
        ("57P03", "the database system is starting up", "cannot be reached"),
    ],
)
def test_what_it_says_at_the_door(tmp_path: Path, code: str, message: str, said: str) -> None:
    with turning_away(code, message) as url, pytest.raises(Unavailable, match=said):
        open_store(tmp_path, url=SecretStr(url))


def test_a_disk_that_is_full_in_the_middle_of_work(postgres: Server, tmp_path: Path) -> None:
    database = Database(database_url(SecretStr(postgres.url("postgres")), tmp_path))
    full = "DO $$ BEGIN RAISE EXCEPTION 'could not extend file \"base/5/1\"' USING ERRCODE = '53100'; END $$"
    said = r"disk of PostgreSQL's server is full.*Free some space there"
    with pytest.raises(Unavailable, match=said), database.write() as session:
        session.execute(text(full))
    database.close()


@pytest.mark.parametrize("asked", ["sslmode=require", "sslmode=verify-full&sslrootcert=/nowhere/root.crt"])
def test_tls_that_does_not_fit_is_the_operators(postgres: Server, tmp_path: Path, asked: str) -> None:
    url = SecretStr(f"{postgres.url('postgres')}?{asked}")
    with pytest.raises(Misconfigured, match=r"TLS does not fit.*sslmode") as caught:
        open_store(tmp_path, url=url)
    assert caught.value.exit_code == 78
