"""What a person has from elsewhere goes to an account that takes data, where they switched that on.

By the time of writing, from a checkpoint on, a thousand documents at a time: what is new or changed is put, a reading
that counts no more is taken back. Nothing that came from the account's own provider goes, nor what stands there already
from another way (a reading of the same moment, an event of the same second). Once a day what went here goes there too.
"""

import logging
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime, timedelta
from itertools import islice
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from glucoflow.es.queries import only
from glucoflow.es.scan import Hit, refresh, scan
from glucoflow.model.documents import EVENT_DATASETS, Dataset, Document, Source
from glucoflow.model.ingestion import Window
from glucoflow.model.localtime import epoch_ms
from glucoflow.provider import Uploader
from glucoflow.service.runtime import Runtime
from glucoflow.store import Connection

DATASETS: tuple[Dataset, ...] = ("cgm.reading", "cgm.calibration", *EVENT_DATASETS)
"""What is uploaded. Settings, alerts and states of devices stay here."""

AT_ONCE = 1_000
SETTLES = timedelta(minutes=10)
"""What was written may be seen later than it says, by no more than this."""

SAME_MS: Mapping[str, int] = {"cgm.reading": 150_000}
"""How near in time a record of the account's own is the same one: half the interval of a sensor, else the second."""

WINDOW = timedelta(days=30)
log = logging.getLogger(__name__)
_source = msgspec.json.Decoder(Source)
Times = Mapping[str, NDArray[np.int64]]


class Uploaded(msgspec.Struct):
    """How many were put (whether new or changed), taken back, and not taken by the provider."""

    put: int = 0
    taken_back: int = 0
    refused: int = 0


class Uploading:
    """One connection's, for one turn. `hold` says that the lease is still ours, and raises where it is not."""

    def __init__(
        self, rt: Runtime, connection: Connection, uploader: Uploader, owner: str, hold: Callable[[], None]
    ) -> None:
        self._rt = rt
        self._connection = connection
        self._uploader = uploader
        self._owner = owner
        self._hold = hold
        self._alias = rt.names.alias(connection.user_id)
        self._theirs = {"term": {"event.provider": connection.provider}}

    def upload(self, now: datetime, deep: timedelta | None) -> None:
        """What was written since the last time; with `deep`, what went in so long a time goes there too.

        Raises what the uploader and Elasticsearch raise; what went until then is remembered.
        """
        one = self._connection
        data_set = self._uploader.begin(one.data_set)
        since = one.uploaded_until if data_set == one.data_set else None
        done = Uploaded()
        refresh(self._rt.client, self._alias)
        changed = self._changed(since)
        while part := list(islice(changed, AT_ONCE)):
            documents = [Document(hit.id, _source.decode(hit.source)) for hit in part]
            self._hold()
            self._part(data_set, documents, done)
            until = documents[-1].source.event.ingested
            self._rt.store.connections.note_uploaded(one.id, data_set, until, self._owner)
            self._rt.on_point("uploaded")
        if deep is not None:
            for window in Window(now - deep, now).split(WINDOW):
                self._hold()
                done.taken_back += self._uploader.keep_only(data_set, window, self._due(window))
        log.info("uploaded to %s", one.provider, extra={"counts": msgspec.structs.asdict(done)})

    def _changed(self, since: datetime | None) -> Iterable[Hit]:
        query = only(DATASETS)
        if since is not None:
            query["bool"]["filter"].append({"range": {"event.ingested": {"gte": (since - SETTLES).isoformat()}}})
        order = ({"event.ingested": "asc"}, {"_seq_no": "asc"})
        return scan(self._rt.client, self._alias, query, sort=order)

    def _part(self, data_set: str, documents: list[Document], done: Uploaded) -> None:
        ours = [one for one in documents if one.source.event.provider != self._connection.provider]
        came = [one for one in documents if one.source.event.provider == self._connection.provider]
        there = self._times_there(ours)
        due = [one for one in ours if _counts(one) and not _is_near(one, there)]
        put = {one.id for one in due}
        back = [one.id for one in ours if one.id not in put] + self._beside(came)
        done.refused += self._uploader.put(data_set, due)
        self._uploader.take_back(data_set, back)
        done.put += len(due)
        done.taken_back += len(back)

    def _times_there(self, documents: list[Document]) -> Times:
        """The moments that the account holds around these, from its own provider."""
        if not documents:
            return {}
        return _by_dataset(self._found(documents, [self._theirs], []))

    def _beside(self, came: list[Document]) -> list[str]:
        """Documents from elsewhere whose moment came from the account just now."""
        if not came:
            return []
        times = _by_dataset(came)
        found = self._found(came, [], [self._theirs])
        return [one.id for one in found if _is_near(one, times)]

    def _found(
        self, around: list[Document], filters: list[dict[str, Any]], without: list[dict[str, Any]]
    ) -> list[Document]:
        times = [one.source.timestamp for one in around]
        margin = timedelta(milliseconds=SAME_MS["cgm.reading"] + 1)
        query = only(sorted({one.source.event.dataset for one in around}), min(times) - margin, max(times) + margin)
        query["bool"]["filter"] += filters
        query["bool"]["must_not"] = without
        hits = scan(self._rt.client, self._alias, query)
        return [Document(hit.id, _source.decode(hit.source)) for hit in hits]

    def _due(self, window: Window) -> set[str]:
        query = only(DATASETS, window.start, window.end, superseded=False)
        query["bool"].setdefault("must_not", []).append(self._theirs)
        return {hit.id for hit in scan(self._rt.client, self._alias, query, source=False)}


def _counts(document: Document) -> bool:
    sample = document.source.sample
    return sample is None or not sample.superseded


def _by_dataset(documents: Iterable[Document]) -> dict[str, NDArray[np.int64]]:
    found: dict[str, list[int]] = {}
    for one in documents:
        found.setdefault(one.source.event.dataset, []).append(epoch_ms(one.source.timestamp))
    return {name: np.sort(np.array(times, dtype=np.int64)) for name, times in found.items()}


def _is_near(document: Document, times: Times) -> bool:
    there = times.get(document.source.event.dataset)
    if there is None:
        return False
    same, time = SAME_MS.get(document.source.event.dataset, 999), epoch_ms(document.source.timestamp)
    first = int(np.searchsorted(there, time - same))
    return first < there.size and int(there[first]) <= time + same
