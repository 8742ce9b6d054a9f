"""What a poll costs at each source: requests a person, and people a minute on one thread, each over its double.

    uv run python -m benchmarks.sources [people]

A poll is what a sync asks for when nothing is new: every kind, from the provider's lag until now. Signing in is not
counted: sessions are kept. Documents and Elasticsearch are not part of it. The last line is the same as JSON; the exit
code is 1 where a person costs more requests a poll than `MOST_REQUESTS` allows.
"""

import json
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from pydantic import SecretStr

from glucoflow.ingest import plan
from glucoflow.installed import installed
from glucoflow.model.credentials import Credentials
from glucoflow.provider import Double, Form, Provider, Site, Terms
from glucoflow.simulators import dexcom_share, librelinkup, nightscout, tidepool
from glucoflow.simulators.people import demo_scenario
from glucoflow.simulators.settable_clock import SettableClock

NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
PERSON = "alma"
MOST_REQUESTS = {"librelinkup": 2, "dexcom_share": 1}
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


@dataclass(frozen=True)
class Measured:
    """What one provider costs."""

    title: str
    requests: float
    """A person and poll."""
    records: float
    people_per_minute: float

    def line(self) -> str:
        return f"{self.title:15}{self.requests:10.1f}{self.records:12.0f}{self.people_per_minute:14.0f}"


def measured(name: str, provider: Provider[Any], people: int) -> Measured:
    """Polls of `people` people, one after the other."""
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
    return Measured(provider.title, calls / people, found / people, 60 * people / seconds)


def main(people: int) -> int:
    print(f"{'source':15}{'requests':>10}{'records':>12}{'people a min':>14}")
    every = {}
    for name, provider in installed().providers.items():
        if isinstance(provider.auth, Form):
            every[name] = measured(name, provider, people)
            print(every[name].line())
    print(json.dumps({"people": people, "sources": {name: asdict(one) for name, one in every.items()}}))
    return int(any(every[name].requests > most for name, most in MOST_REQUESTS.items()))


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]) if len(sys.argv) > 1 else 50))
