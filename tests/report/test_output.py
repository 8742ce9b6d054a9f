"""What the report command prints and writes."""

import json
import re
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
from playwright.sync_api import Browser

from glucoflow.analytics import Series, metrics_of
from glucoflow.analytics.series import moment_of
from glucoflow.model.errors import UnreadableFile
from glucoflow.report.run import report
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
    shown = [float(text.removesuffix(" %")) for text in page.locator(".range td:last-child").all_inner_texts()]
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


def test_a_year_of_json_is_quick(files: Files) -> None:
    """A file of a year is read and computed within seconds, or nobody would use it."""
    count = 365 * 288
    moments = np.datetime64("2025-01-01T00:00:00") + np.arange(count) * np.timedelta64(5, "m")
    rows = [f"a,{text},{100 + k % 70}" for k, text in enumerate(np.datetime_as_string(moments, unit="s").tolist())]
    began = time.monotonic()
    answer = json.loads(report(files.plain(rows), zone="America/New_York", as_json=True))
    assert answer["n"] > count - 24
    assert time.monotonic() - began < 6
