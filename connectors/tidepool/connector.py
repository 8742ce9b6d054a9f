"""The connector: data of some types by window, unsorted, both ends of a window included.

Readings of other sources than Tidepool's own Dexcom connection are hidden inside its span unless `cbgFilter=false` (and
for older servers `dexcom=true`) is asked for. Nothing says what changed: late uploads are found by looking back.
"""

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from functools import partial

import msgspec

from connectors.parts import in_parts
from connectors.tidepool import TidepoolSettings
from connectors.tidepool.signing_in import CLIENT, TITLE, base_url, refusal, signed, signed_out
from connectors.understanding import NoValue, Understood, records_of, rejected_record, sized, within_clocks
from glucoflow.http import SignedHttp
from glucoflow.model.errors import Rejected
from glucoflow.model.ingestion import Kind, Window
from glucoflow.model.records import Device, DeviceStatus, Record
from glucoflow.provider import Account, CredentialSource, Page, Site, Terms
from glucoflow.tidepool import to_record, type_of

LONGEST = timedelta(days=30)
STEP = timedelta(days=180)
OLDEST = datetime(2010, 1, 1, tzinfo=UTC)
SECOND = timedelta(seconds=1)
TYPES: Mapping[Kind, str] = {
    "readings": "cbg",
    "events": "bolus,basal,insulin,food,wizard,physicalActivity,reportedState,smbg",
    "calibrations": "deviceEvent",
    "alerts": "alert",
    "devices": "cgmSettings,upload",
}
"""Every type that a document of ours holds."""
ALL_READINGS = {"cbgFilter": "false", "dexcom": "true"}


class _Upload(msgspec.Struct, rename={"device": "deviceId", "model": "deviceModel", "serial": "deviceSerialNumber"}):
    time: datetime
    device: str | None = None
    model: str | None = None
    serial: str | None = None


class _Named(msgspec.Struct, frozen=True):
    name: str | None = None


class _Whose(msgspec.Struct):
    origin: _Named = _Named()
    client: _Named = _Named()


class TidepoolConnector:
    """`glucoflow.provider.Connector` for one person's data."""

    def __init__(self, settings: TidepoolSettings, site: Site, source: CredentialSource, terms: Terms) -> None:
        self._base = base_url(settings, site)
        self._source = source
        self._now = terms.now
        self._http = SignedHttp(TITLE, source, terms, refusal, sign=signed, signed_out=signed_out)

    def extent(self, kind: Kind, updated_since: datetime | None = None) -> Window | None:
        """From before the oldest record of the kind until now, found in steps of half a year."""
        if updated_since is not None or kind == "devices":
            return None
        start = self._now + STEP
        while start > OLDEST and self._any_before(kind, start):
            start -= STEP
        return None if start > self._now else Window(max(start, OLDEST), self._now + SECOND)

    def pages(self, kind: Kind, window: Window) -> Iterator[Page]:
        """A page a request of at most 30 days."""
        yield from in_parts(window, LONGEST, partial(self._page, kind))

    def close(self) -> None:
        self._http.close()

    @property
    def _user(self) -> str:
        return self._source(False)["user"].get_secret_value()

    def _page(self, kind: Kind, window: Window) -> Page:
        raws = self._data(kind, _iso(window.start), _iso(window.end))
        found: Understood[Record] = Understood()
        for raw in raws:
            try:
                record = self._record(raw)
            except NoValue:
                found.without_value += 1
            except (Rejected, msgspec.DecodeError, UnicodeDecodeError) as error:
                found.rejected.append(rejected_record(error, raw))
            else:
                if window.start <= record.time < window.end:  # the answer's end is included
                    found.records.append(record)
        whole = msgspec.structs.replace(_merged(window, found), without_value=found.without_value)
        return msgspec.structs.replace(whole, account=Account(id=self._user))

    def _record(self, raw: msgspec.Raw) -> Record:
        """Raises NoValue for a type that is not held and for our own upload, Rejected for what cannot be understood."""
        if _is_ours(raw):
            raise NoValue
        record = _uploaded(raw) if type_of(sized(raw)) == "upload" else to_record(raw)
        if record is None:
            raise NoValue
        within_clocks(record.time, self._now, "time")
        return msgspec.structs.replace(record, time=record.time.astimezone(UTC))

    def _data(self, kind: Kind, start: str, end: str, **more: str) -> list[msgspec.Raw]:
        query = {"type": TYPES[kind], "startDate": start, "endDate": end, **more}
        if kind == "readings":
            query |= ALL_READINGS
        if kind == "calibrations":
            query["subType"] = "calibration"
        return self._http.get(f"{self._base}/data/{self._user}", query, partial(records_of, TITLE))

    def _any_before(self, kind: Kind, moment: datetime) -> bool:
        return bool(self._data(kind, _iso(OLDEST), _iso(moment), latest="true"))


def _is_ours(raw: msgspec.Raw) -> bool:
    """Whether glucoflow uploaded it, so that it is held already, from its own source."""
    try:
        found = msgspec.json.decode(sized(raw), type=_Whose)
    except msgspec.DecodeError:
        return False
    return CLIENT in (found.origin.name, found.client.name)


def _uploaded(raw: msgspec.Raw) -> DeviceStatus:
    """An upload as its device's status: the newest stays, whatever was uploaded before."""
    found = msgspec.json.decode(raw, type=_Upload)
    if found.time.tzinfo is None:
        raise Rejected("time", "without a zone")
    device = Device(id=found.device, model=found.model, name=found.model, serial_number=found.serial)
    return DeviceStatus(time=found.time, key=f"upload/{found.device}", device=device, last_upload=found.time)


def _merged(window: Window, found: Understood[Record]) -> Page:
    found.records.sort(key=lambda one: (one.time, one.key))
    by_key = {one.key: one for one in found.records}
    records = sorted(by_key.values(), key=lambda one: (one.time, one.key))
    return Page(window=window, records=records, rejected=found.rejected)


def _iso(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
