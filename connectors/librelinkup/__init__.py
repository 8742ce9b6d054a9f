"""LibreLinkUp, through which a Libre's owner lets others follow: the last twelve hours, a minute or so late.

Not official; facts are from the clients pylibrelinkup and nightscout-librelink-up. What makes calls is imported when it
is first needed.
"""

from datetime import timedelta

from pydantic import Field as Described
from pydantic_settings import BaseSettings

from glucoflow.model.ranges import SensorLimits
from glucoflow.model.said import said
from glucoflow.provider import Field, Form, Polling, Provider, Quirks, later, settings_config

HELD = timedelta(hours=12)
"""What the cloud keeps of a trace. There is no way to get more from it."""


class LibreLinkUpSettings(BaseSettings):
    """LibreLinkUp: which client it takes us for, and how often it is asked."""

    model_config = settings_config("LIBRELINKUP_")

    version: str = Described(
        "4.16.0", pattern=r"^\d+\.\d+\.\d+$", description="version of the app that we are taken for; raised when asked"
    )
    base_url: str = Described("https://api.libreview.io", description="where sign-ins begin")
    region_url: str = Described(
        "https://api-{region}.libreview.io", description="where accounts of another region are sent on to"
    )
    poll_minutes: float = Described(5.0, ge=1, le=120, description="minutes between two polls of a person")


def _polling(settings: LibreLinkUpSettings) -> Polling:
    return Polling(
        shortest=timedelta(minutes=settings.poll_minutes),
        longest=timedelta(minutes=settings.poll_minutes * 1.2),
        lag=HELD,
        deep_lag=HELD,
    )


PROVIDER = Provider(
    name="librelinkup",
    title="LibreLinkUp",
    logo="L",
    kinds=("readings", "alerts", "devices"),
    quirks=Quirks(
        sensor_limits=SensorLimits(40, 500),
        sample_interval_ms=300_000,
        delay=timedelta(minutes=2),
        freshness=said("a minute or two late"),
        live=True,
    ),
    settings=LibreLinkUpSettings,
    auth=Form(
        fields=(
            Field(name="email", label=said("E-mail of the follower")),
            Field(name="password", label=said("Password"), secret=True),
            Field(
                name="person",
                label=said("Whom it follows"),
                optional=True,
                help=said(
                    "The name as the LibreLinkUp app shows it; only needed where the account follows several people."
                ),
            ),
        ),
        log_in=later("connectors.librelinkup.signing_in:log_in"),
        hint=said(
            "This is the account of somebody who follows the sensor's owner in the LibreLinkUp app; the owner's own "
            "does not open it. LibreLinkUp keeps twelve hours only: while glucoflow does not run for longer, readings "
            "are lost to it. What is older comes from a LibreView export, which can be loaded as a file."
        ),
    ),
    polling=_polling,
    open=later("connectors.librelinkup.connector:LibreLinkUpConnector"),
    rank=20,
    documentation="docs/sources/librelinkup.md",
    regions={"world": "found by itself"},
    region=lambda _settings: "world",
)
