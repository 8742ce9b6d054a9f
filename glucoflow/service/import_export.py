"""A person's documents out into files and back in, as plain functions."""

from collections import Counter
from collections.abc import Callable, Sequence
from datetime import date, datetime, time, timedelta
from pathlib import Path
from typing import get_args
from zoneinfo import ZoneInfo

import msgspec

from connectors.files.tidepool import read_file
from glucoflow.enrich import Owner
from glucoflow.es.provision import ensure_index
from glucoflow.es.queries import only
from glucoflow.es.scan import scan
from glucoflow.files import private
from glucoflow.model.documents import Dataset
from glucoflow.model.errors import Rejected
from glucoflow.model.ingestion import RejectedRecord
from glucoflow.model.ranges import WIDEST_LIMITS
from glucoflow.model.units import Unit
from glucoflow.service.export import Exported, ExportFormat, export
from glucoflow.service.runtime import Runtime
from glucoflow.service.summaries import summarize_after

DATASETS: tuple[Dataset, ...] = get_args(Dataset)


class Imported(msgspec.Struct, frozen=True, kw_only=True):
    """What became of a file's records. `rejected_file` holds the rejected ones with their reasons."""

    created: int = 0
    updated: int = 0
    unchanged: int = 0
    rejected: int = 0
    not_held: dict[str, int] = {}
    rejected_file: Path | None = None


def export_person(
    rt: Runtime,
    user_id: str,
    form: ExportFormat,
    out: Path,
    *,
    first: date | None = None,
    last: date | None = None,
    datasets: Sequence[str] = (),
    units: Unit | None = None,
    on_progress: Callable[[int, datetime], None] | None = None,
) -> Exported:
    """Write a person's documents between two of their own days (both included) to `out`; memory stays bounded.

    Raises Rejected for an unknown person or dataset, or swapped days, and Unavailable where `out` cannot be written.
    """
    zone = ZoneInfo(rt.store.people.get(user_id).zone)
    unknown = sorted(set(datasets) - set(DATASETS))
    if unknown:
        raise Rejected("kinds", f"{', '.join(unknown)} is unknown; there are {', '.join(DATASETS)}")
    if first and last and last < first:
        raise Rejected("to", f"the last day ({last}) is before the first ({first}); swap them")
    start = datetime.combine(first, time(), zone) if first else None
    end = datetime.combine(last + timedelta(days=1), time(), zone) if last else None
    found = scan(rt.client, rt.names.alias(user_id), only(datasets or DATASETS, start, end))
    return export(found, form, out, units=units, on_progress=on_progress)


def import_file(rt: Runtime, user_id: str, path: Path, on_progress: Callable[[int], None] | None = None) -> Imported:
    """Bring an ndjson or Tidepool file into a person's index. Repeating it changes nothing.

    Rejected records are written, with field and reason, to `<file>.rejected.ndjson`.
    """
    person = rt.store.people.get(user_id)
    began = rt.clock()
    ensure_index(rt.client, rt.names, user_id)
    sink = rt.sink(user_id)
    owner = Owner(
        user_id=user_id, connection_id="import", provider="tidepool", zone=person.zone, sensor_limits=WIDEST_LIMITS
    )
    total: Counter[str] = Counter()
    not_held: Counter[str] = Counter()
    rejected: list[RejectedRecord] = []
    for batch in read_file(path, owner):
        result = sink.write(batch.documents, (), rt.clock())
        total.update(created=result.created, updated=result.updated, unchanged=result.unchanged)
        rejected += [*batch.rejected, *result.rejected]
        not_held.update(batch.not_held)
        if on_progress:
            on_progress(total.total() + len(rejected))
    summarize_after(rt, user_id, began)
    return Imported(
        created=total["created"],
        updated=total["updated"],
        unchanged=total["unchanged"],
        rejected=len(rejected),
        not_held=dict(not_held),
        rejected_file=_kept(rejected, path.with_name(path.name + ".rejected.ndjson")),
    )


def _kept(rejected: Sequence[RejectedRecord], path: Path) -> Path | None:
    if not rejected:
        return None
    lines = (
        {"field": one.field, "reason": one.reason, "key": one.key, "record": one.payload.decode(errors="replace")}
        for one in rejected
    )
    with open(path, "wb", opener=private) as file:
        file.writelines(msgspec.json.encode(line) + b"\n" for line in lines)
    return path
