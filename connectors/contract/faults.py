"""Checks of bad days: overload, refusals, what is no answer, lost credentials; and that nothing secret is said."""

import logging
import socket
from datetime import timedelta
from threading import Thread

import msgspec

from connectors.contract.spoiling_proxy import JSON, Asked, Reply, Spoil, proxy_to
from connectors.contract.subject import CALM, HASTY, Run, Subject, as_read, failing, raised, running, said
from glucoflow.bounded_http import TooMuch
from glucoflow.model.errors import GlucoflowError, Misconfigured, Reauthorize, Retryable, Unreadable
from glucoflow.provider import Form


@said
def overload_passes(subject: Subject) -> None:
    """429 and 5xx are Retryable, and a wait that is asked for is handed on."""
    for status in (429, 500, 502, 503, 504):
        asked_to_wait = {**JSON, "Retry-After": "77"} if status in (429, 503) else JSON
        error = failing(subject, Reply(status, b'{"message":"busy"}', asked_to_wait))
        assert isinstance(error, Retryable), f"{status} became {type(error).__name__}: it passes by itself"
        assert status not in (429, 503) or error.retry_after == 77, f"{status}: Retry-After was not handed on"


@said
def refusals_are_said(subject: Subject) -> None:
    """400, 403 and 404 raise something with a cure, and are never “no records”."""
    for status in (400, 403, 404):
        error = failing(subject, Reply(status, b'{"message":"no"}'))
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
        error = failing(subject, spoil)
        assert isinstance(error, Retryable), f"{words} became {type(error).__name__}"


@said
def waits_no_longer_than_its_limits(subject: Subject) -> None:
    """No answer, or one a byte at a time: Retryable when the time is over."""
    never, slowly = Reply(late=True), Reply(200, b"[" * 600, drip=0.05)
    for words, late in {"no answer": never, "a byte now and then": slowly}.items():
        with running(subject, lambda _, __, late=late: late, HASTY) as (run, proxy):  # type: ignore[misc]
            reading = Thread(target=run.read_quietly, daemon=True)
            reading.start()
            reading.join(subject.endless_s)
            endless = reading.is_alive()
            proxy.closing.set()
            reading.join()
        assert not endless, f"{words}: it waits for more than {subject.endless_s:g} s, and was told to wait for 0.6"
        assert isinstance(run.error, Retryable), f"{words} became {type(run.error).__name__}"


@said
def takes_no_more_than_its_limits(subject: Subject) -> None:
    """A body over the cap is TooMuch, so that less may be asked for."""
    filled = b'{"data":[],"records":[]' + b" " * (HASTY.max_bytes + 2) + b"}"
    calm = msgspec.structs.replace(CALM, max_bytes=HASTY.max_bytes, tries=1)
    error = failing(subject, Reply(200, filled), calm)
    assert isinstance(error, TooMuch), f"too large a body became {type(error).__name__}"


@said
def nobody_there_passes(subject: Subject) -> None:
    """A port that nobody listens on is Retryable."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        nobody = f"http://127.0.0.1:{taken.getsockname()[1]}"
    with proxy_to(subject.url) as proxy:
        proxy.url = nobody
        run = Run(subject, proxy, HASTY)
        error = raised(run)
        run.connector.close()
    assert isinstance(error, Retryable), f"a refused connection became {type(error).__name__}"


@said
def credentials_go_nowhere_else(subject: Subject) -> None:
    """A redirect is not followed: what was signed for one host is sent to no other."""
    with proxy_to(subject.url) as elsewhere:
        error = failing(subject, Reply(302, b"", {"Location": f"{elsewhere.url}/"}))
        assert not elsewhere.asked, "a redirect was followed"
    assert isinstance(error, GlucoflowError), "a redirect was taken for an answer"


@said
def asks_for_new_credentials_once_and_uses_them(subject: Subject) -> None:
    """Signed out, it asks for new credentials, goes on with them, and says so where these are refused as well."""
    with running(subject) as (run, _):
        whole = as_read(run.records())
    first = True

    def spoil(_: Asked, reply: Reply) -> Reply:
        nonlocal first
        now, first = first, False
        return subject.signed_out if now else reply

    with running(subject, spoil) as (run, _):
        run.renewed = msgspec.structs.replace(subject.credentials, expires_at=subject.now + timedelta(hours=9))
        assert as_read(run.records()) == whole, "after new credentials something else is read"
        assert run.asked_for.count(True) == 1, f"new credentials were asked for {run.asked_for.count(True)} times"
    with running(subject, lambda _, __: subject.signed_out) as (run, proxy):
        error = raised(run)
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
            error = failing(subject, spoil)
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


class _Lines(logging.Handler):
    def __init__(self) -> None:
        super().__init__()
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(f"{record.getMessage()} {record.exc_info or ''}")
