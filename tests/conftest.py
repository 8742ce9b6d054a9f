"""What all tests share: one real Elasticsearch node, PostgreSQL and browser a session."""

import os
import shutil
import sys
import tempfile
from collections.abc import Iterator

import pytest
from elasticsearch import Elasticsearch
from hypothesis import settings
from playwright.sync_api import Browser, Error, sync_playwright

from tests.node import Node, running_node
from tests.postgres import Server


def pytest_configure(config: pytest.Config) -> None:
    """No example has a time limit: speed is shown in `benchmarks`, and a slow machine must not fail a test.

    Where Python was told to write no bytecode, it goes into a folder that is gone after the run. Without any, each of
    some fifty processes that the suite starts compiles Prefect anew: 7 s of CPU a process.
    """
    settings.register_profile("suite", parent=settings(), deadline=None)
    settings.load_profile("suite")
    if sys.dont_write_bytecode:
        folder = tempfile.mkdtemp(prefix="glucoflow-bytecode-")
        config.add_cleanup(lambda: shutil.rmtree(folder, ignore_errors=True))
        sys.dont_write_bytecode, sys.pycache_prefix = False, folder
        os.environ["PYTHONPYCACHEPREFIX"] = folder
        os.environ.pop("PYTHONDONTWRITEBYTECODE", None)


@pytest.fixture(scope="session")
def elasticsearch_node() -> Iterator[Node]:
    """A real node, started once. Tests keep apart by their index prefixes."""
    with running_node() as node:
        yield node


@pytest.fixture(scope="session")
def es(elasticsearch_node: Node) -> Iterator[Elasticsearch]:
    """A client of that node."""
    client = elasticsearch_node.client()
    yield client
    client.close()


@pytest.fixture(scope="session")
def postgres() -> Iterator[Server]:
    """A real server. Where PostgreSQL is not installed the test says so, except in CI."""
    try:
        server = Server()
    except FileNotFoundError as error:
        if os.environ.get("CI") == "true":
            raise
        pytest.skip(str(error))
    with server:
        yield server


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """Chromium: the system's, else Playwright's own. Where there is none the test says so, except in CI."""
    system = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    with sync_playwright() as playwright:
        try:
            launched = playwright.chromium.launch(executable_path=system)
        except Error:
            if os.environ.get("CI") == "true":
                raise
            pytest.skip("There is no Chromium, so pages are not tested. Install it, or: playwright install chromium")
        yield launched
        launched.close()
