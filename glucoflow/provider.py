"""The contract of a provider: one description, and a connector that inherits nothing.

A package names its description under the entry point group `glucoflow.connectors`; pages, commands, settings, flows,
`doctor` and dashboards read it and know no provider's name. `connectors/contract/` checks that it holds.
"""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from pathlib import Path
from pkgutil import resolve_name
from typing import Any, Generic, Protocol, TypeVar

import msgspec
from pydantic import SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict

from glucoflow.model.credentials import Credentials
from glucoflow.model.documents import Document
from glucoflow.model.ingestion import Kind, RejectedRecord, Window
from glucoflow.model.ranges import SensorLimits
from glucoflow.model.records import Record
from glucoflow.retry import RetryPolicy

ENV_FILE = Path(".env")

S = TypeVar("S", bound=BaseSettings)


def settings_config(prefix: str) -> SettingsConfigDict:
    """Where a group of settings comes from: the environment and `.env`, each name behind `prefix`."""
    return SettingsConfigDict(env_prefix=prefix, env_file=ENV_FILE, env_ignore_empty=True, extra="ignore", frozen=True)


class Account(msgspec.Struct, frozen=True, kw_only=True):
    """Whose records these are, as their provider says: its own id of the account, the same every time."""

    id: str
    app: str = ""
    """Who the id was given to, where the provider gives each registered app another one."""


class Page(msgspec.Struct, frozen=True, kw_only=True):
    """What one request brought: understood records in time order, keys of deleted ones, and what was refused."""

    window: Window
    records: Sequence[Record]
    deleted: Sequence[str] = ()
    rejected: Sequence[RejectedRecord] = ()
    without_value: int = 0
    """Records that came without a value, as while a sensor warms up: nothing to keep, and nothing wrong."""
    left_out: Mapping[str, int] = {}
    """Fields that were odd and left out of records that are kept, and how often; payloads hold them."""
    whole: bool = False
    """Whether these are all records that the provider has in the window: what came from it before and is not among them
    is gone. An empty or partly rejected page takes nothing away: that is how trouble looks."""
    account: Account | None = None
    """The account that this came from, where an answer names it: nothing of another one is ever written."""
    learned: Mapping[str, datetime] = {}
    """What the connector will want to know at later runs: since when, by a word of its own. The earliest moment of each
    is kept with the connection, and given back in `Terms.known`."""


class Connector(Protocol):
    """One connection's stream of records. Raises Retryable, Unreadable (this part is refused, others may be given),
    Reauthorize (the whole account is) or Fatal; never for a single bad record."""

    def extent(self, kind: Kind, updated_since: datetime | None = None) -> Window | None:
        """The span of records the provider holds; None where it holds none.

        With `updated_since` the span of those that changed since then; None also where the provider cannot tell.
        """
        ...

    def pages(self, kind: Kind, window: Window) -> Iterator[Page]:
        """Every record with its time in the half-open `window`, a page at a time, oldest first.

        `window` may be of any length. The pages' windows meet and cover it. A record keeps its key for ever.
        """
        ...

    def close(self) -> None: ...


class Uploader(Protocol):
    """Where a provider takes data too: one data set of ours in its account. Raises what a Connector raises."""

    def begin(self, known: str | None) -> str:
        """The id of the data set that was `known`, if it is still there; else of another of ours, or of a new one."""
        ...

    def put(self, data_set: str, documents: Sequence[Document]) -> int:
        """Add these, or replace what was put of the same `_id`; how many the provider will not take."""
        ...

    def take_back(self, data_set: str, document_ids: Sequence[str]) -> None:
        """Delete what was put of these, if anything was."""
        ...

    def keep_only(self, data_set: str, window: Window, document_ids: Collection[str]) -> int:
        """Delete what the data set has in the window besides these; how many."""
        ...

    def close(self) -> None: ...


CredentialSource = Callable[[bool], Credentials]
"""Gives valid credentials; True asks for new ones even though the old ones have not expired."""


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """How patient a connector is with its provider. Times in seconds."""

    connect_s: float = 5.0
    read_s: float = 30.0
    answer_s: float = 120.0
    """For a whole answer: a server that sends a byte now and then never trips the read time-out."""
    max_bytes: int = 64 * 2**20
    tries: int = 4
    first_wait_s: float = 1.0
    longest_wait_s: float = 30.0
    """Asked to wait longer than this, a connector gives the connection back, to come again later."""

    @property
    def retry(self) -> RetryPolicy:
        return RetryPolicy(tries=self.tries, first_wait_s=self.first_wait_s, longest_wait_s=self.longest_wait_s)


class Terms(msgspec.Struct, frozen=True, kw_only=True):
    """On what terms a connector works for one run."""

    now: datetime
    """The run's start: what lies more than a day behind it is a device's wrong clock."""
    limits: Limits = Limits()
    on_call: Callable[[], None] = lambda: None
    """To be called before each call of the provider. Raises Retryable where the hour's calls are spent."""
    on_date: Callable[[datetime], None] = lambda _date: None
    """To be told the provider's time at each answer that says it (its `Date` header). What it raises goes through."""
    seed: int = 0
    """For the jitter of waits."""
    known: Mapping[str, datetime] = {}
    """What pages of earlier runs had `learned` of this account."""


class Double(msgspec.Struct, frozen=True, kw_only=True):
    """A stand-in for the provider's cloud (`glucoflow simulator NAME`): its address, and the one app it knows."""

    url: str
    client_id: str
    client_secret: SecretStr
    redirect_uri: str


class Site(msgspec.Struct, frozen=True, kw_only=True):
    """Where an account lives: a region of its provider, or the double. `callback` is where our pages take people back
    from a sign-in, unless a provider's settings say otherwise."""

    region: str
    double: Double | None = None
    callback: str = "http://localhost:8321/oauth/callback"


class Authorizer(Protocol):
    """An OAuth code flow. Credentials hold `access` and `refresh`."""

    def authorize_url(self, state: str) -> str: ...

    def exchange(self, code: str, now: datetime) -> Credentials:
        """The first pair for an authorization code. Raises Reauthorize for a bad code, Misconfigured for bad keys."""
        ...

    def refresh(self, credentials: Credentials, now: datetime) -> Credentials:
        """The next pair. Raises Reauthorize only where the provider says that the consent is gone."""
        ...


class OAuth(msgspec.Struct, Generic[S], frozen=True, kw_only=True):
    """A person signs in at the provider, which sends them back with a code."""

    authorizer: Callable[[S, Site], Authorizer]
    """Raises Misconfigured, naming the settings that are missing and where they come from."""
    allow: str = "Allow"
    """What the button of consent says on the provider's page."""


class Field(msgspec.Struct, frozen=True, kw_only=True):
    """Something to be filled in. `secret` hides it while it is typed."""

    name: str
    label: str
    secret: bool = False
    help: str = ""
    optional: bool = False


class Form(msgspec.Struct, Generic[S], frozen=True, kw_only=True):
    """A person fills in fields here: user and password, or an address and a token."""

    fields: tuple[Field, ...]
    log_in: Callable[[S, Site, Mapping[str, SecretStr], datetime], Credentials]
    """Credentials that hold the fields' values and whatever the log-in gave. Called again with the same values when
    they expire. Raises LoginRefused for what the provider refuses, which is then asked for and never tried again;
    Reauthorize, Misconfigured, Retryable."""
    hint: str = ""
    """What else to know before filling it in, in a sentence or two."""


class Generation(msgspec.Struct, frozen=True, kw_only=True):
    """A generation of a provider's sensors: what people call it, and what is particular to it."""

    name: str
    one_piece: bool = False
    """Whether the transmitter is the sensor, so that a new one is a new sensor."""
    sample_interval_ms: int | None = None
    """Between two readings, where it is not the provider's usual one."""


class Quirks(msgspec.Struct, frozen=True, kw_only=True):
    """What is particular to a provider's data."""

    sensor_limits: SensorLimits
    """Beyond these its sensors say LOW or HIGH."""
    sample_interval_ms: int
    """Between two readings, where a reading does not say (`Reading.interval_ms`)."""
    delay: timedelta
    """How old the newest reading usually is when the provider gives it."""
    delays: Mapping[str, timedelta] = {}
    """The same for regions that differ."""
    freshness: str
    """The same in words that follow “its readings come”: `one hour late in the US, three hours elsewhere`."""
    generations: Mapping[str, Generation] = {}
    """By the provider's word for it (a document's `device.generation`)."""
    live: bool = False
    """Whether its readings are of now, minutes old: only then can anybody be told in time that glucose is low."""
    delivers_meals: bool = False
    answers_whole: bool = False
    """Whether each page holds all that the provider has of its window: then a record that was held and is missing
    among others is gone. Not for a provider that gives only the newest hours, or so many records at a time."""


class Polling(msgspec.Struct, frozen=True, kw_only=True):
    """How often a provider wants to be asked, when not, and for how long ago. Maintenance times are local to `zone`."""

    shortest: timedelta
    longest: timedelta
    align: timedelta | None = None
    """Ask so long after the next reading is due, where that comes first: for providers without delay."""
    maintenance_start: time | None = None
    maintenance_end: time | None = None
    zone: str = "UTC"
    lag: timedelta = timedelta(days=3)
    """How far each sync steps back behind the checkpoint for late and changed records."""
    deep_lag: timedelta = timedelta(days=30)
    """How far it steps back now and then."""
    deep_every: timedelta = timedelta(hours=24)
    """How often that is. More often where the provider itself keeps no more than `deep_lag`: what was uploaded late has
    to be found before it is gone there."""


@dataclass(frozen=True, kw_only=True)
class Provider(Generic[S]):
    """Everything that glucoflow knows of a provider. `name` is its entry point's, and stands in every document."""

    name: str
    title: str
    logo: str
    """One to three letters for its badge."""
    kinds: tuple[Kind, ...]
    quirks: Quirks
    settings: type[S]
    """A group of its own with a prefix of its own; each with a default and a description."""
    auth: OAuth[S] | Form[S]
    polling: Callable[[S], Polling]
    open: Callable[[S, Site, CredentialSource, Terms], Connector]
    """A connector for one account and one run; close it after use. Makes no call yet."""
    upload: Callable[[S, Site, CredentialSource, Terms], Uploader] | None = None
    """Where it takes what a person has from elsewhere; used only if the person switches it on."""
    documentation: str
    """Path of its page in the repository, or its address."""
    regions: Mapping[str, str]
    """Where accounts can live: id and words. Not empty; the first is taken where nobody says otherwise."""
    region: Callable[[S], str]
    """The region that the settings name."""
    calls_per_hour: Callable[[S], int | None] = lambda _settings: None
    """The cap of the registered app, all people together; None where there is none."""
    rank: int = 50
    """Which of a person's sources counts where several hold a moment: the smallest. Nearest to the sensor is best."""
    address: Callable[[S, Site], str | None] = lambda _settings, _site: None
    """Answers anybody, if only by saying no; `doctor` asks it. None where each account has an address of its own."""

    @property
    def prefix(self) -> str:
        """What the names of its settings begin with."""
        return str(self.settings.model_config.get("env_prefix", ""))


def later(where: str) -> Callable[..., Any]:
    """What `package.module:name` is, imported when it is first called: a description loads nothing that makes calls."""
    return lambda *arguments: resolve_name(where)(*arguments)
