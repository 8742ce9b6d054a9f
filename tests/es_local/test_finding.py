"""Finding Java and Elasticsearch: what is passed over, and what is said when there is none."""

import gc
import hashlib
import io
import os
import pwd
import random
import stat
import threading
import zipfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import NamedTuple

import pytest
from pydantic import SecretStr

from glucoflow.model.errors import Misconfigured, Unavailable
from glucoflow.node import distribution, java
from glucoflow.node.config import fitting_heap, hashed
from glucoflow.node.distribution import find_distribution
from glucoflow.node.user import SHARED_PLACE, cache_for, node_user, place_for


def fake_java(home: Path, version: str, modules: str = "java.base@1") -> Path:
    program = home / "bin" / "java"
    program.parent.mkdir(parents=True)
    program.write_text(
        f'#!/bin/sh\nif [ "$1" = -version ]; then echo \'openjdk version "{version}"\' >&2; else echo "{modules}"; fi\n'
    )
    program.chmod(program.stat().st_mode | stat.S_IXUSR | stat.S_IXGRP | stat.S_IXOTH)
    return home


@pytest.mark.parametrize(
    ("version", "modules", "problem"),
    [
        ("17.0.15", "java.base@17\njdk.jlink@17", "version 17"),
        ("1.8.0_402", "", "version 8"),
        ("21.0.2", "java.base@21", "without jdk.jlink"),
        ("21.0.2", "java.base@21\njdk.jlink@21.0.2", None),
        ("25", "jdk.jlink@25", None),
    ],
)
def test_which_javas_will_do(tmp_path: Path, version: str, modules: str, problem: str | None) -> None:
    found = java.why_not(fake_java(tmp_path / "jdk", version, modules))
    assert (found is None) if problem is None else (found and problem in found)


def test_a_java_that_is_too_old_is_passed_over(tmp_path: Path) -> None:
    old = fake_java(tmp_path / "old", "17.0.1", "jdk.jlink")
    good = fake_java(tmp_path / "home" / ".jdks" / "jdk-21", "21.0.1", "jdk.jlink")
    place = {"PATH": str(old / "bin"), "HOME": str(tmp_path / "home")}
    homes = [home.resolve() for home in java._candidates(place)]
    assert homes.index(old) < homes.index(good)
    assert java.find_java(tmp_path, {"JAVA_HOME": str(old), **place, "ES_JAVA_HOME": str(good)}) == good


def test_without_any_java_it_says_what_was_found_and_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(java, "_USUAL_PLACES", ())
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:9")  # nobody there: the download cannot work
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    old = fake_java(tmp_path / "old", "17.0.1", "jdk.jlink")
    with pytest.raises(Unavailable, match=r"version 17, 21 is needed") as caught:
        java.find_java(tmp_path, {"JAVA_HOME": str(old), "PATH": ""})
    assert "Install a JDK 21" in caught.value.remedy


class Repository(NamedTuple):
    """A Maven repository on loopback: `files` to give out (path's end: body), and how many bytes before it hangs up."""

    address: str
    files: dict[str, bytes]
    cut_after: dict[str, int]
    asked: list[str]


@pytest.fixture
def repository() -> Iterator[Repository]:
    files: dict[str, bytes] = {}
    cut_after: dict[str, int] = {}
    asked: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            suffix = self.path.rpartition(".")[2]
            body = files.get(suffix)
            if body is None:
                self.send_error(404)
                return
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body[: cut_after.get(suffix, len(body))])

        def log_message(self, *_: object) -> None: ...

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield Repository(f"http://127.0.0.1:{server.server_port}", files, cut_after, asked)
        server.shutdown()


def a_zip() -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("elasticsearch-9.5.0/bin/elasticsearch", "#!/bin/sh\n")
        archive.writestr("elasticsearch-9.5.0/ballast", random.Random(1).randbytes(100_000))
    return packed.getvalue()


def test_a_whole_download_is_kept_and_asked_for_once(
    tmp_path: Path, repository: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = repository.files["zip"] = a_zip()
    monkeypatch.setattr(distribution, "SHA256", hashlib.sha256(whole).hexdigest())
    told: list[tuple[int, int]] = []
    with ThreadPoolExecutor(4) as pool:  # four starts at once: one downloads, three wait
        found = list(
            pool.map(
                lambda _: find_distribution(
                    None, tmp_path, lambda *count: told.append(count), {"here": repository.address}
                ),
                range(4),
            )
        )
    assert set(found) == {tmp_path / "elasticsearch-9.5.0"}
    assert os.access(found[0] / "bin" / "elasticsearch", os.X_OK)
    assert told[-1] == (len(whole), len(whole))
    assert [path for path in repository.asked if path.endswith(".zip")] == [
        "/org/elasticsearch/distribution/integ-test-zip/elasticsearch/9.5.0/elasticsearch-9.5.0.zip"
    ]


# The resolver leaves a connection that broke to the garbage collector.
@pytest.mark.filterwarnings("ignore:unclosed <socket:ResourceWarning")
@pytest.mark.parametrize(
    ("cut_after", "given", "said"),
    [
        (50_000, True, "broke in the middle"),
        (None, True, "does not match its checksum"),
        (None, False, "does not give out version 9.5.0"),
    ],
)
def test_a_bad_download_leaves_nothing(
    tmp_path: Path, repository: Repository, cut_after: int | None, given: bool, said: str
) -> None:
    if given:
        repository.files["zip"] = a_zip()  # not the one whose checksum is known
    if cut_after:
        repository.cut_after["zip"] = cut_after
    (tmp_path / "incomplete-of-a-killed-one").mkdir()
    with pytest.raises(Unavailable, match=said) as caught:
        find_distribution(None, tmp_path, None, {"here": repository.address})
    assert any(path.endswith(".zip") for path in repository.asked)
    assert "try again" in caught.value.remedy
    assert [path.name for path in tmp_path.iterdir()] == ["download.lock"]
    del caught
    gc.collect()


def test_no_network_is_said_in_words(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTPS_PROXY", "HTTP_PROXY", "https_proxy", "http_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    with pytest.raises(Unavailable, match="cannot be reached") as caught:
        find_distribution(None, tmp_path)
    assert "ES_HOME" in caught.value.remedy
    assert [path.name for path in tmp_path.iterdir()] == ["download.lock"]


def test_es_home_must_be_one(tmp_path: Path) -> None:
    with pytest.raises(Misconfigured, match="ES_HOME"):
        find_distribution(tmp_path, tmp_path)


@pytest.mark.parametrize(("gigabytes", "heap"), [(2, "512m"), (4, "512m"), (6, "768m"), (24, "1024m")])
def test_the_heap_fits_the_machine(gigabytes: int, heap: str) -> None:
    assert fitting_heap(gigabytes * 2**30) == heap


def test_passwords_are_hashed_with_their_salt() -> None:
    one, other = hashed(SecretStr("x"), b"1" * 32), hashed(SecretStr("x"), b"2" * 32)
    assert one != other
    assert one.startswith("{PBKDF2}10000$")


def test_under_root_another_user_runs_it(monkeypatch: pytest.MonkeyPatch) -> None:
    ordinary = pwd.getpwnam("nobody")
    monkeypatch.setattr(os, "getuid", lambda: 0)
    monkeypatch.setenv("SUDO_UID", str(ordinary.pw_uid))
    chosen = node_user()
    assert chosen is not None
    assert (chosen.uid, chosen.gid) == (ordinary.pw_uid, ordinary.pw_gid)
    for caller in ("0", "4294967000", "x"):  # root itself, nobody we know, nonsense
        monkeypatch.setenv("SUDO_UID", caller)
        chosen = node_user()
        assert chosen is not None
        assert chosen.name in ("elasticsearch", "glucoflow-es"), "nobody is shared with other programs"
    monkeypatch.setattr(os, "getuid", lambda: 1000)
    assert node_user() is None


def test_a_folder_that_the_user_cannot_enter_is_replaced_by_one_below_var_lib(tmp_path: Path) -> None:
    closed, user = tmp_path / "closed", node_user()
    wanted = [closed / "one" / "elasticsearch", closed / "two" / "elasticsearch"]
    closed.mkdir(mode=0o700)
    places = [place_for(each, user) for each in wanted]
    if user is None:  # not root: it is our own folder
        assert places == wanted
        assert cache_for(closed / "cache", user) == closed / "cache"
    else:
        assert {place.parent for place in places} == {SHARED_PLACE}
        assert len(set(places)) == 2
        assert places == [place_for(each, user) for each in wanted]
        assert cache_for(closed / "cache", user) == cache_for(tmp_path / "closed" / "other", user)
