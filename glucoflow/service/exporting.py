"""A person's documents out into files, as plain functions."""

from collections.abc import Callable, Sequence
from datetime import date, datetime, time, timedelta
from pathlib import Path
from typing import get_args
from zoneinfo import ZoneInfo

from glucoflow.es.queries import only
from glucoflow.es.scan import scan
from glucoflow.model.documents import Dataset
from glucoflow.model.errors import Rejected
from glucoflow.model.units import Unit
from glucoflow.service.export import Exported, ExportFormat, export
from glucoflow.service.runtime import Runtime

DATASETS: tuple[Dataset, ...] = get_args(Dataset)


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
