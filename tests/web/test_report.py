"""The clinic's page of a connected person: by the button, as PDF, with the figures of the index."""

import io
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import httpx
from pypdf import PdfReader

from glucoflow.analytics import Series
from glucoflow.es.queries import Queries
from glucoflow.report.figures import figures_of
from tests.web.conftest import NAMES, Open
from tests.web.serving import Site


def test_the_button_gives_one_page_of_the_days_shown(town: Site, open_page: Open) -> None:
    end = datetime.now(UTC).date() - timedelta(days=1)
    start = end - timedelta(days=13)
    page = open_page(f"{town.url}/people/anna/profile?from={start}&to={end}")
    address = page.get_by_role("link", name="Report").get_attribute("href")
    answer = httpx.get(f"{town.url}{address}")
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/pdf"
    (sheet,) = PdfReader(io.BytesIO(answer.content)).pages
    text = sheet.extract_text()
    figures = figures_of(readings(town, start, end), first=start, last=end)
    assert figures.shares is not None
    for band in ("very_low", "low", "in_range", "high", "very_high"):
        assert figures.shares.text(band) in text, band
    assert figures.shares.verdict("in_range") in text
    assert f"{figures.metrics.mean_mg_dl:.0f}" in text
    assert f"({figures.days_with_data} of 14 days with data)" in text
    assert f"printed on {datetime.now(ZoneInfo('Europe/Berlin')).day}" in text


def readings(town: Site, start: date, end: date) -> Series:
    first = datetime(start.year, start.month, start.day, tzinfo=UTC) - timedelta(days=1)
    arrays = Queries(town.client, NAMES).readings("anna", first, first + timedelta(days=(end - start).days + 3))
    return Series.of(arrays.utc, arrays.mg_dl, arrays.offset_min, arrays.interval_ms, beyond=arrays.beyond)


def test_dates_that_make_no_span_are_refused_in_words(town: Site) -> None:
    answer = httpx.get(f"{town.url}/people/anna/report.pdf?from=2026-03-09&to=2026-03-01")
    assert answer.status_code == 400
    assert "after the last" in answer.text


def test_a_second_page_where_asked_for(town: Site) -> None:
    answer = httpx.get(f"{town.url}/people/anna/report.pdf?days=true&paper=Letter")
    assert len(PdfReader(io.BytesIO(answer.content)).pages) == 2
