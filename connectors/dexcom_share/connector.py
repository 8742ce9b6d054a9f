"""The connector: readings of at most a day, newest first on the wire, and no id of their own.

`ST` is UTC in ms and jitters by a second between two reads; `DT` brings the owner's offset, or in an older form their
wall clock as if it were UTC.
"""

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import msgspec

from connectors.dexcom_share import HELD, DexcomShareSettings
from connectors.dexcom_share.signing_in import TITLE, base_url, refusal, signed, signed_out
from connectors.lenient import LenientDecoder
from connectors.understanding import NoValue, Understood, Word, records_of, understand, within_clocks
from glucoflow.http import SignedHttp
from glucoflow.model.errors import Rejected
from glucoflow.model.ingestion import Kind, Window
from glucoflow.model.records import Device, Reading
from glucoflow.model.units import MG_DL
from glucoflow.provider import Account, CredentialSource, Page, Site, Terms

LOWEST, HIGHEST = 39, 401
"""What Dexcom writes for LOW and HIGH. Lower numbers are error codes and no glucose."""
MOST_MINUTES, MOST_COUNT = 1440, 288
MINUTE = timedelta(minutes=1)
SLACK = timedelta(minutes=6)
"""How much further back it is asked for, since Share counts from its own now."""
QUARTER_HOUR_MS = 15 * 60_000
TRENDS = (
    "None", "DoubleUp", "SingleUp", "FortyFiveUp", "Flat", "FortyFiveDown", "SingleDown", "DoubleDown",
    "NotComputable", "RateOutOfRange",
)  # fmt: skip
DEXCOM = Device(manufacturer="Dexcom", name="Dexcom", id="DexcomShare")
_DATE = re.compile(r"\s*/?\s*Date\(\s*(-?\d{1,17})\s*([+-]\d{4})?\s*\)\s*/?\s*")


class _Wire(
    msgspec.Struct, frozen=True, rename={"st": "ST", "dt": "DT", "wt": "WT", "value": "Value", "trend": "Trend"}
):
    st: Word | None = None
    dt: Word | None = None
    wt: Word | None = None
    value: float | None = None
    trend: Word | int | None = None


class DexcomShareConnector:
    """`glucoflow.provider.Connector` for one account."""

    def __init__(self, settings: DexcomShareSettings, site: Site, source: CredentialSource, terms: Terms) -> None:
        self._url = f"{base_url(settings, site)}/Publisher/ReadPublisherLatestGlucoseValues"
        self._source = source
        self._now = terms.now
        self._http = SignedHttp(TITLE, source, terms, refusal, sign=signed, signed_out=signed_out)

    def extent(self, kind: Kind, updated_since: datetime | None = None) -> Window | None:
        """The last day, whatever there is in it. What changed since, nobody says."""
        del kind
        return None if updated_since is not None else Window(self._now - HELD - SLACK, self._now + MINUTE)

    def pages(self, kind: Kind, window: Window) -> Iterator[Page]:
        """One page, of no more minutes and readings than the gap needs; no call where all of it is older than a day."""
        del kind
        if window.end <= self._now - HELD - SLACK:
            yield Page(window=window, records=())
            return
        minutes = min(max(-(-(self._now - window.start + SLACK) // MINUTE), 1), MOST_MINUTES)
        most = min(max(minutes // 5 + 2, 1), MOST_COUNT)
        account = self._source(False)["account"].get_secret_value()
        decoder = LenientDecoder(_Wire, frozenset({"ST", "Value"}))
        query = {"minutes": str(minutes), "maxCount": str(most)}
        raws = self._http.send("POST", self._url, lambda body: records_of(TITLE, body), query=query, json={})
        found = understand(raws, lambda raw: self._reading(*decoder.decode(raw), account))
        inside = [one for one in found.records if window.start <= one.time < window.end]
        kept = Understood(records=inside, rejected=found.rejected, without_value=found.without_value)
        whole = kept.page(window, decoder.left_out)
        yield msgspec.structs.replace(whole, account=Account(id=account))

    def close(self) -> None:
        self._http.close()

    def _reading(self, wire: _Wire, payload: msgspec.Raw, account: str) -> Reading:
        if wire.value is None or wire.value < LOWEST:
            raise NoValue
        if wire.value > HIGHEST:
            raise Rejected("Value", "above 401 mg/dL: no sensor measures that")
        ms, _ = _date(wire.st, "ST")
        time = within_clocks(datetime.fromtimestamp(ms // 1000, UTC), self._now, "ST")
        minute = (time + timedelta(seconds=30)).replace(second=0)
        return Reading(
            time=time,
            key=f"{account}/{minute.isoformat()}",
            offset_min=_offset_min(wire.dt, ms),
            device=DEXCOM,
            payload=payload,
            value=wire.value,
            unit=MG_DL,
            trend_word=_trend(wire.trend),
        )


def _date(text: str | None, field: str) -> tuple[int, int | None]:
    """Epoch ms and offset in minutes of `Date(ms)`, `Date(ms±hhmm)` and both within slashes. Raises Rejected."""
    match = _DATE.fullmatch(text or "")
    if match is None:
        raise Rejected(field, "not a date" if text else "missing")
    ms, zone = int(match[1]), match[2]
    if not 0 <= ms < 253_402_300_800_000:
        raise Rejected(field, "not a date")
    if zone is None:
        return ms, None
    minutes = int(zone[1:3]) * 60 + int(zone[3:])
    return ms, -minutes if zone[0] == "-" else minutes


def _offset_min(shown: str | None, ms: int) -> int | None:
    """What the owner's clock is ahead of UTC. Without an offset, the difference to `ST` to a quarter of an hour."""
    try:
        local, offset = _date(shown, "DT")
    except Rejected:
        return None
    if offset is None:
        offset = round((local - ms) / QUARTER_HOUR_MS) * 15 or None
    return offset if offset is not None and -720 <= offset <= 840 else None


def _trend(said: str | int | None) -> str | None:
    if isinstance(said, str) and said.isascii() and said.isdigit():
        said = int(said[:3])
    if isinstance(said, int):
        return TRENDS[said] if 0 <= said < len(TRENDS) else str(said)
    return said
