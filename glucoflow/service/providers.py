"""Which providers there are, and how to reach each: the one place that maps a connection to its connector's code."""

from collections.abc import Callable
from datetime import datetime, timedelta

import msgspec
from pydantic import SecretStr

from connectors.dexcom import REGIONS, DexcomAuthorizer, DexcomHosts, Limits, open_connector
from glucoflow.model.credentials import Credentials
from glucoflow.model.errors import Misconfigured, Retryable
from glucoflow.provider import Authorizer, Connector
from glucoflow.service.call_budget import CallBudget, Used
from glucoflow.service.schedule import Polling
from glucoflow.settings import DexcomSettings

SIMULATOR = "simulator"
"""The region of the demo's people: Dexcom's wire format, spoken by glucoflow's own simulator."""

SIMULATOR_CLIENT_ID = "glucoflow-demo"
SIMULATOR_CLIENT_SECRET = "not-a-secret"  # noqa: S105 – the simulator guards nothing

CredentialSource = Callable[[bool], Credentials]
"""Gives good credentials; True asks for others even though the last ones have not expired."""


class Providers(msgspec.Struct, frozen=True):
    """The configured providers. `simulator_url` is set while a demo runs."""

    dexcom: DexcomSettings
    simulator_url: str | None = None
    limits: Limits = Limits()
    budget: CallBudget | None = None

    def authorizer(self, provider: str, region: str) -> Authorizer:
        """The code flow of a provider. Raises Misconfigured naming the settings that are missing."""
        self._known(provider)
        if region == SIMULATOR:
            return DexcomAuthorizer(
                self._hosts(region), SIMULATOR_CLIENT_ID, SecretStr(SIMULATOR_CLIENT_SECRET), self.dexcom.redirect_uri
            )
        missing = [name for name in ("client_id", "client_secret") if getattr(self.dexcom, name) is None]
        if missing or self.dexcom.client_id is None or self.dexcom.client_secret is None:
            names = " and ".join(f"DEXCOM_{name.upper()}" for name in missing)
            raise Misconfigured(
                f"Dexcom cannot be asked: {names} not set.",
                remedy="Register an app at developer.dexcom.com (My Apps → Add), set its redirect URI to "
                f"{self.dexcom.redirect_uri}, and put its id and secret into .env.",
            )
        return DexcomAuthorizer(
            self._hosts(region), self.dexcom.client_id, self.dexcom.client_secret, self.dexcom.redirect_uri
        )

    def connector(
        self,
        provider: str,
        region: str,
        credentials: CredentialSource,
        now: datetime,
        on_call: Callable[[], None] = lambda: None,
    ) -> Connector:
        """A connector for one connection; close it after use. `on_call` is called before each call of its API."""
        self._known(provider)
        return open_connector(
            self._hosts(region),
            self._counted(credentials, _app(provider, region), on_call),
            now=now,
            lag=timedelta(days=self.dexcom.lag_days),
            deep_lag=timedelta(days=self.dexcom.deep_lag_days),
            limits=self.limits,
        )

    def polling(self, provider: str, region: str) -> Polling:
        """How often this provider is asked. The simulator has no data older than its last five minutes to wait for."""
        self._known(provider)
        if region == SIMULATOR:
            return Polling(shortest=timedelta(minutes=4), longest=timedelta(minutes=6))
        return Polling(
            shortest=timedelta(minutes=self.dexcom.poll_min_minutes),
            longest=timedelta(minutes=max(self.dexcom.poll_min_minutes, self.dexcom.poll_max_minutes)),
            maintenance_start=self.dexcom.maintenance_start,
            maintenance_end=self.dexcom.maintenance_end,
            zone="America/Los_Angeles",
        )

    def used(self, provider: str, region: str) -> Used | None:
        """The hour's calls of the app, and its cap; None where nothing is counted."""
        return self.budget.used(_app(provider, region)) if self.budget else None

    def _counted(self, credentials: CredentialSource, app: str, on_call: Callable[[], None]) -> CredentialSource:
        """The source of credentials, which is asked once a call, counting each against the app's budget."""

        def counted(force: bool) -> Credentials:
            if self.budget is not None:
                self.budget.take(app)
            on_call()
            return credentials(force)

        return counted

    def _known(self, provider: str) -> None:
        if provider != "dexcom":
            raise Misconfigured(f"There is no provider called {provider!r}.", remedy="Known: dexcom.")

    def base_url(self, region: str) -> str:
        """Where a region's API is. Raises Misconfigured for an unknown region, Retryable without the demo."""
        if region == SIMULATOR:
            if self.simulator_url is None:
                raise Retryable(  # nobody else's sync shall stop for it
                    "This person belongs to the demo, and the simulated provider is not running.",
                    remedy="Start `glucoflow up --demo`.",
                )
            return self.simulator_url
        if self.dexcom.base_url is not None:
            return str(self.dexcom.base_url).rstrip("/")
        if region not in REGIONS:
            raise Misconfigured(f"Dexcom has no region {region!r}.", remedy=f"Known: {', '.join(REGIONS)}.")
        return REGIONS[region]

    def _hosts(self, region: str) -> DexcomHosts:
        base = self.base_url(region)
        return DexcomHosts(base_url=base, oauth_prefix=self.dexcom.oauth_prefix, api_prefix=self.dexcom.api_prefix)


def _app(provider: str, region: str) -> str:
    """Whose cap a call counts against: the demo's people spend none of the real app's."""
    return SIMULATOR if region == SIMULATOR else provider
