"""A scenario as it is written down: accounts of a cloud, steps on a movable clock, and what is right afterwards.

`README.md` beside this file explains every word. A word that is not known is refused, so that none is misspelt.
"""

from collections.abc import Mapping
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any, Literal

import msgspec
import yaml

from glucoflow.model.ingestion import Kind
from glucoflow.model.units import Unit

TRANSMITTER = "a" * 64

Provider = Literal["dexcom", "dexcom_share", "librelinkup", "nightscout", "tidepool"]


class _Words(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    pass


class Series(_Words, frozen=True, kw_only=True, rename={"first": "from"}):
    """`count` readings, each `every_s` after the one before; `value` is one, or several that come round and round.

    `offset` in minutes or as `+05:45`; null writes times as a receiver does: without any zone, and `displayTime`
    `display_min` ahead. `fields` are others than usual, `without` names those that are left out. `up` is when they
    can be seen (left out: each from its own time; null: always), `gone` when no more.
    """

    id: str
    first: datetime
    count: int = 1
    every_s: int = 300
    value: float | list[float | None] | None = 112
    up: datetime | msgspec.UnsetType | None = msgspec.UNSET
    gone: datetime | None = None
    edits: list[dict[str, Any]] = []
    offset: int | str | None = 0
    display_min: int | None = None
    transmitter: str | None = TRANSMITTER
    ticks0: int = 1000
    fields: dict[str, Any] = {}
    without: list[str] = []


class Person(_Words, frozen=True, kw_only=True):
    """Somebody with an index of their own."""

    id: str = "p"
    zone: str | None = None
    unit: Unit = "mg/dL"


class Step(_Words, frozen=True, kw_only=True, tag_field="do"):
    """One step; `do` names it."""


class Connect(Step, frozen=True, kw_only=True, tag="connect"):
    """The person signs in to an account in their browser and allows access."""

    account: str
    user: str = "p"


class Confirm(Step, frozen=True, kw_only=True, tag="confirm"):
    """The person says that the account that came is meant."""

    user: str = "p"


class Undo(Step, frozen=True, kw_only=True, tag="undo"):
    """All that came by the person's connection is taken back."""

    user: str = "p"


class Replay(Step, frozen=True, kw_only=True, tag="replay"):
    """What held rejected records is read again, as after an update of glucoflow."""

    user: str = "p"


class Sync(Step, frozen=True, kw_only=True, tag="sync"):
    """A sync of one person, or of `all`; only of who is `due`, where that is asked for. `kill` ends it at a point."""

    user: str = "p"
    all: bool = False
    due: bool = False
    threads: int = 8
    kill: str | None = None
    nth: int = 1


class Backfill(Step, frozen=True, kw_only=True, tag="backfill", rename={"first": "from", "last": "to"}):
    """Days are loaded, the first and the last included."""

    first: date
    last: date
    user: str = "p"
    kinds: list[Kind] = []
    kill: str | None = None
    nth: int = 1


class Span(Step, frozen=True, kw_only=True):
    """A length of time."""

    days: float = 0
    hours: float = 0
    minutes: float = 0
    seconds: float = 0

    @property
    def length(self) -> timedelta:
        return timedelta(days=self.days, hours=self.hours, minutes=self.minutes, seconds=self.seconds)


class Advance(Span, frozen=True, kw_only=True, tag="advance"):
    """Time passes, for everybody."""


class Skew(Span, frozen=True, kw_only=True, tag="skew"):
    """This machine's clock is wrong by so much from now on; the cloud's is right."""


class During(Span, frozen=True, kw_only=True, tag="during"):
    """So much time passes each time that `after` has been asked for and before its answer is there; until `clear`."""

    after: str


class FaultStep(Step, frozen=True, kw_only=True, tag="fault"):
    """From now until `clear` the endpoint (`*`: every one with data) fails: by `status`, or as `kind` says."""

    path: str = "*"
    account: str | None = None
    contains: str | None = None
    status: int | None = None
    body: Any = None
    delay: float | None = None
    kind: str | None = None
    times: int | None = None
    skip: int = 0
    retry_after: int | None = None
    records: list[dict[str, Any]] = []


class TokenFault(Step, frozen=True, kw_only=True, tag="token_fault"):
    """The next `times` calls of the token endpoint fail: `consume_then_reset`, or a kind of `fault`."""

    kind: str
    times: int = 1
    status: int = 503
    body: Any = None


class Clear(Step, frozen=True, kw_only=True, tag="clear"):
    """All faults are over, and nothing happens `during` any more."""


class DataRangeStep(Step, frozen=True, kw_only=True, tag="data_range"):
    """From now on `dataRange` gives this answer for an account."""

    account: str
    answer: dict[str, Any]


class NewClient(Step, frozen=True, kw_only=True, tag="new_client"):
    """glucoflow is another developer app from now on, for which every record has another id."""

    id: str


class Revoke(Step, frozen=True, kw_only=True, tag="revoke"):
    """The account's owner takes back what they allowed."""

    account: str


class SignOut(Step, frozen=True, kw_only=True, tag="sign_out"):
    """All sessions at the cloud end (of Share, LibreLinkUp, Tidepool)."""


class AccountStep(Step, frozen=True, kw_only=True, tag="account", rename={"fields": "is"}):
    """From now on an account is another: its password, or what LibreLinkUp's double knows of a follower."""

    account: str
    fields: dict[str, Any]


class DeleteIndex(Step, frozen=True, kw_only=True, tag="delete_index"):
    """The person's index is gone."""

    user: str = "p"


class Restart(Step, frozen=True, kw_only=True, tag="restart"):
    """glucoflow ends and is started again."""


class Es(Step, frozen=True, kw_only=True, tag="es"):
    """A request to Elasticsearch; what it sets is taken back afterwards where it is a setting of the cluster."""

    method: str
    path: str
    body: Any = None


class Expect(Step, frozen=True, kw_only=True, tag="expect"):
    """What is right now. Only what is written is looked at."""

    user: str = "p"
    readings: int | None = None
    superseded: int | None = None
    doubled: int | None = None
    docs: dict[str, int] | None = None
    values: dict[str, float] | None = None
    days: dict[str, dict[str, float]] | None = None
    overview: dict[str, float] | None = None
    local: dict[str, str] | None = None
    trend: dict[str, str] | None = None
    devices: list[str] | None = None
    rejects: int | None = None
    checkpoint: datetime | None = None
    state: str | None = None
    error: bool | None = None
    says: str | list[str] = []
    says_not: str | list[str] = []
    next_poll_within_hours: float | None = None
    calls: dict[str, int] | None = None
    show_days: bool = False
    show_rejects: bool = False


AnyStep = (
    Connect
    | Confirm
    | Undo
    | Replay
    | Sync
    | Backfill
    | Advance
    | Skew
    | During
    | FaultStep
    | TokenFault
    | Clear
    | DataRangeStep
    | NewClient
    | Revoke
    | SignOut
    | AccountStep
    | DeleteIndex
    | Restart
    | Es
    | Expect
)

Account = dict[str, list[dict[str, Any]]]
"""Records by endpoint: `egvs`, `events`, `calibrations`, `alerts`, `devices`; other providers have others."""


class Written(_Words, frozen=True, kw_only=True):
    """A whole scenario. `right` says in words why the expectations are right."""

    about: str
    now: datetime
    steps: list[AnyStep]
    provider: Provider = "dexcom"
    accounts: dict[str, Account]
    source: str = ""
    right: str = ""
    zone: str = "UTC"
    people: tuple[Person, ...] = (Person(),)


class Live(_Words, frozen=True, kw_only=True):
    """A scenario of whole processes, played by the test of its name in `test_processes.py`: its steps are prose."""

    about: str
    live: bool
    steps: list[str]
    source: str = ""
    right: str = ""
    script: str = ""


class _Loader(yaml.CSafeLoader):
    """YAML whose times stay text: records are sent as they are written."""


_Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag != "tag:yaml.org,2002:timestamp"]
    for first, resolvers in yaml.CSafeLoader.yaml_implicit_resolvers.items()
}


def read(file: Path) -> Written | Live:
    """The scenario in a file, YAML or JSON. Raises msgspec.ValidationError naming what is not understood."""
    found: Mapping[str, Any] = yaml.load(file.read_text(), _Loader)  # noqa: S506 – a safe loader of our own
    if found.get("live"):
        return msgspec.convert(found, Live, strict=False)
    return msgspec.convert(found, Written, strict=False)
