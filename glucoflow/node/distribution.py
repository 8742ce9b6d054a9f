"""The Elasticsearch that glucoflow runs when the user has none: Elastic's stripped distribution from Maven Central."""

import hashlib
import logging
import shutil
import tempfile
import zipfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import requests
from filelock import FileLock

from glucoflow.model.errors import Misconfigured, Unavailable

log = logging.getLogger(__name__)

VERSION = "9.5.0"
SHA256 = "db0e275fd790f723eca7bcde96069fd6fed304ad23afdb70c8c09553dd9e8b1b"
"""Of that version's archive. The resolver only warns when a checksum differs, so it is compared here."""

_UNFINISHED = "incomplete-"
_GROUP = "org.elasticsearch.distribution.integ-test-zip"

OnBytes = Callable[[int, int], None]
"""MetricDocument how many bytes of how many have arrived."""


def find_distribution(
    home: Path | None, cache_dir: Path, on_bytes: OnBytes | None = None, repositories: Mapping[str, str] | None = None
) -> Path:
    """An unpacked Elasticsearch: the user's own `home`, the cached one, or a fresh download (about 130 MB).

    A download is checked against its published checksum and appears in the cache whole or not at all; where several
    processes want it, one downloads and the others wait. `repositories` are Maven repositories, name to address.
    Raises Misconfigured for a `home` that is none, Unavailable if the download fails.
    """
    if home is not None:
        if not (home / "bin" / "elasticsearch").exists():
            raise Misconfigured(
                f"ES_HOME is {home}, and there is no bin/elasticsearch in it.",
                remedy="Point ES_HOME at an unpacked Elasticsearch, or remove it to have one downloaded.",
            )
        return home.resolve()
    wanted = cache_dir / f"elasticsearch-{VERSION}"
    if wanted.exists():
        return wanted
    try:
        cache_dir.mkdir(parents=True, exist_ok=True)
        with FileLock(cache_dir / "download.lock"):
            if not wanted.exists():
                _remove_unfinished(cache_dir)
                _download(wanted, on_bytes, repositories)
    except (requests.RequestException, RuntimeError, zipfile.BadZipFile, OSError) as error:
        raise Unavailable(
            f"Elasticsearch could not be downloaded: {_reason(error, cache_dir)}",
            remedy="Nothing half-finished was kept. Check the network and the disk and try again, or unpack an "
            "Elasticsearch yourself and set ES_HOME to it.",
        ) from error
    return wanted


def _download(wanted: Path, on_bytes: OnBytes | None, repositories: Mapping[str, str] | None) -> None:
    with tempfile.TemporaryDirectory(dir=wanted.parent, prefix=_UNFINISHED) as folder:
        archive = _fetch(Path(folder) / "repository", on_bytes, repositories)
        if _sha256(archive) != SHA256:
            raise zipfile.BadZipFile
        with zipfile.ZipFile(archive) as packed:
            packed.extractall(Path(folder) / "unpacked")
        (unpacked,) = (Path(folder) / "unpacked").iterdir()
        for program in (unpacked / "bin").iterdir():
            program.chmod(0o755)  # zipfile does not restore permissions
        unpacked.rename(wanted)


def _fetch(repository: Path, on_bytes: OnBytes | None, repositories: Mapping[str, str] | None) -> Path:
    from jgo.maven import MavenContext, PythonResolver  # a quarter of a second, needed once in a machine's life

    @contextmanager
    def progress(_name: str, size: int) -> Iterator[Callable[[int], None]]:
        arrived = 0

        def update(count: int) -> None:
            nonlocal arrived
            arrived += count
            if on_bytes:
                on_bytes(arrived, size)

        yield update

    context = MavenContext(
        PythonResolver(progress_callback=progress),
        repo_cache=repository,
        remote_repos=dict(repositories) if repositories else None,
        timeout=60,
    )
    component = context.project(_GROUP, "elasticsearch").at_version(VERSION)
    return Path(component.artifact(packaging="zip").resolve())


def _sha256(file: Path) -> str:
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _reason(error: Exception, cache_dir: Path) -> str:
    match error:
        case zipfile.BadZipFile():
            return "what arrived does not match its checksum (cut short, or changed on the way)."
        case requests.exceptions.ChunkedEncodingError():
            return "the connection broke in the middle."
        case requests.RequestException():
            return f"the download server cannot be reached ({type(error).__name__})."
        case OSError(strerror=str(strerror)):
            return f"{strerror} ({cache_dir})."
        case _:  # the resolver's RuntimeError: no repository answered 200
            return f"the download server does not give out version {VERSION}; a proxy may be in the way."


def _remove_unfinished(cache_dir: Path) -> None:
    """Delete what a killed download has left behind. Under the lock, so that no living one is among them."""
    for folder in cache_dir.glob(f"{_UNFINISHED}*"):
        shutil.rmtree(folder, ignore_errors=True)
