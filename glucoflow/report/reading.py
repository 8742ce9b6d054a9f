"""From a file to the people in it and their series, for the report."""

from dataclasses import dataclass, replace
from pathlib import Path

from glucoflow.analytics.series import HIGHEST, LOWEST, Series
from glucoflow.file_reading.choices import Choices
from glucoflow.file_reading.contents import Contents, FilePerson, RowCounts
from glucoflow.file_reading.deciding import holds_no_trace
from glucoflow.file_reading.recognise import read_contents
from glucoflow.model.errors import UnreadableFile
from glucoflow.model.glycemia import ExcludedCounts
from glucoflow.model.ranges import SensorLimits
from glucoflow.model.words import count


@dataclass(frozen=True)
class PersonInFile:
    """One person of a file, their readings, and the kind of file they came from. `zoned`: times are true instants."""

    id: str
    series: Series
    source: str
    zoned: bool
    rows: RowCounts
    contents: Contents


def read_people(path: Path, choices: Choices | None = None) -> tuple[PersonInFile, ...]:
    """Everyone in a file of any known format.

    Raises UnreadableFile when the file is of none, or holds no sensor's reading that could be read and be glucose. A
    person without a single readable one, beside others, is still there, with an empty series.
    """
    contents = read_contents(path, choices)
    if not any(person.counts.read for person in contents.people):
        raise holds_no_trace(contents, path.name)
    people = [one for one in contents.people if one.counts.rows or len(contents.people) == 1]
    named = contents.names_are_ids or len(people) > 1
    found = tuple(
        PersonInFile(
            (person.name if named else "") or path.stem,
            _series(person, contents.format.sensor_limits),
            contents.format.title,
            contents.zoned,
            person.counts,
            contents,
        )
        for person in people
    )
    if not any(len(one.series) for one in found):
        read = sum(one.rows.read for one in found)
        raise UnreadableFile(
            f"{path.name} holds {count(read, 'value')}, and none can be glucose: all lie outside of "
            f"{LOWEST:.0f} to {HIGHEST:.0f} mg/dL.",
            remedy="Choose the unit of the file with --unit, or export it again.",
        )
    return found


def _series(person: FilePerson, limits: SensorLimits) -> Series:
    series = Series.of(person.utc, person.mg_dl, person.offset_min, superseded=person.second_sensor, limits=limits)
    counted = series.excluded_counts
    counts = ExcludedCounts(
        invalid=counted.invalid + person.counts.n_unread,
        duplicate=counted.duplicate + person.counts.n_merged,
        superseded=counted.superseded,
    )
    return replace(series, excluded_counts=counts)
