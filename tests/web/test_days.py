"""One day on its own: how one gets there, and what short spans leave out."""

import io
import re
from datetime import UTC, date, datetime, timedelta
from urllib.parse import parse_qs, urlsplit
from zoneinfo import ZoneInfo

import httpx
import pytest
from playwright.sync_api import Page, expect
from pypdf import PdfReader

from glucoflow.web.dashboard_pages import DASHBOARD_PAGES, dashboard_page, placed, too_short
from glucoflow.web.span import dates, rolling
from tests.web.conftest import Open
from tests.web.serving import Site

NOW = datetime(2026, 11, 21, 12, 0, 30, tzinfo=UTC)
TODAY = date(2026, 11, 21)
DRAWN = "[data-charts][data-state=done]"


def shown(slug: str, *, last: str | None = None, first: str = "", to: str = "") -> dict[str, tuple[str, bool]]:
    """The charts of a page: address below the chart's name, and whether it takes the whole row."""
    chosen = dashboard_page(slug)
    assert chosen is not None
    span = rolling(last, "UTC", NOW) if last else dates(date.fromisoformat(first), date.fromisoformat(to), "UTC")
    return {one.chart: (one.query, one.wide) for one in placed(chosen, span, TODAY)}


def test_a_single_date_is_a_page_of_its_own_with_the_calendar_around_it() -> None:
    days = shown("days", first="2026-09-01", to="2026-09-01")
    assert list(days) == ["day_view", "calendar_tir"]
    assert days["day_view"] == ("from=2026-09-01&to=2026-09-01", True)
    around = {name: date.fromisoformat(value[0]) for name, value in parse_qs(days["calendar_tir"][0]).items()}
    assert (around["to"] - around["from"]).days == 89
    assert around["from"] < date(2026, 9, 1) < around["to"]
    assert shown("days", first="2026-11-20", to="2026-11-20")["calendar_tir"][0].endswith("to=2026-11-21")


def test_rolling_spans_keep_the_calendar_of_ninety_days() -> None:
    assert shown("days", last="7d")["calendar_tir"][0] == "last=90d"
    assert "day_view" not in shown("days", last="24h")


@pytest.mark.parametrize("one", DASHBOARD_PAGES, ids=lambda one: one.slug)
def test_no_chart_is_without_a_page_and_none_stands_alone_in_half_a_row(one: object) -> None:
    for last in ("24h", "7d", "90d"):
        wide = [is_wide for _, is_wide in shown(one.slug, last=last).values()]  # type: ignore[attr-defined]
        assert wide, "every span shows something"
        halves = re.findall("h+", "".join("w" if is_wide else "h" for is_wide in wide))
        assert all(len(run) % 2 == 0 for run in halves)


def test_a_span_too_short_for_charts_names_them() -> None:
    patterns = dashboard_page("patterns")
    assert patterns is not None
    assert too_short(patterns, rolling("24h", "UTC", NOW)) == {
        7: ["heatmap_mean", "heatmap_low", "heatmap_high"],
        2: ["nights"],
    }
    assert too_short(patterns, rolling("7d", "UTC", NOW)) == {}


def _day_of(page: Page) -> str:
    query = parse_qs(urlsplit(page.url).query)
    assert query["from"] == query["to"]
    return query["from"][0]


def test_a_click_in_the_calendar_opens_the_day_and_arrows_step(town: Site, open_page: Open) -> None:
    page = open_page(f"{town.url}/people/anna/days")
    page.locator('[data-chart^="calendar_tir"] .mark-rect path').nth(40).click(force=True)
    page.wait_for_selector('[data-chart^="day_view"][data-state=drawn]')
    day = _day_of(page)
    assert f"{date.fromisoformat(day).day} " in page.locator(".span-label").inner_text()
    page.get_by_role("link", name="The day before").click()
    page.wait_for_selector(DRAWN, state="attached")
    assert date.fromisoformat(_day_of(page)) == date.fromisoformat(day) - timedelta(days=1)
    page.keyboard.press("]")
    expect(page).to_have_url(re.compile(f"from={day}"))


def test_enter_opens_the_day_that_was_read_out(town: Site, open_page: Open) -> None:
    page = open_page(f"{town.url}/people/anna/days")
    figure = page.locator('[data-chart^="calendar_tir"]')
    figure.locator(".drawing").focus()
    page.keyboard.press("Home")
    page.keyboard.press("ArrowRight")
    said = figure.locator(".readout").inner_text()
    page.keyboard.press("Enter")
    page.wait_for_selector('[data-chart^="day_view"][data-state=drawn]')
    day = date.fromisoformat(_day_of(page))
    assert f"{day.day} {day:%b %Y}" in re.sub(r"\s+", " ", said)


def test_days_and_episodes_in_tables_lead_to_the_day(town: Site, open_page: Open) -> None:
    for slug in ("days", "episodes"):
        page = open_page(f"{town.url}/people/anna/{slug}?last=30d")
        page.locator("section.card table.data tbody a").first.click()
        page.wait_for_selector('[data-chart^="day_view"][data-state=drawn]')
        assert urlsplit(page.url).path == "/people/anna/days"


def test_on_one_day_a_click_goes_nowhere(town: Site, open_page: Open) -> None:
    day = datetime.now(UTC).date() - timedelta(days=3)
    page = open_page(f"{town.url}/people/anna/days?from={day}&to={day}")
    page.locator('[data-chart^="day_view"] .mark-symbol path').first.click(force=True)
    assert _day_of(page) == str(day)


def test_paper_says_what_is_on_it_and_lists_are_printed_to_their_end(town: Site, open_page: Open) -> None:
    page = open_page(f"{town.url}/people/anna/days?last=30d&compare=1")
    scroll = page.locator("section.card .scroll")
    cut = "e => e.scrollHeight - e.clientHeight"
    assert scroll.evaluate(cut) > 100
    assert not page.locator(".on-paper").is_visible()
    page.emulate_media(media="print")
    today = datetime.now(ZoneInfo("Europe/Berlin")).date()  # hers, which may be tomorrow in UTC
    said = page.locator(".on-paper").inner_text()
    words = f"{today.day} {today:%b %Y}"
    assert said.startswith("Days · ")
    assert f"{words} (last 30 days) · mg/dL · compared with the 30 days before · printed on {today:%a} {words}" in said
    assert words in page.title()
    assert scroll.evaluate(cut) <= 1
    for sheet in ("A4", "Letter"):
        pages = PdfReader(io.BytesIO(page.pdf(format=sheet))).pages
        assert len(pages[-1].extract_text()) > 300, "a sheet for the foot alone"
    drawn = page.locator('[data-chart^="calendar_tir"] svg')
    assert int(drawn.evaluate("svg => svg.viewBox.baseVal.width")) > 1000
    page.evaluate("dispatchEvent(new Event('beforeprint'))")
    assert int(drawn.evaluate("svg => svg.viewBox.baseVal.width")) == 640
    page.evaluate("dispatchEvent(new Event('afterprint'))")
    page.wait_for_function("document.querySelector('[data-chart^=calendar_tir] svg').viewBox.baseVal.width > 1000")


def test_two_spans_stand_side_by_side_where_both_were_worn(town: Site) -> None:
    """Trends, overlay and daily charts of the span before and of the span; nothing where one side lacks data."""
    with httpx.Client(base_url=town.url, timeout=120) as client:
        trends = client.get("/people/anna?last=14d&compare=1").text
        profile = client.get("/people/anna/profile?last=14d&compare=1").text
        daily = client.get("/people/anna/days?last=7d&compare=1").text
        lacking = client.get("/people/dora?last=7d&compare=1").text
    for page, charts in ((trends, ("tir_14d", "trace_14d")), (profile, ("profile_24h",)), (daily, ("day_overlay",))):
        for chart in charts:
            spans = re.findall(rf'data-chart="{chart}\?(from=[\d-]+&amp;to=[\d-]+)"', page)
            assert len(spans) == len(set(spans)) == 2, chart
        assert "Left the span before, right this one." in page
    assert "Nothing is compared: last 7 days:" in lacking
    assert "before:" not in lacking
    assert len(re.findall('data-chart="tir_14d', lacking)) == 1
