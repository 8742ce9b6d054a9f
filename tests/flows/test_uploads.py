"""Files on a person's page, by a real browser; and files in the watched folder."""

import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page
from pydantic import SecretStr

from glucoflow.service.annotations import Annotations
from glucoflow.service.connect import SiteConnect
from glucoflow.service.inbox import inbox_of, is_waiting, take_in
from glucoflow.service.overdue import Cause, find_overdue
from glucoflow.service.uploads import KEPT_FOR, Uploads
from glucoflow.simulators.serving import in_thread
from glucoflow.web.access import WebOptions
from glucoflow.web.app import create_app
from tests.flows.conftest import NOW, House
from tests.flows.test_file_import import CASES, clarity, counted

NOTHING = Cause(message="", remedy="")
MISSING = {NOW - timedelta(days=300) + timedelta(minutes=5 * k): 100 + k for k in range(60)}


WORKING: list[threading.Thread] = []


def in_thread_of_its_own(work: Callable[[], None]) -> None:
    WORKING.append(threading.Thread(target=work))
    WORKING[-1].start()


def after_imports(page: Page) -> None:
    """The page once what it began has ended."""
    page.wait_for_load_state()
    while WORKING:
        WORKING.pop().join()
    page.reload()


@contextmanager
def pages(house: House) -> Iterator[str]:
    rt = house.rt
    uploads = Uploads(rt, in_thread_of_its_own)
    app = create_app(
        rt.store,
        rt.queries,
        SiteConnect(
            rt.store,
            rt.providers,
            lambda _user: None,
            lambda *_asked: None,
            lambda connections, now: find_overdue(rt.store, connections, now, timedelta(minutes=5), lambda: NOTHING),
            lambda _one: 0,
            lambda _user: None,
            lambda: rt.providers,
        ),
        Annotations(rt.store, rt.queries, lambda *_span: None),
        WebOptions(secret=SecretStr("test")),
        rt.clock,
        uploads,
    )
    with in_thread(app) as url:
        yield url


@pytest.fixture
def page(house: House, browser: Browser) -> Iterator[Page]:
    with pages(house) as url:
        opened = browser.new_page(base_url=url)
        opened.goto("/people/alma/files")
        yield opened
        opened.close()


def look(page: Page, *files: Path) -> None:
    page.get_by_label("Files, several at once").set_input_files([str(file) for file in files])
    page.get_by_role("button", name="Look into them").click()
    page.wait_for_url("**/files?token=*")


def test_a_file_is_seen_before_it_is_brought_in(house: House, page: Page, tmp_path: Path) -> None:
    path = clarity(tmp_path / "my clarity.csv", MISSING)
    look(page, path, CASES / "07-clarity-12-columns.csv", CASES / "09-clarity-calibrations-only.csv")
    cards = page.locator("section.upload")
    assert cards.count() == 3
    mine = cards.nth(0)
    assert mine.locator("h2").inner_text() == "my clarity.csv"
    assert "This is a Dexcom Clarity export of Alma Muster." in mine.inner_text()
    facts = dict(zip(mine.locator("dt").all_inner_texts(), mine.locator("dd").all_inner_texts(), strict=True))
    assert (facts["Readings"], facts["Unread"], facts["Already there"]) == ("60", "0", "0")
    assert "Zone: Europe/Berlin (the person's)" in mine.inner_text()
    assert "names Ada Muster, and this is Alma" in cards.nth(1).inner_text()
    assert "6 calibrations" in cards.nth(2).inner_text()
    assert counted(house) == 0
    mine.get_by_role("button", name="Bring in").click()
    page.wait_for_function("document.querySelectorAll('section.upload').length === 2")
    after_imports(page)
    assert page.locator("section.upload").count() == 2, "the others are still there to decide on"
    said = page.locator("[data-live=imports]").inner_text()
    assert "my clarity.csv: 60 rows read, 0 merged, 0 unread; 60 new, 0 changed, 0 unchanged." in said
    assert counted(house) == 60
    page.goto("/people/alma/files")
    look(page, path)
    assert page.locator("section.upload dd").all_inner_texts()[3] == "60", "all of it is there already"
    page.get_by_role("button", name="Forget this file").click()
    page.wait_for_url("**/people/alma/files")
    assert len(list((house.rt.settings.store.data_dir / "uploads" / "alma").glob("*/file"))) == 2, "two are still open"


def test_somebody_elses_file_needs_a_tick(house: House, page: Page) -> None:
    look(page, CASES / "07-clarity-12-columns.csv")
    page.get_by_role("button", name="Bring in").click()
    assert counted(house) == 0, "the browser asks for the tick first"
    page.get_by_label("It is Alma's all the same").check()
    page.get_by_role("button", name="Bring in").click()
    page.wait_for_url("**/people/alma/files")
    after_imports(page)
    assert counted(house) == 6


def test_what_a_file_leaves_open_is_chosen_on_the_page(house: House, page: Page, tmp_path: Path) -> None:
    path = tmp_path / "own.csv"
    path.write_text("when,sugar\n03/05/2026 08:00,101\n04/05/2026 08:00,102\n")
    look(page, path)
    said = page.locator("section.upload").inner_text()
    assert "Its columns are called 'when', 'sugar'" in said
    assert "--" not in said, "a page advises no options of a command"
    page.get_by_label("Column of times").select_option("when")
    page.get_by_label("Column of glucose").select_option("sugar")
    page.get_by_role("button", name="Look again").click()
    page.get_by_text("no day is past the 12th").wait_for()
    assert "Choose whether day or month comes first." in page.locator("section.upload").inner_text()
    page.get_by_label("Dates like 03-04").select_option("day")
    page.get_by_role("button", name="Look again").click()
    page.get_by_text("Dates: day first (chosen)").wait_for()
    page.get_by_role("button", name="Bring in").click()
    page.wait_for_url("**/people/alma/files")
    after_imports(page)
    assert counted(house) == 2


def test_uploads_are_private_and_forgotten_after_a_day(house: House, tmp_path: Path) -> None:
    uploads = Uploads(house.rt)
    path = clarity(tmp_path / "c.csv", MISSING)
    with path.open("rb") as stream:
        (token,) = uploads.keep("alma", [("../../etc/passwd", stream)])
    kept = house.rt.settings.store.data_dir / "uploads" / "alma" / token / "file"
    assert kept.stat().st_mode & 0o077 == 0
    assert uploads.look("alma", token).name == "passwd"
    old = house.clock().timestamp() - KEPT_FOR.total_seconds() - 60
    os.utime(kept.parent, (old, old))
    uploads.keep("alma", [])
    assert not kept.exists()


def test_the_inbox_takes_what_lies_still_and_says_what_became_of_it(house: House) -> None:
    data_dir = house.rt.settings.store.data_dir
    assert take_in(house.rt) == []
    folder = inbox_of(data_dir, "alma")
    assert not is_waiting(data_dir)
    settled = house.clock().timestamp() - 60
    good = clarity(folder / "clarity.csv", MISSING)
    (folder / "bad.csv").write_text("nothing,that\nis,known\n")
    (folder / "fresh.csv").write_text("still being written")
    for name in ("clarity.csv", "bad.csv"):
        os.utime(folder / name, (settled, settled))
    os.utime(folder / "fresh.csv", (house.clock().timestamp(), house.clock().timestamp()))
    assert is_waiting(data_dir)
    taken = {one.name: one for one in take_in(house.rt)}
    assert {name: one.outcome for name, one in taken.items()} == {"clarity.csv": "done", "bad.csv": "failed"}
    assert counted(house) == 60
    assert not good.exists()
    assert "60 read, 0 merged, 0 unread" in (folder / "done" / "clarity.csv.txt").read_text()
    assert "not a file that is known here" in (folder / "failed" / "bad.csv.txt").read_text()
    assert (folder / "fresh.csv").exists()
    clarity(folder / "clarity.csv", MISSING)
    os.utime(folder / "clarity.csv", (settled, settled))
    (again,) = take_in(house.rt)
    assert again.path.name == "clarity-2.csv"
    assert "0 new, 0 changed, 60 unchanged" in again.said


def test_an_odd_name_stops_nobodys_inbox(house: House) -> None:
    take_in(house.rt)
    folder = inbox_of(house.rt.settings.store.data_dir, "alma")
    settled = house.clock().timestamp() - 60
    long = [f"{'ä' * 125}{k}.csv" for k in (1, 2)]
    for name in long:
        clarity(folder / name, MISSING)
    bytewise = folder / os.fsdecode(b"gr\xfc\xdfe.csv")
    bytewise.write_text("nothing,that\nis,known\n")
    clarity(folder / "zz.csv", MISSING)
    (folder / "a folder.csv").mkdir()
    house.rt.store.people.add("aaron", "Aaron", NOW)
    (folder.parent / "aaron").write_text("no folder")
    for path in (*(folder / name for name in (*long, "zz.csv")), bytewise):
        os.utime(path, (settled, settled))
    blocked, *taken = take_in(house.rt)
    assert (blocked.user_id, blocked.outcome) == ("aaron", "failed")
    assert sorted(one.outcome for one in taken) == ["done", "done", "done", "failed"]
    assert counted(house) == 60
    assert all(one.path.exists() and one.path.suffix == ".csv" for one in taken)
    assert all(one.path.with_name(f"{one.path.name}.txt").read_text() for one in taken)
    for one in taken:
        one.name.encode()
    assert sorted(path.name for path in folder.iterdir()) == ["a folder.csv", "done", "failed"]
