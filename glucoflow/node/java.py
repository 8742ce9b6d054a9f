"""Find a Java that Elasticsearch can run on: version 21 or later, with the module jdk.jlink; else download one."""

import logging
import os
import re
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path

from glucoflow.model.errors import Unavailable
from glucoflow.node.supervise import ProcessUser

log = logging.getLogger(__name__)

OLDEST = 21
NEEDED_MODULE = "jdk.jlink"  # Elasticsearch's launcher refuses a runtime without it
DOWNLOADED = "25"

_USUAL_PLACES = (
    "/usr/lib/jvm/*",
    "/usr/java/*",
    "/opt/java/*",
    "/opt/homebrew/opt/openjdk*/libexec/openjdk.jdk/Contents/Home",
    "/Library/Java/JavaVirtualMachines/*/Contents/Home",
    "~/.sdkman/candidates/java/*",
    "~/.jdks/*",
)


def find_java(
    cache_dir: Path,
    environment: Mapping[str, str] = os.environ,
    *,
    bundled: Path | None = None,
    user: ProcessUser | None = None,
) -> Path:
    """The home of a usable Java: ES_JAVA_HOME, the `bundled` one, JAVA_HOME, PATH, the usual places, else downloaded.

    `user` is who must be able to run it. A download goes into `cache_dir`.
    Raises Unavailable naming what was found and why it cannot be used, and what to install.
    """
    unusable: list[str] = []
    if bundled is not None and "ES_JAVA_HOME" not in environment and why_not(bundled, user) is None:
        return bundled
    return find_usable(environment, unusable, user) or _download(cache_dir, unusable)


def find_usable(
    environment: Mapping[str, str] = os.environ, unusable: list[str] | None = None, user: ProcessUser | None = None
) -> Path | None:
    """The first usable home that is there; each that is not is added to `unusable` with its reason."""
    for home in _candidates(environment):
        problem = why_not(home, user)
        if problem is None:
            return home
        if unusable is not None:
            unusable.append(f"{home} ({problem})")
    return None


def why_not(home: Path, user: ProcessUser | None = None) -> str | None:
    """What keeps a Java home from running Elasticsearch, for this user; None if nothing does."""
    java = home / "bin" / "java"
    if not java.exists():
        return "no bin/java"
    try:
        said = _run(java, "-version", user)
        version = re.search(r'version "(?:1\.)?(\d+)', said.stderr + said.stdout)
        if said.returncode != 0 or version is None:
            return "does not run"
        if int(version.group(1)) < OLDEST:
            return f"version {version.group(1)}, {OLDEST} is needed"
        modules = _run(java, "--list-modules", user)
    except PermissionError:
        return f"the user {user.name} may not run it" if user else "may not be run"
    except (OSError, subprocess.TimeoutExpired):
        return "does not run"
    return None if NEEDED_MODULE in modules.stdout else f"a runtime without {NEEDED_MODULE}"


def _run(java: Path, argument: str, user: ProcessUser | None) -> subprocess.CompletedProcess[str]:
    command = [str(java), argument]
    if user is None:
        return subprocess.run(command, capture_output=True, text=True, timeout=20, check=False)
    return subprocess.run(
        command,
        capture_output=True,
        text=True,
        timeout=20,
        check=False,
        cwd="/",
        user=user.uid,
        group=user.gid,
        extra_groups=[],
    )


def _candidates(environment: Mapping[str, str]) -> Iterator[Path]:
    seen: set[Path] = set()
    for home in _homes(environment):
        resolved = home.resolve()
        if resolved not in seen:
            seen.add(resolved)
            yield resolved


def _homes(environment: Mapping[str, str]) -> Iterator[Path]:
    for name in ("ES_JAVA_HOME", "JAVA_HOME"):
        if environment.get(name):
            yield Path(environment[name])
    on_path = shutil.which("java", path=environment.get("PATH"))
    if on_path:
        yield Path(on_path).resolve().parents[1]
    for place in _USUAL_PLACES:
        pattern = Path(place.replace("~", environment.get("HOME", "~"), 1))
        found = (home for home in Path("/").glob(str(pattern)[1:]) if (home / "bin" / "java").exists())
        yield from sorted(found, key=_version_in_name, reverse=True)  # temurin-25 before java-17


def _version_in_name(home: Path) -> int:
    numbers = [int(n) for n in re.findall(r"\d+", home.name) if int(n) < 100]
    return max(numbers, default=0)


def _download(cache_dir: Path, unusable: list[str]) -> Path:
    log.info("no usable Java found; downloading one")
    import cjdk  # needed once in a machine's life

    try:
        return cjdk.java_home(vendor="temurin", version=DOWNLOADED, cache_dir=cache_dir / "java")
    except (cjdk.CjdkError, OSError) as error:
        looked_at = "; found only " + ", ".join(unusable) if unusable else ""
        raise Unavailable(
            f"Elasticsearch needs Java {OLDEST} or later{looked_at}. Downloading one failed ({type(error).__name__}).",
            remedy=f"Install a JDK {OLDEST} or later (Debian: apt install openjdk-21-jdk-headless; macOS: brew install "
            "openjdk) or point JAVA_HOME at one.",
        ) from error
