"""Dexcom Share, through which the Dexcom apps let others follow: readings of the last day, within minutes.

Not official; facts are from the clients pydexcom and nightscout-connect. What makes calls is imported when it is first
needed.
"""

from datetime import timedelta
from typing import Literal

from pydantic import Field as Described
from pydantic import HttpUrl
from pydantic_settings import BaseSettings

from glucoflow.model.ranges import SensorLimits
from glucoflow.model.said import said
from glucoflow.provider import Field, Form, Polling, Provider, Quirks, later, settings_config

HELD = timedelta(hours=24)
"""What Share keeps."""

REGIONS: dict[str, str] = {
    "us": said("United States"),
    "ous": said("outside the United States and Japan"),
    "jp": said("Japan"),
}


class DexcomShareSettings(BaseSettings):
    """Dexcom Share: where accounts live, and how often they are asked."""

    model_config = settings_config("DEXCOM_SHARE_")

    region: Literal["us", "ous", "jp"] = Described(
        "us", description="where accounts live, unless a person says otherwise"
    )
    base_url: HttpUrl | None = Described(None, description="another host than the region's")
    poll_minutes: float = Described(5.0, ge=1, le=600, description="longest time between two polls of a person")


def _polling(settings: DexcomShareSettings) -> Polling:
    wait = timedelta(minutes=settings.poll_minutes)
    hour = timedelta(hours=1)  # of which a phone that was off may bring a day's readings late
    return Polling(shortest=wait, longest=wait, align=timedelta(seconds=10), lag=hour, deep_lag=HELD, deep_every=hour)


PROVIDER = Provider(
    name="dexcom_share",
    title="Dexcom Share",
    logo="DS",
    kinds=("readings",),
    quirks=Quirks(
        sensor_limits=SensorLimits(40, 400),
        sample_interval_ms=300_000,
        delay=timedelta(minutes=5),
        freshness=said("within five minutes"),
        live=True,
    ),
    settings=DexcomShareSettings,
    auth=Form(
        fields=(
            Field(
                name="user",
                label=said("User name, e-mail or phone number"),
                help=said(
                    "Of the sensor's owner, as in the Dexcom app; a phone number with + and the country's code. An "
                    "account id works as well."
                ),
            ),
            Field(name="password", label=said("Password"), secret=True),
        ),
        log_in=later("connectors.dexcom_share.signing_in:log_in"),
        hint=said(
            "In the Dexcom app Share must be on, with at least one follower. It is the owner's own account, not a "
            "follower's. Share keeps one day: what is older comes from Dexcom's official API or a Clarity export. "
            "Stelo does not share."
        ),
    ),
    polling=_polling,
    open=later("connectors.dexcom_share.connector:DexcomShareConnector"),
    rank=30,
    documentation="docs/sources/dexcom_share.md",
    regions=REGIONS,
    region=lambda settings: settings.region,
)
