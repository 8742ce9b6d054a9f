"""What a poll costs at each source: requests a person, and people a minute on one thread, each over its double.

    uv run python -m benchmarks.sources [people]

A poll is what a sync asks for when nothing is new: every kind, from the provider's lag until now. Signing in is not
counted: sessions are kept. Documents and Elasticsearch are not part of it.
"""

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

from pydantic import SecretStr

from glucoflow.ingest import plan
from glucoflow.model.credentials import Credentials
from glucoflow.provider import Double, Form, Provider, Site, Terms, installed
from glucoflow.simulators import dexcom_share, librelinkup, nightscout, tidepool
from glucoflow.simulators.people import demo_scenario
from glucoflow.simulators.settable_clock import SettableClock

NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
PERSON = "alma"
Opened = tuple[str, dict[str, str]]


@contextmanager
def double_of(name: str) -> Iterator[Opened]:
    """The address of a provider's double, and what is typed into its form."""
    scenario, clock = demo_scenario(NOW, days=30), SettableClock(NOW)
    email = f"{PERSON}@example.org"
    if name == "nightscout":
        with nightscout.running_sites(scenario, clock) as (url, sites):
            yield url, {"address": url, "token": sites.token(PERSON)}
    elif name == "librelinkup":
        with librelinkup.running_cloud(scenario, clock) as (url, _):
            yield url, {"email": email, "password": f"{PERSON}-libre"}
    elif name == "dexcom_share":
        with dexcom_share.running_cloud(scenario, clock) as (url, share):
            yield url, {"user": email, "password": share.password(PERSON)}
    else:
        with tidepool.running_cloud(scenario, clock) as (url, cloud):
            yield url, {"email": email, "password": cloud.password(PERSON)}


def polled(provider: Provider[Any], site: Site, credentials: Credentials, on_call: Callable[[], None]) -> int:
    """One poll; how many records it brought."""
    settings = provider.settings()
    terms = Terms(now=NOW, on_call=on_call)
    connector = provider.open(settings, site, lambda _new: credentials, terms)
    found = 0
    for kind in provider.kinds:
        window = plan(provider.polling(settings), None, None, NOW - timedelta(minutes=5), NOW)
        found += sum(len(page.records) for page in connector.pages(kind, window))
    connector.close()
    return found


def measured(name: str, provider: Provider[Any], people: int) -> str:
    """A line of the table."""
    assert isinstance(provider.auth, Form)
    calls = 0

    def called() -> None:
        nonlocal calls
        calls += 1

    with double_of(name) as (url, typed):
        double = Double(url=url, client_id="", client_secret=SecretStr(""), redirect_uri="")
        site = Site(region=next(iter(provider.regions)), double=double)
        values = {field: SecretStr(value) for field, value in typed.items()}
        credentials = provider.auth.log_in(provider.settings(), site, values, NOW)
        polled(provider, site, credentials, lambda: None)
        begun = time.perf_counter()
        found = sum(polled(provider, site, credentials, called) for _ in range(people))
        seconds = time.perf_counter() - begun
    return f"{provider.title:15}{calls / people:10.1f}{found / people:12.0f}{60 * people / seconds:14.0f}"


def main(people: int) -> None:
    print(f"{'source':15}{'requests':>10}{'records':>12}{'people a min':>14}")
    for name, provider in installed().providers.items():
        if isinstance(provider.auth, Form):
            print(measured(name, provider, people))


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 50)
