"""One connection's turn: each of its kinds is read by itself, and what one of them lacks costs the others nothing."""

import logging
from collections.abc import Callable
from contextlib import closing
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from glucoflow.ingest import Parts, Stopwatch, ingest, progress
from glucoflow.model.errors import GlucoflowError, Reauthorize, Retryable, Unavailable, Unreadable
from glucoflow.model.ingestion import Counts, Kind, Window
from glucoflow.provider import Connector, CredentialSource, Polling, Provider
from glucoflow.reading import ConnectionStopped, KindStopped, Reader, unforeseen
from glucoflow.service.destination import Destination
from glucoflow.service.extents import Extents
from glucoflow.service.jobs import MAIN, Job
from glucoflow.service.provider_clock import checked_clock
from glucoflow.service.renewing import never_asked_twice
from glucoflow.service.run_metrics import RunUsage
from glucoflow.service.runtime import Runtime
from glucoflow.service.uploading import Uploading
from glucoflow.service.windows import Windows, deep_due
from glucoflow.store import Connection, Run
from glucoflow.store.future import FAR_AHEAD
from glucoflow.store.ledger import StoreLedger

log = logging.getLogger(__name__)

MARGIN = timedelta(minutes=15)
"""How much earlier than a sync's start the next one asks for what was changed: what is uploaded while it runs, or is
just being worked on at the provider, is found then."""

SAID_EVERY = timedelta(seconds=2)
"""How often the progress of a sync is written down: most are over before that."""

BACKFILLS_SHARE = 0.8
"""Of an hour's calls: the rest is for the newest readings, however much history is loaded."""

MOST_AGAIN = 20
"""Windows tried again in one turn."""


class Turn:
    """A connection, its connector, checkpoints and progress while it has its turn. For one thread."""

    def __init__(
        self,
        rt: Runtime,
        connection: Connection,
        job: Job,
        run: Run,
        owner: str,
        on_progress: Callable[[float], None] | None,
    ) -> None:
        self._rt = rt
        self._connection = connection
        self._job = job
        self._run = run
        self._owner = owner
        self._credentials: CredentialSource
        self._started = run.started_at
        self._on_progress = on_progress
        self._person = rt.store.people.get(connection.user_id)
        self._provider: Provider[Any]
        self._polling: Polling
        self._windows: Windows
        self._ledger: StoreLedger = rt.store.ledger(connection.id, run.id, owner, scope=job.scope, lease_for=rt.lease)
        self._extents = Extents(connection.records_until, self._started)
        self._answered = False
        self._asked_to_wait = False
        self.deep = False
        """Whether it steps back further, as it does now and then (`Polling.deep_every`)."""
        self.usage = RunUsage()
        self.kinds_read = 0
        self.stopped: dict[Kind, GlucoflowError] = {}
        """Kinds that could not be read to their end, and why."""
        self.vanished: Window | None = None
        """The span of what went since the provider has it no more."""
        self._read_whole: list[Kind] = []
        self._said_at = self._started
        self._destination = Destination(rt, connection, self._person, self._started)
        self.not_uploaded: GlucoflowError | None = None
        """Why what the person has from elsewhere did not go to this account, where it should have."""
        self.clock_ahead = timedelta()
        """How far our clock is ahead of the provider's, as far as it said."""

    @property
    def records_until(self) -> datetime | None:
        """The latest date among the account's records, where it is after now: as said in this turn, or before."""
        return self._extents.ahead_of(self._started - self.clock_ahead)

    @property
    def newest_ms(self) -> int | None:
        """The time of the newest reading that is held, where this turn's look tells it."""
        return self._destination.newest_ms

    @property
    def refilled(self) -> bool:
        """Whether the index that the checkpoints spoke of was gone, so that everything is read again."""
        return self._destination.refilled

    @property
    def zone(self) -> str:
        """The person's own."""
        return self._person.zone

    @property
    def newest(self) -> datetime | None:
        """The newest reading, as far back as the checkpoint follows it."""
        checkpoint = self._ledger.checkpoint(MAIN)
        return None if checkpoint is None else checkpoint - timedelta(seconds=1)

    @property
    def interval(self) -> timedelta:
        """Between two readings of the provider's usual sensor."""
        return timedelta(milliseconds=self._provider.quirks.sample_interval_ms)

    def work(self) -> None:
        """Read every kind. Raises ConnectionStopped, and what is everybody's: Unavailable, or of the sink or store."""
        with closing(self._connector()) as connector:
            self.deep = self._job.window is None and deep_due(self._connection, self._started, self._polling)
            self._windows = Windows(
                self._job, self._connection, self._ledger, self._extents, self._polling, self._started, self.deep
            )
            self._destination.prepare(self._ledger)
            if self.refilled:
                log.warning(
                    "an index was gone beside its checkpoints; it is filled anew", extra={"run_id": self._run.id}
                )
            if self._job.window is None:
                self._destination.look(self._polling.deep_lag if self.deep else self._polling.lag)
            kinds = [k for k in self._provider.kinds if not self._job.kinds or k in self._job.kinds]
            try:
                for done, kind in enumerate(kinds):
                    if not self._is_to_be_left(kind):
                        self._kind(connector, kind, partial(self._report, done, len(kinds)))
            finally:
                self._keep_what_was_read_whole()
        if self._connection.uploads and self._job.window is None and MAIN not in self.stopped:
            self._upload()
        if self._job.window is not None and not self.stopped:
            self._ledger.forget()

    def _connector(self) -> Connector:
        """Raises ConnectionStopped where settings or a package are missing: other providers' people go on."""
        provider, region = self._connection.provider, self._connection.region
        try:
            self._provider = self._rt.providers.get(provider)
            self._polling = self._rt.providers.polling(provider, region)
            renew = self._rt.providers.renew(provider, region)
            source = self._rt.store.credentials.source(self._connection.id, renew, self._rt.clock)
            self._credentials = never_asked_twice(source, self._rt.clock)
            return self._rt.providers.connector(
                provider,
                region,
                self._credentials,
                self._started,
                on_call=self.usage.count_call,
                on_date=self._on_date,
                known=self._connection.known,
                share=1.0 if self._job.window is None else BACKFILLS_SHARE,
            )
        except Unavailable:
            raise
        except GlucoflowError as error:
            raise ConnectionStopped(error) from error

    def _upload(self) -> None:
        """What the person has from elsewhere. That it did not go costs nothing that was read."""
        one, rt = self._connection, self._rt
        try:
            uploader = rt.providers.uploader(
                one.provider, one.region, self._credentials, self._started, on_call=self.usage.count_call
            )
            with closing(uploader):
                deep = self._polling.deep_lag if self.deep else None
                Uploading(rt, one, uploader, self._owner, self._ledger.hold).upload(self._started, deep)
        except (ConnectionStopped, Unavailable):
            raise
        except GlucoflowError as error:
            self.not_uploaded = error

    def _on_date(self, theirs: datetime) -> None:
        self.clock_ahead = checked_clock(self._rt.clock(), theirs, self._connection.provider)

    @property
    def _answers(self) -> bool:
        """Whether the provider has answered in this turn."""
        return self._answered or self._extents.answered

    def _is_to_be_left(self, kind: Kind) -> bool:
        """Whether a kind is not asked for now: nobody answers, or it stopped and its next try is still to come."""
        if MAIN in self.stopped and not self._answers:
            return True
        if sum(isinstance(error, Reauthorize) for error in self.stopped.values()) > 1:
            return True  # more than one part says no: it is the account that is shut
        if self._asked_to_wait and kind != MAIN:
            return True
        if kind == MAIN or self._job.everything or self._job.window is not None:
            return False
        until = self._ledger.stopped_until(kind)
        return until is not None and self._started < until <= self._started + FAR_AHEAD

    def _kind(self, connector: Connector, kind: Kind, report: Callable[[float], None]) -> None:
        watch, done = Stopwatch(), Counts()

        def on_page(window: Window, page: Window, counts: Counts) -> None:
            nonlocal done
            done, self._answered = counts, True
            report(progress(window, page.end))

        try:
            window, move = self._windows.of(connector, kind)
            if window is not None:
                for part in self._windows.without_unread(kind, window):
                    ingest(self._parts(connector, kind, part, partial(on_page, window)), part, watch, move=move)
                self._finished(kind, window, move)
                self.kinds_read += 1
                if self._job.window is None:
                    self._again(connector, kind, watch)
        except KindStopped as stop:
            self._stop(kind, stop.at, stop.error)
        except (ConnectionStopped, GlucoflowError):
            raise
        except Exception as error:  # noqa: BLE001 – what nobody foresaw costs this kind, and no other
            self._stop(kind, self._started, unforeseen(error, f"storing {kind}"))
        finally:
            self.usage.add(kind, done, watch)

    def _finished(self, kind: Kind, window: Window, move: bool) -> None:
        """Where nobody could say how far back the records go, what is older is still to be read, and that is said."""
        unknown = None if move else self._extents.unknown
        if unknown is None:
            self._read_whole.append(kind)
        else:
            self._ledger.stopped(kind, window.start, _older(unknown, self._provider.title), self._rt.clock())

    def _keep_what_was_read_whole(self) -> None:
        """All kinds in one transaction. Where a crash comes before it, the next sync asks for more than it needs."""
        if self._read_whole:
            self._ledger.finished(self._read_whole, self._started - self.clock_ahead - MARGIN, self._rt.clock())

    def _stop(self, kind: Kind, at: datetime, error: GlucoflowError) -> None:
        self.stopped[kind] = error
        self._read_whole = [one for one in self._read_whole if one != kind]
        self._asked_to_wait = isinstance(error, Retryable) and error.retry_after is not None
        self._ledger.stopped(kind, at, error, self._rt.clock())

    def _again(self, connector: Connector, kind: Kind, watch: Stopwatch) -> None:
        """Windows that were passed over, once more. A bad one costs the others nothing."""
        known = [one for one in self._ledger.unread(kind) if one.last_at < self._started]  # not those of this turn
        late = self._started + FAR_AHEAD  # so far ahead it was put by a wrong clock
        due = [one for one in known if self._job.everything or not self._started < one.next_try_at <= late]
        for unread in due[:MOST_AGAIN]:
            assert unread.end is not None  # noqa: S101 – for the type: the ledger gives windows only
            window = Window(unread.start, unread.end)
            try:
                parts = self._parts(connector, kind, window, narrow=_worth_narrowing(unread.tries))
                _, holes = ingest(parts, window, watch, move=False, again=True)
            except KindStopped as stop:
                self._ledger.tried_again(unread, [(window, stop.error)], self._rt.clock())
                return  # an outage began: the others wait for the next turn
            self._ledger.tried_again(unread, [(one.window, one.error) for one in holes], self._rt.clock())

    def _parts(
        self,
        connector: Connector,
        kind: Kind,
        window: Window,
        on_page: Callable[[Window, Counts], None] = lambda _window, _counts: None,
        narrow: bool = True,
    ) -> Parts:
        return Parts(
            kind=kind,
            reader=Reader(connector, kind, self._started, answers=self._answers, narrow=narrow),
            enricher=self._destination.enricher(kind, window, self._provider.quirks),
            sink=self._destination.sink(self._ledger.hold),
            ledger=self._ledger,
            now=self._started,
            clock=self._rt.clock,
            lag=self._polling.lag,
            on_page=on_page,
            on_vanished=self._vanished,
            on_point=self._rt.on_point,
        )

    def _vanished(self, span: Window) -> None:
        known = self.vanished or span
        self.vanished = Window(min(known.start, span.start), max(known.end, span.end))

    def _report(self, done: int, of: int, share_of_this: float) -> None:
        share, now = (done + share_of_this) / of, self._rt.clock()
        if self._job.window is not None or now - self._said_at >= SAID_EVERY:
            self._said_at = now
            self._rt.store.runs.update_progress(self._run.id, share, now)
        if self._on_progress:
            self._on_progress(share)


def _worth_narrowing(tries: int) -> bool:
    """Whether a window that failed so often is looked into again: at first, and now and then."""
    return tries <= 2 or tries % 8 == 0


def _older(error: GlucoflowError, title: str) -> Unreadable:
    return Unreadable(
        f"{title} does not say how far back they go, so only the newest weeks were read. {error.message}",
        remedy=error.remedy,
    )
