"""The connector: what an account holds, how long a request may be, and how a window becomes pages."""

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Protocol

import msgspec

from connectors.dexcom import DexcomSettings
from connectors.dexcom.answers import envelope
from connectors.dexcom.api import Api, hosts, not_understood
from connectors.dexcom.devices import DeviceStates
from connectors.dexcom.events import Alerts, Calibrations, Events
from connectors.dexcom.readings import Readings
from connectors.dexcom.receivers import NOTHING, Receivers
from connectors.dexcom.times import request_time, system_time
from connectors.parts import in_parts
from connectors.understanding import EARLIEST
from glucoflow.model.ingestion import Kind, Window
from glucoflow.provider import Account, CredentialSource, Page, Site, Terms

log = logging.getLogger(__name__)

LONGEST_WINDOW = timedelta(days=30)
ONE_SECOND = timedelta(seconds=1)
UPDATED_SINCE_LIMIT = timedelta(days=30)
"""`dataRange` answers wrongly to a `lastSyncTime` older than about 100 days; Tidepool leaves it out beyond 30."""


class Stream(Protocol):
    """One kind of record: what it is called at Dexcom, and how its raw records become a page of ours."""

    endpoint: str
    record_type: str

    def page(self, window: Window, raws: Sequence[msgspec.Raw]) -> Page: ...


_STREAMS: dict[Kind, Callable[[datetime, Receivers], Stream]] = {
    "readings": Readings,
    "events": Events,
    "calibrations": Calibrations,
    "alerts": Alerts,
    "devices": DeviceStates,
}


class DexcomConnector:
    """`glucoflow.provider.Connector` for one person's Dexcom account."""

    def __init__(self, api: Api, now: datetime, app: str = "", known: Mapping[str, datetime] = NOTHING) -> None:
        """`app` is the registered app's id: Dexcom gives each app other ids of the same account."""
        self._api = api
        self._app = app
        self._known: dict[datetime | None, DataRange] = {}  # one answer is for all kinds; a connector lives for a run
        self._now = now
        self._receivers = Receivers(known)

    def extent(self, kind: Kind, updated_since: datetime | None = None) -> Window | None:
        """What `dataRange` says of this kind. Its end is a second later than Dexcom's, which is the last record.

        Of alerts and devices `dataRange` says nothing: alerts may be wherever there is any other record, and go on
        until now; devices have no range and are always asked for.
        """
        if updated_since is not None and self._now - updated_since > UPDATED_SINCE_LIMIT:
            return None
        if updated_since not in self._known:
            self._known[updated_since] = self._ranges(updated_since)
        ranges = self._known[updated_since]
        match kind:
            case "devices":
                span = ranges.whole() or Window(self._now - timedelta(days=1), self._now)
                return Window(min(span.start, self._now - ONE_SECOND), self._now)
            case "alerts":
                whole = ranges.whole()
                return Window(whole.start, self._now) if whole and whole.start < self._now else None
            case _:
                return ranges.of(kind)

    def pages(self, kind: Kind, window: Window) -> Iterator[Page]:
        """A page a request of at most 30 days, oldest first; a request that is too much is halved, down to an hour.

        A record may lie outside the window where Dexcom sends one; it is brought all the same.
        """
        whole = Window(_floor(window.start), _ceil(window.end))
        stream = _STREAMS[kind](self._now, self._receivers)
        if kind == "devices":
            if whole.start < whole.end:
                yield self._page(stream, whole, {})
            return
        yield from in_parts(whole, LONGEST_WINDOW, partial(self._part, stream))

    def close(self) -> None:
        self._api.close()

    def _ranges(self, updated_since: datetime | None) -> "DataRange":
        query = {}
        if updated_since is not None:
            # The one parameter of this API that must say its zone.
            query["lastSyncTime"] = request_time(updated_since) + "Z"
        return self._api.get("dataRange", query, data_range)

    def _part(self, stream: Stream, part: Window) -> Page:
        query = {"startDate": request_time(part.start), "endDate": request_time(part.end)}
        return self._page(stream, part, query)

    def _page(self, stream: Stream, window: Window, query: dict[str, str]) -> Page:
        answer = self._api.get(stream.endpoint, query, lambda body: envelope(body, stream.record_type))
        page = self._receivers.placed(stream.page(window, answer.records))
        if page.without_value or page.left_out:
            odd = ", ".join(f"{field} ×{n}" for field, n in sorted(page.left_out.items()))
            log.info(
                "%s: %d records without a value; odd fields: %s", stream.endpoint, page.without_value, odd or "none"
            )
        if answer.account is None:
            return page
        return msgspec.structs.replace(page, account=Account(id=answer.account, app=self._app))


def open_connector(settings: DexcomSettings, site: Site, source: CredentialSource, terms: Terms) -> DexcomConnector:
    """`glucoflow.provider.Provider.open`."""
    app = site.double.client_id if site.double else settings.client_id or ""
    return DexcomConnector(Api(hosts(settings, site), source, terms), terms.now, app, terms.known)


_NULL = msgspec.Raw(b"null")


class _Moment(msgspec.Struct, frozen=True, rename="camel"):
    system_time: str


class _Span(msgspec.Struct, frozen=True):
    start: msgspec.Raw = _NULL
    end: msgspec.Raw = _NULL


class _Answer(msgspec.Struct, frozen=True, rename="camel"):
    egvs: msgspec.Raw
    calibrations: msgspec.Raw = _NULL
    events: msgspec.Raw = _NULL
    record_type: str | None = None


class DataRange(msgspec.Struct, frozen=True):
    """What an account holds, or what of it changed: half-open spans by kind. A kind of which there is nothing has none;
    one that is `odd` was said in a way that cannot be read."""

    spans: Mapping[Kind, Window] = {}
    odd: frozenset[Kind] = frozenset()

    def of(self, kind: Kind) -> Window | None:
        return self.whole() if kind in self.odd else self.spans.get(kind)

    def whole(self) -> Window | None:
        """From the earliest to the latest record of any kind."""
        spans = self.spans.values()
        if not spans:
            return None
        return Window(min(span.start for span in spans), max(span.end for span in spans))


def data_range(body: bytes) -> DataRange:
    """What a `dataRange` answer says. Raises Retryable where it cannot be understood: it is never taken for nothing."""
    spans: dict[Kind, Window] = {}
    odd: set[Kind] = set()
    try:
        answer = msgspec.json.decode(body, type=_Answer)
        if answer.record_type not in (None, "dataRange"):
            raise ValueError("another type")
        said: dict[Kind, msgspec.Raw] = {
            "readings": answer.egvs,
            "events": answer.events,
            "calibrations": answer.calibrations,
        }
        for kind, raw in said.items():
            try:
                window = _window(raw)
            except (msgspec.DecodeError, ValueError):
                odd.add(kind)
            else:
                spans |= {} if window is None else {kind: window}
        if odd and not spans:
            raise ValueError("nothing that can be read")
    except (msgspec.DecodeError, ValueError, RecursionError):
        raise not_understood(body, "a dataRange that cannot be read") from None
    return DataRange(spans, frozenset(odd))


def _window(raw: msgspec.Raw) -> Window | None:
    """A span's window; None where it is null. Raises ValueError, msgspec.DecodeError where its start cannot be read."""
    span = msgspec.json.decode(raw, type=_Span | None)
    if span is None:
        return None
    start = system_time(msgspec.json.decode(span.start, type=_Moment).system_time)
    try:
        end = system_time(msgspec.json.decode(span.end, type=_Moment).system_time)
    except (msgspec.DecodeError, ValueError):
        end = start  # where they begin is all that is needed
    first, last = sorted((start, end))  # turned round or not
    start = max(first, EARLIEST)  # a clock that was never set starts no walk in year 1
    # `end` is the last record's time and windows are half-open: else the last record would come a sync late
    end = last + ONE_SECOND
    return Window(start, end) if start < end else None


def _floor(time: datetime) -> datetime:
    return max(time.astimezone(UTC), EARLIEST).replace(microsecond=0)


def _ceil(time: datetime) -> datetime:
    floor = _floor(time)
    return floor if floor >= time else floor + ONE_SECOND
