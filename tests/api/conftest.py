"""The doors on a real site, and phones that knock: two people, each with apps of their own."""

import hashlib
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
from elasticsearch import Elasticsearch

from glucoflow.es.names import Names
from glucoflow.es.provision import delete_user, provision
from glucoflow.store import AppRights
from tests.api.sent import NOW, clock_since
from tests.web.serving import Site, site
from tests.workers import own_name

END = datetime.now(UTC).replace(second=0, microsecond=0) - timedelta(minutes=4)
NAMES = Names.below(f"api-{own_name()}-")


class Phone(httpx.Client):
    """An app on somebody's phone."""

    def __init__(self, site: Site, user_id: str, rights: AppRights = "both", *, known: bool = True) -> None:
        made = site.store.apps.add(user_id, "Test app", rights, datetime.now(UTC))
        self.secret, self.app_id, self.user_id = made.secret, made.app.id, user_id
        self.sha1 = hashlib.sha1(made.secret.encode(), usedforsecurity=False).hexdigest()
        headers = {"api-secret": self.sha1, "accept": "application/json"} if known else {}
        super().__init__(base_url=site.url, headers=headers, timeout=120)


@pytest.fixture(scope="session")
def doors(es: Elasticsearch, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with site(tmp_path_factory.mktemp("api"), es, NAMES, clock=clock_since(NOW)) as served:
        provision(es, NAMES)
        yield served
        for person in served.store.people.list():
            delete_user(es, NAMES, person.id)


def moves_in(doors: Site, user_id: str, days: int, seed: int, **facts: Any) -> str:
    """Somebody with readings until `END`; their id."""
    doors.store.people.add(user_id, user_id.title(), datetime.now(UTC), zone="Europe/Berlin", **facts)
    doors.put(user_id, days=days, seed=seed, end=END)
    return user_id


_count = iter(range(10_000))


@pytest.fixture
def user(doors: Site) -> str:
    """Somebody of one test alone."""
    name = f"u{next(_count)}"
    doors.store.people.add(name, name.title(), datetime.now(UTC), zone="Europe/Berlin")
    return name


@pytest.fixture
def phone(doors: Site, user: str) -> Iterator[Phone]:
    with Phone(doors, user) as made:
        yield made
