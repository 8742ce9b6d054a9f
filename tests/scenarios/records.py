"""The records of an account, from what is written of them."""

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec

from glucoflow.simulators.dexcom.archive import RecordKind
from glucoflow.simulators.dexcom.given import Edit, GivenRecord
from tests.scenarios.written import Account, Series

ALWAYS = datetime(1970, 1, 1, tzinfo=UTC)


def records_of(account: Account) -> list[GivenRecord]:
    """All records of an account, as they are to be sent."""
    return [
        record for kind, entries in account.items() for record in _of_kind(msgspec.convert(kind, RecordKind), entries)
    ]


def _of_kind(kind: RecordKind, entries: Iterable[dict[str, Any]]) -> Iterator[GivenRecord]:
    for entry in entries:
        if "series" in entry:
            yield from _series(kind, msgspec.convert(entry["series"], Series, strict=False))
        else:
            fields = {name: value for name, value in entry.items() if not name.startswith("_")}
            yield _record(kind, fields, entry.get("_up", msgspec.UNSET), entry.get("_edits", []), entry.get("_gone"))


def _series(kind: RecordKind, series: Series) -> Iterator[GivenRecord]:
    values = series.value if isinstance(series.value, list) else [series.value]
    for i in range(series.count):
        at = series.first + timedelta(seconds=i * series.every_s)
        fields = {
            "recordId": f"{series.id}-{i}",
            **_times(at, series),
            "transmitterId": series.transmitter,
            "transmitterTicks": series.ticks0 + i * series.every_s,
            "value": values[i % len(values)],
            "status": "ok",
            "trend": "flat",
            "trendRate": 0.1,
            "unit": "mg/dL",
            "rateUnit": "mg/dL/min",
            "displayDevice": "iOS",
            "transmitterGeneration": "g7",
            "displayApp": "G7",
            **series.fields,
        }
        fields = {name: value for name, value in fields.items() if name not in series.without}
        yield _record(kind, fields, series.up, series.edits, series.gone)


def _times(at: datetime, series: Series) -> dict[str, str]:
    utc = at.astimezone(UTC)
    plain = "%Y-%m-%dT%H:%M:%S"
    if series.offset is None:
        shown = utc + timedelta(minutes=series.display_min or 0)
        return {"systemTime": utc.strftime(plain), "displayTime": shown.strftime(plain)}
    ahead = series.offset if isinstance(series.offset, int) else _minutes(series.offset)
    shown = utc + timedelta(minutes=ahead if series.display_min is None else series.display_min)
    suffix = f"{'-' if ahead < 0 else '+'}{abs(ahead) // 60:02d}:{abs(ahead) % 60:02d}"
    return {"systemTime": utc.strftime(plain) + "Z", "displayTime": shown.strftime(plain) + suffix}


def _minutes(suffix: str) -> int:
    hours, _, minutes = suffix[1:].partition(":")
    return (-1 if suffix.startswith("-") else 1) * (int(hours) * 60 + int(minutes or 0))


def _record(
    kind: RecordKind,
    fields: dict[str, Any],
    up: datetime | str | msgspec.UnsetType | None,
    edits: Iterable[dict[str, Any]],
    gone: datetime | str | None,
) -> GivenRecord:
    made = [Edit(_moment(edit["at"]), {name: value for name, value in edit.items() if name != "at"}) for edit in edits]
    seen = None if up is msgspec.UNSET else ALWAYS if up is None else _moment(up)
    return GivenRecord(kind, fields, seen, tuple(made), None if gone is None else _moment(gone))


def _moment(text: datetime | str) -> datetime:
    return text if isinstance(text, datetime) else datetime.fromisoformat(text)
