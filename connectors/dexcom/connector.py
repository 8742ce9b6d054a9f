"""The connector: what each kind is called at Dexcom, how long a request may be, and how a window becomes pages."""

import logging
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Protocol

import msgspec

from connectors.dexcom.alerts import Alerts
from connectors.dexcom.calibrations import Calibrations
from connectors.dexcom.devices import DevicePages
from connectors.dexcom.events import Events
from connectors.dexcom.hosts import DexcomHosts
from connectors.dexcom.http import CredentialSource, DexcomHttp, Limits, TooMuch
from connectors.dexcom.ranges import DataRange, data_range
from connectors.dexcom.readings import Readings
from connectors.dexcom.times import request_time
from connectors.dexcom.wire import EARLIEST, raw_records
from glucoflow.model.ingestion import KINDS, Kind, Window
from glucoflow.provider import Capabilities, Page

log = logging.getLogger(__name__)

LONGEST_WINDOW = timedelta(days=30)
SHORTEST_WINDOW = timedelta(hours=1)
SAMPLE_INTERVAL_MS = 300_000
ONE_SECOND = timedelta(seconds=1)

_ENDPOINTS: dict[Kind, tuple[str, str]] = {
    "readings": ("egvs", "egv"),
    "events": ("events", "event"),
    "calibrations": ("calibrations", "calibration"),
    "alerts": ("alerts", "alert"),
    "devices": ("devices", "device"),
}


class _Pages(Protocol):
    def page(self, window: Window, raws: Sequence[msgspec.Raw]) -> Page: ...


_CONVERTERS: dict[Kind, Callable[[datetime], _Pages]] = {
    "readings": Readings,
    "events": Events,
    "calibrations": Calibrations,
    "alerts": Alerts,
    "devices": DevicePages,
}


class DexcomConnector:
    """`connector.Connector` for one person's Dexcom account."""

    def __init__(self, http: DexcomHttp, capabilities: Capabilities, now: datetime) -> None:
        self._http = http
        self._capabilities = capabilities
        self._known: dict[datetime | None, DataRange] = {}  # one answer is for all kinds; a connector lives for a run
        self._now = now

    @property
    def capabilities(self) -> Capabilities:
        return self._capabilities

    def extent(self, kind: Kind, updated_since: datetime | None = None) -> Window | None:
        """What `dataRange` says of this kind. Its end is a second later than Dexcom's, which is the last record.

        Of alerts and devices `dataRange` says nothing: alerts may be wherever there is any other record, and go on
        until now; devices have no range and are always asked for.
        """
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
        convert = _CONVERTERS[kind](self._now)
        if kind == "devices":
            if whole.start < whole.end:
                yield convert.page(whole, self._raw_records(kind, {}))
            return
        for part in whole.split(self._capabilities.max_window):
            yield from self._parts(kind, part, convert)

    def close(self) -> None:
        self._http.close()

    def _ranges(self, updated_since: datetime | None) -> DataRange:
        query = {}
        if updated_since is not None:
            # The one parameter of this API that must say its zone.
            query["lastSyncTime"] = request_time(updated_since) + "Z"
        return self._http.get("dataRange", query, data_range)

    def _parts(self, kind: Kind, window: Window, convert: _Pages) -> Iterator[Page]:
        waiting = [window]
        while waiting:
            part = waiting.pop()
            query = {"startDate": request_time(part.start), "endDate": request_time(part.end)}
            try:
                raws = self._raw_records(kind, query)
            except TooMuch as error:
                if part.end - part.start < 2 * SHORTEST_WINDOW:
                    raise
                middle = _floor(part.start + (part.end - part.start) / 2)
                log.warning("%s of %s: %s Retrier for half of it.", kind, part.end - part.start, error.message)
                waiting += [Window(middle, part.end), Window(part.start, middle)]
                continue
            yield convert.page(part, raws)

    def _raw_records(self, kind: Kind, query: dict[str, str]) -> Sequence[msgspec.Raw]:
        endpoint, record_type = _ENDPOINTS[kind]
        return self._http.get(endpoint, query, lambda body: raw_records(body, record_type))


def open_connector(
    hosts: DexcomHosts,
    credentials: CredentialSource,
    *,
    now: datetime,
    lag: timedelta = timedelta(days=3),
    deep_lag: timedelta = timedelta(days=30),
    limits: Limits = Limits(),
    seed: int = 0,
) -> DexcomConnector:
    """A connector for one account. `credentials(False)` gives good ones, `credentials(True)` others.

    `now` is the run's start: records more than 24 hours ahead of it are refused. `seed` is for the jitter of waits.
    Close it after use.
    """
    capabilities = Capabilities(
        kinds=KINDS,
        max_window=LONGEST_WINDOW,
        lag=lag,
        deep_lag=deep_lag,
        sample_interval_ms=SAMPLE_INTERVAL_MS,
        delivers_meals=True,
    )
    return DexcomConnector(DexcomHttp(hosts, credentials, limits, seed), capabilities, now)


def _floor(time: datetime) -> datetime:
    return max(time.astimezone(UTC), EARLIEST).replace(microsecond=0)


def _ceil(time: datetime) -> datetime:
    floor = _floor(time)
    return floor if floor >= time else floor + ONE_SECOND
