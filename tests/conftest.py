"""What all tests share: one real Elasticsearch node and PostgreSQL a run, a browser a worker."""

import gc
import os
import shutil
import sys
import tempfile
from collections.abc import Generator, Iterator
from pathlib import Path

import pytest
from elasticsearch import Elasticsearch
from hypothesis import settings
from playwright.sync_api import Browser, Error, sync_playwright

from tests.node import Node
from tests.postgres import RunningServer, Server
from tests.prefect_database import PrefectDatabase
from tests.workers import Dealer, Servers, begin_elsewhere, longest_first, own_environment, servers_of


def pytest_configure(config: pytest.Config) -> None:
    """No example has a time limit: speed is shown in `benchmarks`, and a slow machine must not fail a test.

    CI draws the same examples each time; elsewhere new ones are looked for.

    Where Python was told to write no bytecode, it goes into pytest's own cache. Without any, each of some fifty
    processes that the suite starts compiles Prefect anew: 7 s of CPU a process.
    """
    settings.register_profile("suite", parent=settings(), deadline=None, derandomize=os.environ.get("CI") == "true")
    settings.load_profile("suite")
    cache = getattr(config, "cache", None)  # -p no:cacheprovider
    if sys.dont_write_bytecode and cache is not None:
        sys.dont_write_bytecode, sys.pycache_prefix = False, str(cache.mkdir("bytecode"))
        os.environ["PYTHONPYCACHEPREFIX"] = sys.pycache_prefix
        os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    home = Path(tempfile.mkdtemp(prefix="glucoflow-home-"))
    config.add_cleanup(lambda: shutil.rmtree(home, ignore_errors=True))
    own_environment(home)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_setupnodes(config: pytest.Config) -> None:
    """Before the workers start, in the process that deals out the tests alone (xdist configures itself after us)."""
    dealer = Dealer()
    config.add_cleanup(dealer.servers.close)
    config.pluginmanager.register(dealer)


def pytest_xdist_auto_num_workers(config: pytest.Config) -> int:
    """`-n auto`: one more than there are cores, as tests sometimes wait for others. None for a few named files."""
    whole = config.args_source is not pytest.Config.ArgsSource.ARGS
    return (os.cpu_count() or 1) + 1 if whole else 0


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_collection(session: pytest.Session) -> Generator[None, object, object]:
    """All that is imported stays: looking through it for garbage again and again is a third of the collection."""
    begin_elsewhere(session.config)
    gc.disable()
    try:
        return (yield)
    finally:
        gc.enable()
        gc.freeze()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    longest_first(items)


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """What takes many minutes is not a part of an ordinary run; nor is what it would have set up."""
    if item.get_closest_marker("slow") and "slow" not in item.config.getoption("-m"):
        pytest.skip("takes many minutes: pytest -m slow")


@pytest.fixture(scope="session")
def servers(pytestconfig: pytest.Config) -> Servers:
    """Those of the whole run, all workers together."""
    return servers_of(pytestconfig)


@pytest.fixture(scope="session")
def elasticsearch_node(servers: Servers) -> Node:
    """A real node, started once. Tests keep apart by their index prefixes."""
    return servers.elasticsearch()


@pytest.fixture(scope="session")
def es(elasticsearch_node: Node) -> Iterator[Elasticsearch]:
    """A client of that node."""
    client = elasticsearch_node.client()
    yield client
    client.close()


@pytest.fixture(scope="session")
def postgres(servers: Servers) -> Server:
    """A real server. Where PostgreSQL is not installed the test says so, except in CI."""
    try:
        return servers.postgres()
    except FileNotFoundError as error:
        if os.environ.get("CI") == "true":
            raise
        pytest.skip(str(error))


@pytest.fixture
def own_postgres(postgres: Server) -> Iterator[RunningServer]:
    """A server that a test may stop."""
    with RunningServer() as server:
        yield server


@pytest.fixture(scope="session")
def prefect_database(servers: Servers) -> PrefectDatabase:
    """For Prefect servers that are not themselves what a test is about."""
    return PrefectDatabase(servers.folder() / "prefect.db")


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
