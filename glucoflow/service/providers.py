"""The installed providers with their settings: the one place that turns a connection into its connector."""

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import Any

import msgspec
from pydantic import SecretStr
from pydantic_settings import BaseSettings

from glucoflow.installed import Installed, installed
from glucoflow.model.credentials import Credentials
from glucoflow.model.errors import GlucoflowError, Misconfigured, Retryable
from glucoflow.provider import (
    Authorizer,
    Connector,
    CredentialSource,
    Double,
    Limits,
    OAuth,
    Polling,
    Provider,
    Site,
    Terms,
    Uploader,
)
from glucoflow.service.call_budget import CallBudget, Used
from glucoflow.simulators.scenario import Client

SIMULATOR = "simulator"
"""The region of the demo's people: their provider's wire format, spoken by its double."""

Renew = Callable[[Credentials, datetime], Credentials]
"""The next credentials, for those that expire or were refused."""


def one_piece_words() -> list[str]:
    """The words and names of every generation of sensors whose transmitter is the sensor."""
    found = [item for one in installed().providers.values() for item in one.quirks.generations.items()]
    return sorted({said for word, generation in found if generation.one_piece for said in (word, generation.name)})


class Providers(msgspec.Struct, frozen=True, kw_only=True):
    """What is installed, its settings by name, the addresses of the doubles that run, and where the pages take people
    back from a sign-in (empty: at their usual port)."""

    settings: Mapping[str, BaseSettings]
    doubles: Mapping[str, str] = {}
    callback: str = ""
    limits: Limits = Limits()
    budget: CallBudget | None = None
    installed: Installed = msgspec.field(default_factory=installed)

    def all(self) -> list[Provider[Any]]:
        """Every provider, by name."""
        return list(self.installed.providers.values())

    def get(self, name: str) -> Provider[Any]:
        """Raises Misconfigured for a name that none has."""
        return self.installed.get(name)

    def region(self, name: str) -> str:
        """Where accounts live, unless a person says otherwise."""
        provider = self.get(name)
        return provider.region(self._settings(provider))

    def missing(self, name: str) -> GlucoflowError | None:
        """Why nobody can connect to this provider yet, with the cure; None where they can."""
        try:
            if isinstance(self.get(name).auth, OAuth):
                self.authorizer(name, self.region(name))
        except Misconfigured as error:
            return error
        return None

    def authorizer(self, name: str, region: str) -> Authorizer:
        """The code flow of a provider. Raises Misconfigured naming the settings that are missing."""
        provider = self.get(name)
        if not isinstance(provider.auth, OAuth):
            raise Misconfigured(f"{provider.title} has no sign-in page to be sent to.", remedy="Fill in its form.")
        return provider.auth.authorizer(self._settings(provider), self.site(name, region))

    def log_in(self, name: str, region: str, values: Mapping[str, SecretStr], now: datetime) -> Credentials:
        """Credentials for what a person filled in. Raises Reauthorize where the provider refuses it."""
        provider = self.get(name)
        if isinstance(provider.auth, OAuth):
            raise Misconfigured(f"{provider.title} wants no form.", remedy="Sign in on its own page.")
        return provider.auth.log_in(self._settings(provider), self.site(name, region), values, now)

    def renew(self, name: str, region: str) -> Renew:
        """How this connection's credentials are renewed: its consent refreshed, or its form filled in again."""
        auth = self.get(name).auth
        if isinstance(auth, OAuth):
            return self.authorizer(name, region).refresh

        def again(credentials: Credentials, now: datetime) -> Credentials:
            values = {one.name: credentials[one.name] for one in auth.fields if one.name in credentials.values}
            return self.log_in(name, region, values, now)

        return again

    def connector(
        self,
        name: str,
        region: str,
        source: CredentialSource,
        now: datetime,
        on_call: Callable[[], None] = lambda: None,
        on_date: Callable[[datetime], None] = lambda _date: None,
        known: Mapping[str, datetime] = MappingProxyType({}),
        share: float = 1.0,
    ) -> Connector:
        """A connector for one connection; close it after use. `on_call` is called before each call of its API.

        `on_date` is told the time by the provider's clock at each answer that says it; `known` is the connection's.
        Where its app has a cap on calls, no more than `share` of it may be spent when this one calls.
        """
        provider = self.get(name)
        on_call = self._counted(provider, region, on_call, share)
        terms = Terms(now=now, limits=self.limits, on_call=on_call, on_date=on_date, known=known)
        return provider.open(self._settings(provider), self.site(name, region), source, terms)

    def uploader(
        self,
        name: str,
        region: str,
        source: CredentialSource,
        now: datetime,
        on_call: Callable[[], None] = lambda: None,
    ) -> Uploader:
        """How data go to a provider that takes them; close it after use. Raises Misconfigured for any other."""
        provider = self.get(name)
        if provider.upload is None:
            raise Misconfigured(f"{provider.title} takes no data.", remedy="Switch the upload off.")
        terms = Terms(now=now, limits=self.limits, on_call=self._counted(provider, region, on_call))
        return provider.upload(self._settings(provider), self.site(name, region), source, terms)

    def _counted(
        self, provider: Provider[Any], region: str, on_call: Callable[[], None], share: float = 1.0
    ) -> Callable[[], None]:
        cap = self._cap(provider)

        def counted() -> None:
            if self.budget is not None and cap is not None:
                self.budget.take(_app(provider.name, region), max(1, int(cap * share)))
            on_call()

        return counted

    def polling(self, name: str, region: str) -> Polling:
        """How often this provider is asked. A double has no data older than its last five minutes to wait for."""
        provider = self.get(name)
        polling = provider.polling(self._settings(provider))
        if region == SIMULATOR:
            return msgspec.structs.replace(
                polling,
                shortest=timedelta(minutes=4),
                longest=timedelta(minutes=6),
                align=None,
                maintenance_start=None,
                maintenance_end=None,
            )
        return polling

    def delay(self, name: str, region: str) -> timedelta:
        """How old the newest reading usually is when this provider gives it; a double's are never late."""
        if region == SIMULATOR or name not in self.installed.providers:
            return timedelta(0)
        quirks = self.get(name).quirks
        return quirks.delays.get(region, quirks.delay)

    def live(self) -> frozenset[str]:
        """The names of those whose readings are of now."""
        return frozenset(one.name for one in self.all() if one.quirks.live)

    def used(self, name: str, region: str) -> Used | None:
        """The hour's calls of the app, and its cap; None where nothing is counted."""
        cap = self._cap(self.get(name))
        return self.budget.used(_app(name, region), cap) if self.budget and cap is not None else None

    def address(self, name: str, region: str) -> str | None:
        """An address of the provider that answers anybody; None where each account has its own."""
        provider = self.get(name)
        return provider.address(self._settings(provider), self.site(name, region))

    def site(self, name: str, region: str) -> Site:
        """Where an account lives. Raises Misconfigured for an unknown region, Retryable without the demo."""
        provider = self.get(name)
        if region == SIMULATOR:
            if name not in self.doubles:
                raise Retryable(  # nobody else's sync shall stop for it
                    "This person belongs to the demo, and the simulated provider is not running.",
                    remedy="Start `glucoflow up --demo`.",
                )
            app = Client()
            double = Double(
                url=self.doubles[name],
                client_id=app.id,
                client_secret=SecretStr(app.secret),
                redirect_uri=app.redirect_uris[0],
            )
            return Site(region=region, double=double)
        if region not in provider.regions:
            known = ", ".join(f"{one} ({words})" for one, words in provider.regions.items())
            raise Misconfigured(f"{provider.title} has no region {region!r}.", remedy=f"Known: {known}.")
        return Site(region=region, callback=self.callback) if self.callback else Site(region=region)

    def _settings(self, provider: Provider[Any]) -> BaseSettings:
        return self.settings[provider.name]

    def _cap(self, provider: Provider[Any]) -> int | None:
        return provider.calls_per_hour(self._settings(provider))


def _app(provider: str, region: str) -> str:
    """Whose cap a call counts against: the demo's people spend none of the real app's."""
    return SIMULATOR if region == SIMULATOR else provider
