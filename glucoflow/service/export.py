"""What is stored leaves as files: Tidepool records, one CSV table a kind, or the documents themselves.

All three stream: one document is in memory at a time, whatever the span. A file has its name only when it is whole;
until then it is `<name>.part`. `docs/document.md` describes the forms field by field.
"""

import csv
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from datetime import date, datetime, time, timedelta
from pathlib import Path
from typing import Any, BinaryIO, Literal, Protocol, get_args
from zoneinfo import ZoneInfo

import msgspec

from glucoflow.es.queries import only
from glucoflow.es.scan import Hit, scan
from glucoflow.files import private
from glucoflow.model.documents import Dataset, Document, Source
from glucoflow.model.errors import Rejected, Unavailable
from glucoflow.model.units import Unit
from glucoflow.service.export_tables import DERIVED, Getter, cells, columns
from glucoflow.service.runtime import Runtime
from glucoflow.tidepool import written

ExportFormat = Literal["tidepool", "csv", "ndjson"]
FORMATS: tuple[ExportFormat, ...] = get_args(ExportFormat)
EVERY = 5_000
"""Documents between two reports of progress."""


class Exported(msgspec.Struct, frozen=True, kw_only=True):
    """What was written, by dataset; what the form has no place for; and where it is.

    CSV and Tidepool have no place for summaries and episodes, Tidepool none for superseded readings.
    """

    documents: dict[str, int]
    omitted: dict[str, int]
    files: tuple[Path, ...]


class _Event(msgspec.Struct):
    dataset: Dataset


class _Head(msgspec.Struct, rename={"timestamp": "@timestamp"}):
    timestamp: datetime
    event: _Event


class _Writer(Protocol):
    files: list[Path]

    def add(self, dataset: Dataset, found: Hit) -> bool:
        """Write a document; False where this form has no place for it."""
        ...

    def finish(self) -> None: ...


_HEAD = msgspec.json.Decoder(_Head)
_SOURCE = msgspec.json.Decoder(Source)


def export(
    documents: Iterable[Hit],
    form: ExportFormat,
    out: Path,
    *,
    units: Unit | None = None,
    on_progress: Callable[[int, datetime], None] | None = None,
) -> Exported:
    """Write `documents` (in the order given) to `out`: a file, or for `csv` a folder with one table a kind.

    `units` is of the glucose in Tidepool records, None as received; the other forms have both. `on_progress` gets the
    count and the newest time now and then. Raises Unavailable where `out` cannot be written, and whatever `documents`
    raises; then only `.part` files are left.
    """
    return export_forms(documents, {form: out}, units=units, on_progress=on_progress)[form]


def export_forms(
    documents: Iterable[Hit],
    places: Mapping[ExportFormat, Path],
    *,
    units: Unit | None = None,
    on_progress: Callable[[int, datetime], None] | None = None,
) -> dict[ExportFormat, Exported]:
    """The same in several forms, each to its place, while `documents` are read once."""
    counted = {form: (Counter[str](), Counter[str]()) for form in places}
    with written_to(*places.values()):
        with ExitStack() as stack:
            writers = {form: _writer(form, out, units, stack) for form, out in places.items()}
            for number, found in enumerate(documents, start=1):
                head = _HEAD.decode(found.source)
                dataset = head.event.dataset
                for form, writer in writers.items():
                    done, left = counted[form]
                    (done if writer.add(dataset, found) else left)[dataset] += 1
                if on_progress and number % EVERY == 0:
                    on_progress(number, head.timestamp)
            for writer in writers.values():
                writer.finish()
        for file in (file for writer in writers.values() for file in writer.files):
            _part(file).replace(file)
    return {
        form: Exported(documents=dict(done), omitted=dict(left), files=tuple(writers[form].files))
        for form, (done, left) in counted.items()
    }


@contextmanager
def written_to(*out: Path) -> Iterator[None]:
    """Raises Unavailable, with what to do, where what is asked for on a command line cannot be written to `out`."""
    try:
        yield
    except OSError as error:
        raise Unavailable(
            f"{', '.join(map(str, out))} cannot be written ({error.strerror or error}).",
            remedy="Choose another place with --out, or make room there.",
        ) from error


def _part(file: Path) -> Path:
    return file.with_name(file.name + ".part")


def _writer(form: ExportFormat, out: Path, units: Unit | None, stack: ExitStack) -> _Writer:
    if form == "csv":
        out.mkdir(parents=True, exist_ok=True)
        return _Csv(out, stack)
    out.parent.mkdir(parents=True, exist_ok=True)
    file = stack.enter_context(open(_part(out), "wb", opener=private))  # noqa: SIM115 – the stack is one
    return _Tidepool(out, file, units) if form == "tidepool" else _Ndjson(out, file)


class _Ndjson:
    """`{"_id": …, "_source": …}` a line: the documents as they are, byte for byte."""

    def __init__(self, out: Path, file: BinaryIO) -> None:
        self.files = [out]
        self._file = file

    def add(self, dataset: Dataset, found: Hit) -> bool:  # noqa: ARG002
        self._file.write(b'{"_id":%b,"_source":%b}\n' % (msgspec.json.encode(found.id), bytes(found.source)))
        return True

    def finish(self) -> None:
        pass


class _Tidepool:
    """A JSON array of Tidepool records in client form, one a line."""

    def __init__(self, out: Path, file: BinaryIO, units: Unit | None) -> None:
        self.files = [out]
        self._file = file
        self._units = units
        self._before = b"[\n"

    def add(self, dataset: Dataset, found: Hit) -> bool:
        if dataset in DERIVED:
            return False
        source = _SOURCE.decode(found.source)
        if source.sample is not None and source.sample.superseded:  # Tidepool would count the moment twice
            return False
        line = written(Document(found.id, source), self._units)
        if line is None:
            return False
        self._file.write(self._before)
        self._file.write(line)
        self._before = b",\n"
        return True

    def finish(self) -> None:
        self._file.write(b"[]\n" if self._before == b"[\n" else b"\n]\n")


class _Csv:
    """`<dataset>.csv` a kind, each made when its first row comes."""

    def __init__(self, folder: Path, stack: ExitStack) -> None:
        self.files: list[Path] = []
        self._folder = folder
        self._stack = stack
        self._tables: dict[Dataset, tuple[dict[str, Getter], Any]] = {}

    def add(self, dataset: Dataset, found: Hit) -> bool:
        if dataset in DERIVED:
            return False
        getters, writer = self._tables.get(dataset) or self._open(dataset)
        writer.writerow(cells(getters, Document(found.id, _SOURCE.decode(found.source))))
        return True

    def _open(self, dataset: Dataset) -> tuple[dict[str, Getter], Any]:
        path = self._folder / f"{dataset}.csv"
        self.files.append(path)
        at = _part(path)
        file = self._stack.enter_context(open(at, "w", encoding="utf-8", newline="", opener=private))  # noqa: SIM115
        writer = csv.writer(file)  # its default dialect is RFC 4180's: comma, CRLF, quotes doubled
        self._tables[dataset] = (columns(dataset), writer)
        writer.writerow(self._tables[dataset][0])
        return self._tables[dataset]

    def finish(self) -> None:
        pass


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
