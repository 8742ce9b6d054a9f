"""Dexcom's official API, version 3: OAuth, and readings, events, calibrations, alerts and devices as our records.

Facts about the API are from its OpenAPI description and portal; the quirks in comments are those that Tidepool's
platform, which reads it at scale, had to learn. What makes calls is imported when it is first needed.
"""

from datetime import time, timedelta
from typing import Literal

from pydantic import Field, HttpUrl, SecretStr
from pydantic_settings import BaseSettings

from glucoflow.model.ingestion import KINDS
from glucoflow.model.ranges import SensorLimits
from glucoflow.model.said import said
from glucoflow.provider import Generation, OAuth, Polling, Provider, Quirks, Site, later, settings_config


class DexcomSettings(BaseSettings):
    """Your Dexcom developer app (developer.dexcom.com), and where Dexcom's API is."""

    model_config = settings_config("DEXCOM_")

    client_id: str | None = Field(None, description="client id of your app in the Dexcom developer portal")
    client_secret: SecretStr | None = Field(None, description="its client secret")
    redirect_uri: str | None = Field(
        None, description="redirect URI, exactly as registered in the portal; else localhost at WEB_PORT"
    )
    region: Literal["us", "ous", "jp", "sandbox"] = Field("us", description="where the account lives")
    base_url: HttpUrl | None = Field(None, description="another API host than the region's")
    oauth_prefix: str = Field("v3", description="path prefix of the OAuth endpoints; v2 if v3 answers 404")
    api_prefix: str = Field("v3", description="path prefix of the data endpoints")
    lag_days: int = Field(3, ge=0, le=30, description="days each sync steps back for late and changed records")
    deep_lag_days: int = Field(30, ge=0, le=90, description="days it steps back once a day")
    poll_min_minutes: int = Field(45, ge=5, description="shortest time between two polls of a connection")
    poll_max_minutes: int = Field(75, ge=5, description="longest; each wait is drawn between the two")
    maintenance_start: time = Field(time(2, 45), description="nightly pause, Los Angeles time: from")
    maintenance_end: time = Field(time(3, 45), description="to")
    calls_per_hour: int = Field(
        50_000, ge=60, description="cap on calls an hour, all workers together (Dexcom allows an app 60,000)"
    )


REGIONS: dict[str, str] = {
    "us": said("United States"),
    "ous": said("outside the United States and Japan"),
    "jp": said("Japan"),
    "sandbox": said("sandbox, with made-up people"),
}

GENERATIONS = {
    "g4": Generation(name="G4"),
    "g5": Generation(name="G5"),
    "g6": Generation(name="G6"),
    "g6+": Generation(name="G6+"),
    "g6pro": Generation(name="G6 Pro"),
    "g7": Generation(name="G7", one_piece=True),
    "g715day": Generation(name="G7 15 Day", one_piece=True),
    "stelo": Generation(name="Stelo", one_piece=True, sample_interval_ms=900_000),
    "dexcompro": Generation(name="Pro"),
}
"""By Dexcom's word in lower case and without blanks, hyphens and underscores."""


def _polling(settings: DexcomSettings) -> Polling:
    return Polling(
        shortest=timedelta(minutes=settings.poll_min_minutes),
        longest=timedelta(minutes=max(settings.poll_min_minutes, settings.poll_max_minutes)),
        maintenance_start=settings.maintenance_start,
        maintenance_end=settings.maintenance_end,
        zone="America/Los_Angeles",
        lag=timedelta(days=settings.lag_days),
        deep_lag=timedelta(days=settings.deep_lag_days),
    )


def _address(settings: DexcomSettings, site: Site) -> str:
    from connectors.dexcom.api import hosts

    return hosts(settings, site).data("dataRange")


PROVIDER = Provider(
    name="dexcom",
    title="Dexcom",
    logo="D",
    kinds=KINDS,
    quirks=Quirks(
        sensor_limits=SensorLimits(40, 400),
        sample_interval_ms=300_000,
        delay=timedelta(hours=3),
        delays={"us": timedelta(hours=1)},
        freshness=said("one hour late in the US and three hours late elsewhere"),
        generations=GENERATIONS,
        delivers_meals=True,
        answers_whole=True,
    ),
    settings=DexcomSettings,
    auth=OAuth(authorizer=later("connectors.dexcom.oauth:authorizer"), allow="Authorize"),
    polling=_polling,
    open=later("connectors.dexcom.connector:open_connector"),
    rank=10,
    documentation="docs/sources/dexcom.md",
    regions=REGIONS,
    region=lambda settings: settings.region,
    calls_per_hour=lambda settings: settings.calls_per_hour,
    address=_address,
)
