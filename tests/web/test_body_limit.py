"""What is taken in of a request: never more than its limit, and files only from whoever is logged in."""

import socket
import tempfile
import tracemalloc
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest
from elasticsearch import Elasticsearch
from playwright.sync_api import Browser

from glucoflow.web.body_limit import FORM_LIMIT, UPLOAD_LIMIT
from tests.web.conftest import NAMES
from tests.web.serving import Site, site
from tests.web.test_login import RIGHT, log_in

PART = b"x" * 65536


@pytest.fixture
def spooled(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """A number for each form part that went to disk."""
    rolled: list[int] = []
    rollover = tempfile.SpooledTemporaryFile.rollover

    def noted(file: tempfile.SpooledTemporaryFile[bytes]) -> None:
        rolled.append(1)
        rollover(file)

    monkeypatch.setattr(tempfile.SpooledTemporaryFile, "rollover", noted)
    return rolled


@pytest.fixture
def locked(es: Elasticsearch, tmp_path: Path) -> Iterator[Site]:
    with site(tmp_path, es, NAMES, password=RIGHT) as served:
        yield served


def multipart(size: int) -> Iterator[bytes]:
    """A file of `size` bytes as a form, in pieces, its length not told."""
    yield b'--b\r\nContent-Disposition: form-data; name="file"; filename="f"\r\n\r\n'
    for _ in range(size // len(PART)):
        yield PART
    yield b"\r\n--b--\r\n"


FORM = {"content-type": "application/x-www-form-urlencoded"}
MULTIPART = {"content-type": "multipart/form-data; boundary=b"}


def status_of(served: Site, path: str, content: Iterator[bytes], headers: dict[str, str]) -> int | None:
    """What is answered to a body that comes in pieces; None where the line is cut before."""
    try:
        return httpx.post(served.url + path, content=content, headers=headers, timeout=120).status_code
    except (httpx.WriteError, httpx.ReadError, httpx.RemoteProtocolError):
        return None


def tracemalloc_peak(do: Callable[[], int | None]) -> tuple[int | None, int]:
    """What it answers, and the most bytes that Python held for it at a time."""
    tracemalloc.start()
    try:
        return do(), tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("path", ["/login", "/people/finn/protocols/import", "/logout", "/people"])
def test_a_file_of_a_stranger_never_reaches_the_disk(locked: Site, spooled: list[int], path: str) -> None:
    assert status_of(locked, path, multipart(16 * FORM_LIMIT), MULTIPART) in {401, 415, None}
    assert spooled == []


def test_a_form_whose_length_is_not_told_is_counted(locked: Site, caplog: pytest.LogCaptureFixture) -> None:
    kept = tracemalloc_peak(lambda: status_of(locked, "/login", iter([b"password=", *[PART] * 1024]), FORM))
    assert kept[0] == 413
    assert kept[1] < 16 * FORM_LIMIT, "64 MB came in, and were not kept"
    assert "Exception" not in caplog.text


@pytest.mark.parametrize("chunked", [True, False])
def test_a_form_over_the_limit_gets_words(empty_site: Site, chunked: bool) -> None:
    body = b"name=" + b"x" * FORM_LIMIT
    answer = httpx.post(f"{empty_site.url}/people", content=iter([body]) if chunked else body, headers=FORM)
    assert answer.status_code == 413
    assert "larger than 1 MB" in answer.text
    assert "Shorten" in answer.text


def test_a_body_that_says_it_is_huge_is_not_waited_for(empty_site: Site) -> None:
    host = urlsplit(empty_site.url)
    with socket.create_connection((host.hostname or "", host.port or 0), timeout=120) as line:
        line.sendall(
            f"POST /people HTTP/1.1\r\nHost: {host.netloc}\r\nContent-Length: {10**12}\r\n"
            "Content-Type: multipart/form-data; boundary=b\r\n\r\n".encode()
        )
        assert line.recv(100).startswith(b"HTTP/1.1 413 ")


def test_whoever_is_logged_in_can_send_a_file_up_to_the_limit(locked: Site) -> None:
    with httpx.Client(base_url=locked.url, timeout=60) as browser:
        assert log_in(browser, RIGHT).status_code == 303
        answer = browser.post("/people/finn/protocols/import", content=multipart(4 * FORM_LIMIT), headers=MULTIPART)
        assert answer.status_code == 403, "it was read, and had no token of ours"
        assert "not ours" in answer.text
        too_large = multipart(UPLOAD_LIMIT + FORM_LIMIT)
        answer = browser.post("/people/finn/protocols/import", content=too_large, headers=MULTIPART)
        assert answer.status_code == 413
        assert "larger than 100 MB" in answer.text


def test_a_browser_shows_the_words(empty_site: Site, browser: Browser) -> None:
    page = browser.new_page()
    page.goto(empty_site.url)
    name = page.get_by_label("Name")
    name.evaluate(f"input => {{ input.removeAttribute('maxlength'); input.value = 'x'.repeat({3 * FORM_LIMIT}) }}")
    with page.expect_navigation():
        page.get_by_role("button", name="Add").click()
    assert "larger than 1 MB" in page.inner_text("body")
    assert empty_site.store.people.list() == ()
    page.close()
