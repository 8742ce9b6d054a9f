"""The connector: one graph with the current value, and one log-book, whatever is asked for of the last twelve hours."""

from collections import Counter
from collections.abc import Iterator
from datetime import datetime, timedelta
from functools import partial

from connectors.librelinkup import HELD, LibreLinkUpSettings
from connectors.librelinkup.records import Held, device_of, graph_of, logbook_of
from connectors.librelinkup.signing_in import TITLE, refusal, signed
from connectors.understanding import Understood
from glucoflow.http import SignedHttp
from glucoflow.model.ingestion import Kind, Window
from glucoflow.model.records import Alert, DeviceStatus, Record
from glucoflow.provider import Account, CredentialSource, Page, Site, Terms

LOGBOOK = timedelta(days=14)
SECOND = timedelta(seconds=1)


class LibreLinkUpConnector:
    """`glucoflow.provider.Connector` for one followed person, for one run."""

    def __init__(self, settings: LibreLinkUpSettings, site: Site, source: CredentialSource, terms: Terms) -> None:
        self._double = site.double.url if site.double else None
        self._source = source
        self._now = terms.now
        self._http = SignedHttp(TITLE, source, terms, refusal, sign=signed(settings.version))
        self._graph: Held | None = None
        self._logbook: Understood[Alert] | None = None

    def extent(self, kind: Kind, updated_since: datetime | None = None) -> Window | None:
        """The last twelve hours, whatever there is in them; of alerts two weeks. What changed since, nobody says."""
        if updated_since is not None:
            return None
        reach = LOGBOOK if kind == "alerts" else HELD
        return Window(self._now - reach - SECOND, self._now + SECOND)

    def pages(self, kind: Kind, window: Window) -> Iterator[Page]:
        """One page: what of the window is still there."""
        match kind:
            case "alerts":
                yield self._alerts(window)
            case "devices":
                yield self._devices(window)
            case _:
                yield self._readings(window)

    def close(self) -> None:
        self._http.close()

    def _readings(self, window: Window) -> Page:
        held = self._held()
        inside: list[Record] = [one for one in held.readings if window.start <= one.time < window.end]
        gone: tuple[str, ...] = (f"{self._patient}/current",)
        if held.current is not None:
            gone = ()
            if window.start <= held.current.time < window.end:
                inside.append(held.current)
        return Page(
            window=window,
            records=inside,
            deleted=gone,
            rejected=held.rejected,
            without_value=held.without_value,
            left_out=held.left_out,
            account=Account(id=self._patient),
        )

    def _devices(self, window: Window) -> Page:
        held = self._held()
        newest = max((one.time for one in [*held.readings, *([held.current] if held.current else [])]), default=None)
        if held.sensor is None or newest is None:
            return Page(window=window, records=(), account=Account(id=self._patient))
        device = device_of(held.sensor)
        status = DeviceStatus(time=newest, key=f"sensor/{held.sensor}", device=device, last_upload=newest)
        return Page(window=window, records=[status], account=Account(id=self._patient))

    def _alerts(self, window: Window) -> Page:
        if self._logbook is None:
            read = partial(logbook_of, patient=self._patient, now=self._now)
            self._logbook = self._http.get(f"{self._base}/{self._patient}/logbook", {}, read)
        inside = [one for one in self._logbook.records if window.start <= one.time < window.end]
        return Understood(records=inside, rejected=self._logbook.rejected).page(window, Counter())

    def _held(self) -> Held:
        if self._graph is None:
            read = partial(graph_of, patient=self._patient, now=self._now)
            self._graph = self._http.get(f"{self._base}/{self._patient}/graph", {}, read)
        return self._graph

    @property
    def _patient(self) -> str:
        return self._source(False)["patient"].get_secret_value()

    @property
    def _base(self) -> str:
        return f"{self._double or self._source(False)['host'].get_secret_value()}/llu/connections"
