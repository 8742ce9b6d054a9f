"""What is checked, a connector over a proxy that spoils answers, and how records are compared."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import wraps
from typing import Any

from pydantic import SecretStr

from connectors.contract.spoiling_proxy import Proxy, Reply, Spoil, proxy_to
from glucoflow.model.credentials import Credentials
from glucoflow.model.errors import GlucoflowError
from glucoflow.model.ingestion import Kind, Window
from glucoflow.model.records import Reading, Record
from glucoflow.provider import Connector, Double, Limits, Page, Provider, Site, Terms

CALM = Limits(read_s=60, answer_s=120, tries=2, first_wait_s=0.01, longest_wait_s=0.05)
HASTY = Limits(read_s=0.3, answer_s=0.6, max_bytes=2**20, tries=1, first_wait_s=0.01, longest_wait_s=0.05)
"""For answers that never come, or are too large: they fail whatever the machine is busy with."""

STATES: frozenset[Kind] = frozenset({"devices"})
"""Kinds that are no stream over time: asked for any window, what stands now is given."""


@dataclass(frozen=True, kw_only=True)
class Subject:
    """What is checked. `now` is the double's, and stands still; `window` holds some hundred readings."""

    provider: Provider[Any]
    url: str
    credentials: Credentials
    now: datetime
    window: Window
    client_id: str = ""
    client_secret: SecretStr = field(default_factory=lambda: SecretStr(""))
    redirect_uri: str = ""
    signed_out: Reply = field(default_factory=lambda: Reply(401, b'{"error":"invalid_token"}'))
    """What the provider answers to credentials that are no longer good."""
    no_secrets: frozenset[str] = frozenset()
    """Names of the credentials' values that may be seen: an id that stands in keys, a host."""
    endless_s: float = 30.0
    """After so long a connector that was given `HASTY` limits has none."""

    def site(self, url: str) -> Site:
        double = Double(
            url=url, client_id=self.client_id, client_secret=self.client_secret, redirect_uri=self.redirect_uri
        )
        return Site(region="simulator", double=double)


Check = Callable[[Subject], None]


def said(check: Check) -> Check:
    """The check, whose every failure is an AssertionError that says what happened."""

    @wraps(check)
    def checked(subject: Subject) -> None:
        try:
            check(subject)
        except AssertionError:
            raise
        except Exception as error:
            raise AssertionError(f"{check.__name__}: {type(error).__name__}: {error}") from error

    return checked


class Run:
    """One connector over the proxy, and what it asked for."""

    def __init__(self, subject: Subject, proxy: Proxy, limits: Limits = CALM) -> None:
        self.calls = 0
        self.dates: list[datetime] = []
        self.asked_for: list[bool] = []
        self.renewed: Credentials | None = None
        self.error: Exception | None = None
        self._subject = subject
        terms = Terms(now=subject.now, limits=limits, on_call=self._called, on_date=self.dates.append)
        provider = subject.provider
        self.connector: Connector = provider.open(provider.settings(), subject.site(proxy.url), self._source, terms)

    def _called(self) -> None:
        self.calls += 1

    def _source(self, new: bool) -> Credentials:
        self.asked_for.append(new)
        return self.renewed if new and self.renewed is not None else self._subject.credentials

    def pages(self, kind: Kind = "readings", window: Window | None = None) -> list[Page]:
        return list(self.connector.pages(kind, window or self._subject.window))

    def read_quietly(self) -> None:
        """Read, and keep what is raised."""
        try:
            self.pages()
        except Exception as error:  # noqa: BLE001 – whatever it is, it is looked at
            self.error = error

    def records(self, kind: Kind = "readings", window: Window | None = None) -> list[Record]:
        return [record for page in self.pages(kind, window) for record in page.records]


@contextmanager
def running(subject: Subject, spoil: Spoil | None = None, limits: Limits = CALM) -> Iterator[tuple[Run, Proxy]]:
    """A fresh connector, closed afterwards."""
    with proxy_to(subject.url) as proxy, ExitStack() as stack:
        if spoil is not None:
            proxy.spoil = spoil
        run = Run(subject, proxy, limits)
        stack.callback(run.connector.close)
        yield run, proxy


def name_of(check: Check) -> str:
    """A check's name, for a test's id."""
    return check.__name__


def failing(subject: Subject, spoil: Reply | Spoil, limits: Limits = CALM) -> GlucoflowError:
    """The error of reading while every answer is spoilt so."""
    reply = spoil
    made: Spoil = (lambda _, __: reply) if isinstance(reply, Reply) else reply
    with running(subject, made, limits) as (run, _):
        return raised(run)


def raised(run: Run) -> GlucoflowError:
    try:
        pages = run.pages()
    except GlucoflowError as error:
        return error
    except Exception as error:
        raise AssertionError(f"not one of our errors: {type(error).__name__}") from error
    raise AssertionError(f"read as {len(pages)} pages with {sum(len(page.records) for page in pages)} records")


def as_read(records: list[Any]) -> list[tuple[str, datetime, str]]:
    """What must stay the same of a record."""
    return [
        (one.key, one.time.astimezone(UTC), repr((one.value, one.unit) if isinstance(one, Reading) else type(one)))
        for one in records
    ]


def difference(found: list[Any], wanted: list[Any]) -> str:
    lost, extra = len(set(wanted) - set(found)), len(set(found) - set(wanted))
    return f"{lost} are lost, {extra} are new, {len(found) - len(set(found))} come twice"
