"""The pages speak the browser's language, or the one that was chosen, with charts and figures written as it does."""

import html
import re

import httpx
import pytest

from glucoflow.languages import language
from scripts.messages import catalogue_of
from tests.web.conftest import Open
from tests.web.serving import Site

PAGES = (
    "/", "/people/anna", "/people/anna/profile", "/people/anna/days", "/people/anna/patterns", "/people/anna/episodes",
    "/people/anna/events", "/people/anna/sensor", "/people/anna/insights", "/people/anna/protocols",
    "/people/anna/settings", "/people/anna/apps", "/people/anna/status", "/people/anna/connect/librelinkup",
    "/people/cleo", "/people/anna?last=2d", "/people/anna/nothing", "/login",
)  # fmt: skip


@pytest.mark.parametrize("code", ["de", "fr"])
def test_no_english_is_left_on_a_page(town: Site, code: str) -> None:
    english = {
        one.id
        for one in catalogue_of(code)
        if isinstance(one.id, str)
        and one.string != one.id
        and one.id.count(" ") > 1
        and not re.search(r"[%{\[]", one.id)
    }
    with httpx.Client(
        base_url=town.url, headers={"Accept-Language": code, "Accept": "text/html"}, timeout=120
    ) as client:
        for path in PAGES:
            answer = client.get(path)
            text = html.unescape(re.sub(r"\s+", " ", answer.text))
            assert f'<html lang="{code}"' in text, path
            assert [one for one in english if one in text] == [], path


def test_what_was_chosen_goes_before_the_browser_and_keeps_its_region(town: Site) -> None:
    with httpx.Client(base_url=town.url, headers={"Accept-Language": "de,fr-CH;q=0.5"}, timeout=120) as client:
        first = client.get("/people/anna?last=14d")
        token = re.search(r'name="csrf" value="([^"]+)"', first.text)
        assert token is not None
        sent = {"csrf": token[1], "language": "fr", "back": "/people/anna?last=14d"}
        answer = client.post("/language", data=sent)
        assert (answer.status_code, answer.headers["location"]) == (303, "/people/anna?last=14d")
        chosen = client.get("/people/anna?last=14d")
        assert '<html lang="fr-CH"' in chosen.text
        assert "Temps dans la cible" in chosen.text
        assert client.post("/language", data={**sent, "language": "xx"}).status_code == 404
        assert client.post("/language", data={**sent, "csrf": "no"}).status_code == 403


def test_the_clock_and_the_dates_are_those_of_the_region(town: Site) -> None:
    def moment(tag: str) -> str:
        page = httpx.get(f"{town.url}/people/anna", headers={"Accept-Language": tag}, timeout=120).text
        return html.unescape(re.findall(r'<time class="age"[^>]* title="([^"]+)"', page)[0])

    assert re.fullmatch(r"[A-Z][a-z]{2}, [A-Z][a-z]{2} \d+, \d+:\d\d\s[AP]M", moment("en-US"))
    assert re.fullmatch(r"[A-Z][a-z]{2} \d+ [A-Z][a-z]+, \d\d:\d\d", moment("en-GB"))
    assert re.fullmatch(r"[A-Z][a-z]\. \d+\. \w+\.?, \d\d:\d\d", moment("de"))


def test_charts_write_as_the_language_does(town: Site) -> None:
    address = f"{town.url}/api/people/ben/charts/tir_14d?last=14d"
    got = httpx.get(address, headers={"Accept-Language": "de"}, timeout=120)
    assert "Cookie, Accept-Language" in got.headers["vary"]
    chart = got.json()
    assert chart["meta"]["title"] == "Zeit im Zielbereich nach Tag"
    assert chart["spec"]["config"]["locale"] == language("de").d3_locale()
    assert "3,9–10,0" in got.text
    assert "%e. %b" in got.text
    plain = httpx.get(address, headers={"Accept-Language": "en-GB"}, timeout=120)
    assert "locale" not in plain.json()["spec"]["config"]
    assert httpx.get(address, headers={"Accept-Language": "en-US"}, timeout=120).json()["meta"] == plain.json()["meta"]


@pytest.mark.parametrize(("locale", "words"), [("de-DE", "Zeit im Zielbereich"), ("en-US", "Time in range")])
def test_all_charts_of_a_page_are_drawn_in_another_language(
    town: Site, open_page: Open, locale: str, words: str
) -> None:
    """A name of a column that was taken for a text, or a text for a name, leaves a chart without marks."""
    for path in ("/people/anna/profile", "/people/anna/events", "/people/anna/patterns"):
        page = open_page(town.url + path, locale=locale)
        states = page.eval_on_selector_all("[data-chart]", "all => all.map(one => one.dataset.state)")
        assert set(states) == {"drawn"}, path
        assert words in page.inner_text("main")
