"""Old readings thinned to one an hour, so that what is held stays bounded and figures stay honest.

Of each hour and connection the reading nearest to their mean stays, as it was measured. It stands for the time of all
(`sample.interval_ms`, an hour at most), so that coverage and shares of time hold, and says how many it stands for
(annotation `glucoflow/thinned`). Its hash is emptied: when the provider's record is read again, it takes its old form.
When it was written (`event.ingested`) stays, so that summaries of its day, made from all readings, are not made anew.
"""

from collections.abc import Iterator
from datetime import datetime, timedelta
from itertools import groupby, islice

import msgspec
from elasticsearch import Elasticsearch

from glucoflow.es.bulk import Target, replace_unchanged
from glucoflow.es.encode import thinned
from glucoflow.es.names import Names
from glucoflow.es.queries import MOST_ROWS, only
from glucoflow.es.retrier import Retrier
from glucoflow.es.scan import Hit, refresh, scan
from glucoflow.es.sink import ElasticsearchSink
from glucoflow.model.localtime import HOUR_MS, epoch_ms

STEP_MS = 300_000
_AT_ONCE = 500
_NAMES = {
    "mg_dl": "glucose.mg_dl",
    "interval": "sample.interval_ms",
    "superseded": "sample.superseded",
    "connection": "connection.id",
}


class _Row(msgspec.Struct, rename=_NAMES):
    mg_dl: tuple[float, ...] = (0.0,)
    interval: tuple[int, ...] = (300_000,)
    superseded: tuple[bool, ...] = (False,)
    connection: tuple[str, ...] = ("",)


_row = msgspec.json.Decoder(_Row)


class _Kept(msgspec.Struct):
    """The reading of an hour that stays, what it stands for, and those that go."""

    id: str
    interval_ms: int
    readings: int
    gone: list[str]


def thin_hourly(
    client: Elasticsearch,
    names: Names,
    user_id: str,
    before: datetime,
    now: datetime,
    *,
    dry: bool,
    since: datetime | None = None,
) -> int:
    """Thin a person's readings of whole hours before `before`; how many go, or with `dry` would go. `since`: only later
    ones. Repeating it changes nothing.

    Kept ones are written before others are deleted: cut short, the next run ends it, and no hour counts twice.
    """
    alias, gone = names.alias(user_id), 0
    refresh(client, alias)
    hours = _hours(client, alias, since, before - timedelta(milliseconds=epoch_ms(before) % HOUR_MS))
    while part := list(islice(hours, _AT_ONCE)):
        gone += sum(len(one.gone) for one in part)
        if not dry:
            _thin(client, names, user_id, part, now)
    return gone


def _hours(client: Elasticsearch, alias: str, since: datetime | None, before: datetime) -> Iterator[_Kept]:
    """The hours that hold more than one reading of a connection, oldest first."""
    found = scan(
        client, alias, only(["cgm.reading"], since, before), source=False, page=MOST_ROWS, fields=tuple(_NAMES.values())
    )
    for _hour, hits in groupby(found, lambda hit: hit.sort[0] // HOUR_MS):
        groups: dict[tuple[str, bool], list[tuple[Hit, _Row]]] = {}
        for hit in hits:
            row = _row.decode(hit.fields)
            groups.setdefault((row.connection[0], row.superseded[0]), []).append((hit, row))
        for group in groups.values():
            if len(group) > 1:
                yield _kept(group)


def _kept(group: list[tuple[Hit, _Row]]) -> _Kept:
    mean = sum(row.mg_dl[0] for _, row in group) / len(group)
    nearest = min(group, key=lambda one: (abs(one[1].mg_dl[0] - mean), one[0].sort[0]))
    worn = _whole(sum(row.interval[0] for _, row in group))
    others = [hit.id for hit, _ in group if hit.id != nearest[0].id]
    return _Kept(nearest[0].id, worn, len(group), others)


def _whole(worn_ms: int) -> int:
    """To five minutes, an hour at most: figures group readings by their interval, and there are to be few."""
    return min(HOUR_MS, max(1, round(worn_ms / STEP_MS)) * STEP_MS)


def _thin(client: Elasticsearch, names: Names, user_id: str, hours: list[_Kept], now: datetime) -> None:
    alias = names.alias(user_id)
    by_id = {one.id: one for one in hours}
    hits = scan(client, alias, {"ids": {"values": list(by_id)}}, versions=True, page=_AT_ONCE)
    items = [
        thinned(hit.id, hit.source, by_id[hit.id].interval_ms, by_id[hit.id].readings).only_after(
            hit.seq_no, hit.primary_term
        )
        for hit in hits
    ]
    replace_unchanged(Target(client=client, alias=alias, retrier=Retrier()), items)
    ElasticsearchSink(client, names, user_id).write([], [key for one in hours for key in one.gone], now)
