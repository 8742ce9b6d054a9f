"""What a person has from elsewhere, as a data set of glucoflow's own in their Tidepool account.

The data set is `continuous`, and a record in it replaces the one of the same `origin.id` (the deduplicator
`dataset.delete.origin`), so what is sent again stands there once. Facts are from TidepoolApi's reference and Tidepool's
platform (data/service/api/v1), whose server refuses a whole request for one field that it does not know.
"""

from collections.abc import Collection, Iterator, Sequence
from datetime import UTC, datetime
from functools import partial
from typing import Any, TypeVar

import msgspec

from connectors.tidepool import TidepoolSettings
from connectors.tidepool.signing_in import CLIENT, TITLE, base_url, refusal, signed, signed_out
from connectors.understanding import records_of
from glucoflow.http import SignedHttp, understood
from glucoflow.model.documents import Document
from glucoflow.model.errors import Unreadable
from glucoflow.model.ingestion import Window
from glucoflow.model.records import NO_PAYLOAD
from glucoflow.provider import CredentialSource, Site, Terms
from glucoflow.tidepool import tidepool_id, tidepool_record
from glucoflow.tidepool.cgm_settings.schema import CgmSettings, Origin
from glucoflow.tidepool.wire import TidepoolRecord

VERSION = "1"
AT_ONCE = 1_000
"""Records of one request, as Tidepool's own uploader sends them."""

DEDUPLICATOR = "org.tidepool.deduplicator.dataset.delete.origin"
LONGEST_NOTE = 1_000
T = TypeVar("T")


class _DataSet(msgspec.Struct, rename={"id": "uploadId"}):
    id: str


class _Created(msgspec.Struct):
    data: _DataSet


class _Origin(msgspec.Struct, frozen=True):
    id: str = ""


class _Held(msgspec.Struct):
    origin: _Origin = _Origin()


class TidepoolUploader:
    """`glucoflow.provider.Uploader` for one person's account."""

    def __init__(self, settings: TidepoolSettings, site: Site, source: CredentialSource, terms: Terms) -> None:
        self._base = base_url(settings, site)
        self._source = source
        self._http = SignedHttp(TITLE, source, terms, refusal, sign=signed, signed_out=signed_out)

    def begin(self, known: str | None) -> str:
        """The id of our data set."""
        address = f"{self._base}/v1/users/{self._user}/data_sets"
        listed = partial(_understood, list[_DataSet], "a list of data sets that cannot be read")
        ours: list[str] = [one.id for one in self._http.get(address, {"client.name": CLIENT}, listed)]
        if ours:
            return known if known in ours else ours[0]
        wanted = {
            "client": {"name": CLIENT, "version": VERSION},
            "dataSetType": "continuous",
            "deduplicator": {"name": DEDUPLICATOR},
        }
        created: _Created = self._http.send("POST", address, partial(_understood, _Created, "no data set"), json=wanted)
        return created.data.id

    def put(self, data_set: str, documents: Sequence[Document]) -> int:
        """Add records, or replace those put before; how many Tidepool will not take."""
        records = [one for document in documents if (one := record_of(document)) is not None]
        return sum(self._put(data_set, part) for part in _parts(records))

    def take_back(self, data_set: str, document_ids: Sequence[str]) -> None:
        """Delete the records of these documents."""
        self._delete(data_set, [tidepool_id(one) for one in document_ids])

    def keep_only(self, data_set: str, window: Window, document_ids: Collection[str]) -> int:
        """Delete the window's records of all but these documents; how many."""
        query = {"uploadId": data_set, "startDate": _iso(window.start), "endDate": _iso(window.end)}
        query |= {"cbgFilter": "false", "dexcom": "true"}
        raws = self._http.get(f"{self._base}/data/{self._user}", query, partial(records_of, TITLE))
        there = {msgspec.json.decode(raw, type=_Held).origin.id for raw in raws} - {""}
        gone = sorted(there - {tidepool_id(one) for one in document_ids})
        self._delete(data_set, gone)
        return len(gone)

    def close(self) -> None:
        self._http.close()

    @property
    def _user(self) -> str:
        return self._source(False)["user"].get_secret_value()

    def _put(self, data_set: str, records: Sequence[dict[str, Any]]) -> int:
        """Halved where Tidepool refuses them: one that it will not take keeps no other away."""
        try:
            address = f"{self._base}/dataservices/v1/datasets/{data_set}/data"
            self._http.send("POST", address, lambda _body: None, json=records)
        except Unreadable as error:
            if not error.narrower:
                raise
            if len(records) == 1:
                return 1
            middle = len(records) // 2
            return self._put(data_set, records[:middle]) + self._put(data_set, records[middle:])
        return 0

    def _delete(self, data_set: str, origin_ids: Sequence[str]) -> None:
        address = f"{self._base}/v1/data_sets/{data_set}/data"
        for part in _parts(origin_ids):
            self._http.send("DELETE", address, lambda _body: None, json=[{"origin": {"id": one}} for one in part])


def record_of(document: Document) -> dict[str, Any] | None:
    """The record as Tidepool's server takes it: its own fields, without what the provider sent beside them."""
    record = tidepool_record(document)
    if record is None or isinstance(record, CgmSettings):
        return None
    time = document.source.timestamp
    origin = Origin(id=tidepool_id(document.id), name=CLIENT, type="service", version=VERSION, time=time)
    fields: dict[str, Any] = dict.fromkeys(_NOT_TAKEN)
    bare = msgspec.structs.replace(record, origin=origin, payload=NO_PAYLOAD, notes=_notes(record), **fields)
    found: dict[str, Any] = msgspec.to_builtins(bare)
    return found


_NOT_TAKEN = ("id", "upload_id", "device_manufacturer", "device_model", "device_name", "device_serial_number")
"""Fields of a record that the server gives, or does not know."""


def _notes(record: TidepoolRecord) -> tuple[str, ...]:
    return tuple(one[:LONGEST_NOTE] for one in record.notes if one)


def _parts(items: Sequence[T]) -> Iterator[Sequence[T]]:
    for start in range(0, len(items), AT_ONCE):
        yield items[start : start + AT_ONCE]


def _understood(form: Any, what: str, body: bytes) -> Any:
    return understood(TITLE, body, form, what)


def _iso(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
