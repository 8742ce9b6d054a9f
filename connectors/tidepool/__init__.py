"""Tidepool: an account's own data, or those of somebody who shares them with it, of every type that glucoflow holds.

Facts are from TidepoolApi's reference and tide-whisperer. What makes calls is imported when it is first needed.
"""

from datetime import timedelta

from pydantic import Field as Described
from pydantic import HttpUrl
from pydantic_settings import BaseSettings

from glucoflow.model.ingestion import KINDS
from glucoflow.model.ranges import WIDEST_LIMITS
from glucoflow.model.said import said
from glucoflow.provider import Field, Form, Polling, Provider, Quirks, later, settings_config

REGIONS: dict[str, str] = {"us": said("Tidepool"), "integration": said("Tidepool's environment for developers")}


class TidepoolSettings(BaseSettings):
    """Tidepool: where its API is, and how often it is asked."""

    model_config = settings_config("TIDEPOOL_")

    base_url: HttpUrl | None = Described(None, description="another API host than Tidepool's")
    poll_minutes: float = Described(60.0, ge=5, le=1440, description="minutes between two polls of a person")
    lag_days: float = Described(7.0, ge=1, le=90, description="days each sync steps back for late uploads")
    deep_lag_days: float = Described(90.0, ge=1, le=365, description="days it steps back once a day")


def _polling(settings: TidepoolSettings) -> Polling:
    lag, deep_lag = timedelta(days=settings.lag_days), timedelta(days=settings.deep_lag_days)
    return Polling(
        shortest=timedelta(minutes=settings.poll_minutes),
        longest=timedelta(minutes=settings.poll_minutes * 1.25),
        lag=lag,
        deep_lag=max(lag, deep_lag),
    )


PROVIDER = Provider(
    name="tidepool",
    title="Tidepool",
    logo="T",
    kinds=KINDS,
    quirks=Quirks(
        sensor_limits=WIDEST_LIMITS,
        sample_interval_ms=300_000,
        delay=timedelta(hours=1),
        freshness=said("as soon as they are uploaded to Tidepool"),
        delivers_meals=True,
    ),
    settings=TidepoolSettings,
    auth=Form(
        fields=(
            Field(name="email", label=said("E-mail")),
            Field(name="password", label=said("Password"), secret=True),
            Field(
                name="person",
                label=said("Whose data"),
                optional=True,
                help=said(
                    "Only for somebody who shares their data with this account: their name as Tidepool shows it."
                ),
            ),
        ),
        log_in=later("connectors.tidepool.signing_in:log_in"),
    ),
    polling=_polling,
    open=later("connectors.tidepool.connector:TidepoolConnector"),
    upload=later("connectors.tidepool.uploading:TidepoolUploader"),
    rank=40,
    documentation="docs/sources/tidepool.md",
    regions=REGIONS,
    region=lambda _settings: "us",
)
