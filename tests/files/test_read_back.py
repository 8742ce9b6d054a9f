"""Every format in every variant is read back exactly; what a file leaves open is asked, never guessed."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any
from zipfile import ZipFile

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from glucoflow.file_reading.choices import Choices
from glucoflow.file_reading.contents import Contents, FilePerson
from glucoflow.file_reading.recognise import read_contents
from glucoflow.model.errors import UnreadableFile
from tests.files import writing as w
from tests.files.writing import MG_DL, MMOL_L, Truth

FIRST, LAST = datetime(2015, 1, 1), datetime(2026, 6, 1)  # noqa: DTZ001 – hypothesis wants them so
BERLIN = Choices(zone="Europe/Berlin")
ALL = settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.too_slow])
AUTUMNS = [datetime(year, 10, day, tzinfo=UTC) for year, day in ((2019, 26), (2023, 28), (2025, 25))]


@st.composite
def truths(
    draw: st.DrawFn,
    minutes: int = 5,
    whole_minutes: bool = False,
    units: tuple[str, ...] = (MG_DL, MMOL_L),
    limits: bool = True,
    least: int = 3,
) -> Truth:
    """A few hours to two days anywhere in years that files are of; often the night on which clocks are put back."""
    day = draw(st.sampled_from(AUTUMNS) | st.datetimes(FIRST, LAST))
    begin = day.replace(tzinfo=UTC, microsecond=0)
    begin = begin.replace(second=0) if whole_minutes else begin
    count = draw(st.integers(least, 160))
    unit = draw(st.sampled_from(units))
    seed = draw(st.integers(0, 10_000))
    values = []
    for k in range(count):
        level = 40 + (seed * 31 + k * k * 7 + k * 13) % 360
        values.append(str(level) if unit == MG_DL else f"{level / 18:.1f}")
    if limits and draw(st.booleans()):
        values[draw(st.integers(0, count - 1))] = draw(st.sampled_from(("Low", "High")))
    return Truth(tuple(begin + timedelta(minutes=minutes * k) for k in range(count)), tuple(values), unit)


def contents_of(text: str, choices: Choices = BERLIN, encoding: str = "utf-8", name: str = "file.csv") -> Contents:
    with TemporaryDirectory() as folder:
        path = Path(folder) / name
        path.write_bytes(text.encode(encoding))
        return read_contents(path, choices)


def check(contents: Contents, truth: Truth, kind: str, high: float = 401.0) -> FilePerson:
    """All of the truth, once, and nothing else."""
    assert contents.format.name == kind
    (person,) = [one for one in contents.people if one.counts.rows]
    counts = person.counts
    assert counts.rows == counts.read + counts.n_merged + counts.n_unread
    assert (counts.read, counts.n_merged, counts.n_unread) == (len(truth.moments), 0, 0), counts
    assert person.utc.tolist() == [int(moment.timestamp() * 1000) for moment in truth.moments]
    expected = [high if value == 401.0 else value for value in truth.expected()]
    assert person.mg_dl.tolist() == pytest.approx(expected, abs=1e-3)
    assert not person.second_sensor.any()
    local = [int((at.utcoffset() or timedelta()).total_seconds()) // 60 for at in truth.local()]
    assert person.offset_min.tolist() == local
    return person


def told(read: Callable[[Choices], Contents], first: bool) -> Contents:
    """Read; where the file does not tell the order of its dates it asks, and is told."""
    try:
        return read(BERLIN)
    except UnreadableFile as error:
        if "--day-first" not in error.remedy:
            raise
    return read(Choices(zone="Europe/Berlin", day_first=first))


@ALL
@given(
    truths(),
    st.sampled_from(sorted(w.CLARITY_HEADERS)),
    st.integers(12, 15),
    st.booleans(),
    st.booleans(),
    st.booleans(),
    st.sampled_from(("utf-8", "utf-8-sig", "utf-16")),
)
def test_clarity(
    truth: Truth, language: str, width: int, blank: bool, quoted: bool, masked: bool, encoding: str
) -> None:
    text = w.clarity(truth, language, width, blank, quoted, masked)
    person = check(contents_of(text, encoding=encoding), truth, "clarity")
    assert person.name == truth.name


@ALL
@given(truths(), st.sampled_from((13, 14)), st.randoms(use_true_random=False))
def test_clarity_without_a_zone_and_in_any_order(truth: Truth, width: int, chance: Any) -> None:
    """The counter tells where every reading belongs, so that none is lost in the repeated hour."""
    lines = w.clarity(truth, "en", width, False, False, False).splitlines()
    head, rows = lines[:5], lines[5:]
    chance.shuffle(rows)
    contents = contents_of("\n".join([*head, *rows]), Choices())
    (person,) = contents.people
    assert person.counts.read == len(truth.moments)
    assert not contents.zoned
    local = [at.replace(tzinfo=UTC).timestamp() * 1000 for at in truth.local()]
    assert (person.utc + person.offset_min * 60_000).tolist() == local, "the wall clock is as it was"
    steps = {int(b - a) for a, b in zip(person.utc.tolist()[:-1], person.utc.tolist()[1:], strict=True)}
    assert steps <= {300_000}, "and time goes on evenly"


@ALL
@given(
    truths(minutes=15, whole_minutes=True),
    st.sampled_from(sorted(w.LIBRE_HEADERS)),
    st.sampled_from(("none", "short", "padded")),
    st.sampled_from(sorted(w.DATES)),
    st.booleans(),
    st.booleans(),
    st.booleans(),
)
def test_libreview(
    truth: Truth, language: str, title: str, dates: str, twelve: bool, comma: bool, devices: bool
) -> None:
    text = w.libreview(truth, language, title, dates, twelve, comma, devices)
    contents = told(lambda choices: contents_of(text, choices), not dates.startswith("month"))
    person = check(contents, truth, "libreview", high=501.0)
    assert person.name == ("" if title == "none" else truth.name)


EITHER_UNIT = Truth(
    tuple(FIRST.replace(tzinfo=UTC) + k * timedelta(minutes=5) for k in range(3)), ("18.9", "20.1", "21.9"), MMOL_L
)


@ALL
@given(truths(), st.sampled_from(("local", "zulu", "offset", "ms", "s", "compact", "named")))
@example(EITHER_UNIT, "local")
def test_any_csv(truth: Truth, form: str) -> None:
    """No heading names a unit: where most values may be of either, the file is refused, and read once it is said."""
    text, numbers = w.plain(truth, form), [float(one) for one in truth.values if one not in ("Low", "High")]
    if truth.unit == MMOL_L and median(numbers) >= 20:
        with pytest.raises(UnreadableFile, match="--unit"):
            contents_of(text)
        check(contents_of(text, Choices(zone="Europe/Berlin", unit="mmol/L")), truth, "columns")
    else:
        check(contents_of(text), truth, "columns")


@ALL
@given(
    truths(whole_minutes=True),
    st.sampled_from(("iso", "day.", "day/", "month/")),
    st.booleans(),
    st.sampled_from(";\t"),
    st.sampled_from(w.GLOOKO_HEADINGS),
)
def test_glooko(truth: Truth, dates: str, comma: bool, separator: str, heading: str) -> None:
    text = w.glooko(truth, dates, comma, separator, heading)
    name = "cgm_data_1.csv" if heading == w.GLOOKO_HEADINGS[-1] else "file.csv"
    read = told(lambda choices: contents_of(text, choices, name=name), not dates.startswith("month"))
    check(read, truth, "glooko")


@ALL
@given(
    truths(),
    st.sampled_from(("iso", "day.", "day/", "month/")),
    st.sampled_from(";,"),
    st.sampled_from(sorted(w.CARELINK_WORDS)),
)
def test_carelink(truth: Truth, dates: str, separator: str, language: str) -> None:
    text = w.carelink(truth, dates, separator, language)
    person = check(told(lambda choices: contents_of(text, choices), not dates.startswith("month")), truth, "carelink")
    assert person.name == truth.name


@ALL
@given(truths(least=6), st.sampled_from(sorted(w.TABLES)))
def test_a_table_whose_headings_leave_no_doubt(truth: Truth, form: str) -> None:
    """Its unit may be open, as that of any CSV; a meter's rows among the sensor's are left aside."""
    text = w.told_by_headings(truth, form)
    try:
        contents = contents_of(text)
    except UnreadableFile as error:
        assert "--unit" in error.remedy  # noqa: PT017
        contents = contents_of(text, Choices(zone="Europe/Berlin", unit=truth.unit))  # type: ignore[arg-type]
    check(contents, truth, "columns")


@ALL
@given(truths(least=12, limits=False), st.integers(2, 4), st.booleans())
def test_a_zip_of_one_person_is_one_and_that_of_a_study_is_many(truth: Truth, parts: int, study: bool) -> None:
    """Files that name nobody: those that contradict each other are of different people."""
    shift = "1.9" if truth.unit == MMOL_L else "41"
    with TemporaryDirectory() as folder, ZipFile(Path(folder) / "all.zip", "w") as archive:
        for k in range(parts):
            values = [f"{float(value) + k * float(shift) if study else float(value):g}" for value in truth.values]
            every = replace(truth, values=tuple(values))
            part = every if study else _slice(every, k, parts)
            archive.writestr(f"all/{k}/part {k}.csv", w.told_by_headings(part, "utc"))
        archive.close()
        contents = read_contents(Path(folder) / "all.zip", Choices(zone="Europe/Berlin", unit=truth.unit))  # type: ignore[arg-type]
    if study:
        assert [one.name for one in contents.people] == [f"part {k}" for k in range(parts)]
        assert {one.counts.read for one in contents.people} == {len(truth.moments)}
    else:
        (person,) = contents.people
        assert person.utc.tolist() == [int(moment.timestamp() * 1000) for moment in truth.moments]
        assert person.mg_dl.tolist() == pytest.approx(truth.expected(), abs=1e-3)


def _slice(truth: Truth, k: int, parts: int) -> Truth:
    """A part of the rows; they share some with their neighbours, as exports of neighbouring spans do."""
    size = len(truth.moments) // parts
    chosen = slice(max(0, k * size - 3), None if k == parts - 1 else (k + 1) * size + 3)
    return replace(truth, moments=truth.moments[chosen], values=truth.values[chosen])


@ALL
@given(truths())
def test_tandem(truth: Truth) -> None:
    assert check(contents_of(w.tandem(truth)), truth, "tandem").name == truth.name


@ALL
@given(truths(whole_minutes=True))
def test_xdrip(truth: Truth) -> None:
    check(contents_of(w.xdrip(truth)), truth, "xdrip")


@ALL
@given(truths())
def test_juggluco(truth: Truth) -> None:
    check(contents_of(w.juggluco(truth)), truth, "juggluco", high=501.0)


@ALL
@given(truths(units=(MG_DL,), limits=False), st.sampled_from(("array", "envelope", "export", "csv")))
def test_nightscout(truth: Truth, form: str) -> None:
    if form == "csv":  # which has no offset
        contents = contents_of(w.nightscout(truth, form), name="entries.csv")
        check(contents, replace(truth, zone="Europe/Berlin"), "nightscout")
        return
    check(contents_of(w.nightscout(truth, form), name="entries.json"), truth, "nightscout")


@ALL
@given(truths(limits=False, least=14))
def test_apple_health(truth: Truth) -> None:
    check(contents_of(w.apple_health(truth), name="export.xml"), truth, "apple_health")


@ALL
@given(truths(minutes=15, whole_minutes=True, limits=False), st.sampled_from(("day-", "month-")))
def test_an_order_of_dates_is_never_guessed(truth: Truth, dates: str) -> None:
    """Without a title: either what is read is the truth, or it is asked."""
    text = w.libreview(truth, "en", "none", dates, False, False, True)
    try:
        contents = contents_of(text)
    except UnreadableFile as error:
        assert "--day-first" in error.remedy  # noqa: PT017
        return
    check(contents, truth, "libreview", high=501.0)
