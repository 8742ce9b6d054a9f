"""The contract of a file format: how sure it is that a file is its own, and what it takes from the rows.

A package names its formats under the entry point group `glucoflow.file_formats`; `report`, `import-file`, the upload
page and the watched folder read every installed one.
"""

from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import entry_points

from glucoflow.file_reading.choices import Choices
from glucoflow.file_reading.findings import Findings
from glucoflow.file_reading.source import Head, Source
from glucoflow.model.ranges import USUAL_LIMITS, SensorLimits

GROUP = "glucoflow.file_formats"


@dataclass(frozen=True, kw_only=True)
class FileFormat:
    """One kind of file. `title` follows “this is a”; `how_sure` gives 0 for a file of another kind, 1 for its own."""

    name: str
    title: str
    how_sure: Callable[[Head], float]
    read: Callable[[Source, Findings, Choices], None]
    sensor_limits: SensorLimits = USUAL_LIMITS
    """Beyond these its sensors say LOW or HIGH."""
    provider: str = "file"
    """What documents name as the source."""


@dataclass(frozen=True, kw_only=True)
class OtherFormat:
    """A kind of file without readings that we take, and where its glucose is to be had."""

    title: str
    is_it: Callable[[Head], bool]
    instead: str


def installed_formats() -> tuple[FileFormat | OtherFormat, ...]:
    """Every format that an installed package names, by name."""
    found: list[FileFormat | OtherFormat] = []
    for point in sorted(entry_points(group=GROUP), key=lambda point: point.name):
        loaded = point.load()
        found += loaded if isinstance(loaded, tuple) else (loaded,)
    return tuple(found)
