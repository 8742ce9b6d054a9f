"""Settings of what is outside: proxies, partners, a sign-on, a mail server, a broker, and whom notices may go to."""

from datetime import time
from pathlib import Path
from typing import Annotated, Literal
from zoneinfo import available_timezones

from pydantic import AfterValidator, Field, HttpUrl, SecretStr
from pydantic_core import PydanticCustomError
from pydantic_settings import BaseSettings

from glucoflow.model.words import by_comma
from glucoflow.provider import settings_config


class ForwardedSettings(BaseSettings):
    """What a reverse proxy in front of the pages is believed."""

    model_config = settings_config("FORWARDED_")

    allow_ips: str = Field(
        "127.0.0.1", description="addresses or networks of reverse proxies in front of the pages, by comma"
    )


class PartnerSettings(BaseSettings):
    """What is asked of partners that fetch people's data with their consent."""

    model_config = settings_config("PARTNER_")

    requests_per_minute: int = Field(60, ge=1, le=6000, description="requests of a partner for one person a minute")
    maintenance_start: time | None = Field(None, description="when partners are to stay away each day, UTC")
    maintenance_end: time | None = Field(None, description="until when")


class SignOnSettings(BaseSettings):
    """A sign-on of your own (Authelia, Keycloak, a company's), by OpenID Connect. Without OIDC_ISSUER there is none."""

    model_config = settings_config("OIDC_")

    issuer: str | None = Field(None, pattern="^https?://", description="its address, to the letter as it says itself")
    client_id: str | None = Field(None, description="the name that glucoflow is registered by there")
    client_secret: SecretStr | None = Field(None, description="its secret; none for a public client")
    title: str = Field("single sign-on", min_length=1, max_length=40, description="what people here call it")
    redirect_uri: HttpUrl | None = Field(
        None, description="as registered there; without it /login/sign-on/callback where the pages are"
    )
    open_to_all: bool = Field(
        False, description="whoever it knows becomes a person here; else by invitation or with an account"
    )


class MailSettings(BaseSettings):
    """The server that invitations are sent by, if any."""

    model_config = settings_config("SMTP_")

    host: str | None = Field(None, description="mail server; without one, invitations are only shown")
    port: int = Field(587, ge=1, le=65535, description="its port: 587 with STARTTLS, 465 with SMTP_TLS=true")
    tls: bool = Field(False, description="encrypted from the start, as on port 465")
    username: str | None = Field(None, description="log-in at the mail server")
    password: SecretStr | None = Field(None, description="its password")
    sender: str | None = Field(None, description="address that invitations come from")


def _known_zone(name: str) -> str:
    if name not in available_timezones():
        raise PydanticCustomError("zone", "is a time zone as Europe/Berlin")
    return name


class NoticeSettings(BaseSettings):
    """Notices: to whom this installation may write, and what its operator is told of."""

    model_config = settings_config("NOTICE_")

    services: str = Field(
        "discord,ntfy,pover,slack,tgram",
        description="services of Apprise that people may use by themselves, by comma; the operator may use any",
    )
    push_hosts: str = Field(
        "fcm.googleapis.com,push.services.mozilla.com,push.apple.com,notify.windows.com",
        description="push services of browsers that may be written to, by comma; names below these count too",
    )
    contact: str | None = Field(None, description="mail address for push services to write to; default: SMTP_SENDER")
    alive_url: SecretStr | None = Field(None, description="address that is called after each good sync")
    disk_gib: int = Field(5, ge=1, description="the operator is told where less is free on the data folder's disk")
    failing_hours: int = Field(6, ge=1, le=168, description="and where nothing was fetched for so long")
    language: Literal["en", "de", "fr"] = Field("en", description="language of the operator's notices")
    zone: Annotated[str, AfterValidator(_known_zone)] = Field(
        "UTC", description="time zone by which the operator's days, Mondays and quiet hours are"
    )
    quiet_start: time | None = Field(None, description="from when on the operator is told nothing, by that zone")
    quiet_end: time | None = Field(None, description="until when")
    deadline_seconds: float = Field(20, ge=1, le=120, description="longest time for sending after a sync")


class MqttSettings(BaseSettings):
    """A broker of MQTT that newest readings are published to, for Home Assistant; nobody's unless they are named."""

    model_config = settings_config("MQTT_")

    host: str | None = Field(None, description="the broker; without one, nothing is published")
    port: int = Field(1883, ge=1, le=65535, description="its port; usually 8883 with TLS")
    tls: bool = Field(False, description="encrypted; without it only to this machine, unless MQTT_ALLOW_PLAIN")
    allow_plain: bool = Field(False, description="unencrypted to another machine too, in a network of your own")
    ca_certs: Path | None = Field(None, description="CA certificate file of the broker, if it has one of its own")
    username: str | None = Field(None, description="user at the broker")
    password: SecretStr | None = Field(None, description="password at the broker")
    people: str = Field("", description="whose readings are published: user ids, by comma")
    prefix: str = Field("glucoflow", pattern=r"^[A-Za-z0-9_-]+$", description="first word of our topics")
    discovery: str = Field("homeassistant", pattern=r"^[A-Za-z0-9_/-]+$", description="Home Assistant's own topic")

    @property
    def names(self) -> tuple[str, ...]:
        """`people`, one by one."""
        return tuple(dict.fromkeys(by_comma(self.people)))
