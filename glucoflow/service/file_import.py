"""A file of any known kind into a person's index: looked at first, written once, whatever is there already.

A reading's id is made of its moment and its sensor, so a file imported twice changes nothing. Where a cloud has the
same moment it counts as before, and the file's reading is marked as superseded: what the file adds is what was missing.
"""

import unicodedata
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from itertools import islice
from pathlib import Path

import msgspec

from glucoflow.context import Meals
from glucoflow.enrich import Enricher, Owner
from glucoflow.es.provision import ensure_index
from glucoflow.file_reading.choices import Choices
from glucoflow.file_reading.contents import Contents, FilePerson, RowCounts
from glucoflow.file_reading.deciding import holds_no_trace
from glucoflow.file_reading.findings import UnreadRow
from glucoflow.file_reading.recognise import read_contents
from glucoflow.files import private
from glucoflow.model import records as r
from glucoflow.model.documents import Document
from glucoflow.model.errors import LeftOpen, Unavailable, UnreadableFile
from glucoflow.model.ingestion import RejectedRecord, Window
from glucoflow.model.localtime import epoch_ms
from glucoflow.model.ranges import WIDEST_LIMITS
from glucoflow.model.words import count
from glucoflow.service.runtime import Runtime
from glucoflow.service.summaries import summarize_after
from glucoflow.store import Person
from glucoflow.tidepool.files import is_records, read_file

BATCH = 2_000
CONNECTION = "file"
"""Stands for the connection in documents: no account, so every connection of the person is ranked before it."""
Progress = Callable[[int], None]


class Imported(msgspec.Struct, frozen=True, kw_only=True):
    """What became of a file. `rows` is None for files that glucoflow wrote itself, which hold documents.

    `rejected_file` holds the rows and documents that were refused, with their reasons.
    """

    file: str
    title: str
    created: int = 0
    updated: int = 0
    unchanged: int = 0
    rejected: int = 0
    not_held: dict[str, int] = {}
    rows: RowCounts | None = None
    decisions: dict[str, str] = {}
    notes: tuple[str, ...] = ()
    unread: tuple[UnreadRow, ...] = ()
    rejected_file: Path | None = None

    @property
    def n_unread(self) -> int:
        """Rows and documents that are not in the index and should be."""
        return self.rejected + (self.rows.n_unread if self.rows else 0)


def import_file(
    rt: Runtime,
    user_id: str,
    path: Path,
    on_progress: Progress | None = None,
    *,
    choices: Choices | None = None,
    who: str | None = None,
    anyway: bool = False,
    named: str | None = None,
) -> Imported:
    """Bring a file into a person's index. Repeating it changes nothing.

    `who` names one of several people in it; `anyway` takes a file that names somebody else; `named` is what the person
    calls the file, where that is not its name here. Raises UnreadableFile with nothing written: for a file of no known
    kind, one that cannot be read, one of somebody else.
    """
    name = named or path.name
    owning = rt.store.people.get(user_id)
    progress = on_progress or (lambda _count: None)
    if is_records(path):
        return _import_records(rt, owning, path, progress, name)
    contents, zone_note = contents_for(path, choices, owning, name)
    person = person_meant(contents, who, name)
    if is_somebody_else(contents, person, owning) and not anyway:
        raise _whose(name, person, owning)
    if not (person.counts.read or person.events):
        raise holds_no_trace(contents, name)
    total, rejected = _write(rt, owning, _documents(contents, person, owning), progress)
    unread = [_as_rejected(one) for one in contents.unread if one.person in ("", person.name)]
    return Imported(
        file=name,
        title=contents.format.title,
        created=total["created"],
        updated=total["updated"],
        unchanged=total["unchanged"],
        rejected=len(rejected),
        rows=person.counts,
        decisions=dict(contents.decisions) | zone_note,
        notes=tuple(contents.notes),
        unread=tuple(contents.unread[:20]),
        rejected_file=_kept([*rejected, *unread], path.with_name(path.name + ".rejected.ndjson")),
    )


def _whose(name: str, person: FilePerson, owning: Person) -> LeftOpen:
    return LeftOpen(
        f"{name} is of somebody called {person.name}, and this is {owning.display_name}.",
        remedy="If it is theirs all the same, give --anyway.",
        about="whose",
    )


def is_somebody_else(contents: Contents, person: FilePerson, owning: Person) -> bool:
    """Whether the file names its person, and not one name of theirs is one of whom it is brought to."""
    if contents.names_are_ids:
        return False
    theirs = _names(person.name)
    return bool(theirs) and not theirs & (_names(owning.display_name) | _names(owning.id.replace("-", " ")))


def _names(text: str) -> set[str]:
    bare = unicodedata.normalize("NFKD", text.casefold())
    words = "".join(c if c.isalnum() else " " for c in bare if not unicodedata.combining(c)).split()
    return {word for word in words if len(word) > 1}


def contents_for(path: Path, choices: Choices | None, owning: Person, name: str) -> tuple[Contents, dict[str, str]]:
    """What the file holds, local times by the person's zone unless another is given; and what is said of that."""
    choices = choices or Choices()
    given = choices.zone
    contents = read_contents(path, choices if given else msgspec.structs.replace(choices, zone=owning.zone), name)
    if given or contents.decisions.get("zone") == "the file's own":
        return contents, {}
    return contents, {"zone": f"{owning.zone} (the person's)"}


def person_meant(contents: Contents, who: str | None, name: str) -> FilePerson:
    people = [one for one in contents.people if one.counts.rows or one.events] or list(contents.people)
    if not people:
        raise holds_no_trace(contents, name)
    if who is not None:
        people = [one for one in people if one.name.casefold() == who.casefold()]
    if len(people) == 1:
        return people[0]
    every = ", ".join(repr(one.name) for one in contents.people[:20])
    raise LeftOpen(
        f"{name} holds {len(contents.people)} people: {every}{' …' if len(contents.people) > 20 else ''}.",
        remedy="Say whose readings are meant with --who NAME.",
        about="who",
        names=tuple(one.name for one in contents.people[:200]),
    )


def _documents(contents: Contents, person: FilePerson, owning: Person) -> Iterator[Document]:
    """Events first, then the readings in ascending time, since a reading's context needs its meals."""
    form = contents.format
    owner = Owner(
        user_id=owning.id,
        connection_id=f"{CONNECTION}-{form.name}",
        provider=form.provider,
        zone=owning.zone,
        sensor_limits=form.sensor_limits,
        delivers_meals=True,
    )
    meals = Meals(_times(person.events, r.Food), _times(person.events, r.Bolus))
    account = CONNECTION if form.provider == CONNECTION else form.provider
    enricher = Enricher(owner, account, meals)
    events = {record.key: record for record in person.events}
    yield from enricher.documents(sorted(events.values(), key=lambda record: (record.time, record.key)))
    readings = person.readings()
    while part := list(islice(readings, BATCH)):
        yield from enricher.documents(part)


def _times(records: Iterable[r.Record], kind: type[r.Record]) -> list[int]:
    return [epoch_ms(record.time) for record in records if isinstance(record, kind)]


def _write(
    rt: Runtime, owning: Person, documents: Iterator[Document], progress: Progress
) -> tuple[Counter[str], list[RejectedRecord]]:
    ensure_index(rt.client, rt.names, owning.id)
    sink = rt.sink(owning.id)
    total: Counter[str] = Counter()
    rejected: list[RejectedRecord] = []
    first: datetime | None = None
    last: datetime | None = None
    while part := list(islice(documents, BATCH)):
        result = sink.write(part, (), rt.clock())
        times = [one.source.timestamp for one in part]
        first, last = min(filter(None, (first, *times))), max(filter(None, (last, *times)))
        total.update(created=result.created, updated=result.updated, unchanged=result.unchanged)
        rejected += result.rejected
        progress(total.total() + len(rejected))
    if first is not None and last is not None:
        # All days of the file, not only those just written: an import that died before this has written the others.
        summarize_after(rt, owning.id, None, Window(first, last + timedelta(milliseconds=1)))
    return total, rejected


def _import_records(rt: Runtime, owning: Person, path: Path, progress: Progress, name: str) -> Imported:
    """glucoflow's own documents, exactly as they were."""
    owner = owner_of_records(owning)
    refused: list[RejectedRecord] = []
    not_held: Counter[str] = Counter()

    def documents() -> Iterator[Document]:
        for batch in read_file(path, owner):
            refused.extend(batch.rejected)
            not_held.update(batch.not_held)
            yield from batch.documents

    total, rejected = _write(rt, owning, documents(), progress)
    refused += rejected
    if refused and not total.total():
        first = refused[0]
        raise UnreadableFile(
            f"None of the {len(refused):,} records of {name} could be read. The first: {first.field}: {first.reason}.",
            remedy="Export it again, and import the file as it is.",
        )
    return Imported(
        file=name,
        title="file of records",
        created=total["created"],
        updated=total["updated"],
        unchanged=total["unchanged"],
        rejected=len(refused),
        not_held=dict(not_held),
        rejected_file=_kept(refused, path.with_name(path.name + ".rejected.ndjson")),
    )


def owner_of_records(owning: Person) -> Owner:
    return Owner(
        user_id=owning.id, connection_id="import", provider="tidepool", zone=owning.zone, sensor_limits=WIDEST_LIMITS
    )


def _as_rejected(row: UnreadRow) -> RejectedRecord:
    return RejectedRecord(field=f"line {row.line}", reason=row.why, payload=row.text.encode())


def _kept(rejected: Sequence[RejectedRecord], path: Path) -> Path | None:
    if not rejected:
        return None
    lines = (
        {"field": one.field, "reason": one.reason, "key": one.key, "record": one.payload.decode(errors="replace")}
        for one in rejected
    )
    try:
        with open(path, "wb", opener=private) as file:
            file.writelines(msgspec.json.encode(line) + b"\n" for line in lines)
    except OSError as error:
        raise Unavailable(
            f"All that could be read is in, but the {count(len(rejected), 'row')} that could not cannot be written to "
            f"{path} ({error.strerror or error}).",
            remedy="Make room there, or copy the file to another place, and import it again: nothing is there twice.",
        ) from None
    return path
