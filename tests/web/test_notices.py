"""The pages of notices: addresses that nobody sees again, who may enter which, tests that arrive, links."""

import re
from collections.abc import Iterator
from datetime import timedelta
from html import unescape

import pytest

from glucoflow.model.notices import Message, State
from glucoflow.store.notices import Addressed, Told
from tests.notices.doubles import Browser, Service, running_service
from tests.web.serving import Site
from tests.web.visiting import NOW, Visitor, visiting

SECRET = "tgram://123456789:AAEabcdefghijklmnopqrstuvwxyz0123456/12345"


@pytest.fixture(scope="module")
def service() -> Iterator[Service]:
    with running_service() as running:
        yield running


def test_an_address_is_kept_and_never_shown_again(home: Site, visitors: dict[str, Visitor]) -> None:
    anna = visitors["Anna"]
    added = anna.send_form("/people/anna/notices", name="My phone", address=SECRET, causes=["low", "weekly"])
    assert added.status_code == 303
    (one,) = home.store.receivers.list("anna")
    assert one.causes == ("low", "weekly")
    assert home.store.receivers.address(one.id).get_secret_value() == SECRET
    page = unescape(anna.get("/people/anna/notices").text)
    assert "My phone" in page
    assert "Telegram …45" in page
    assert "AAEabcdef" not in page
    assert "No medical alarm" in page
    refused = anna.send_form("/people/anna/notices", name="x" * 70, address=SECRET, causes=["low"])
    assert refused.status_code == 422
    assert "AAEabcdef" not in refused.text, "not even in the form that comes back"
    chosen = anna.send_form(f"/people/anna/notices/{one.id}/choose", causes=["high"])
    assert chosen.status_code == 303
    assert home.store.receivers.get(one.id).causes == ("high",)
    assert visitors["Ben"].send_form(f"/people/ben/notices/{one.id}/remove").status_code == 422, "it is not Ben's"
    assert anna.send_form(f"/people/anna/notices/{one.id}/remove").status_code == 303
    assert home.store.receivers.list("anna") == ()


@pytest.mark.parametrize(
    "address",
    [
        "json://127.0.0.1:9200/x",
        "ntfy://router.local/topic",
        "ntfy://topic?mode=private",
        "ntfy://topic?redirect=yes",
        "xmls://10.0.0.1",
        "mailto://u:p@mail.example.org",
        "syslog://",
        "file:///etc/passwd",
        "http://127.0.0.1:9200/_shutdown",
        "anna@example.org",  # no mail server is set
        "nothing",
        "",
    ],
)
def test_a_person_cannot_make_this_machine_write_anywhere(
    home: Site, visitors: dict[str, Visitor], address: str
) -> None:
    answer = visitors["Anna"].send_form("/people/anna/notices", name="x", address=address, causes=["low"])
    assert answer.status_code == 422
    assert 'id="wrong-receiver-address"' in answer.text
    assert home.store.receivers.list("anna") == ()


def test_the_operator_can_and_tries_it(home: Site, visitors: dict[str, Visitor], service: Service) -> None:
    olga = visitors["Olga"]
    for base, user_id, causes in (("/people/anna/notices", "anna", ["low"]), ("/notices", None, ["disk"])):
        assert olga.send_form(base, name="home", address=service.address, causes=causes).status_code == 303
        (one,) = home.store.receivers.list(user_id)
        tested = olga.send_form(f"{base}/{one.id}/test")
        assert "The test was sent" in tested.text
        assert service.titles[-1] == "glucoflow: a test"
        service.status = 500
        failed = olga.send_form(f"{base}/{one.id}/test")
        assert "It did not take the message (HTTP 500)." in failed.text
        service.status = 200
        assert olga.send_form(f"{base}/{one.id}/remove").status_code == 303
    assert olga.send_form("/notices", name="x", address=service.address, causes=["low"]).status_code == 422


def test_a_browser_at_a_push_service_and_at_no_other_host(
    home: Site, visitors: dict[str, Visitor], service: Service
) -> None:
    anna, given = visitors["Anna"], Browser(service).subscription
    address = f"{service.url}/push/abc"
    form = {"name": "phone", "causes": ["low"]}
    for other in (
        address,
        "https://10.0.0.1/x",
        "https://fcm.googleapis.com.evil.example/x",
        "http://push.apple.com/x",
    ):
        refused = anna.send_form("/people/anna/notices/browser", subscription=given.replace(address, other), **form)
        assert refused.status_code == 422, other
    assert anna.send_form("/people/anna/notices/browser", subscription="{}", **form).status_code == 422
    taken = given.replace(address, "https://fcm.googleapis.com/fcm/send/abc")
    assert anna.send_form("/people/anna/notices/browser", subscription=taken, **form).status_code == 303
    (one,) = home.store.receivers.list("anna")
    assert one.shown == "fcm.googleapis.com"
    home.store.receivers.remove(one.id)
    page = anna.get("/people/anna/notices").text
    keys = [re.search(r'data-push="([\w-]{87})"', text) for text in (page, anna.get("/people/anna/notices").text)]
    assert keys[0]
    assert keys[1]
    assert keys[0][1] == keys[1][1]


def test_terms_in_the_unit_of_the_page(home: Site, visitors: dict[str, Visitor]) -> None:
    anna = visitors["Anna"]
    anna.send_form("/people/anna/unit", unit="mmol/L", back="/")
    form = {
        "urgent_low": "3.0", "low": "4,0", "high": "13", "high_minutes": "90", "falling": "0.17",
        "repeat_minutes": "45", "silent_minutes": "", "failing_hours": "6",
        "quiet_start": "22:30", "quiet_end": "07:00",
    }  # fmt: skip
    assert anna.send_form("/people/anna/notices/terms", **form).status_code == 303
    terms = home.store.receivers.terms("anna")
    assert round(terms.low) == 72
    assert round(terms.falling, 2) == 3.06
    assert terms.quiet == (22 * 60 + 30, 7 * 60)
    assert terms.silent_minutes == 60, "left empty it is as usual"
    assert not terms.urgent_anyway
    page = anna.get("/people/anna/notices").text
    assert 'name="low" step="0.1" inputmode="decimal" value="4.0"' in page
    assert 'name="quiet_start" value="22:30"' in page
    for field, text in (("low", "9"), ("high", "x"), ("high_minutes", "1.5"), ("quiet_end", ""), ("quiet_end", "a:b")):
        wrong = anna.send_form("/people/anna/notices/terms", **{**form, field: text})
        assert wrong.status_code == 422
        assert f'id="wrong-terms-{field}"' in wrong.text
    anna.send_form("/people/anna/unit", unit="mg/dL", back="/")


def test_a_link_is_seen_by_a_press_and_not_by_opening_it(
    home: Site, visitors: dict[str, Visitor], service: Service
) -> None:
    visitors["Olga"].send_form("/people/anna/notices", name="home", address=service.address, causes=["low"])
    (one,) = home.store.receivers.list("anna")
    message = Message(title="t", body="b", link="https://x/notice/tok")
    told = Told(State(since=NOW, said_at=NOW, times=1), [Addressed(one.id, message, "tok")], NOW + timedelta(hours=1))
    home.store.notices.look("anna", "low", lambda _: told, NOW)
    with visiting(home) as nobody:
        for _ in range(2):  # a mail scanner
            page = nobody.get("/notice/tok")
            assert page.status_code == 200
            assert "Anna: low" in unescape(page.text)
            assert "I have seen it" in page.text
        assert nobody.post("/notice/tok").status_code == 403, "without the token of a form of ours"
        assert home.store.notices.states("anna")["low"].acknowledged_at is None
        assert "Seen." in nobody.send_form("/notice/tok").text
        assert home.store.notices.states("anna")["low"].acknowledged_at is not None
        assert nobody.get("/notice/other").status_code == 404
    assert "nothing more is said until it is over" in visitors["Anna"].get("/people/anna/notices").text
    home.store.receivers.remove(one.id)
