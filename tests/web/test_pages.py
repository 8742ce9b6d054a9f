"""The pages in a real browser, over real documents."""

import re
from datetime import UTC, datetime, timedelta

import httpx
import pytest
from playwright.sync_api import expect
from sqlalchemy import text

from glucoflow.analytics.series import Series
from glucoflow.analytics.summary import metrics_of
from glucoflow.es.queries import Queries
from glucoflow.web.security import CSRF_COOKIE
from tests.web.conftest import NAMES, Open
from tests.web.serving import Site

BOARDS = ("", "/profile", "/days", "/patterns", "/episodes", "/events", "/sensor", "/status")


def test_the_front_page_shows_each_person_with_what_they_need_next(town: Site, open_page: Open) -> None:
    page = open_page(town.url)
    cards = {card.locator("h2").inner_text(): card for card in page.locator("li.card").all()}
    assert set(cards) == {"Anna", 'Ben "B" 🦊', "Cleo", "Dora"}
    assert re.search(r"\d+\s*mg/dL", cards["Anna"].inner_text())
    assert re.search(r"\d+\.\d\s*mmol/L", cards['Ben "B" 🦊'].inner_text())
    assert "Connect a provider" in cards["Cleo"].inner_text()
    dora = cards["Dora"].inner_text()
    assert "needs to be connected again" in dora
    assert "Old: from" in dora
    assert "4 days ago" in dora


@pytest.mark.parametrize("path", ["/", "/people/ben", "/people/ben/patterns", "/people/anna/status"])
def test_pages_fit_every_screen_in_both_themes(town: Site, open_page: Open, path: str) -> None:
    page = open_page(town.url + path, width=360)
    for theme in ("light", "dark"):
        page.emulate_media(color_scheme=theme)
        back = page.evaluate("getComputedStyle(document.documentElement).backgroundColor")
        assert (sum(map(int, re.findall(r"\d+", back)[:3])) < 200) == (theme == "dark")
        for width in (1280, 360):
            page.set_viewport_size({"width": width, "height": 900})
            assert page.evaluate("document.documentElement.scrollWidth") <= width


@pytest.mark.parametrize("board", BOARDS)
def test_every_chart_of_every_page_draws(town: Site, open_page: Open, board: str) -> None:
    page = open_page(f"{town.url}/people/ben{board}")
    states = page.locator("[data-chart]").evaluate_all("all => all.map(f => [f.dataset.chart, f.dataset.state])")
    assert {name.split("?")[0]: state for name, state in states if state != "drawn"} == {}
    assert page.locator(".drawing svg.marks").count() == len(states)


def test_figures_are_those_of_the_metrics(town: Site, open_page: Open) -> None:
    end = datetime.now(UTC).date() - timedelta(days=1)
    start = end - timedelta(days=13)
    page = open_page(f"{town.url}/people/anna/profile?from={start}&to={end}")
    offset = timedelta(hours=1)
    first = datetime(start.year, start.month, start.day, tzinfo=UTC) - offset
    arrays = Queries(town.client, NAMES).readings("anna", first, first + timedelta(days=14))
    own = metrics_of(
        Series.of(arrays.utc, arrays.mg_dl, arrays.offset_min, arrays.interval_ms), period_ms=14 * 86_400_000
    )
    shown = {
        tile.locator("dt").inner_text(): tile.locator(".figure").inner_text() for tile in page.locator(".tile").all()
    }
    assert own.mean_mg_dl is not None
    assert own.gmi_percent is not None
    assert own.cv_percent is not None
    assert shown["Mean"] == f"{own.mean_mg_dl:.0f}"
    assert shown["GMI"] == f"{own.gmi_percent:.1f}"
    assert shown["Variability (CV)"] == f"{own.cv_percent:.0f}"
    assert abs(float(shown["Time in range"].split("\u00a0")[0]) - (own.tir_percent or 0)) <= 1
    assert shown["Sensor active"] == f"{own.active_percent:.0f}\u00a0%"


def test_gmi_is_withheld_below_14_days(town: Site, open_page: Open) -> None:
    page = open_page(f"{town.url}/people/anna?last=7d")
    gmi = page.locator(".tile", has_text="GMI")
    assert "needs 14 days" in gmi.inner_text()
    assert gmi.locator(".figure").inner_text() == "–"


def test_the_unit_is_switched_and_remembered(town: Site, open_page: Open) -> None:
    page = open_page(f"{town.url}/people/anna")
    before = float(page.locator(".newest strong").inner_text())
    page.get_by_role("button", name="mmol/L").click()
    page.wait_for_selector("[data-charts][data-state=done]", state="attached")
    assert abs(float(page.locator(".newest strong").inner_text()) - before / 18.01559) <= 0.05
    page.goto(f"{town.url}/people/anna/days")
    assert page.get_by_role("button", name="mmol/L").get_attribute("aria-pressed") == "true"
    axis = page.request.get(f"{town.url}/api/people/anna/charts/last_24h").json()["spec"]
    assert {p["name"]: p.get("value") for p in axis["params"]}["unit"] == "mmol/L"


def test_gaps_stay_visible(town: Site, open_page: Open) -> None:
    page = open_page(f"{town.url}/people/ben")
    strokes = page.locator('[data-chart^="last_24h"] .mark-line path').evaluate_all(
        "all => all.map(path => (path.getAttribute('d').match(/M/g) || []).length).reduce((a, b) => a + b, 0)"
    )
    assert strokes >= 2


def test_a_chart_works_by_keyboard_and_as_a_table(town: Site, open_page: Open) -> None:
    page = open_page(f"{town.url}/people/anna")
    figure = page.locator('[data-chart^="last_24h"]')
    figure.locator(".drawing").focus()
    page.keyboard.press("ArrowLeft")
    last = figure.locator(".readout").inner_text()
    assert re.search(r"\d", last)
    page.keyboard.press("Home")
    assert figure.locator(".readout").inner_text() != last
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    table = figure.locator("table.data")
    table.wait_for()  # it is made when it is first opened
    assert table.locator("tbody tr").count() > 250


def test_colours_are_switched_without_a_reload(town: Site, open_page: Open) -> None:
    page = open_page(f"{town.url}/people/anna", theme="light")
    switch = page.locator("[data-theme-switch]")
    switch.click()
    switch.click()
    assert page.evaluate("document.documentElement.dataset.theme") == "dark"
    page.reload()
    assert page.evaluate("getComputedStyle(document.documentElement).colorScheme") == "dark"


@pytest.mark.parametrize(
    ("query", "says"),
    [
        ("from=2026-03-05&to=2026-03-01", "Swap the two"),
        ("from=2999-01-01&to=2999-01-02", "in the future"),
        ("from=yesterday&to=2026-01-02", "could not be read"),
        ("last=3w", "no span this page knows"),
    ],
)
def test_a_bad_span_says_what_to_do(town: Site, query: str, says: str) -> None:
    answer = httpx.get(f"{town.url}/people/anna?{query}")
    assert answer.status_code == 400
    assert says in answer.text


def test_no_data_in_the_span_leads_to_the_newest_day(town: Site, open_page: Open) -> None:
    page = open_page(f"{town.url}/people/dora?last=24h")
    assert re.search(r"The newest is from \w{3} \d+ \w{3} 20\d\d:", page.inner_text("main"))
    page.get_by_role("link", name="show that day").click()
    page.wait_for_selector("[data-charts][data-state=done]", state="attached")
    assert page.locator('[data-chart^="last_24h"][data-state=drawn]').count() == 1


def test_the_page_renews_itself_after_a_sync(town: Site, open_page: Open) -> None:
    now = datetime.now(UTC).replace(microsecond=0)
    town.store.people.add("eva", "Eva", now)
    town.put("eva", days=1, seed=9, end=now - timedelta(minutes=50))
    page = open_page(f"{town.url}/people/eva")
    assert "50 min ago" in page.locator(".newest").inner_text()
    page.wait_for_timeout(300)
    town.put("eva", days=0.1, seed=9, end=now - timedelta(minutes=5))
    page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
    expect(page.locator(".newest")).to_contain_text(re.compile(r"\b[56] min ago"))


def test_ninety_days_are_on_the_screen(town: Site, open_page: Open) -> None:
    page = open_page(f"{town.url}/people/anna?last=90d")
    drawn = page.locator('[data-chart^="trace_14d"][data-state=drawn]')
    assert drawn.count() == 1


def test_a_page_of_an_unknown_person_or_chart_is_a_plain_404(town: Site) -> None:
    for path in ("/people/nobody", "/people/anna/unknown", "/people/../etc", "/x"):
        answer = httpx.get(town.url + path, headers={"accept": "text/html"})
        assert answer.status_code == 404
        assert "What to do" in answer.text
    assert httpx.get(f"{town.url}/api/people/anna/charts/unknown").json()["error"]


def test_a_person_without_any_data_is_told_what_to_do_on_every_page(town: Site) -> None:
    for board in BOARDS:
        answer = httpx.get(f"{town.url}/people/cleo{board}")
        assert answer.status_code == 200
        assert "/people/cleo/connect/dexcom" in answer.text or "Connect a provider" in answer.text
    rows = httpx.get(f"{town.url}/api/people/cleo/charts/last_24h").json()["spec"]["data"]["values"]
    assert rows == []


def test_one_reading_is_enough_for_every_page(town: Site, open_page: Open) -> None:
    now = datetime.now(UTC).replace(microsecond=0)
    town.store.people.add("uno", "Uno", now)
    town.put("uno", days=0, seed=4, end=now - timedelta(minutes=2))
    for board in ("", "/patterns"):
        page = open_page(f"{town.url}/people/uno{board}")
        assert page.locator("[data-state=problem]").count() == 0
    assert "needs 14 days" in page.inner_text(".tiles") or "active" in page.inner_text(".tiles")


def test_five_years_are_one_page(town: Site) -> None:
    first = datetime.now(UTC).date() - timedelta(days=1800)
    for board in ("", "/days", "/patterns"):
        assert httpx.get(f"{town.url}/people/anna{board}?from={first}&to=2099-01-01").status_code == 200
    answer = httpx.get(f"{town.url}/api/people/anna/charts/trace_14d?from={first}&to=2099-01-01")
    assert len(answer.content) < 1_000_000


def test_unchanged_charts_and_pulses_are_not_sent_again(town: Site) -> None:
    for path in ("/api/people/ben/charts/calendar_tir?from=2026-11-01&to=2026-11-02", "/api/people/ben/pulse"):
        first = httpx.get(town.url + path)
        again = httpx.get(town.url + path, headers={"if-none-match": first.headers["etag"]})
        assert (again.status_code, again.content) == (304, b"")


def test_paper_is_light_even_where_the_screen_is_dark(town: Site, open_page: Open) -> None:
    page = open_page(f"{town.url}/people/anna", theme="dark")
    page.emulate_media(media="print")
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    assert not page.locator(".toolbar .segments").is_visible()


def test_a_name_that_ends_in_six_digits_breaks_no_page(empty_site: Site) -> None:
    """Neither a new one, nor a row that an earlier version let in."""
    with httpx.Client(base_url=empty_site.url) as browser:
        form = {"name": "X 000001", "unit": "mg/dL", "zone": "UTC", "csrf": browser.get("/").cookies[CSRF_COOKIE]}
        added = browser.post("/people", data=form)
        assert added.status_code == 303, added.text
        assert browser.get(added.headers["location"]).status_code == 200
        assert "X 000001" in browser.get("/").text
        with empty_site.store.people._database.write() as session:  # no door of ours lets it in any more
            session.execute(text("UPDATE people SET id = 'x-000001'"))
        front = browser.get("/")
        assert front.status_code == 200
        assert "X 000001" in front.text
