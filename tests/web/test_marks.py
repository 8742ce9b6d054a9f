"""Insights, protocols, targets and exclusions on pages: in a real browser, over real documents."""

import re
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import httpx
import pytest

from glucoflow.es.provision import delete_user
from glucoflow.web.security import CSRF_COOKIE
from tests.web.conftest import Open
from tests.web.serving import Site

PAGES = ("insights", "protocols", "settings", "apps")


@pytest.fixture
def fay(town: Site) -> Iterator[str]:
    """Someone of one test alone, with 40 days of readings; her id."""
    now = datetime.now(UTC).replace(second=0, microsecond=0)
    name = "fay"
    town.store.people.add(name, "Fay", now, zone="Europe/Berlin")
    town.put(name, days=40, seed=11, end=now - timedelta(minutes=4), level=150)
    yield name
    town.store.people.delete(name)
    delete_user(town.client, town.names, name)


def send(town: Site, path: str, **form: str) -> httpx.Response:
    """A form sent as our own page would, redirects followed."""
    return send_file(town, path, None, **form)


def send_file(town: Site, path: str, content: bytes | None, **form: str) -> httpx.Response:
    with httpx.Client(base_url=town.url, follow_redirects=True) as browser:
        token = browser.get("/").cookies[CSRF_COOKIE]
        files = None if content is None else {"file": ("days.csv", content)}
        return browser.post(path, data=form | {"csrf": token}, files=files)


def in_range(town: Site, user_id: str, day: date) -> tuple[int, str]:
    """Readings and share of one day, as the table of days shows them."""
    text = httpx.get(f"{town.url}/people/{user_id}/days?from={day}&to={day}").text
    row = re.search(r"<tbody>\s*<tr[^>]*>.*?</tr>", text, re.S)
    assert row
    cells = re.findall(r'<td class="number">(.*?)</td>', row[0])
    return int(cells[6]), cells[0]


def test_pages_fit_every_screen_in_both_themes(town: Site, open_page: Open, fay: str) -> None:
    today = datetime.now(UTC).date()
    for kept, first, last in (("true", 30, 16), ("false", 15, 2)):
        span = {"first": str(today - timedelta(days=first)), "last": str(today - timedelta(days=last))}
        send(town, f"/people/{fay}/protocols", name="walk", kept=kept, **span)
    for name in PAGES:
        page = open_page(f"{town.url}/people/{fay}/{name}")
        assert page.locator(".tabs [aria-current]").inner_text().lower() == name
        for theme in ("light", "dark"):
            page.emulate_media(color_scheme=theme)
            for width in (1280, 360):
                page.set_viewport_size({"width": width, "height": 900})
                assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_an_insight_shows_its_numbers_its_rule_and_its_days(town: Site, open_page: Open, fay: str) -> None:
    page = open_page(f"{town.url}/people/{fay}/insights?days=30")
    said = page.locator(".insights li")
    assert 1 <= said.count() <= 20
    for one in said.all():
        assert re.search(r"\d", one.locator(".fine").text_content() or "")
    sentences = [one.inner_text().lower().rstrip(".") for one in page.locator(".insights .said").all()]
    twice = [one for k, one in enumerate(sentences) if any(one in earlier for earlier in sentences[:k])]
    assert not twice, "nothing is said again under “More patterns”"
    text = page.inner_text("main")
    assert "readings count" in text
    assert not re.search(r"\b(inject|take|increase|reduce) ", text, re.I)
    days = page.locator("details.days").first
    days.locator("summary").click()
    days.locator("a").first.click()
    assert re.search(rf"/people/{fay}/days\?from=(\d{{4}}-\d\d-\d\d)&to=\1$", page.url)
    page.wait_for_selector("[data-charts][data-state=done]", state="attached")
    assert page.locator(".span-label").inner_text()


def test_little_data_says_how_much_is_there(town: Site) -> None:
    assert "No readings yet" in httpx.get(f"{town.url}/people/cleo/insights").text
    text = httpx.get(f"{town.url}/people/dora/insights?days=90").text
    assert re.search(r"Not enough data: has \d+\.\d of 90 days worn", text)
    assert "Talk to your care team" not in text


def test_a_span_that_is_left_out_is_in_no_figure_until_it_is_undone(town: Site, open_page: Open, fay: str) -> None:
    day = datetime.now(ZoneInfo("Europe/Berlin")).date() - timedelta(days=5)
    before = in_range(town, fay, day)
    page = open_page(f"{town.url}/people/{fay}/settings")
    page.locator("[name=start]").fill(f"{day}T00:00")
    page.locator("[name=end]").fill(f"{day}T12:00")
    page.locator("[name=reason]").fill("Faulty <sensor>")
    page.get_by_role("button", name="Exclude").click()
    row = page.locator(".data tbody tr")
    assert "Faulty <sensor>" in row.inner_text()
    assert row.locator(".number").inner_text() == "144"
    assert in_range(town, fay, day)[0] == before[0] - 144
    assert "144 readings in 1 span count in no figure" in httpx.get(f"{town.url}/people/{fay}/days?last=7d").text
    (made,) = town.store.exclusions.list(fay)
    assert town.summarized[-1] == (fay, made.start, made.end)
    assert "144 excluded" in httpx.get(f"{town.url}/people/{fay}/insights").text
    page.get_by_role("button", name="Undo").click()
    assert "undone" in page.locator(".data tbody tr").inner_text()
    assert in_range(town, fay, day) == before


def test_targets_are_chosen_and_followed(town: Site, open_page: Open, fay: str) -> None:
    day = datetime.now(ZoneInfo("Europe/Berlin")).date() - timedelta(days=5)
    before = in_range(town, fay, day)
    page = open_page(f"{town.url}/people/{fay}/settings")
    page.get_by_label("own").check()
    page.locator("[name=low]").fill("90")
    page.locator("[name=high]").fill("130")
    page.get_by_role("button", name="Save").click()
    assert "90–130 mg/dL" in page.inner_text("main")
    assert in_range(town, fay, day) != before
    assert town.summarized[-1] == (fay, None, None)
    page.locator("select[name=profile]").select_option("pregnancy")
    page.get_by_label("of the profile").check()
    page.get_by_role("button", name="Save").click()
    assert "63–140 mg/dL" in page.inner_text("main")


def test_a_protocol_is_recorded_compared_imported_and_deleted(town: Site, fay: str) -> None:
    today = datetime.now(UTC).date()
    path = f"/people/{fay}/protocols"
    few = send(town, path, name="Walk", kept="true", first=str(today - timedelta(days=12)), last=str(today)).text
    assert "10 days with and without are needed" in few
    assert "no clear difference" not in few
    rows = [f"{today - timedelta(days=i)},{'yes' if i % 2 else 'no'}" for i in range(1, 31)]
    text = "\n".join(["date,kept", *rows, "soon,yes"])
    done = send_file(town, f"{path}/import", text.encode(), name="Walk").text
    assert "30 days recorded" in done
    assert "is no date like" in done
    assert re.search(r"95\s% interval", done)
    assert done.count("no clear difference") + done.count("the interval leaves out zero") == 5
    assert "no proof of a cause" in done
    assert "Nothing is recorded yet" in send(town, f"{path}/forget", name="Walk").text


@pytest.mark.parametrize(
    ("path", "form", "says"),
    [
        ("exclusions", {"start": "2026-01-02T10:00", "end": "2026-01-02T09:00", "reason": "x"}, "Ends after it starts"),
        ("exclusions", {"start": "noon", "end": "2026-01-02T09:00", "reason": "x"}, "Choose a day and a time"),
        ("exclusions/999/undo", {}, "is not one of anna"),
        ("targets", {"profile": "adult", "limits": "own", "low": "200", "high": "100"}, "below the high one"),
        ("targets", {"profile": "adult", "limits": "own", "low": "nan", "high": "100"}, "Is no number"),
        ("targets", {"profile": "adult", "limits": "own", "low": "30", "high": "100"}, "between 40 and 400"),
        ("targets", {"profile": "athlete"}, "Is one of"),
        ("protocols", {"name": " ", "kept": "true", "first": "2026-01-01"}, "1 to 100 characters"),
        ("protocols", {"name": "x", "kept": "true", "first": "2026-01-02", "last": "2026-01-01"}, "Swap or shorten"),
        ("protocols/forget", {"name": "never"}, "not there any more"),
    ],
)
def test_bad_values_are_explained_and_change_nothing(town: Site, path: str, form: dict[str, str], says: str) -> None:
    before = town.store.people.get("anna")
    answer = send(town, f"/people/anna/{path}", **form)
    assert 400 <= answer.status_code < 500
    assert says in answer.text
    assert town.store.people.get("anna") == before
    assert town.store.exclusions.list("anna", include_undone=True) == ()
    assert town.store.protocols.list("anna") == ()


def test_forms_without_our_token_do_nothing(town: Site) -> None:
    forms = {
        "exclusions": {"start": "2026-01-02T08:00", "end": "2026-01-02T09:00", "reason": "x"},
        "targets": {"profile": "pregnancy"},
        "protocols": {"name": "x", "kept": "true", "first": "2026-01-02"},
        "protocols/forget": {"name": "x"},
        "exclusions/1/undo": {},
    }
    for path, form in forms.items():
        assert httpx.post(f"{town.url}/people/anna/{path}", data=form).status_code == 403
    assert town.store.people.get("anna").profile == "adult"


def test_a_file_that_is_no_text_or_too_large_is_refused(town: Site) -> None:
    for content, status in ((b"\xff\xfe\x00d", 400), (b"date,kept\n" + b" " * 1_100_000, 413), (b"", 400)):
        answer = send_file(town, "/people/anna/protocols/import", content, name="Walk")
        assert answer.status_code == status
    assert town.store.protocols.list("anna") == ()
