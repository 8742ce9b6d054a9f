"""What the report command prints and writes."""

import json
import re
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import msgspec
import numpy as np
import pytest
from playwright.sync_api import Browser
from pypdf import PdfReader

from glucoflow.analytics import PROFILES, Series, metrics_of, targets_for
from glucoflow.analytics.profile import profile_of
from glucoflow.analytics.series import moment_of
from glucoflow.model.errors import UnreadableFile
from glucoflow.model.localtime import DAY_MS
from glucoflow.report.charts import ceiling, days_svg, profile_svg, smoothed
from glucoflow.report.reading import read_people
from glucoflow.report.run import Wanted, report, report_on
from tests.analytics.traces import walk
from tests.report.conftest import Files

KEYS = {
    "mean",
    "sd",
    "cv",
    "gmi",
    "ea1c",
    "tir",
    "titr",
    "below_70",
    "below_54",
    "above_180",
    "above_250",
    "lbgi",
    "hbgi",
    "bgri",
    "adrr",
    "gri",
    "j_index",
    "modd",
    "conga24",
    "mage",
    "mag",
    "active_percent",
    "min",
    "p25",
    "median",
    "p75",
    "max",
    "n",
    "limits",
    "not_counted",
    "interval_minutes",
    "days_with_data",
    "sufficiency",
    "goals",
    "more",
    "start",
    "end",
    "episodes",
}


def walk_file(files: Files, days: int = 16, person: str = "Ana") -> Path:
    times, values = walk(days, seed=21, gaps=True)
    rows = [
        f"{person},{moment_of(int(time)):%Y-%m-%d %H:%M:%S},{value:.0f}"
        for time, value in zip(times, values, strict=True)
    ]
    return files.plain(rows)


def test_json_has_exactly_the_promised_keys_and_the_figures(files: Files) -> None:
    answer = json.loads(report(walk_file(files), as_json=True))
    assert set(answer) == KEYS | {"id", "rows", "file"}
    assert set(answer["episodes"]) == {"low_l1", "low_l2", "low_extended", "high_l1", "high_l2", "high_extended"}
    metrics = metrics_of(Series.of(*walk(16, seed=21, gaps=True)))
    assert answer["id"] == "Ana"
    assert answer["n"] == metrics.n
    assert answer["mean"] == metrics.mean_mg_dl
    assert answer["mage"] == metrics.mage_mg_dl
    assert answer["tir"] == metrics.tir_percent
    assert answer["start"] == "2026-02-02T00:05:00"


def test_json_is_in_mg_dl_whatever_is_shown_and_wherever_it_was(files: Files) -> None:
    path = walk_file(files)
    plain, shown, zoned = (
        json.loads(report(path, units="mg/dL", as_json=True)),
        json.loads(report(path, units="mmol/L", as_json=True)),
        json.loads(report(path, zone="Asia/Tokyo", as_json=True)),
    )
    assert plain == shown
    assert zoned["start"] == "2026-02-02T00:05:00+09:00"
    assert {key: zoned[key] for key in KEYS - {"start", "end"}} == {key: plain[key] for key in KEYS - {"start", "end"}}


def test_json_has_one_line_a_person_and_null_with_a_reason(files: Files) -> None:
    path = files.plain(["a,2026-03-08 12:00,100", "b,2026-03-08 12:00,x"])
    one, none = (json.loads(line) for line in report(path, as_json=True).splitlines())
    assert (one["n"], one["mean"], one["sd"], one["reasons"]["sd"]) == (1, 100, None, "needs two readings")
    assert (none["n"], none["mean"], none["start"], none["reasons"]["mean"]) == (0, None, None, "no readings")
    assert one["reasons"]["episodes"].startswith("needs 16.8 worn hours")
    assert one["reasons"]["gmi"].startswith("needs 14 days")
    assert none["episodes"] is None
    for answer in (one, none):
        assert {key for key, value in answer.items() if value is None} == set(answer["reasons"])


def test_text_speaks_the_persons_unit(files: Files) -> None:
    path = walk_file(files)
    text = report(path, units="mmol/L")
    mean = metrics_of(Series.of(*walk(16, seed=21, gaps=True))).mean_mg_dl or 0
    assert f"mean {mean / 18.01559:.1f} mmol/L" in text
    assert "3.9–10.0 mmol/L" in text
    shares = [float(found) for found in re.findall(r"mmol/L +([\d.]+) %", text)]
    assert len(shares) == 5
    assert sum(shares) == pytest.approx(100)
    odd = report(files.plain(["a,2026-03-08 12:00,x", "b,2026-03-08 12:00,100"]))
    assert "1 row with readings: 0 read, 0 merged, 1 unread" in odd
    assert "not enough data: no readings" in odd


def test_an_unknown_unit_is_refused(files: Files) -> None:
    with pytest.raises(UnreadableFile, match="expected mg/dL or mmol/L"):
        report(files.plain(["a,2026-03-08 12:00,100"]), units="stone")


def test_html_stands_alone_and_prints_on_one_sheet(files: Files, browser: Browser) -> None:
    out = files.folder / "report.html"
    path = walk_file(files, person='<b>"Ana" & co</b>')
    assert report(path, zone="Europe/Berlin", html_out=out).splitlines()[0] == f"Wrote {out}"
    html = out.read_text()
    assert not re.search(r"<script|<link|url\(|src=|@import", html)
    assert "NaN" not in html
    page = browser.new_page()
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.goto(out.as_uri())
    assert asked == [out.as_uri()]
    assert page.locator("h1").inner_text() == 'Glucose report: <b>"Ana" & co</b>'
    shown = [float(text.removesuffix("\u00a0%")) for text in page.locator(".range td:last-child").all_inner_texts()]
    assert sum(shown) == pytest.approx(100)
    assert page.locator("svg").count() == 2
    for sheet in ("A4", "Letter"):
        assert len(re.findall(rb"/Type /Page\b", page.pdf(format=sheet))) == 1, sheet


def test_html_of_every_odd_person_is_a_page(files: Files, browser: Browser) -> None:
    """No reading, one reading, all LOW, all HIGH, a week of gaps: a sheet each, with the notice, without NaN."""
    start = datetime(2026, 3, 8, tzinfo=UTC)
    rows = ["none,2026-03-08 12:00,x", "one,2026-03-08 12:00,100"]
    rows += [f"low,{start + timedelta(minutes=5 * k):%Y-%m-%d %H:%M},Low" for k in range(40)]
    rows += [f"high,{start + timedelta(minutes=5 * k):%Y-%m-%d %H:%M},High" for k in range(40)]
    rows += [f"gaps,{start + timedelta(days=k):%Y-%m-%d %H:%M},{100 + k}" for k in range(7)]
    out = files.folder / "odd.html"
    report(files.plain(rows), units="mmol/L", html_out=out)
    assert "NaN" not in out.read_text()
    page = browser.new_page()
    page.goto(out.as_uri())
    assert page.locator(".sheet").count() == 5
    assert page.locator(".notice").count() == 5
    assert len(re.findall(rb"/Type /Page\b", page.pdf(format="A4"))) == 5


def test_a_folder_that_is_not_there_is_said(files: Files) -> None:
    with pytest.raises(UnreadableFile, match="cannot be written"):
        report(files.plain(["a,2026-03-08 12:00,100"]), html_out=files.folder / "none" / "report.html")


def test_a_year_in_one_object(files: Files) -> None:
    count = 365 * 288
    moments = np.datetime64("2025-01-01T00:00:00") + np.arange(count) * np.timedelta64(5, "m")
    rows = [f"a,{text},{100 + k % 70}" for k, text in enumerate(np.datetime_as_string(moments, unit="s").tolist())]
    answer = json.loads(report(files.plain(rows), zone="America/New_York", as_json=True))
    assert answer["n"] > count - 24


def test_pdf_is_one_page_with_text(files: Files) -> None:
    """Selectable, in any letters, on A4 and on Letter; what is beneath a goal is marked."""
    path = walk_file(files, days=14, person="Zoë Łukasz")
    for paper, size in (("A4", (595, 842)), ("Letter", (612, 792))):
        out = files.folder / f"{paper}.pdf"
        wanted = Wanted(unit="mmol/L", pdf=out, paper=paper, printed=date(2026, 3, 1), born=date(1984, 3, 2))  # type: ignore[arg-type]
        assert report_on(read_people(path), wanted).splitlines()[0] == f"Wrote {out}"
        (page,) = PdfReader(out).pages
        assert (round(page.mediabox.width), round(page.mediabox.height)) == size
        text = page.extract_text()
        for words in (
            "Zoë Łukasz",
            "born 2 March 1984",
            "printed on 1 March 2026",
            "2 February 2026 to 16 February 2026",
            "mmol/mol",
            "In range 3.9–10.0",
            "goal over 70 %: met",
            "median",
            "Sat 7 Feb",
            "per worn week",
        ):
            assert words in text, words


def test_a_second_page_and_several_people(files: Files) -> None:
    times, values = walk(14, seed=3)
    rows = [
        f"{who},{moment_of(int(time)):%Y-%m-%d %H:%M},{value:.0f}"
        for who in ("Ana", "Ben")
        for time, value in zip(times, values, strict=True)
    ]
    out = files.folder / "two.pdf"
    report_on(read_people(files.plain(rows)), Wanted(pdf=out, large=True))
    pages = [page.extract_text() for page in PdfReader(out).pages]
    assert ["Ana" in page for page in pages] == [True, True, False, False]
    assert ["Ben" in page for page in pages] == [False, False, True, True]


def test_a_period_and_a_profile_of_a_file(files: Files) -> None:
    """Nine days of sixteen, judged as a pregnancy: its own bands and goals, no GMI."""
    path = walk_file(files)
    wanted = Wanted(first=date(2026, 2, 3), last=date(2026, 2, 11), targets=targets_for("pregnancy"))
    text = report_on(read_people(path), wanted)
    assert "of 9 days with data" in text
    assert "63–140 mg/dL" in text
    assert "GMI: not known to be right in pregnancy" in text
    answer = json.loads(report_on(read_people(path), msgspec.structs.replace(wanted, as_json=True)))
    assert answer["sufficiency"]["calendar_days"] == 9
    with pytest.raises(UnreadableFile, match="no reading in these dates"):
        report_on(read_people(path), Wanted(first=date(2025, 1, 1), last=date(2025, 1, 5)))


def test_every_day_has_its_place_and_a_part_is_marked() -> None:
    times, values = walk(10, seed=5)
    days = times // DAY_MS - times[0] // DAY_MS
    keep = (days != 4) & ~((days == 6) & (times % DAY_MS > 40_000_000))
    series = Series.of(times[keep], values[keep])
    drawn = days_svg(series, PROFILES["adult"], "mg/dL", date(2026, 2, 2), date(2026, 2, 11))
    labels = re.findall(r">(\w{3} \d+ Feb[^<]*)<", drawn)
    assert [label.split()[1] for label in labels] == [str(day) for day in range(2, 12)]
    assert labels[4] == "Fri 6 Feb · no data"
    assert labels[6] == "Sun 8 Feb · part"
    assert "stroke-opacity" in drawn


def test_the_profiles_axis_reaches_its_own_bands() -> None:
    """95 % at 401: the axis ends at 450, and lines lie at all four limits."""
    values = np.full(14 * 288, 401.0)
    drawn = profile_svg(profile_of(Series.of(walk(14, seed=1)[0], values)), PROFILES["adult"], "mg/dL")
    assert ceiling(401) == 450
    assert [word for word in ("54", "70", "180", "250", "450", "95 %", "median") if f">{word}<" not in drawn] == []


def test_smoothing_is_the_weights_it_says() -> None:
    """1 2 3 2 1 round midnight; a gap stays one and takes no weight."""
    values: list[float | None] = [0.0, 0.0, 9.0, 0.0, 0.0, 0.0, None, 18.0]
    found = smoothed(values)
    assert found[2] == pytest.approx(9 * 3 / 9)
    assert found[0] == pytest.approx((9 * 1 + 18 * 2) / (3 + 2 + 1 + 2))
    assert found[6] is None
