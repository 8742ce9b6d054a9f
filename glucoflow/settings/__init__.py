"""Every setting, with its meaning, default and bounds. They come from the environment and from `.env`.

`.env.example` shows each one; a test holds the two together.
"""

from collections.abc import Mapping
from datetime import time
from pathlib import Path
from typing import Annotated, Literal, Self

from platformdirs import user_cache_path
from pydantic import AfterValidator, Field, HttpUrl, SecretStr, ValidationError
from pydantic_core import PydanticCustomError
from pydantic_settings import BaseSettings, SettingsConfigDict, SettingsError

from glucoflow.installed import installed
from glucoflow.model.errors import Misconfigured
from glucoflow.model.words import by_comma
from glucoflow.provider import ENV_FILE, settings_config
from glucoflow.settings.doors import (
    ForwardedSettings,
    MailSettings,
    MqttSettings,
    NoticeSettings,
    PartnerSettings,
    SignOnSettings,
)

SHORTEST_PASSWORD = 8
"""Characters of the password of the pages."""


def cache_folder(configured: Path | None) -> Path:
    """Where downloads are kept: the configured folder, else the user's cache folder for glucoflow."""
    return configured or user_cache_path("glucoflow", appauthor=False)


class DemoSettings(BaseSettings):
    """Where the doubles of providers run (`glucoflow simulator NAME`), for the demo's people."""

    model_config = settings_config("DEMO_")

    simulators: dict[str, HttpUrl] = Field({}, description="addresses of running doubles by provider, as JSON")


class ElasticsearchSettings(BaseSettings):
    """The Elasticsearch that holds the readings. Without ES_ENDPOINT, `glucoflow up` runs a node of its own."""

    model_config = settings_config("ES_")

    endpoint: HttpUrl | None = Field(None, description="address of your Elasticsearch")
    user: str | None = Field(None, description="user for it")
    password: SecretStr | None = Field(None, description="password for it")
    api_key: SecretStr | None = Field(None, description="API key, instead of user and password")
    ca_certs: Path | None = Field(None, description="CA certificate file, if it has one of its own")
    index: str = Field("cgm-", pattern=r"^[a-z][a-z0-9_-]*$", description="index name prefix; the user id follows")
    port: int = Field(9200, ge=0, le=65535, description="port of the node of our own (the next free one if taken)")
    heap: str | None = Field(None, pattern=r"^\d+[mg]$", description="heap of the node of our own, e.g. 1g")
    home: Path | None = Field(None, description="an unpacked Elasticsearch to run instead of the downloaded one")
    snapshots: Path | None = Field(None, description="folder in which the node of our own may keep snapshots")
    timeout_seconds: float = Field(30, gt=0, description="longest wait for one answer")


class IndexSettings(BaseSettings):
    """Where people's documents lie in Elasticsearch. A change is for whoever is added; `share-indices` moves others."""

    model_config = settings_config("INDEX_")

    layout: Literal["person", "shared"] = Field(
        "person", description="person: an index each; shared: a few for all, for some hundreds of people and more"
    )
    shared: int = Field(4, ge=1, le=64, description="how many indices people share; each may have another node's disk")

    @property
    def shared_by_all(self) -> int:
        """Over how many indices people are spread; 0 where each has their own."""
        return self.shared if self.layout == "shared" else 0


class StoreSettings(BaseSettings):
    """Where people, connections and checkpoints are kept, and the key that encrypts tokens."""

    model_config = settings_config("GLUCOFLOW_")

    data_dir: Path = Field(Path("data"), description="folder for everything glucoflow keeps on this machine")
    cache_dir: Path | None = Field(None, description="folder for downloads; default: the user's cache folder")
    database_url: SecretStr | None = Field(None, description="PostgreSQL address; default: SQLite in the data folder")
    token_key: SecretStr | None = Field(
        None, description="Fernet keys, newest first, separated by commas; default: a key file in the data folder"
    )


class SyncSettings(BaseSettings):
    """How syncs are spread over people and threads."""

    model_config = settings_config("SYNC_")

    every_minutes: int = Field(
        5, ge=1, le=1440, description="how often the schedule looks for connections that are due"
    )
    batch_size: int = Field(50, ge=1, le=500, description="people per Prefect task run")
    threads: int = Field(16, ge=1, le=64, description="people at a time within a batch")
    gather_seconds: float = Field(
        0.2, ge=0, le=60, description="longest wait for others' requests, so that they go to Elasticsearch as one"
    )
    lease_minutes: int = Field(
        15, ge=1, le=1440, description="how long a worker owns a connection without a sign of life"
    )


def _long_enough(password: SecretStr | None) -> SecretStr | None:
    if password is not None and len(password) < SHORTEST_PASSWORD:
        raise PydanticCustomError("short", f"must have at least {SHORTEST_PASSWORD} characters")
    return password


class WebSettings(BaseSettings):
    """The web pages, and the ports of what `glucoflow up` starts."""

    model_config = settings_config("WEB_")

    host: str = Field("127.0.0.1", description="address to listen on; anything but loopback needs WEB_PASSWORD")
    port: int = Field(8321, ge=0, le=65535, description="port of the pages (the next free one if taken)")
    password: Annotated[SecretStr | None, AfterValidator(_long_enough)] = Field(
        None, description="asked for before any page is shown; at least 8 characters"
    )
    allowed_hosts: str = Field("localhost,127.0.0.1", description="host names the pages answer to, by comma")
    metrics_token: SecretStr | None = Field(None, description="lets a monitor read /metrics, as a Bearer token")
    address: HttpUrl | None = Field(
        None, description="where people open the pages, for links in notices; default: localhost at WEB_PORT"
    )


class BackupSettings(BaseSettings):
    """Backups: with a passphrase, one is made every night, and tried out until one of the week was whole."""

    model_config = settings_config("BACKUP_")

    dir: Path | None = Field(None, description="folder for backups; default: backups in the data folder")
    passphrase: SecretStr | None = Field(None, description="what backups are encrypted with; keep it elsewhere too")
    passphrase_file: Path | None = Field(None, description="a file with the passphrase instead")
    at: time = Field(time(4, 10), description="when the nightly one is made, UTC")
    snapshot_repository: str | None = Field(
        None,
        pattern=r"^[^\s/\\*?\"<>|,#]{1,200}$",
        description="snapshot repository of Elasticsearch that documents go to; default: they are in the backup",
    )
    keep_daily: int = Field(7, ge=1, description="backups to keep: the newest of each of so many days")
    keep_weekly: int = Field(5, ge=0, description="and of so many weeks")
    keep_monthly: int = Field(12, ge=0, description="and of so many months")

    def folder(self, data_dir: Path) -> Path:
        """Where backups go."""
        return self.dir or data_dir / "backups"

    @property
    def scheduled(self) -> bool:
        """Whether there is a passphrase that needs nobody to type it."""
        return self.passphrase is not None or self.passphrase_file is not None


class PrefectSettings(BaseSettings):
    """Prefect's server. Without PREFECT_API_URL, `glucoflow up` runs one of its own."""

    model_config = settings_config("PREFECT_")

    api_url: HttpUrl | None = Field(None, description="address of a running Prefect API")
    api_auth_string: SecretStr | None = Field(None, description="user:password for it")
    port: int = Field(4200, ge=0, le=65535, description="port of the server of our own (the next free one if taken)")
    allowed_hosts: str = Field(
        "localhost,127.0.0.1", description="host names the server of our own answers to, by comma"
    )

    @property
    def hosts(self) -> tuple[str, ...]:
        """`allowed_hosts`, one by one."""
        return by_comma(self.allowed_hosts)


class KibanaSettings(BaseSettings):
    """Kibana, where the dashboards are provisioned to. Optional."""

    model_config = settings_config("KIBANA_")

    url: HttpUrl | None = Field(None, description="address of your Kibana")
    user: str | None = Field(None, description="user with the right to create spaces and roles")
    password: SecretStr | None = Field(None, description="password for it")
    language: Literal["en", "de", "fr"] = Field("en", description="of the operator's dashboard; people choose theirs")


class RetentionSettings(BaseSettings):
    """What is kept for how long. Nothing is set: everything is kept."""

    model_config = settings_config("RETENTION_")

    days: str = Field("", description="days to keep by kind, as device.alert=365,runs=90; `everything` for any kind")
    hourly_after_years: int | None = Field(
        None, ge=1, le=100, description="thin readings older than so many years to hourly"
    )


class LogSettings(BaseSettings):
    """Logs go to standard error."""

    model_config = settings_config("LOG_")

    level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = Field("INFO", description="least severe line to print")
    format: Literal["json", "text"] = Field("json", description="json for machines, text for eyes")


class Settings(BaseSettings):
    """All groups together. `Settings.load()` reads them and says what is wrong in words."""

    model_config = SettingsConfigDict(frozen=True)

    demo: DemoSettings = Field(default_factory=DemoSettings)
    es: ElasticsearchSettings = Field(default_factory=ElasticsearchSettings)
    index: IndexSettings = Field(default_factory=IndexSettings)
    store: StoreSettings = Field(default_factory=StoreSettings)
    sync: SyncSettings = Field(default_factory=SyncSettings)
    web: WebSettings = Field(default_factory=WebSettings)
    forwarded: ForwardedSettings = Field(default_factory=ForwardedSettings)
    partner: PartnerSettings = Field(default_factory=PartnerSettings)
    sign_on: SignOnSettings = Field(default_factory=SignOnSettings)
    mail: MailSettings = Field(default_factory=MailSettings)
    notices: NoticeSettings = Field(default_factory=NoticeSettings)
    mqtt: MqttSettings = Field(default_factory=MqttSettings)
    backup: BackupSettings = Field(default_factory=BackupSettings)
    prefect: PrefectSettings = Field(default_factory=PrefectSettings)
    kibana: KibanaSettings = Field(default_factory=KibanaSettings)
    retention: RetentionSettings = Field(default_factory=RetentionSettings)
    log: LogSettings = Field(default_factory=LogSettings)
    providers: Mapping[str, BaseSettings] = Field(default_factory=dict, description="each installed provider's own")

    @classmethod
    def load(cls) -> Self:
        """Settings from the environment and `.env`. Raises Misconfigured naming each bad variable, never its value."""
        kinds = {name: one.annotation for name, one in cls.model_fields.items() if name != "providers"}
        own = {name: one.settings for name, one in installed().providers.items()}
        groups: dict[str, BaseSettings] = {}
        providers: dict[str, BaseSettings] = {}
        problems: list[str] = []
        for into, name, group in [(groups, *one) for one in kinds.items()] + [(providers, *one) for one in own.items()]:
            assert isinstance(group, type) and issubclass(group, BaseSettings)  # noqa: S101, PT018 – for the type
            try:
                into[name] = group()
            except UnicodeDecodeError:
                problems = ["the file .env is not text in UTF-8"]
                break
            except (ValidationError, SettingsError) as error:
                problems += _explain(group.model_config.get("env_prefix", ""), error)
        if problems:
            raise Misconfigured(
                f"Some settings cannot be used: {'; '.join(problems)}.",
                remedy=f"Correct them in the environment or in {ENV_FILE.resolve()} (.env.example explains each).",
            )
        return cls.model_validate({**groups, "providers": providers})


def _explain(prefix: str, error: ValidationError | SettingsError) -> list[str]:
    if isinstance(error, SettingsError):
        return [f"{prefix}…: {error}"]
    return [f"{prefix}{'_'.join(str(part) for part in e['loc']).upper()}: {e['msg']}" for e in error.errors()]
