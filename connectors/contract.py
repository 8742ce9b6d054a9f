"""What every provider must keep, as checks that its own package can run over its double.

    @pytest.mark.parametrize("check", CHECKS, ids=name_of)
    def test_contract(check: Check, subject: Subject) -> None:
        check(subject)

A `Subject` is a provider, the address of a double that stands still, and credentials that open an account there which
holds readings. Each check raises AssertionError in a sentence; faults are put on the wire by a proxy in between.
"""

import json
import logging
import socket
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import wraps
from itertools import pairwise
from random import Random
from threading import Thread
from typing import Any

import msgspec
from pydantic import SecretStr

from connectors.spoiling_proxy import JSON, Asked, Proxy, Reply, Spoil, proxy_to
from glucoflow.http import TooMuch
from glucoflow.model.credentials import Credentials
from glucoflow.model.errors import GlucoflowError, Misconfigured, Reauthorize, Retryable, Unreadable
from glucoflow.model.ingestion import KINDS, Kind, Window
from glucoflow.model.records import Reading, Record
from glucoflow.provider import Connector, Double, Form, Limits, OAuth, Page, Provider, Site, Terms

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
    patience_s: float = 30.0
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


@said
def is_described(subject: Subject) -> None:
    """Everything that pages, commands, settings and dashboards show is there, and fits together."""
    one = subject.provider
    settings = one.settings()
    assert one.name.isidentifier() and one.name == one.name.lower(), "the name is one lower-case word"
    assert one.title and 1 <= len(one.logo) <= 3, "a title, and a badge of one to three letters"
    assert one.kinds and set(one.kinds) <= set(KINDS), "kinds that glucoflow knows"
    assert list(one.kinds) == [kind for kind in KINDS if kind in one.kinds], "kinds in the order of KINDS"
    assert one.quirks.sensor_limits.low < one.quirks.sensor_limits.high, "a sensor begins below where it ends"
    assert one.quirks.sample_interval_ms > 0 and one.quirks.delay >= timedelta(), "an interval and a delay"
    assert one.quirks.freshness and not one.quirks.freshness.endswith("."), "words that follow “its readings come”"
    assert set(one.quirks.delays) <= set(one.regions), "delays of regions that there are"
    assert one.prefix, "settings have a prefix of their own"
    for name, setting in one.settings.model_fields.items():
        assert setting.description, f"the setting {name} has no description"
        assert not setting.is_required(), f"the setting {name} has no default"
    assert one.regions and one.region(settings) in one.regions, "the usual region is one of those there are"
    assert one.documentation, "a page of documentation"
    polling = one.polling(settings)
    assert timedelta() < polling.shortest <= polling.longest, "the shortest wait is no longer than the longest"
    assert timedelta() < polling.lag <= polling.deep_lag, "once a day it steps back no less than usual"
    cap = one.calls_per_hour(settings)
    assert cap is None or cap > 0, "a cap lets something through"
    match one.auth:
        case Form(fields=fields):
            assert fields and len({field.name for field in fields}) == len(fields), "fields with names of their own"
            assert all(field.label for field in fields), "every field has a label"
            assert any(field.secret for field in fields), "something that is hidden while it is typed"
            assert all(field.help for field in fields if field.optional), "why a field may be left out"
        case OAuth(allow=allow):
            assert allow, "what the button of consent says"


@said
def opens_without_a_call_and_closes_twice(subject: Subject) -> None:
    """`open` asks nobody anything; `close` may be called again."""
    with running(subject) as (run, proxy):
        assert not proxy.asked and not run.asked_for, "opening a connector makes no call"
        run.connector.close()
        run.connector.close()


@said
def says_what_it_holds(subject: Subject) -> None:
    """The extent is a window of aware times that every record lies in, or None where the provider cannot tell."""
    with running(subject) as (run, _):
        for kind in subject.provider.kinds:
            extent = run.connector.extent(kind)
            records = run.records(kind)
            if extent is None or kind in STATES:
                continue
            assert extent.start.tzinfo and extent.end.tzinfo, "aware times"
            assert extent.start < extent.end, "a window that is not empty: half-open, so its end is behind its last"
            outside = [one for one in records if not extent.start <= one.time < extent.end]
            assert not outside, f"{len(outside)} of {len(records)} {kind} lie outside what is said to be held"


@said
def pages_meet_and_cover_the_window(subject: Subject) -> None:
    """Oldest first, each with its own half-open window, records inside it in time order, with aware times."""
    with running(subject) as (run, _):
        for kind in subject.provider.kinds:
            pages = run.pages(kind)
            assert pages, f"no page of {kind}: a window without records is a page without records"
            assert pages[0].window.start <= subject.window.start, f"{kind}: the first page begins behind the window"
            assert pages[-1].window.end >= subject.window.end, f"{kind}: the last page ends before the window"
            for before, after in pairwise(pages):
                assert before.window.end == after.window.start, f"{kind}: pages do not meet"
            for page in pages:
                times = [record.time for record in page.records]
                assert all(time.tzinfo for time in times), f"{kind}: a time without a zone"
                assert times == sorted(times), f"{kind}: not in time order"
                assert kind in STATES or all(page.window.start <= time < page.window.end for time in times), (
                    f"{kind}: a record outside its page's half-open window"
                )
        assert run.records(), "the double holds readings in the window"


@said
def every_record_comes_once_however_the_window_is_cut(subject: Subject) -> None:
    """Cut anywhere, also at a record's own moment, the same records come, each once."""
    dice = Random(7)
    with running(subject) as (run, _):
        for kind in subject.provider.kinds:
            whole = sorted(_as_read(run.records(kind)))
            assert len({key for key, *_ in whole}) == len(whole), f"{kind}: one key for two records"
            if kind in STATES:
                continue
            start, end = subject.window.start, subject.window.end
            cuts = {start + (end - start) * dice.random() for _ in range(3)}
            cuts |= {one.time for one in dice.sample(run.records(kind), k=min(2, len(whole)))}
            parts = [Window(*pair) for pair in pairwise([start, *sorted(cuts - {start, end}), end])]
            pieces = [one for part in parts for one in _as_read(run.records(kind, part))]
            assert sorted(pieces) == whole, f"{kind}: cut in {len(parts)} parts, {_difference(pieces, whole)}"


@said
def keys_stay(subject: Subject) -> None:
    """Another connector, another day: the same records have the same keys and say the same."""
    with running(subject) as (first, _), running(subject) as (second, _):
        for kind in subject.provider.kinds:
            assert _as_read(first.records(kind)) == _as_read(second.records(kind)), f"{kind}: keys or values changed"


@said
def killed_and_begun_again_nothing_is_lost(subject: Subject) -> None:
    """Dropped in the middle of its pages, another connector goes on where the last whole page ended."""
    longer = Window(subject.window.start - timedelta(days=40), subject.window.end)
    with running(subject) as (run, _):
        whole = _as_read(run.records(window=longer))
    kept: list[Record] = []
    done = longer.start
    for _ in range(10_000):
        with running(subject) as (run, _):
            pages = run.connector.pages("readings", Window(done, longer.end))
            page = next(pages, None)
            assert page is not None and page.window.end > done, "a page that gets nowhere"
            kept += page.records
            done = page.window.end
            with suppress(StopIteration, GlucoflowError):
                next(pages)  # on its way when it is killed
            pages.close()  # type: ignore[attr-defined]  # a generator, as every connector's pages are
        if done >= longer.end:
            break
    assert _as_read(kept) == whole, _difference(_as_read(kept), whole)


@said
def a_bad_record_is_rejected_and_the_rest_is_read(subject: Subject) -> None:
    """One record that is no record costs nothing but itself, and is kept with its reason."""
    with running(subject) as (run, _):
        whole = sorted(_as_read(run.records()))
    spoilt = 0

    def spoil(_: Asked, reply: Reply) -> Reply:
        nonlocal spoilt
        body = _with_bad_record(reply.body)
        spoilt += body is not None
        return reply if body is None else reply.with_body(body)

    with running(subject, spoil) as (run, _):
        pages = run.pages()
    assert spoilt, "no answer of the double held a list of records that could be spoilt"
    rejected = [one for page in pages for one in page.rejected]
    assert rejected, "a record that is no record was not rejected"
    assert all(one.field and one.reason for one in rejected), "a rejected record says which field and why"
    assert sorted(_as_read([one for page in pages for one in page.records])) == whole, "other records went with it"


@said
def overload_passes(subject: Subject) -> None:
    """429 and 5xx are Retryable, and a wait that is asked for is handed on."""
    for status in (429, 500, 502, 503, 504):
        asked_to_wait = {**JSON, "Retry-After": "77"} if status in (429, 503) else JSON
        error = _failing(subject, Reply(status, b'{"message":"busy"}', asked_to_wait))
        assert isinstance(error, Retryable), f"{status} became {type(error).__name__}: it passes by itself"
        assert status not in (429, 503) or error.retry_after == 77, f"{status}: Retry-After was not handed on"


@said
def refusals_are_said(subject: Subject) -> None:
    """400, 403 and 404 raise something with a cure, and are never “no records”."""
    for status in (400, 403, 404):
        error = _failing(subject, Reply(status, b'{"message":"no"}'))
        fates = Unreadable | Reauthorize | Misconfigured | Retryable
        assert isinstance(error, fates), f"{status} became {type(error).__name__}"
        assert error.message and (error.remedy or isinstance(error, Retryable)), f"{status}: nothing says what to do"


@said
def what_is_no_answer_is_never_no_records(subject: Subject) -> None:
    """HTML, nothing, half an answer, an answer that breaks off: Retryable, and not a page without records."""
    html = {"Content-Type": "text/html"}
    spoilt: dict[str, Spoil] = {
        "a login page": lambda _, __: Reply(200, b"<!doctype html><title>Sign in</title>", html),
        "HTML that calls itself JSON": lambda _, __: Reply(200, b"<!doctype html><title>Sign in</title>"),
        "nothing": lambda _, __: Reply(200, b""),
        "another JSON": lambda _, __: Reply(200, b"17"),
        "half an answer": lambda _, reply: reply.with_body(reply.body[: len(reply.body) // 2]),
        "an answer that breaks off": lambda _, reply: Reply(200, reply.body, reply.headers, cut=len(reply.body) // 2),
        "an answer of another kind": lambda _, __: Reply(204, b"", {}),
    }
    for words, spoil in spoilt.items():
        error = _failing(subject, spoil)
        assert isinstance(error, Retryable), f"{words} became {type(error).__name__}"


@said
def waits_no_longer_than_its_limits(subject: Subject) -> None:
    """No answer, or one a byte at a time: Retryable when the time is over."""
    never, slowly = Reply(late=True), Reply(200, b"[" * 600, drip=0.05)
    for words, late in {"no answer": never, "a byte now and then": slowly}.items():
        with running(subject, lambda _, __, late=late: late, HASTY) as (run, proxy):  # type: ignore[misc]
            reading = Thread(target=run.read_quietly, daemon=True)
            reading.start()
            reading.join(subject.patience_s)
            endless = reading.is_alive()
            proxy.closing.set()
            reading.join()
        assert not endless, f"{words}: it waits for more than {subject.patience_s:g} s, and was told to wait for 0.6"
        assert isinstance(run.error, Retryable), f"{words} became {type(run.error).__name__}"


@said
def takes_no_more_than_its_limits(subject: Subject) -> None:
    """A body over the cap is TooMuch, so that less may be asked for."""
    filled = b'{"data":[],"records":[]' + b" " * (HASTY.max_bytes + 2) + b"}"
    calm = msgspec.structs.replace(CALM, max_bytes=HASTY.max_bytes, tries=1)
    error = _failing(subject, Reply(200, filled), calm)
    assert isinstance(error, TooMuch), f"too large a body became {type(error).__name__}"


@said
def nobody_there_passes(subject: Subject) -> None:
    """A port that nobody listens on is Retryable."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        nobody = f"http://127.0.0.1:{taken.getsockname()[1]}"
    with proxy_to(subject.url) as proxy:
        proxy.url = nobody
        run = Run(subject, proxy, HASTY)
        error = _raised(run)
        run.connector.close()
    assert isinstance(error, Retryable), f"a refused connection became {type(error).__name__}"


@said
def credentials_go_nowhere_else(subject: Subject) -> None:
    """A redirect is not followed: what was signed for one host is sent to no other."""
    with proxy_to(subject.url) as elsewhere:
        error = _failing(subject, Reply(302, b"", {"Location": f"{elsewhere.url}/"}))
        assert not elsewhere.asked, "a redirect was followed"
    assert isinstance(error, GlucoflowError), "a redirect was taken for an answer"


@said
def asks_for_new_credentials_once_and_uses_them(subject: Subject) -> None:
    """Signed out, it asks for new credentials, goes on with them, and says so where these are refused as well."""
    with running(subject) as (run, _):
        whole = _as_read(run.records())
    first = True

    def spoil(_: Asked, reply: Reply) -> Reply:
        nonlocal first
        now, first = first, False
        return subject.signed_out if now else reply

    with running(subject, spoil) as (run, _):
        run.renewed = msgspec.structs.replace(subject.credentials, expires_at=subject.now + timedelta(hours=9))
        assert _as_read(run.records()) == whole, "after new credentials something else is read"
        assert run.asked_for.count(True) == 1, f"new credentials were asked for {run.asked_for.count(True)} times"
    with running(subject, lambda _, __: subject.signed_out) as (run, proxy):
        error = _raised(run)
        assert run.asked_for.count(True) == 1, "credentials that are refused are renewed once, not again and again"
        assert len(proxy.asked) <= 2, "refused credentials are not sent again and again: that locks accounts"
    assert isinstance(error, Reauthorize), f"signed out for good became {type(error).__name__}"


@said
def counts_its_calls_and_tells_the_time(subject: Subject) -> None:
    """Each call is told before it is made; what the provider says of the time is handed on."""
    with running(subject) as (run, proxy):
        for kind in subject.provider.kinds:
            run.connector.extent(kind)
            run.records(kind)
        assert run.calls == len(proxy.asked), f"{run.calls} calls were told of {len(proxy.asked)}"
        assert run.dates, "the provider's time was not handed on"
        assert all(abs(date - subject.now) < timedelta(minutes=1) for date in run.dates), "another time"


@said
def nothing_secret_is_said(subject: Subject) -> None:
    """Neither in errors nor in logs nor where something is printed, on good days and bad."""
    handler = _Lines()
    root, before = logging.getLogger(), logging.getLogger().level
    chatty = logging.getLogger("urllib3")
    quiet = chatty.level
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    chatty.setLevel(logging.WARNING)  # as `glucoflow.logs` has it: at DEBUG it writes whole addresses
    said: list[str] = []
    try:
        with running(subject) as (run, _):
            run.records()
            said += [repr(run.connector), str(run.connector), repr(vars(run.connector))]
        bad: list[Reply | Spoil] = [subject.signed_out, Reply(503, b"{}"), Reply(403, b"{}"), Reply(200, b"<html>")]
        for spoil in bad:
            error = _failing(subject, spoil)
            said += [str(error), repr(error), str(error.__cause__), repr(error.__context__)]
    finally:
        root.removeHandler(handler)
        root.setLevel(before)
        chatty.setLevel(quiet)
    auth = subject.provider.auth
    open_ones = {one.name for one in auth.fields if not one.secret} if isinstance(auth, Form) else set()
    open_ones |= subject.no_secrets
    values = subject.credentials.values.items()
    secrets = [value.get_secret_value() for name, value in values if name not in open_ones]
    for secret in (one for one in secrets if len(one) >= 6):
        assert not any(secret in line for line in said), "a secret stands in an error or a repr"
        assert not any(secret in line for line in handler.lines), "a secret stands in a log"


CHECKS: tuple[Check, ...] = (
    is_described,
    opens_without_a_call_and_closes_twice,
    says_what_it_holds,
    pages_meet_and_cover_the_window,
    every_record_comes_once_however_the_window_is_cut,
    keys_stay,
    killed_and_begun_again_nothing_is_lost,
    a_bad_record_is_rejected_and_the_rest_is_read,
    overload_passes,
    refusals_are_said,
    what_is_no_answer_is_never_no_records,
    waits_no_longer_than_its_limits,
    takes_no_more_than_its_limits,
    nobody_there_passes,
    credentials_go_nowhere_else,
    asks_for_new_credentials_once_and_uses_them,
    counts_its_calls_and_tells_the_time,
    nothing_secret_is_said,
)


class _Lines(logging.Handler):
    def __init__(self) -> None:
        super().__init__()
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(f"{record.getMessage()} {record.exc_info or ''}")


def _failing(subject: Subject, spoil: Reply | Spoil, limits: Limits = CALM) -> GlucoflowError:
    """The error of reading while every answer is spoilt so."""
    reply = spoil
    made: Spoil = (lambda _, __: reply) if isinstance(reply, Reply) else reply
    with running(subject, made, limits) as (run, _):
        return _raised(run)


def _raised(run: Run) -> GlucoflowError:
    try:
        pages = run.pages()
    except GlucoflowError as error:
        return error
    except Exception as error:
        raise AssertionError(f"not one of our errors: {type(error).__name__}") from error
    raise AssertionError(f"read as {len(pages)} pages with {sum(len(page.records) for page in pages)} records")


def _as_read(records: list[Any]) -> list[tuple[str, datetime, str]]:
    """What must stay the same of a record."""
    return [
        (one.key, one.time.astimezone(UTC), repr((one.value, one.unit) if isinstance(one, Reading) else type(one)))
        for one in records
    ]


def _difference(found: list[Any], wanted: list[Any]) -> str:
    lost, extra = len(set(wanted) - set(found)), len(set(found) - set(wanted))
    return f"{lost} are lost, {extra} are new, {len(found) - len(set(found))} come twice"


def _with_bad_record(body: bytes) -> bytes | None:
    """The answer with 17 put among its records, in the first list of objects there is."""
    try:
        answer = json.loads(body)
    except ValueError:
        return None
    for found in _lists(answer):
        if len(found) > 3 and all(isinstance(one, dict) for one in found):
            found.insert(len(found) // 2, 17)
            return json.dumps(answer).encode()
    return None


def _lists(value: Any) -> Iterator[list[Any]]:
    if isinstance(value, list):
        yield value
    elif isinstance(value, dict):
        for one in value.values():
            yield from _lists(one)
