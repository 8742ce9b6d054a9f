"""What is in a backup, and in which order: a compressed tar, encrypted as `glucoflow.age` does.

manifest.json                    what it is: `Manifest`
settings.env                     settings, if there were any
token.key                        the keys that open what is encrypted in the store
home/<file>                      what else of the data folder has to come along
store.db                         the store, as an SQLite database
documents/<person>/000001.ndjson a person's documents, in parts
documents/<person>/tally.json    their number and checksum: `Counted`
                                 Neither where a snapshot of Elasticsearch, which the manifest names, has the documents
runs/000001.ndjson               the operator's documents
end.json                         last of all: without it the backup is none
"""

import gzip
import tarfile
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from io import BufferedReader, BytesIO
from pathlib import Path
from typing import IO, BinaryIO, Self, TypeVar

import msgspec
from pydantic import SecretStr

from glucoflow.age import WORK, Opening, Sealing
from glucoflow.checksums import Sum
from glucoflow.es.copies import Line, content
from glucoflow.es.snapshots import Snapshot
from glucoflow.model.errors import UnreadableFile
from glucoflow.store.migrate import HEAD

FORMAT = 2
"""Raised when a reader of before could not make sense of what is written: 2 is a backup that names a snapshot."""

MANIFEST, SETTINGS, KEY, STORE, END = "manifest.json", "settings.env", "token.key", "store.db", "end.json"
HOME, DOCUMENTS, RUNS, TALLY = "home/", "documents/", "runs/", "tally.json"

_PART_BYTES = 4 * 2**20
_LEVEL = 5
_SMALL = 16 * 2**20
T = TypeVar("T")
OnStep = Callable[[str, int, int], None]
"""Told what is being done, how many documents of it are done, and of how many (0 where nobody knows)."""


class Manifest(msgspec.Struct, frozen=True, kw_only=True):
    """What a backup is. `lineages` are of people's indices (`es.indices.Index.lineage`); who has none is not in it.

    `snapshot` has the documents of whoever it names; those of others are in the backup.
    """

    format: int = 1
    id: str
    made_at: datetime
    version: str
    revision: str
    people: tuple[str, ...]
    lineages: dict[str, str]
    snapshot: Snapshot | None = None


class Counted(msgspec.Struct, frozen=True, kw_only=True):
    """Documents, and a checksum over them (`es.copies.content`)."""

    documents: int
    checksum: str

    @classmethod
    def of(cls, tally: Sum) -> Self:
        return cls(documents=tally.n, checksum=tally.text())


class Ending(msgspec.Struct, frozen=True, kw_only=True):
    """What came before, counted."""

    people: int
    documents: int


class Member(msgspec.Struct, frozen=True, kw_only=True):
    """One file in it. `stream` is read before the next one is asked for."""

    name: str
    size: int
    stream: IO[bytes]

    def text(self) -> bytes:
        """All of a small one. Raises UnreadableFile where it is not small."""
        if self.size > _SMALL:
            raise not_ours()
        return self.stream.read()

    def as_(self, kind: type[T]) -> T:
        """Decoded JSON. Raises UnreadableFile for another form."""
        return _decoded(self.text(), kind)

    def lines(self) -> Iterator[Line]:
        """Its documents."""
        decoder = msgspec.json.Decoder(Line)
        try:
            for line in self.stream:
                yield decoder.decode(line)
        except msgspec.MsgspecError:
            raise not_ours() from None


class Writing:
    """Puts members into a backup, one after the other."""

    def __init__(self, archive: tarfile.TarFile, at: datetime) -> None:
        self._archive = archive
        self._at = at

    def add(self, name: str, data: bytes) -> None:
        """A small file."""
        self._archive.addfile(self._info(name, len(data)), BytesIO(data))

    def add_json(self, name: str, value: msgspec.Struct) -> None:
        """A value as JSON."""
        self.add(name, msgspec.json.format(msgspec.json.encode(value)))

    def add_file(self, name: str, path: Path) -> None:
        """A file as it is."""
        with path.open("rb") as file:
            self._archive.addfile(self._info(name, path.stat().st_size), file)

    def add_lines(self, folder: str, lines: Iterable[Line]) -> None:
        """Documents, in parts that fit into memory."""
        encoder, part, number = msgspec.json.Encoder(), bytearray(), 0
        for line in lines:
            part += encoder.encode(line) + b"\n"
            if len(part) > _PART_BYTES:
                number += 1
                self.add(f"{folder}{number:06}.ndjson", bytes(part))
                part.clear()
        if part:
            self.add(f"{folder}{number + 1:06}.ndjson", bytes(part))

    def _info(self, name: str, size: int) -> tarfile.TarInfo:
        info = tarfile.TarInfo(name)
        info.size, info.mode, info.mtime = size, 0o600, int(self._at.timestamp())
        return info


@contextmanager
def writing(out: BinaryIO, passphrase: SecretStr, at: datetime, work: int = WORK) -> Iterator[Writing]:
    """A backup into `out`, which is whole once the block has ended well."""
    sealing = Sealing(out, passphrase, work)
    with (
        gzip.GzipFile(fileobj=sealing, mode="wb", compresslevel=_LEVEL, mtime=0) as packed,
        tarfile.open(fileobj=packed, mode="w|", format=tarfile.PAX_FORMAT) as archive,
    ):
        yield Writing(archive, at)
    sealing.finish()


def members(file: BinaryIO, passphrase: SecretStr) -> Iterator[Member]:
    """What is in a backup, in order, to its proven end.

    Raises UnreadableFile for one that is cut short, changed or no backup, Misconfigured for a wrong passphrase.
    """
    opened = BufferedReader(Opening(file, passphrase), 2**17)
    last = ""
    try:
        with gzip.GzipFile(fileobj=opened) as packed:
            with tarfile.open(fileobj=packed, mode="r|") as archive:
                for info in archive:
                    stream = archive.extractfile(info)
                    if stream is None or (not last and info.name != MANIFEST):
                        raise not_ours()
                    last = info.name
                    yield Member(name=info.name, size=info.size, stream=stream)
            while packed.read(2**16):  # so that the last chunk is proven
                pass
    except (tarfile.TarError, gzip.BadGzipFile, zlib.error, EOFError):
        raise not_ours() from None
    if last != END:
        raise not_ours()


def look_into(file: BinaryIO, passphrase: SecretStr, on_step: OnStep) -> tuple[Manifest, Mapping[str, Counted]]:
    """Read a backup to its end and compare it with what it says of itself. Changes nothing. Raises as `members`."""
    manifest: Manifest | None = None
    counted: dict[str, Counted] = {}
    tally, total, ending = Sum(), 0, None
    for member in members(file, passphrase):
        if manifest is None:
            manifest = understood(member)
        elif member.name.endswith(TALLY):
            told = member.as_(Counted)
            counted[whose(member)] = told
            if told != Counted.of(tally):
                raise not_ours()
            total, tally = total + tally.n, Sum()
        elif member.name.endswith(".ndjson"):
            for line in member.lines():
                tally.add(content(line))
            on_step("reading", total + tally.n, 0)
        elif member.name == END:
            ending = member.as_(Ending)
    if manifest is None or ending is None or ending.documents != total + tally.n:
        raise not_ours()
    return manifest, counted


def whose(member: Member) -> str:
    """The person whose documents these are."""
    return Path(member.name).parent.name


def understood(member: Member) -> Manifest:
    """The manifest, if this version can go on with it. Raises UnreadableFile."""
    text = member.text()
    kind = _decoded(text, _OfVersion)
    if kind.format > FORMAT or kind.revision > HEAD:
        raise UnreadableFile(
            f"This backup was made by a newer glucoflow ({kind.version}) than this one.",
            remedy="Install that version or a later one, and restore it with that. Nothing was changed here.",
        )
    return _decoded(text, Manifest)


class _OfVersion(msgspec.Struct):
    """What every version's manifest has."""

    format: int
    version: str = "unknown"
    revision: str = ""


def _decoded(text: bytes, kind: type[T]) -> T:
    try:
        return msgspec.json.decode(text, type=kind)
    except msgspec.MsgspecError:
        raise not_ours() from None


def not_ours() -> UnreadableFile:
    """The error for a file that opens and is no backup."""
    return UnreadableFile(
        "This file can be opened, but it is no backup of glucoflow.",
        remedy="Name a file that `glucoflow backup` wrote. Nothing was changed here.",
    )
