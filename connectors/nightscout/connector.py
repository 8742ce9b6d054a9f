"""The connector: which collections make a kind, and how a window of one is asked for over v3 or v1.

Every query says its dates: a site adds “the last four days” to one that does not, and gives ten documents without a
count. v1 has no deletions and v3 shows only those made through v3; so a window of events is brought whole, and what is
no longer in it is gone.
"""

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from functools import partial
from http import HTTPStatus
from urllib.parse import urlsplit

import msgspec

from connectors.nightscout import records
from connectors.nightscout.records import REACH, PageOf
from connectors.nightscout.signing_in import TITLE, signed
from connectors.parts import in_parts
from connectors.understanding import records_of
from glucoflow.bounded_http import TooMuch
from glucoflow.http import Answer, SignedHttp, understood
from glucoflow.model.errors import GlucoflowError, Misconfigured, Unreadable
from glucoflow.model.ingestion import Kind, Window
from glucoflow.provider import Account, CredentialSource, Page, Site, Terms

MOST_V1, MOST_V3 = 20_000, 1_000
"""Documents an answer: v1 gives as many as are asked for, v3 no more than a thousand."""
LONGEST_V1, LONGEST_V3 = timedelta(days=7), timedelta(hours=79)
"""Of a sensor that reads every five minutes so much fits into one answer of v3, a usual sync's three days among it."""
OLDEST = datetime(2010, 1, 1, tzinfo=UTC)
STEP = timedelta(days=180)
SECOND = timedelta(seconds=1)


class Collection(msgspec.Struct, frozen=True, kw_only=True):
    """What a kind is read from. `by` is the field of its documents' own time; `v1` its address there."""

    name: str
    v1: str
    by: str
    page: PageOf
    reach: timedelta = timedelta()
    only: Mapping[str, str] = {}
    """What else v3 is asked for."""


READINGS = Collection(
    name="entries", v1="entries/sgv", by="date", page=records.readings_page, reach=REACH, only={"type$eq": "sgv"}
)
EVENTS = (
    Collection(name="treatments", v1="treatments", by="created_at", page=records.treatments_page),
    Collection(name="entries", v1="entries/mbg", by="date", page=records.meters_page, only={"type$eq": "mbg"}),
)
STATUSES = Collection(name="devicestatus", v1="devicestatus", by="created_at", page=records.statuses_page)
PROFILES = Collection(name="profile", v1="profile", by="startDate", page=records.profiles_page)


class _Result(msgspec.Struct):
    result: list[msgspec.Raw]


class _When(msgspec.Struct):
    date: float | None = None
    created_at: str | None = None


class NightscoutConnector:
    """`glucoflow.provider.Connector` for one site."""

    def __init__(self, site: Site, source: CredentialSource, terms: Terms) -> None:
        self._double = site.double.url if site.double else None
        self._source = source
        self._now = terms.now
        self._http = SignedHttp(TITLE, source, terms, _refusal, sign=signed)

    def extent(self, kind: Kind, updated_since: datetime | None = None) -> Window | None:
        """From before the oldest document until now, found in steps of half a year; with `updated_since` what of it
        was changed through v3 (what is written through v1 says nothing of when)."""
        collection = EVENTS[0] if kind == "events" else READINGS
        if updated_since is not None:
            return self._changed(collection, updated_since) if self._v3 and kind != "devices" else None
        if kind == "devices":
            return None
        start = self._now + STEP
        while start > OLDEST and self._any_before(collection, start):
            start -= STEP
        return None if start > self._now else Window(max(start, OLDEST), self._now + SECOND)

    def pages(self, kind: Kind, window: Window) -> Iterator[Page]:
        """A page a few days; what is more than one answer holds is halved."""
        if kind == "devices":
            yield self._devices(window)
            return
        collections = EVENTS if kind == "events" else (READINGS,)
        longest = LONGEST_V3 if self._v3 else LONGEST_V1
        yield from in_parts(window, longest, partial(self._page, collections))

    def close(self) -> None:
        self._http.close()

    @property
    def _v3(self) -> bool:
        return "jwt" in self._source(False).values

    @property
    def _base(self) -> str:
        return self._double or self._source(False)["address"].get_secret_value()

    @property
    def _account(self) -> str:
        split = urlsplit(self._source(False)["address"].get_secret_value())
        return f"{split.netloc}{split.path}"

    def _page(self, collections: tuple[Collection, ...], window: Window) -> Page:
        pages = [one.page(window, self._documents(one, window), self._now) for one in collections]
        merged = _merged(window, pages, self._account)
        return msgspec.structs.replace(merged, whole=collections is EVENTS)

    def _devices(self, window: Window) -> Page:
        """The newest status of each device of the last two days, and the profiles of all time: they are few."""
        lately = Window(max(window.start, window.end - timedelta(days=2)), window.end)
        statuses = self._documents(STATUSES, lately, most=100)
        profiles = self._documents(PROFILES, Window(OLDEST, window.end), most=100)
        pages = [STATUSES.page(window, statuses, self._now), PROFILES.page(window, profiles, self._now)]
        return _merged(window, pages, self._account)

    def _documents(self, of: Collection, window: Window, most: int | None = None) -> list[msgspec.Raw]:
        """All documents of a window; the newest `most`, where that is said. Raises TooMuch where there are more."""
        start, end = (_as(of.by, at) for at in (window.start - of.reach, window.end + of.reach))
        if self._v3:
            cap, order = MOST_V3, {"sort$desc" if most else "sort": of.by, "limit": str(most or MOST_V3)}
            query = {f"{of.by}$gte": start, f"{of.by}$lt": end, **of.only, **order}
            found = self._http.get(f"{self._base}/api/v3/{of.name}", query, _result)
        else:
            cap = MOST_V1
            query = {f"find[{of.by}][$gte]": start, f"find[{of.by}][$lt]": end, "count": str(most or MOST_V1)}
            found = self._http.get(f"{self._base}/api/v1/{of.v1}.json", query, _array)
        if most is None and len(found) >= cap:
            raise TooMuch(f"{TITLE} has more than {cap} documents there.")
        return found

    def _any_before(self, of: Collection, moment: datetime) -> bool:
        before = _as(of.by, moment)
        if self._v3:
            query = {f"{of.by}$lt": before, "limit": "1"}
            return bool(self._http.get(f"{self._base}/api/v3/{of.name}", query, _result))
        query = {f"find[{of.by}][$lt]": before, "count": "1"}
        return bool(self._http.get(f"{self._base}/api/v1/{of.name}.json", query, _array))

    def _changed(self, of: Collection, since: datetime) -> Window | None:
        """The span of documents changed since then, deleted ones included."""
        ms = round(since.timestamp() * 1000)
        found = self._http.get(f"{self._base}/api/v3/{of.name}/history/{ms}", {"limit": str(MOST_V3)}, _result)
        times = [at for raw in found if (at := _when(raw)) is not None and OLDEST <= at <= self._now]
        return Window(min(times), max(times) + SECOND) if times else None


def _as(field: str, moment: datetime) -> str:
    """A moment as a query says it: epoch ms for `date`, ISO 8601 with Z elsewhere (its form in the database)."""
    if field == "date":
        return str(-(-round(moment.timestamp() * 1_000_000) // 1000))
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _array(body: bytes) -> list[msgspec.Raw]:
    return [raw for raw in records_of(TITLE, body) if b'"isValid":false' not in bytes(raw)]


def _result(body: bytes) -> list[msgspec.Raw]:
    """The documents of an envelope; those without one (seen of old sites) as they are. Raises Retryable."""
    if body.lstrip()[:1] == b"[":
        return _array(body)
    return understood(TITLE, body.replace(b"\n", b" "), _Result, "an answer without documents").result


def _when(raw: msgspec.Raw) -> datetime | None:
    try:
        found = msgspec.json.decode(raw, type=_When)
        if found.date is not None:
            return datetime.fromtimestamp(found.date / 1000, UTC)
        return datetime.fromisoformat(found.created_at) if found.created_at else None
    except (msgspec.DecodeError, UnicodeDecodeError, ValueError, OverflowError, OSError):
        return None


def _merged(window: Window, pages: list[Page], account: str) -> Page:
    found = sorted((one for page in pages for one in page.records), key=lambda one: (one.time, one.key))
    return Page(
        window=window,
        records=found,
        rejected=[one for page in pages for one in page.rejected],
        without_value=sum(page.without_value for page in pages),
        left_out={name: count for page in pages for name, count in page.left_out.items()},
        account=Account(id=account),
    )


def _refusal(answer: Answer) -> GlucoflowError:
    if answer.status == HTTPStatus.NOT_FOUND:
        return Misconfigured(
            "There is no Nightscout at this address any more (404).", remedy="Connect it again with its new address."
        )
    if answer.status == HTTPStatus.FORBIDDEN:
        return Unreadable(
            "The site does not let this token read it (403).",
            remedy="Give its subject the role “readable” under Admin Tools on the site.",
        )
    return Unreadable(
        f"The site calls the request wrong ({answer.status}).", remedy="Please report it if it stays so.", narrower=True
    )
