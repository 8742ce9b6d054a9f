"""Forms: what was entered stays, what is wrong is said beside its field; a person is renamed, moved and deleted."""

from datetime import UTC, date, datetime

import httpx
import pytest
from playwright.sync_api import Browser

from glucoflow.web.forms import zones
from glucoflow.web.security import CSRF_COOKIE
from tests.web.conftest import Open
from tests.web.serving import CREDENTIALS, Site


@pytest.fixture
def gil(empty_site: Site) -> Site:
    """A site with one person, connected."""
    now = datetime.now(UTC)
    empty_site.store.people.add("gil", "Gil", now, zone="Europe/Berlin")
    empty_site.store.connections.add("gil", "dexcom", "us", now, CREDENTIALS)
    return empty_site


def send(site: Site, path: str, **form: str) -> httpx.Response:
    with httpx.Client(base_url=site.url, follow_redirects=True) as browser:
        token = browser.get("/").cookies[CSRF_COOKIE]
        return browser.post(path, data=form | {"csrf": token})


@pytest.mark.parametrize(
    ("path", "form", "field", "says"),
    [
        ("/people", {"name": "  ", "unit": "mmol/L", "zone": "Asia/Tokyo"}, "name", "1 to"),
        ("/people", {"name": "Ida", "unit": "pints", "zone": "Asia/Tokyo"}, "unit", "mmol/L"),
        ("/people", {"name": "Ida", "unit": "mmol/L", "zone": "Mars/Olympus"}, "zone", "IANA"),
        ("/people/gil/details", {"name": "", "unit": "mmol/L", "zone": "Asia/Tokyo"}, "name", "1 to 200"),
        ("/people/gil/details", {"name": "Gil", "unit": "mmol/L", "zone": ""}, "zone", "IANA"),
        ("/people/gil/targets", {"profile": "adult", "limits": "own", "low": "9o", "high": "130"}, "low", "no number"),
        ("/people/gil/targets", {"profile": "adult", "limits": "own", "low": "90", "high": "20"}, "high", "40 and 400"),
        ("/people/gil/targets", {"profile": "cat", "limits": "profile", "low": "", "high": ""}, "profile", "is one of"),
        ("/people/gil/exclusions", {"start": "2026-03-01T08:00", "end": "", "reason": "fell"}, "end", "a day and"),
        (
            "/people/gil/exclusions",
            {"start": "2026-03-02T08:00", "end": "2026-03-01T08:00", "reason": "fell off"},
            "end",
            "after it starts",
        ),
        (
            "/people/gil/exclusions",
            {"start": "2026-03-01T08:00", "end": "2026-03-02T08:00", "reason": " "},
            "reason",
            "1 to 500",
        ),
        ("/people/gil/backfill", {"first": "2026-03-09", "last": "2026-03-01"}, "last", "swap them"),
        ("/people/gil/backfill", {"first": "soon", "last": "2026-03-01"}, "first", "choose a day"),
        ("/people/gil/delete", {"confirm": "Gill"}, "confirm", "Gil"),
    ],
)
def test_what_was_entered_stays_and_what_is_wrong_stands_beside_it(
    gil: Site, path: str, form: dict[str, str], field: str, says: str
) -> None:
    answer = send(gil, path, **form)
    assert answer.status_code == 422
    place = answer.text.split('id="wrong-')[1].split("</span>")[0]
    assert place.split('"')[0].endswith(f"-{field}")
    assert says.lower() in place.lower()
    for value in form.values():
        if value.strip() and value not in {"pints", "cat"}:
            assert f'value="{value}"' in answer.text or f">{value}</option>" in answer.text
    assert [one.display_name for one in gil.store.people.list()] == ["Gil"]
    assert (gil.backfilled, gil.deleted) == ([], [])


def test_a_browser_shows_it_beside_the_field_and_reads_it_with_it(gil: Site, browser: Browser) -> None:
    page = browser.new_page()
    page.goto(f"{gil.url}/people/gil/settings")
    form = page.locator("form[action$='/exclusions']")
    form.evaluate("one => { one.noValidate = true }")
    form.get_by_label("From").fill("2026-03-02T08:00")
    form.get_by_label("to", exact=True).fill("2026-03-01T08:00")
    form.get_by_label("Reason").fill("Fell off")
    with page.expect_navigation():
        form.get_by_role("button", name="Exclude").click()
    assert page.locator("[name=reason]").input_value() == "Fell off"
    described = page.locator("[name=end]").get_attribute("aria-describedby")
    assert "after it starts" in page.locator(f"#{described}").inner_text()
    page.close()


def test_a_person_is_renamed_moved_and_measured_otherwise(gil: Site) -> None:
    page = send(gil, "/people/gil/details", name="Gilda", unit="mmol/L", zone="Asia/Tokyo")
    assert page.status_code == 200
    assert "<h1>Gilda</h1>" in page.text
    person = gil.store.people.get("gil")
    assert (person.display_name, person.unit, person.zone) == ("Gilda", "mmol/L", "Asia/Tokyo")
    assert person.born is None
    assert gil.summarized == [("gil", None, None)], "days are other days in another zone"
    send(gil, "/people/gil/details", name="Gil", unit="mg/dL", zone="Asia/Tokyo")
    assert len(gil.summarized) == 2, "what stands out is said in the other unit"
    send(gil, "/people/gil/details", name="Gila", unit="mg/dL", zone="Asia/Tokyo", born="1984-03-02")
    assert len(gil.summarized) == 2
    assert gil.store.people.get("gil").born == date(1984, 3, 2)
    assert 'value="1984-03-02"' in httpx.get(f"{gil.url}/people/gil/settings").text
    for wrong in ("2184-03-02", "1884-03-02", "yesterday"):
        page = send(gil, "/people/gil/details", name="Gila", unit="mg/dL", zone="Asia/Tokyo", born=wrong)
        assert (page.status_code, f'value="{wrong}"' in page.text) == (422, True)
    send(gil, "/people/gil/details", name="Gila", unit="mg/dL", zone="Asia/Tokyo", born="")
    assert gil.store.people.get("gil").born is None


def test_a_person_is_deleted_once_the_name_is_repeated(gil: Site) -> None:
    page = send(gil, "/people/gil/delete", confirm=" Gil ")
    assert "The deletion has been asked for" in page.text
    assert gil.deleted == ["gil"]


def test_a_sync_is_answered_at_once_and_its_progress_shows(gil: Site, open_page: Open) -> None:
    page = open_page(f"{gil.url}/people/gil/status")
    page.get_by_role("button", name="Sync now").click()
    page.wait_for_url("**/status?syncing=1")
    assert "has been asked for" in page.inner_text("[role=status]")
    assert gil.synced == ["gil"]
    run = gil.store.runs.start("sync", datetime.now(UTC), user_id="gil")
    gil.store.runs.update_progress(run.id, 0.5, datetime.now(UTC))
    page.get_by_text("running · 50").wait_for(timeout=120_000)
    gil.store.runs.finish(run.id, "completed", datetime.now(UTC))
    page.get_by_text("completed").wait_for(timeout=120_000)


def test_time_zones_are_a_list_that_has_every_persons_own(gil: Site) -> None:
    listed = zones()
    assert {"UTC", "Europe/Berlin", "America/Argentina/Ushuaia", "Asia/Kolkata", "Asia/Calcutta"} <= set(listed)
    assert 300 < len(listed) < 600
    gil.store.people.update("gil", zone="Etc/GMT+5")
    page = httpx.get(f"{gil.url}/people/gil/settings").text
    assert "<option selected>Etc/GMT+5</option>" in page
