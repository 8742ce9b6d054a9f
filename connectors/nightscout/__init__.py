"""Nightscout, a site of a person's own: entries, treatments, device statuses and profiles, over API v3 or v1.

Facts are from cgm-remote-monitor 15.0.7 (lib/server, lib/api, lib/api3, lib/authorization). What makes calls is
imported when it is first needed.
"""

from datetime import timedelta

from pydantic import Field as Described
from pydantic_settings import BaseSettings

from glucoflow.model.ranges import WIDEST_LIMITS
from glucoflow.model.said import said
from glucoflow.provider import (
    Connector,
    CredentialSource,
    Field,
    Form,
    Polling,
    Provider,
    Quirks,
    Site,
    Terms,
    later,
    settings_config,
)


class NightscoutSettings(BaseSettings):
    """Nightscout sites: how often they are asked, and for how long ago."""

    model_config = settings_config("NIGHTSCOUT_")

    poll_minutes: float = Described(5.0, ge=1, description="minutes between two polls of a site")
    lag_hours: float = Described(72.0, ge=1, le=720, description="hours each sync steps back for late and changed ones")
    deep_lag_days: float = Described(30.0, ge=1, le=90, description="days it steps back once a day")
    allow_http: bool = Described(False, description="also sites without TLS: the token travels unencrypted")


def _polling(settings: NightscoutSettings) -> Polling:
    lag, deep_lag = timedelta(hours=settings.lag_hours), timedelta(days=settings.deep_lag_days)
    return Polling(
        shortest=timedelta(minutes=settings.poll_minutes),
        longest=timedelta(minutes=settings.poll_minutes * 1.2),
        align=timedelta(seconds=30),
        lag=lag,
        deep_lag=max(lag, deep_lag),
    )


def _open(settings: NightscoutSettings, site: Site, source: CredentialSource, terms: Terms) -> Connector:
    from connectors.nightscout.connector import NightscoutConnector

    del settings
    return NightscoutConnector(site, source, terms)


PROVIDER = Provider(
    name="nightscout",
    title="Nightscout",
    logo="NS",
    kinds=("events", "readings", "devices"),
    quirks=Quirks(
        sensor_limits=WIDEST_LIMITS,
        sample_interval_ms=300_000,
        delay=timedelta(minutes=5),
        freshness=said("a few minutes after the site has them"),
        live=True,
        delivers_meals=True,
    ),
    settings=NightscoutSettings,
    auth=Form(
        fields=(
            Field(
                name="address",
                label=said("Address of the site"),
                help=said("Such as https://my-site.example. Nothing else."),
            ),
            Field(
                name="token",
                label=said("Access token"),
                secret=True,
                optional=True,
                help=said(
                    "Of a subject with the role “readable” (Admin Tools on the site), such as name-0123456789abcdef. "
                    "The API secret works as well, but may change everything. Leave it empty where anybody may read."
                ),
            ),
        ),
        log_in=later("connectors.nightscout.signing_in:log_in"),
    ),
    polling=_polling,
    open=_open,
    rank=45,
    documentation="docs/sources/nightscout.md",
    regions={"site": "a site of your own"},
    region=lambda _settings: "site",
)
