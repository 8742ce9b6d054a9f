"""`report --user`: the page of a connected person, against the simulator's own records counted by hand."""

import statistics
from collections import defaultdict
from datetime import date, datetime, timedelta
from pathlib import Path

import pytest
from pypdf import PdfReader

from glucoflow.cli import reporting
from glucoflow.model.errors import Rejected
from tests.flows.conftest import NOW, House
from tests.flows.counting import by_date, share, truth

FIRST, LAST = date(2026, 6, 1), date(2026, 6, 14)


def written(house: House, out: Path, **asked: object) -> list[str]:
    """The text of each page of the PDF."""
    unit = asked.pop("unit", None)
    wanted = reporting.ReportOptions(first=None, last=None, born=None, html=None, pdf=out, letter=False, large=False)
    wanted = wanted._replace(**asked)  # type: ignore[arg-type]
    assert reporting.report_person(house.rt.settings, "alma", wanted, unit) == 0  # type: ignore[arg-type]
    return [page.extract_text() for page in PdfReader(out).pages]


def test_it_is_the_own_period_on_one_page(synced: House, tmp_path: Path) -> None:
    (text,) = written(synced, tmp_path / "alma.pdf", first=FIRST, last=LAST, born=date(1984, 3, 2))
    days = by_date(truth(synced))
    named = [(FIRST + timedelta(days=k)).isoformat() for k in range(14)]
    values = [value for name in named for value in days.get(name, ())]
    mean, sd = statistics.fmean(values), statistics.stdev(values)
    held = sum(name in days for name in named)
    for said in (
        "Alma",
        "born 2 March 1984",
        f"1 June 2026 to 14 June 2026 ({held} of 14 days with data)",
        f"{mean:.0f}",
        f"{3.31 + 0.02392 * mean:.1f} %",
        f"{10.929 * (3.31 + 0.02392 * mean - 2.152):.0f} mmol/mol",
        f"{sd:.0f}",
        f"{share(values, 181, 250):.1f} %",
        f"{share(values, 251, 999):.1f} %",
        f"{_insulin_a_day(synced, named):.1f} U",
        f"{_carbs_a_day(synced, named):.0f} g",
    ):
        assert said in text, said
    page = PdfReader(tmp_path / "alma.pdf").pages[0]
    assert (round(float(page.mediabox.width)), round(float(page.mediabox.height))) == (595, 842)


def test_without_dates_it_is_the_last_full_fortnight_in_the_persons_unit(synced: House, tmp_path: Path) -> None:
    first, second = written(synced, tmp_path / "two.pdf", letter=True, large=True, unit="mmol/L")
    assert "7 June 2026 to 20 June 2026" in first
    assert "mmol/L" in first
    assert "mg/dL" not in first
    assert "Sat 20 Jun" in second
    page = PdfReader(tmp_path / "two.pdf").pages[1]
    assert (round(float(page.mediabox.width)), round(float(page.mediabox.height))) == (612, 792)


@pytest.mark.parametrize(
    ("first", "last", "says"),
    [(LAST, FIRST, "the first day comes first"), (date(2025, 1, 1), LAST, "more than a year")],
)
def test_dates_that_make_no_span_are_refused(synced: House, tmp_path: Path, first: date, last: date, says: str) -> None:
    with pytest.raises(Rejected, match=says):
        written(synced, tmp_path / "none.pdf", first=first, last=last)
    assert list(tmp_path.iterdir()) == []


def _amounts(house: House, named: list[str], kind: str) -> float:
    """The mean over the dates that have any, from the provider's own events."""
    days: dict[str, float] = defaultdict(float)
    since = house.sim.scenario.person("alma").since
    for event in house.sim.truth("alma", "events", since, NOW):
        day = datetime.fromisoformat(event["displayTime"]).date().isoformat()
        if event["eventType"] == kind and day in named and event["value"] is not None:
            days[day] += float(event["value"])
    return statistics.fmean(days.values())


def _insulin_a_day(house: House, named: list[str]) -> float:
    return _amounts(house, named, "insulin")


def _carbs_a_day(house: House, named: list[str]) -> float:
    return _amounts(house, named, "carbs")
