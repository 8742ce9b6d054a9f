"""From an empty house to a receipt, in two real browsers: the operator with the keyboard alone at 1440, and whom they
invite by touch at 390. Set-up, invitation, connecting, sharing, revoking, repairing, logging in, deleting."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from elasticsearch import Elasticsearch
from playwright.sync_api import Browser, Page

from tests.web.conftest import NAMES
from tests.web.serving import REFUSED, Site, site
from tests.web.visiting import PASSWORD

LONG = 60_000
"""Milliseconds, for a slow day; nothing here is about speed."""


@pytest.fixture
def house(es: Elasticsearch, tmp_path: Path) -> Iterator[Site]:
    with site(tmp_path, es, NAMES) as served:
        yield served


def opened(browser: Browser, width: int, *, touch: bool) -> Page:
    """A browser of its own, in which every question is answered with yes."""
    context = browser.new_context(
        viewport={"width": width, "height": 844 if touch else 900}, has_touch=touch, is_mobile=touch, locale="en-GB"
    )
    context.set_default_timeout(LONG)
    page = context.new_page()
    page.on("dialog", lambda one: one.accept())
    return page


def reach(page: Page, selector: str) -> None:
    """By the Tab key, as far as it takes; what has the focus must be seen."""
    for _ in range(150):
        if page.evaluate("selector => document.activeElement.matches(selector)", selector):
            seen = page.evaluate("() => getComputedStyle(document.activeElement).outlineStyle !== 'none'")
            assert seen, f"{selector}: nothing shows that it has the focus"
            return
        page.keyboard.press("Tab")
    raise AssertionError(f"{selector} cannot be reached by the keyboard")


def typed(page: Page, selector: str, text: str) -> None:
    reach(page, selector)
    page.keyboard.press("ControlOrMeta+a")
    page.keyboard.type(text)


def fits(page: Page) -> None:
    wide = page.evaluate("() => document.documentElement.scrollWidth - document.documentElement.clientWidth")
    assert wide <= 0, f"{page.url} is {wide} pixels too wide"


def test_from_an_empty_house_to_a_receipt(house: Site, browser: Browser) -> None:
    olga, nadia = opened(browser, 1440, touch=False), opened(browser, 390, touch=True)
    link = set_up_and_invite(house, olga)
    person = accept_and_connect(house, nadia, link)
    share_and_revoke(house, browser, nadia, person)
    repair(house, nadia, person)
    log_in_by_keyboard(house, olga)
    leave(house, nadia, person)
    for page in (olga, nadia):
        page.context.close()


def set_up_and_invite(house: Site, page: Page) -> str:
    """An account, from which on everybody needs one; and a link for Nadia."""
    page.goto(f"{house.url}/accounts")
    account = "form[action='/accounts/operator']"
    typed(page, f"{account} [name=name]", "Olga")
    typed(page, f"{account} [name=password]", PASSWORD)
    page.keyboard.press("Enter")
    invite = "form[action='/invites']"
    page.locator(invite).wait_for()
    typed(page, f"{invite} [name=name]", "Nadia نادية")
    page.keyboard.press("Enter")
    made = page.locator("code.link")
    made.wait_for()
    fits(page)
    return made.inner_text()


def accept_and_connect(house: Site, page: Page, link: str) -> str:
    page.goto(link)
    fits(page)
    page.get_by_label("Name to log in with").fill("Nadia")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Make the account").tap()
    page.wait_for_url("**/people/*/status")
    fits(page)
    person = page.url.split("/")[4]
    page.get_by_role("button", name="Connect Dexcom", exact=True).tap()
    page.locator("#allow").tap()
    page.wait_for_url("**/status?connected=dexcom")
    assert house.synced == [person]
    page.goto(link)
    assert "has been used already" in page.inner_text("main")
    return person


def share_and_revoke(house: Site, browser: Browser, page: Page, person: str) -> None:
    page.goto(f"{house.url}/people/{person}/access")
    fits(page)
    share = page.locator(f"form[action='/people/{person}/shares']")
    share.get_by_label("For whom").fill("School")
    share.get_by_role("button", name="Make a link").tap()
    link = page.locator("code.link").inner_text()
    school = opened(browser, 390, touch=True)
    school.goto(link)
    assert school.url == f"{house.url}/people/{person}/now"
    assert school.goto(f"{house.url}/people/{person}/settings").status == 403  # type: ignore[union-attr]
    page.get_by_role("button", name="Revoke").tap()
    page.get_by_text("revoked").first.wait_for()
    school.goto(f"{house.url}/people/{person}/now")
    assert "/login" in school.url
    school.context.close()


def repair(house: Site, page: Page, person: str) -> None:
    """The provider says no, for as long as it takes to be believed; one tap and a consent, and it goes on."""
    (connection,) = house.store.connections.for_user(person)
    now = datetime.now(UTC)
    for hours in (14, 12, 8, 0):
        house.store.connections.record_error(connection.id, REFUSED, now - timedelta(hours=hours))
    page.goto(f"{house.url}/people/{person}/status")
    assert "Dexcom no longer accepts this connection." in page.inner_text("main")
    page.get_by_role("button", name="again").first.tap()
    page.locator("#allow").tap()
    page.wait_for_url("**/status?connected=dexcom")
    (again,) = house.store.connections.for_user(person)
    assert (again.id, again.state) == (connection.id, "connected")


def log_in_by_keyboard(house: Site, page: Page) -> None:
    page.context.clear_cookies()
    page.goto(f"{house.url}/accounts")
    assert "/login" in page.url
    typed(page, "[name=name]", "olga")
    typed(page, "[name=password]", PASSWORD)
    page.keyboard.press("Enter")
    page.wait_for_url("**/accounts")
    assert "connected" in page.locator("table").first.inner_text()


def leave(house: Site, page: Page, person: str) -> None:
    """Everything in one file, and then the end; the receipt is there although the account is gone."""
    page.goto(f"{house.url}/people/{person}/settings")
    fits(page)
    with page.expect_download() as file:
        page.locator(f"a[href='/people/{person}/archive.zip']").tap()
    assert file.value.suggested_filename == f"glucoflow-{person}.zip"
    page.get_by_text("Delete Nadia").tap()
    ends = page.locator(f"form[action='/people/{person}/delete']")
    ends.get_by_role("textbox").fill("Nadia نادية")
    ends.get_by_role("button").tap()
    page.wait_for_url("**/receipt/*")
    assert house.deleted == [person]
    house.store.people.delete(person)
    house.store.receipts.fill(person, "From Elasticsearch: 1 index with 3 documents.")
    page.reload()
    assert "1 index with 3 documents" in page.inner_text("main")
    fits(page)
