"""A person's index as one turn of a connection writes to it: made where it is missing, looked at once, and written."""

from collections.abc import Callable
from datetime import datetime, timedelta

from glucoflow.context import FASTING_MS, TAIL_MS, Meals, Tail
from glucoflow.enrich import Enricher, Owner
from glucoflow.es.held import Held, Sight, look
from glucoflow.es.provision import delete_user, ensure_index
from glucoflow.ingest import Sink
from glucoflow.model.errors import Misconfigured, Retryable
from glucoflow.model.ingestion import Kind, Window
from glucoflow.model.person_id import fits
from glucoflow.provider import Quirks
from glucoflow.reading import ConnectionStopped
from glucoflow.service.jobs import MAIN
from glucoflow.service.runtime import Runtime
from glucoflow.store import Connection, Person
from glucoflow.store.ledger import StoreLedger

ANOTHER_ID = "Add that person anew under another id, and delete this one with `glucoflow delete-user`."
_NEAR_READINGS = ("cgm.reading", "food", "insulin.bolus")
"""What a reading's document depends on."""

SHORTEST_LOOK = timedelta(hours=1)


class Destination:
    """For one turn that began at `started`, and one thread."""

    def __init__(self, rt: Runtime, connection: Connection, person: Person, started: datetime) -> None:
        self._rt = rt
        self._connection = connection
        self._person = person
        self._started = started
        self._sight: Sight | None = None
        self._held = Held()
        self.refilled = False
        """Whether the index that the checkpoints spoke of was gone, so that everything is read again."""

    @property
    def newest_ms(self) -> int | None:
        """The time of the newest reading that is held, where the look tells it."""
        return self._held.newest("cgm.reading")

    def prepare(self, ledger: StoreLedger) -> None:
        """The person's index, made if it is not there; checkpoints that speak of an earlier one are forgotten.

        Raises ConnectionStopped for an id that can have no index, Retryable where the person was deleted meanwhile.
        """
        user_id = self._connection.user_id
        if not fits(user_id):
            raise ConnectionStopped(Misconfigured(f"The id {user_id!r} can have no index.", remedy=ANOTHER_ID))
        index = ensure_index(self._rt.client, self._rt.names, user_id)
        try:
            ledger.hold()
        except Retryable:
            if index.made and self._rt.store.people.find(user_id) is None:  # deleted between lease and index
                delete_user(self._rt.client, self._rt.names, user_id)
            raise
        self.refilled = ledger.speaks_of(index.lineage, new=index.made)

    def look(self, lag: timedelta) -> None:
        """What is held where a sync that steps back so far is about to read. Not where nothing was read before."""
        known = self._rt.store.connections.checkpoints(self._connection.id)
        starts = {one.kind: min(one.position, self._started) - max(lag, SHORTEST_LOOK) for one in known}
        if MAIN not in starts:
            return
        self._sight = look(
            self._rt.client,
            self._rt.names,
            self._connection.user_id,
            provider=self._connection.provider,
            connection_id=self._connection.id,
            since=min(starts.values()),
            readings_from=starts[MAIN],
            fasting=timedelta(milliseconds=FASTING_MS),
            tail=timedelta(milliseconds=TAIL_MS),
        )
        if self._sight is not None:
            self._held = self._sight.held

    def sink(self, before_write: Callable[[], None]) -> Sink:
        """Where documents go; `before_write` as in `ElasticsearchSink`."""
        return self._rt.sink(self._connection.user_id, before_write, self._held)

    def enricher(self, kind: Kind, window: Window, quirks: Quirks) -> Enricher:
        """For the records of a window; of readings with the meals and readings before them."""
        owner = Owner(
            user_id=self._connection.user_id,
            connection_id=self._connection.id,
            provider=self._connection.provider,
            zone=self._person.zone,
            sample_interval_ms=quirks.sample_interval_ms,
            delivers_meals=quirks.delivers_meals,
            sensor_limits=quirks.sensor_limits,
            answers_whole=quirks.answers_whole,
        )
        if kind != "readings":
            return Enricher(owner, kind)
        sight = self._sight
        if sight is not None and sight.readings_from == window.start and self._held.is_fresh(_NEAR_READINGS):
            near = Tail(sight.before.times_ms, sight.before.mg_dl, sight.before.devices)
            return Enricher(owner, kind, Meals(sight.intake.meals_ms, sight.intake.boluses_ms), near)
        meals_from = window.start - timedelta(milliseconds=FASTING_MS)
        intake = self._rt.queries.meals(owner.user_id, meals_from, window.end)
        before = self._rt.queries.tail(
            owner.user_id, window.start, timedelta(milliseconds=TAIL_MS), self._connection.id
        )
        tail = Tail(before.times_ms, before.mg_dl, before.devices)
        return Enricher(owner, kind, Meals(intake.meals_ms, intake.boluses_ms), tail)
