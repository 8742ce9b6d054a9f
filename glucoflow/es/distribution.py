"""The Elasticsearch that glucoflow runs when the user has none: Elastic's stripped distribution from Maven Central."""

import contextlib
import hashlib
import logging
import shutil
import tempfile
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import requests
from jgo.maven import MavenContext, PythonResolver

from glucoflow.errors import Misconfigured, Unavailable

log = logging.getLogger(__name__)

VERSION = "9.5.0"
SHA256 = "db0e275fd790f723eca7bcde96069fd6fed304ad23afdb70c8c09553dd9e8b1b"
"""Of that version's archive. The resolver only warns when a checksum differs, so it is compared here."""

_GROUP = "org.elasticsearch.distribution.integ-test-zip"

OnBytes = Callable[[int, int], None]
"""Told how many bytes of how many have arrived."""


def find_distribution(home: Path | None, cache_dir: Path, on_bytes: OnBytes | None = None) -> Path:
    """An unpacked Elasticsearch: the user's own `home`, the cached one, or a fresh download (about 130 MB).

    A download is checked against its published checksum and appears in the cache whole or not at all.
    Raises Misconfigured for a `home` that is none, Unavailable if the download fails.
    """
    if home is not None:
        if not (home / "bin" / "elasticsearch").exists():
            raise Misconfigured(
                f"ES_HOME is {home}, and there is no bin/elasticsearch in it.",
                remedy="Point ES_HOME at an unpacked Elasticsearch, or remove it to have one downloaded.",
            )
        return home
    wanted = cache_dir / f"elasticsearch-{VERSION}"
    if not wanted.exists():
        _download(wanted, on_bytes)
    return wanted


def _download(wanted: Path, on_bytes: OnBytes | None) -> None:
    wanted.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=wanted.parent, prefix="incomplete-") as folder:
        try:
            archive = _fetch(Path(folder) / "repository", on_bytes)
            if _sha256(archive) != SHA256:
                raise zipfile.BadZipFile
            with zipfile.ZipFile(archive) as packed:
                packed.extractall(Path(folder) / "unpacked")
        except (requests.RequestException, RuntimeError, zipfile.BadZipFile, OSError) as error:
            raise Unavailable(
                f"Elasticsearch could not be downloaded: {_reason(error)}",
                remedy="Nothing half-finished was kept. Check the network and the disk and try again, or unpack an "
                "Elasticsearch yourself and set ES_HOME to it.",
            ) from error
        (unpacked,) = (Path(folder) / "unpacked").iterdir()
        for program in (unpacked / "bin").iterdir():
            program.chmod(0o755)  # zip files carry no permissions that zipfile would restore
        with contextlib.suppress(FileExistsError, OSError):  # another process was faster
            unpacked.rename(wanted)
    if not wanted.exists():
        raise Unavailable(f"Elasticsearch could not be put into {wanted}.", remedy="Check the folder's permissions.")


def _fetch(repository: Path, on_bytes: OnBytes | None) -> Path:
    @contextmanager
    def progress(_name: str, size: int) -> Iterator[Callable[[int], None]]:
        arrived = 0

        def update(count: int) -> None:
            nonlocal arrived
            arrived += count
            if on_bytes:
                on_bytes(arrived, size)

        yield update

    context = MavenContext(PythonResolver(progress_callback=progress), repo_cache=repository, timeout=60)
    component = context.project(_GROUP, "elasticsearch").at_version(VERSION)
    return Path(component.artifact(packaging="zip").resolve())


def _sha256(file: Path) -> str:
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _reason(error: Exception) -> str:
    if isinstance(error, zipfile.BadZipFile):
        return "what arrived does not match its checksum (cut short, or changed on the way)."
    if isinstance(error, OSError) and not isinstance(error, requests.RequestException) and error.strerror:
        return f"{error.strerror}."
    return f"the download server cannot be reached ({type(error).__name__})."


def remove_unfinished(cache_dir: Path) -> None:
    """Delete what a killed download has left behind."""
    for folder in cache_dir.glob("incomplete-*"):
        shutil.rmtree(folder, ignore_errors=True)
