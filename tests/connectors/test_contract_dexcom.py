"""Dexcom's official API keeps the contract of a provider."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qs, urlsplit

import pytest
import requests
from pydantic import SecretStr

from connectors.contract import CHECKS, Check, Subject, name_of
from connectors.dexcom import PROVIDER
from glucoflow.model.ingestion import Window
from glucoflow.provider import Double, OAuth, Site
from glucoflow.simulators.dexcom import Client, SettableClock, demo_scenario, running_simulator

NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)


@pytest.fixture(scope="module")
def subject() -> Iterator[Subject]:
    with running_simulator(demo_scenario(NOW, days=60), clock=SettableClock(NOW)) as sim:
        app = Client()
        double = Double(
            url=sim.base_url,
            client_id=app.id,
            client_secret=SecretStr(app.secret),
            redirect_uri=app.redirect_uris[0],
        )
        assert isinstance(PROVIDER.auth, OAuth)
        authorizer = PROVIDER.auth.authorizer(PROVIDER.settings(), Site(region="simulator", double=double))
        page = authorizer.authorize_url("s") + "&person=bruno&auto=1"
        consent = requests.get(page, allow_redirects=False, timeout=120)
        code = parse_qs(urlsplit(consent.headers["Location"]).query)["code"][0]
        yield Subject(
            provider=PROVIDER,
            url=sim.base_url,
            credentials=authorizer.exchange(code, NOW),
            now=NOW,
            window=Window(NOW - timedelta(days=2), NOW),
            client_id=app.id,
            client_secret=SecretStr(app.secret),
            redirect_uri=app.redirect_uris[0],
        )


@pytest.mark.parametrize("check", CHECKS, ids=name_of)
def test_contract(check: Check, subject: Subject) -> None:
    check(subject)
