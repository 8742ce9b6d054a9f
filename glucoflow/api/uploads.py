"""What apps upload, into the person's index by the one way for all: `enrich` and the sink.

An answer is due when Elasticsearch has confirmed and a search sees it. Twins are told by Nightscout's rule, so the same
upload again changes nothing; a treatment replaces the one before it, with all its parts. What is deleted leaves a mark,
so that apps which read what changed hear of it.
"""

import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import cast

import msgspec

from glucoflow.api.held import Found, Held
from glucoflow.context import Tail
from glucoflow.enrich import Enricher, Owner, document_id
from glucoflow.es.queries import Queries
from glucoflow.es.sink import ElasticsearchSink, SinkOptions
from glucoflow.model.documents import AppFields, Document, EventFields, Id, Source
from glucoflow.model.errors import Rejected
from glucoflow.model.ingestion import RejectedRecord
from glucoflow.model.localtime import epoch_ms, time_fields
from glucoflow.model.ranges import WIDEST_LIMITS
from glucoflow.model.records import Reading, Record
from glucoflow.nightscout.incoming import Collection, Doc, NotStorable, Whole, kind_in, made_whole, object_id, pre_bolus
from glucoflow.nightscout.moments import instant
from glucoflow.nightscout.outgoing import document_id_of
from glucoflow.nightscout.records import keeps, records_of
from glucoflow.retry import RetryPolicy
from glucoflow.store import UPLOADS, Person

log = logging.getLogger(__name__)

TAIL = timedelta(minutes=20)
OnWritten = Callable[[str, datetime, datetime], None]
"""Told after each write: whose documents, and the span they lie in. It must not take long."""


class Put(msgspec.Struct, frozen=True, kw_only=True):
    """What became of one document: as it is stored, whether it is new, and when it was written (epoch ms)."""

    document: Doc
    is_new: bool
    written_ms: int


class Uploads:
    """One person's. `connection_id` is that of their apps."""

    def __init__(
        self,
        held: Held,
        sink: Callable[[], ElasticsearchSink],
        queries: Queries,
        person: Person,
        connection_id: str,
        on_written: OnWritten,
    ) -> None:
        self._held = held
        self._sink = sink
        self._queries = queries
        self._person = person
        self._connection_id = connection_id
        self._on_written = on_written

    def put(
        self,
        collection: Collection,
        sent: Sequence[object],
        now: datetime,
        *,
        look_first: bool = True,
        lenient: bool = False,
        stamp: bool = False,
    ) -> list[Put]:
        """Each document stored, in the order sent. Raises NotStorable before anything is, and what the sink raises.

        `look_first` False spares the look at what is there, for entries, whose place says which they replace. `stamp`
        keeps when a document was made, for interfaces that tell it.
        """
        now_ms = epoch_ms(now)
        wholes = [made_whole(collection, one, now_ms, lenient=lenient) for one in sent]
        self._refuse_others(collection, wholes)
        meals = [meal for one in wholes if collection == "treatments" and (meal := pre_bolus(one))]
        every = wholes + [made_whole(collection, meal, now_ms) for meal in meals]
        known = self._known(collection, every) if look_first or collection != "entries" else []
        ids = _assigned(collection, every, known)
        latest = dict(zip(ids, every, strict=True))  # of two with one id in a batch the later wins
        for own_id, whole in latest.items():
            whole.document["_id"] = own_id
        if stamp:
            _keep_beginnings(latest, known)
        documents = self._documents(latest, now)
        new_ids = {one.id for one in documents}
        replaced = [one.stored.id for one in known if one.own_id in latest and one.stored.id not in new_ids]
        changed = self._write(documents, replaced, now)
        alive = {one.own_id: one.stored.written_ms for one in known if not one.deleted}
        written = {} if changed else alive
        return [
            Put(document=latest[own_id].document, is_new=own_id not in alive, written_ms=written.get(own_id, now_ms))
            for own_id in ids[: len(wholes)]
        ]

    def delete(self, collection: Collection, found: Iterable[Found], now: datetime, *, leave_mark: bool = True) -> int:
        """Delete documents that apps uploaded; how many. Raises what the sink raises."""
        parts = [one for one in found if one.by_app and not one.deleted]
        if not parts:
            return 0
        ids = {one.own_id: one for one in parts}
        every = [
            one for one in self._held.candidates(collection, list(ids), []) if one.own_id in ids and not one.deleted
        ]
        marks = [self._mark(collection, one) for one in ids.values()] if leave_mark else []
        kept = {one.id for one in marks}
        self._write(marks, [one.stored.id for one in every if one.stored.id not in kept], now)
        return len(ids)

    def forget(self, found: Iterable[Found], now: datetime) -> None:
        """Take away what was left of deleted documents."""
        self._write([], [one.stored.id for one in found if one.by_app and one.deleted], now)

    def _refuse_others(self, collection: Collection, wholes: Sequence[Whole]) -> None:
        """Raises NotStorable for a change of what a provider gave: it would stand there twice."""
        for one in wholes:
            if one.identifier is not None and document_id_of(one.identifier) is not None:
                held = self._held.by_id(collection, one.identifier)
                if any(not found.by_app for found in held):
                    raise NotStorable("What a provider gave cannot be changed by an app")

    def _known(self, collection: Collection, wholes: Sequence[Whole]) -> list[Found]:
        named = [name for one in wholes for name in (one.given_id, one.identifier, _made_id(one)) if name]
        return self._held.candidates(collection, named, sorted({one.ms for one in wholes}))

    def _documents(self, latest: Mapping[str, Whole], now: datetime) -> list[Document]:
        """The parts of all documents. What is no record of ours is kept as it came."""
        pairs: list[tuple[str, Whole, Record]] = []
        made: list[Document] = []
        for own_id, whole in latest.items():
            found = records_of(whole, own_id) if keeps(instant(whole.ms), now) and not whole.odd else []
            pairs += [(own_id, whole, record) for record in found]
            if not found:
                payload = msgspec.Raw(msgspec.json.encode(whole.document))
                kept = self._kept(own_id, whole.ms, whole.offset_min, _app(whole), payload)
                made.append(Document(self._key(whole.collection, own_id, "kept"), kept))
        readings = sorted((one for one in pairs if type(one[2]) is Reading), key=lambda one: one[2].time)
        others = [one for one in pairs if type(one[2]) is not Reading]
        for kind, group in (("readings", readings), ("events", others)):
            if group:
                sources = self._enricher(kind, group[0][2]).documents(record for _, _, record in group)
                for (own_id, whole, record), one in zip(group, sources, strict=True):
                    source = msgspec.structs.replace(one.source, app=_app(whole))
                    made.append(Document(self._key(whole.collection, own_id, record.key), source))
        return made

    def _enricher(self, kind: str, first: Record) -> Enricher:
        owner = Owner(
            user_id=self._person.id,
            connection_id=self._connection_id,
            provider=UPLOADS,
            zone=self._person.zone,
            sensor_limits=WIDEST_LIMITS,
        )
        if kind != "readings":
            return Enricher(owner, kind)
        before = self._queries.tail(self._person.id, first.time, TAIL, self._connection_id)
        return Enricher(owner, kind, tail=Tail(before.times_ms, before.mg_dl, before.devices))

    def _kept(self, own_id: str, ms: int, offset: int | None, app: AppFields, payload: msgspec.Raw) -> Source:
        return Source(
            timestamp=instant(ms),
            event=EventFields(dataset="app.document", kind="event", provider=UPLOADS, id=own_id),
            user=Id(id=self._person.id),
            connection=Id(id=self._connection_id),
            time=time_fields(ms, offset, None, self._person.zone),
            app=app,
            payload=payload,
        )

    def _mark(self, collection: Collection, one: Found) -> Document:
        source = one.stored.source
        app = msgspec.structs.replace(cast("AppFields", source.app), deleted=True)
        mark = self._kept(one.own_id, one.ms, source.time.utc_offset_min, app, source.payload)
        return Document(self._key(collection, one.own_id, "deleted"), mark)

    def _key(self, collection: Collection, own_id: str, part: str) -> str:
        """An entry has one part only, whatever becomes of it: a corrected one takes the place of what it corrects."""
        whole = collection == "entries"
        return document_id(self._person.id, UPLOADS, collection, own_id if whole else f"{own_id}/{part}")

    def _write(self, documents: Sequence[Document], deleted: Sequence[str], now: datetime) -> bool:
        """Whether anything changed."""
        if not documents and not deleted:
            return False
        result = self._sink().write(documents, deleted, now)
        self._held.refresh()
        if result.rejected:
            _say(result.rejected)
        times = [one.source.timestamp for one in documents if keeps(one.source.timestamp, now)]
        changed = bool(result.created or result.updated or result.deleted)
        if times and changed:
            self._on_written(self._person.id, min(times), max(times) + timedelta(seconds=1))
        return changed


def _app(whole: Whole) -> AppFields:
    identifier = whole.document.get("identifier")
    return AppFields(collection=whole.collection, identifier=identifier if isinstance(identifier, str) else None)


def _say(rejected: Sequence[RejectedRecord]) -> None:
    first = rejected[0]
    log.warning("documents of an app were rejected", extra={"documents": len(rejected), "field": first.field})
    raise Rejected(first.field, first.reason)


def _keep_beginnings(latest: Mapping[str, Whole], known: Sequence[Found]) -> None:
    for one in known:
        if not one.deleted and (whole := latest.get(one.own_id)):
            whole.document["srvCreated"] = one.document.get("srvCreated", one.stored.written_ms)


def _made_id(whole: Whole) -> str:
    """The `_id` of a document that came with none: of its identifier, else of its place."""
    if whole.identifier is not None and whole.collection != "entries":
        return object_id(whole.collection, "identifier", whole.identifier)
    return object_id(whole.collection, "place", whole.place)


def _assigned(collection: Collection, wholes: Sequence[Whole], known: Sequence[Found]) -> list[str]:
    """The `_id` of each document: an entry's by its place, any other's by identifier, `_id`, or else by its place."""
    if collection == "entries":
        for one in wholes:
            if one.given_id is not None and one.identifier is None and one.given_id != _made_id(one):
                one.document.setdefault("identifier", one.given_id)
        return [_made_id(one) for one in wholes]
    named = _by_name(known)
    placed = {_place_of(one): one for one in known if not one.deleted}
    return [_id_of(one, named, placed) for one in wholes]


def _id_of(whole: Whole, named: Mapping[str, Found], placed: Mapping[tuple[int, object], Found]) -> str:
    if whole.identifier is not None and (held := named.get(whole.identifier)):
        return held.own_id
    if whole.given_id is not None:
        return whole.given_id
    twin = placed.get((whole.ms, kind_in(whole.collection, whole.document)))
    # An app's own id tells its documents apart, so only one without takes the place of another.
    if twin is not None and (whole.identifier is None or not twin.document.get("identifier")):
        return twin.own_id
    return _made_id(whole)


def _place_of(one: Found) -> tuple[int, object]:
    app = one.stored.source.app
    return one.ms, kind_in(cast("Collection", app.collection), one.document) if app else None


def _by_name(known: Sequence[Found]) -> dict[str, Found]:
    named: dict[str, Found] = {}
    for one in known:
        named[one.own_id] = one
        if isinstance(name := one.document.get("identifier"), str):
            named[name] = one
    return named


OPTIONS = SinkOptions(retry=RetryPolicy(tries=5, first_wait_s=0.5, longest_wait_s=5.0), lanes=2)
"""Somebody waits for the answer, half a minute at least: a node that just makes an index is waited for."""
