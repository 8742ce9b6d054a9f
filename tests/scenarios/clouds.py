"""The doubles of clouds that a scenario can name beside Dexcom's: Share, LibreLinkUp, Nightscout sites, Tidepool.

What an account holds is given record by record, and can be seen from its `up` until it is `gone`. Where a cloud's
people are made up by a model, a sensor takes its place that measured what is given and nothing else.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from importlib import import_module
from typing import Any

import msgspec
import numpy as np
from pydantic import SecretStr

from glucoflow.service.connect import connect_account, connection_for
from glucoflow.service.providers import SIMULATOR
from glucoflow.service.runtime import Runtime
from glucoflow.simulators.fault_injection import Faults
from glucoflow.simulators.faulty_wire import Asked
from glucoflow.simulators.patient import Readings
from glucoflow.simulators.scenario import Scenario, SimulatedPerson
from glucoflow.simulators.serving import running
from glucoflow.simulators.settable_clock import SettableClock
from glucoflow.simulators.wallclock import epoch
from glucoflow.store import OAuthState
from tests.scenarios.written import Account, Provider, Series

APPS = {"dexcom_share": "Cloud", "librelinkup": "Cloud", "nightscout": "Sites", "tidepool": "Cloud"}
SIGN_IN = {"dexcom_share": "/General/", "librelinkup": "/auth/login", "nightscout": "/request/", "tidepool": "/login"}
DATA = {
    "dexcom_share": "LatestGlucoseValues",
    "librelinkup": "/llu/connections",
    "nightscout": "/api/(v1|v3/)",
    "tidepool": "^/data/",
}
"""Paths of the requests that bring data."""


@dataclass(frozen=True)
class Given:
    """A record of a collection, which can be seen from `up` until `gone`."""

    collection: str
    time: datetime
    fields: Mapping[str, Any]
    up: datetime
    gone: datetime | None


@dataclass
class GivenSensor:
    """In the place of a made-up person's model."""

    person: SimulatedPerson
    given: Sequence[Given]
    clock: SettableClock
    seed: int = 0

    def readings(self, start: int, end: int) -> Readings:
        """What can be seen now of [start, end)."""
        now = self.clock()
        seen = sorted(
            (epoch(one.time), int(one.fields["value"]))
            for one in self.given
            if one.collection == "readings" and one.up <= now and not (one.gone and one.gone <= now)
        )
        inside = [row for row in seen if start <= row[0] < end]
        times = np.array([at for at, _ in inside], dtype=np.int64)
        values = np.array([value for _, value in inside], dtype=np.int64)
        nothing = np.zeros(len(inside), dtype=np.int64)
        return Readings(times, values, nothing.astype(np.float64), nothing, ())

    def plans(self, start: int, end: int) -> list[Any]:
        """Nobody eats."""
        del start, end
        return []


@dataclass
class Cloud:
    """A running double of a provider, and its accounts. `app` is the double's own."""

    provider: Provider
    url: str
    app: Any
    accounts: Mapping[str, Sequence[Given]]
    _put: dict[int, str] = field(default_factory=dict)
    _gone: set[int] = field(default_factory=set)

    @property
    def faults(self) -> Faults:
        found: Faults = self.app.faults
        return found

    @property
    def requests(self) -> list[Asked]:
        found: list[Asked] = self.app.requests
        return found

    def path(self, written: str) -> str:
        """Which requests a fault's `path` means: `*` are all that bring data, else a part of their path."""
        return DATA[self.provider] if written == "*" else written

    def sign_in(self, rt: Runtime, user: str, account: str, now: datetime) -> None:
        """The person fills in the form."""
        values = {name: SecretStr(value) for name, value in self._typed(account).items()}
        credentials = rt.providers.log_in(self.provider, SIMULATOR, values, now)
        again = connection_for(rt.store, user, self.provider)
        started = OAuthState(user_id=user, provider=self.provider, region=SIMULATOR, connection_id=again)
        connect_account(rt.store, started, credentials, now)

    def settle(self, now: datetime) -> None:
        """What can be seen at `now` is there, where the double keeps documents."""
        for account, given in self.accounts.items():
            for one in given:
                if id(one) not in self._put and one.up <= now:
                    self._put[id(one)] = self._there(account, one)
                if one.gone and one.gone <= now and id(one) not in self._gone:
                    self._gone.add(id(one))
                    self._remove(account, self._put[id(one)])

    def sign_out(self) -> None:
        """All sessions end."""
        self.app.expire()

    def change(self, account: str, fields: Mapping[str, Any]) -> None:
        """Fields of an account are other ones: a password, or what LibreLinkUp's double knows of a follower."""
        if self.provider == "librelinkup":
            for name, value in fields.items():
                setattr(self.app.followers[f"{account}@example.org"], name, value)
        else:
            assert set(fields) == {"password"}, fields
            self.app.passwords[account] = fields["password"]

    def _typed(self, account: str) -> dict[str, str]:
        mail = f"{account}@example.org"
        match self.provider:
            case "dexcom_share":
                return {"user": mail, "password": self.app.password(account)}
            case "librelinkup":
                return {"email": mail, "password": self.app.followers[mail].password}
            case "nightscout":
                return {"address": self.url, "token": self.app.token(account)}
        return {"email": mail, "password": self.app.password(account)}

    def _there(self, account: str, one: Given) -> str:
        if self.provider == "nightscout":
            return str(self.app.documents[account].put(one.collection, dict(one.fields))["_id"])
        if self.provider == "tidepool":
            self.app.put.setdefault(account, []).append(dict(one.fields))
            return str(one.fields["id"])
        return ""

    def _remove(self, account: str, name: str) -> None:
        if self.provider == "nightscout":
            self.app.documents[account].delete(name)
        elif self.provider == "tidepool":
            self.app.gone.add(name)


@contextmanager
def running_cloud(provider: Provider, accounts: Mapping[str, Account], clock: SettableClock) -> Iterator[Cloud]:
    """The double of a provider with these accounts and no others."""
    given = {name: _given(provider, account) for name, account in accounts.items()}
    first = min((one.time for records in given.values() for one in records), default=clock())
    people = tuple(SimulatedPerson(id=name, name=name, zone="UTC", since=first - timedelta(days=1)) for name in given)
    module = import_module(f"glucoflow.simulators.{provider}.app")
    app = getattr(module, APPS[provider])(Scenario(people), clock)
    for one in people:
        sensor = GivenSensor(one, given[one.id], clock)
        if provider == "nightscout":
            app.documents[one.id]._patient = sensor
        else:
            app.patients[one.id] = sensor
    with running(app, module.create_app) as (url, _):
        yield Cloud(provider, url, app, given)


def _given(provider: Provider, account: Account) -> list[Given]:
    found: list[Given] = []
    for collection, entries in account.items():
        for entry in entries:
            if "series" in entry:
                found += _series(provider, collection, msgspec.convert(entry["series"], Series, strict=False))
            else:
                fields = {name: value for name, value in entry.items() if not name.startswith("_")}
                time = _moment(fields.get("time") or fields.get("created_at") or fields["dateString"])
                found.append(_one(collection, time, fields, entry.get("_up"), entry.get("_gone")))
    return found


def _series(provider: Provider, collection: str, series: Series) -> Iterator[Given]:
    values = series.value if isinstance(series.value, list) else [series.value]
    for i in range(series.count):
        time = series.first + timedelta(seconds=i * series.every_s)
        fields = {**_usual(provider, f"{series.id}-{i}", time, values[i % len(values)]), **series.fields}
        up = None if series.up is msgspec.UNSET else series.up
        yield _one(
            collection,
            time,
            {name: value for name, value in fields.items() if name not in series.without},
            up,
            series.gone,
        )


def _usual(provider: Provider, name: str, time: datetime, value: float | None) -> dict[str, Any]:
    text = time.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.000Z")
    if provider == "nightscout":
        ms = epoch(time) * 1000
        return {"type": "sgv", "sgv": value, "date": ms, "dateString": text, "direction": "Flat", "device": "xDrip"}
    if provider == "tidepool":
        own = {"id": name, "uploadId": "upload", "deviceId": "DexG7_made-up"}
        return {**own, "type": "cbg", "units": "mg/dL", "value": value, "time": text, "timezoneOffset": 0}
    return {"value": value}


def _one(collection: str, time: datetime, fields: Mapping[str, Any], up: Any, gone: Any) -> Given:
    seen = time if up is None else _moment(up)
    return Given(collection, time, fields, seen, None if gone is None else _moment(gone))


def _moment(said: datetime | str) -> datetime:
    return said if isinstance(said, datetime) else datetime.fromisoformat(said)
