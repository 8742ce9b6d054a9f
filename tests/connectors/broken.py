"""A small provider over a small cloud that keeps the contract, and the same with one defect each."""

import json
import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit
from uuid import uuid4

import msgspec
import requests
from pydantic import Field as Described
from pydantic import SecretStr
from pydantic_settings import BaseSettings

from connectors.lenient import LenientDecoder
from connectors.understanding import records_of, understand
from glucoflow.http import Answer, SignedHttp
from glucoflow.model.credentials import Credentials
from glucoflow.model.errors import GlucoflowError, Reauthorize, Retryable, Unreadable
from glucoflow.model.ingestion import Kind, Window
from glucoflow.model.ranges import SensorLimits
from glucoflow.model.records import Reading
from glucoflow.provider import (
    CredentialSource,
    Field,
    Form,
    Page,
    Polling,
    Provider,
    Quirks,
    Site,
    Terms,
    settings_config,
)

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
SECRET = "sesame-opens"
MINUTES = range(0, 60 * 48, 5)
DAY = timedelta(days=1)


class AcmeSettings(BaseSettings):
    """Acme."""

    model_config = settings_config("ACME_")
    depth_days: int = Described(1, description="days a request may span")


class _Row(msgspec.Struct, frozen=True):
    id: str | None = None
    at: str | None = None
    value: float | None = None


class Acme:
    """Reads a day a request. `defect` names what it does wrong."""

    def __init__(self, defect: str, settings: AcmeSettings, site: Site, source: CredentialSource, terms: Terms) -> None:
        assert site.double is not None
        self._defect = defect
        self._url = site.double.url + "/rows"
        self._terms = terms
        self._source = source
        self._days = settings.depth_days
        limits = terms.limits
        if defect == "has no time-out":
            limits = msgspec.structs.replace(limits, read_s=600.0, answer_s=600.0)
        if defect == "has no cap":
            limits = msgspec.structs.replace(limits, max_bytes=2**30)
        terms = msgspec.structs.replace(terms, limits=limits)
        if defect == "does not count its calls":
            terms = msgspec.structs.replace(terms, on_call=lambda: None)
        if defect == "keeps the time to itself":
            terms = msgspec.structs.replace(terms, on_date=lambda _date: None)
        self._http = SignedHttp("Acme", source, terms, self._refusal, signed_out=self._signed_out)
        self._closed = False
        if defect == "calls while it opens":
            self._ask(Window(NOW - DAY, NOW))

    def extent(self, kind: Kind, updated_since: datetime | None = None) -> Window | None:
        del kind, updated_since
        last = NOW - timedelta(minutes=5)
        end = last if self._defect == "says an end that leaves out the last" else NOW
        return Window(NOW - 2 * DAY, end)

    def pages(self, kind: Kind, window: Window) -> Iterator[Page]:
        parts = list(window.split(timedelta(days=self._days)))
        if self._defect == "leaves a hole between pages" and len(parts) > 1:
            parts.pop(-1)
        for part in parts:
            page = self._page(part)
            if self._defect == "calls done what is still to come":
                page = msgspec.structs.replace(page, window=Window(part.start, window.end))
            yield page

    def close(self) -> None:
        if self._closed and self._defect == "cannot be closed twice":
            raise RuntimeError("closed")
        self._closed = True
        self._http.close()

    def __repr__(self) -> str:
        secret = self._source(False)["password"].get_secret_value() if self._defect == "shows its secret" else ""
        return f"Acme({secret})"

    def _refusal(self, answer: Answer) -> GlucoflowError:
        if self._defect == "gives up on a refusal without a cure":
            return Unreadable("no")
        return Unreadable(f"Acme refuses ({answer.status}).", remedy="Look at your account.")

    def _signed_out(self, answer: Answer) -> bool:
        return answer.status == 401 and self._defect != "takes signed out for a refusal"

    def _page(self, part: Window) -> Page:
        decoder = LenientDecoder(_Row, frozenset({"at", "value"}))
        try:
            raws = self._ask(part)
        except Retryable:
            if self._defect == "takes trouble for nothing":
                return Page(window=part, records=())
            raise
        if self._defect == "fails with a bad record":
            rows = [msgspec.json.decode(raw, type=_Row) for raw in raws]
            return Page(window=part, records=[self._reading(row) for row in rows])
        found = understand(raws, lambda raw: self._reading(decoder.decode(raw)[0])).page(part, decoder.left_out)
        if self._defect == "swallows a bad record":
            found = msgspec.structs.replace(found, rejected=())
        records = list(found.records)
        if self._defect == "takes the end in as well":
            return msgspec.structs.replace(found, records=records)
        records = [one for one in records if part.start <= one.time < part.end]
        if self._defect == "loses the last of a page":
            records = records[:-1]
        if self._defect == "gives newest first":
            records.reverse()
        return msgspec.structs.replace(found, records=records)

    def _ask(self, part: Window) -> list[msgspec.Raw]:
        query = {"from": part.start.isoformat(), "to": part.end.isoformat()}
        if self._defect == "logs its secret":
            logging.getLogger("acme").info("asking as %s", self._source(False)["password"].get_secret_value())
        if self._defect == "follows redirects":
            self._terms.on_call()
            key = self._source(False)["password"].get_secret_value()
            try:
                got = requests.get(self._url, query, headers={"Authorization": f"Bearer {key}"}, timeout=5)
                return records_of("Acme", got.content)
            except requests.RequestException as error:
                raise Retryable(f"Acme: {type(error).__name__}") from None
        if self._defect == "does not say what went wrong":
            try:
                return self._http.get(self._url, query, lambda body: records_of("Acme", body))
            except Retryable as error:
                raise RuntimeError(error.message) from None
        if self._defect == "forgets how long to wait":
            try:
                return self._http.get(self._url, query, lambda body: records_of("Acme", body))
            except Retryable as error:
                if error.retry_after is not None:
                    raise Retryable(error.message) from None
                raise
        return self._http.get(self._url, query, lambda body: records_of("Acme", body))

    def _reading(self, row: _Row) -> Reading:
        assert row.at is not None
        assert row.value is not None
        key = str(uuid4()) if self._defect == "gives new keys each time" else row.id or ""
        if self._defect == "gives two records one key":
            key = key[:-1]
        time = datetime.fromisoformat(row.at)
        if self._defect == "gives times without a zone":
            time = time.replace(tzinfo=None)
        return Reading(time=time, key=key, record_id=row.id, value=row.value, unit="mg/dL")


def acme(defect: str = "") -> Provider[AcmeSettings]:
    fields: tuple[Field, ...] = (Field(name="user", label="E-mail"), Field(name="password", label="P", secret=True))
    if defect == "shows what is typed":
        fields = (Field(name="user", label="E-mail"), Field(name="password", label="Password"))
    return Provider(
        name="acme",
        title="" if defect == "has no title" else "Acme",
        logo="A",
        kinds=("readings",),
        quirks=Quirks(
            sensor_limits=SensorLimits(40, 500),
            sample_interval_ms=300_000,
            delay=timedelta(minutes=1),
            freshness="at once",
        ),
        settings=AcmeSettings,
        auth=Form(fields=fields, log_in=_log_in),
        polling=lambda _settings: Polling(
            shortest=timedelta(minutes=9 if defect == "polls backwards" else 5), longest=timedelta(minutes=5)
        ),
        open=lambda settings, site, source, terms: Acme(defect, settings, site, source, terms),
        documentation="https://acme.example/",
        regions={"world": "everywhere"},
        region=lambda _settings: "world",
    )


def _log_in(settings: Any, site: Any, values: Any, now: Any) -> Credentials:
    del settings, site, now
    if values["password"].get_secret_value() != SECRET:
        raise Reauthorize("Acme does not know this password.", remedy="Type it again.")
    return Credentials(values={**values, "access": values["password"]})


def credentials() -> Credentials:
    return Credentials(values={"password": SecretStr(SECRET), "access": SecretStr(SECRET)})


@contextmanager
def cloud() -> Iterator[str]:
    """Acme's cloud: a row every five minutes of two days before `NOW`."""
    times = [(minute, NOW - 2 * DAY + timedelta(minutes=minute)) for minute in MINUTES]
    rows = [{"id": f"row-{minute:05}", "at": at.isoformat(), "value": 90 + minute % 97} for minute, at in times]

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            asked = {name: values[0] for name, values in parse_qs(urlsplit(self.path).query).items()}
            good = self.headers.get("Authorization") == f"Bearer {SECRET}"
            start, end = (datetime.fromisoformat(asked[name]) for name in ("from", "to"))
            found = [row for row in rows if start <= datetime.fromisoformat(str(row["at"])) <= end]
            body = json.dumps(found).encode()
            self.send_response_only(200 if good else 401)
            self.send_header("Content-Type", "application/json")
            self.send_header("Date", format_datetime(NOW, usegmt=True))
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 – the base's name
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()
