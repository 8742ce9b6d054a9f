"""From readings and connections to a message at a real service: what comes, in which words, once, and what does not."""

import logging
import threading
from dataclasses import replace
from datetime import UTC, datetime, time, timedelta
from io import StringIO
from time import monotonic
from typing import Any

import pytest
from elasticsearch import Elasticsearch
from pydantic import SecretStr
from sqlalchemy import text

from glucoflow.logs import configure
from glucoflow.model.errors import Reauthorize
from glucoflow.model.notices import OF_PERSON, Terms
from glucoflow.service.notices.alive import say_alive
from glucoflow.service.notices.sending import send_due
from glucoflow.service.notices.texts import NO_ALARM
from glucoflow.service.notices.turn import look, look_and_send, tell
from glucoflow.service.runtime import Runtime
from glucoflow.settings import LogSettings
from glucoflow.store import new_owner
from glucoflow.store.notice_tables import NoticeMessageRow, NoticeRow
from tests.notices.conftest import NOW, Home

REFUSED = Reauthorize("No longer accepted.", remedy="Connect again.")


def test_a_low_is_told_with_value_age_unit_and_that_it_is_no_alarm(home: Home) -> None:
    home.receiver("low", "high")
    home.readings([90, 80, 66], NOW - timedelta(minutes=3))
    assert look_and_send(home.rt).sent == 1
    (came,) = home.service.taken
    assert came["title"] == "Anna: low, 66 mg/dL"
    said, alarm, _, link = came["message"].splitlines()
    assert said == "66 mg/dL, read 3 min ago. Below 70 mg/dL."
    assert alarm == NO_ALARM
    assert link.startswith("https://glucose.example.org/notice/")
    assert look_and_send(home.rt).sent == 0


@pytest.mark.parametrize(
    ("language", "unit", "title", "said"),
    [
        ("de", "mmol/L", "Anna: niedrig, 3,7 mmol/L", "3,7 mmol/L, vor 0 s abgelesen. Unter 3,9 mmol/L."),
        ("fr", "mg/dL", "Anna : glycémie basse, 66 mg/dL", "66 mg/dL, relevé il y a 0 s. Sous 70 mg/dL."),
    ],
)
def test_in_the_persons_language_and_unit(home: Home, language: str, unit: str, title: str, said: str) -> None:
    home.rt.store.people.update("anna", language=language, unit=unit)  # type: ignore[arg-type]
    home.receiver("low")
    home.readings([90, 80, 66])
    look_and_send(home.rt)
    (came,) = home.service.taken
    assert came["title"] == title
    assert came["message"].startswith(said)
    assert NO_ALARM not in came["message"], "said in their language"


def test_no_notice_of_readings_that_are_superseded_excluded_old_late_or_by_a_wrong_clock(home: Home) -> None:
    home.receiver("low", "urgent_low", "falling", "high")
    store = home.rt.store
    home.readings([60, 55, 50], NOW - timedelta(minutes=20))
    assert look(home.rt) == 0, "old"
    home.readings([60, 55, 50], provider="dexcom")
    assert look(home.rt) == 0, "by a source that is hours late"
    home.readings([60, 55, 50])
    excluded = store.exclusions.add("anna", NOW - timedelta(minutes=30), NOW + timedelta(minutes=1), "pressed", NOW)
    assert look(home.rt) == 0, "excluded"
    store.exclusions.undo(excluded.id, NOW)
    store.connections.note_clock(home.connection, 1200)
    assert look(home.rt) == 0, "our clock is off"
    store.connections.note_clock(home.connection, None)
    home.readings([100], NOW + timedelta(hours=1))
    assert look(home.rt) == 0, "the device's clock is ahead"
    home.later(hours=1)
    home.readings([60, 55, 50])
    home.rt.client.indices.refresh(index=home.rt.names.alias("anna"))
    for one in home.rt.queries.documents("anna", ["cgm.reading"], limit=4):
        if one.source.glucose is not None and one.source.glucose.mg_dl < 70:
            home.rt.client.update(
                index=home.rt.names.alias("anna"), id=one.id, doc={"sample": {"superseded": True}}, refresh=True
            )
    assert look(home.rt) == 0, "superseded by a better source, which says 100"


def test_an_urgent_low_covers_a_low_for_whoever_gets_both(home: Home) -> None:
    home.receiver("low", "urgent_low", "falling")
    mother = home.receiver("low", address=f"json://127.0.0.1:{home.service.port}/mother")
    home.readings([130, 110, 90, 70, 50])
    assert look_and_send(home.rt).sent == 2
    by_path = {path: body for _, path, _, body in home.service.asked}
    assert b"urgent low" in by_path["/secret-path-4711"]
    assert b"Anna: low" in by_path["/mother"]
    assert mother.shown == "JSON …er"


def test_connections_are_told_of_once_a_day(home: Home) -> None:
    home.receiver("reconnect", "sync_failing", "no_reading", "rejected")
    home.readings([100, 100])
    assert look_and_send(home.rt).sent == 0
    for hours in (14, 12, 8, 0):  # a no is believed when it stays
        home.rt.store.connections.record_error(home.connection, REFUSED, NOW - timedelta(days=2, hours=hours))
    assert look_and_send(home.rt).sent == 1
    assert home.service.titles == ["Anna: Dexcom Share must be connected again"]
    home.later(hours=3)
    assert look_and_send(home.rt).sent == 0, "that no reading comes follows from it, and is not said as well"
    home.later(days=1)
    assert look_and_send(home.rt).sent == 1
    assert home.service.titles[1] == home.service.titles[0]


def test_silence_and_failing(home: Home) -> None:
    home.receiver("no_reading")
    home.receiver("sync_failing", address=f"json://127.0.0.1:{home.service.port}/other")
    home.readings([100, 100])
    home.later(minutes=65)  # five minutes' delay, five between polls, and an hour by the terms
    assert look(home.rt) == 0
    home.later(minutes=6)
    assert look_and_send(home.rt).sent == 1
    home.later(hours=5)
    assert look_and_send(home.rt).sent == 1
    assert home.service.titles == [
        "Anna: no reading for 71 min",
        "Anna: nothing fetched from Dexcom Share for 6 h",
    ]


def test_after_a_sleep_a_sync_is_waited_for_before_it_is_said_that_nothing_came(home: Home) -> None:
    home.receiver("no_reading", "sync_failing")
    home.readings([100, 100])
    assert look(home.rt, between_syncs=True) == 0
    home.later(hours=9)
    assert look(home.rt, between_syncs=True) == 0, "the lid was opened a moment ago"
    home.later(minutes=15)
    assert look_and_send(home.rt, between_syncs=True).sent == 1, "no sync has brought anything since"
    assert home.service.titles == ["Anna: nothing fetched from Dexcom Share for 9 h"]
    home.later(days=1)
    assert look_and_send(home.rt).sent == 1, "after a sync it is known"


def test_the_week(home: Home) -> None:
    home.receiver("weekly")
    monday = datetime(2026, 6, 22, 6, 30, tzinfo=UTC)
    home.clock.now = monday
    home.readings([100.0] * 1800 + [60.0] * 216, monday)
    home.rt.client.indices.refresh(index=home.rt.names.alias("anna"))
    assert look_and_send(home.rt).sent == 1
    (came,) = home.service.taken
    assert came["title"] == "Anna: the last 7 days"
    assert came["message"] == (
        "Last 7 days: 2,015 readings, 100 % of the time. In range 89 %, below 11 %, above 0 %. Mean 96 mg/dL."
    )
    assert look_and_send(home.rt).sent == 0
    assert "notice/" not in came["message"], "there is nothing to acknowledge"


def test_the_operator_is_told_of_everybody(home: Home) -> None:
    home.receiver("reconnect", "disk", "sync_failing", user_id=None)
    assert look(home.rt) == 0
    for hours in (14, 12, 8, 0):
        home.rt.store.connections.record_error(home.connection, REFUSED, NOW - timedelta(days=2, hours=hours))
    assert look_and_send(with_settings(home, disk_gib=10**6)).sent == 2
    assert set(home.service.titles) == {"glucoflow: people must connect again", "glucoflow: the disk is nearly full"}
    assert "anna" in home.service.taken[0]["message"] + home.service.taken[1]["message"]


def with_settings(home: Home, **changes: Any) -> Runtime:
    """The same, with other settings of notices."""
    notices = home.rt.settings.notices.model_copy(update=changes)
    return replace(home.rt, settings=home.rt.settings.model_copy(update={"notices": notices}))


def test_a_link_acknowledges_until_it_is_over(home: Home) -> None:
    home.receiver("low")
    home.readings([66])
    look_and_send(home.rt)
    token = home.service.taken[0]["message"].rpartition("/")[2]
    notices = home.rt.store.notices
    stands = notices.of_link(token)
    assert stands is not None
    assert (stands.user_id, stands.cause, stands.since) == ("anna", "low", NOW)
    assert notices.of_link("made-up") is None
    assert not notices.acknowledge("made-up", NOW)
    assert notices.acknowledge(token, NOW)
    home.later(minutes=40)
    home.readings([66])
    assert look_and_send(home.rt).sent == 0
    home.later(minutes=5)
    home.readings([100])
    look(home.rt)
    assert not notices.acknowledge(token, home.clock()), "it is over, and an old link says nothing of the next"
    home.later(minutes=5)
    home.readings([66])
    assert look_and_send(home.rt).sent == 1


def test_a_service_that_fails_hangs_or_leads_elsewhere_costs_the_deadline_and_is_said(home: Home) -> None:
    receiver = home.receiver("low")
    other = home.receiver("low", address="anna@example.org")
    home.readings([66])
    home.service.hang_s = 200
    began = monotonic()
    done = look_and_send(home.rt)
    assert monotonic() - began < 100, "it was not waited for"
    assert (done.sent, done.failed) == (1, 1), "the mail went, whatever the other does"
    assert home.rt.store.receivers.get(receiver.id).last_error == "It did not answer in time."
    assert home.rt.store.receivers.get(other.id).last_error is None
    home.service.hang_s = 0
    assert send_due(home.rt).failed == 0, "not before a minute is over"
    for status, words in ((500, "HTTP 500"), (302, "HTTP 302")):
        home.service.status = status
        home.later(minutes=3)
        assert send_due(home.rt).failed == 1
        assert words in (home.rt.store.receivers.get(receiver.id).last_error or "")
    assert not any(path == "/elsewhere" for _, path, _, _ in home.service.asked), "it follows no redirect"
    home.service.status = 200
    home.later(minutes=20)
    assert send_due(home.rt).sent == 0, "too late for a low: it is given up"
    assert len(home.inbox.messages) == 1


def test_what_was_not_taken_comes_later_while_it_is_worth_it(home: Home) -> None:
    home.receiver("sync_failing")
    home.clock.now = NOW + timedelta(hours=8)
    home.service.status = 503
    assert look_and_send(home.rt).failed == 1
    home.service.status = 200
    home.later(minutes=2)
    assert look_and_send(home.rt).sent == 1
    assert home.service.titles == ["Anna: nothing fetched from Dexcom Share for 8 h"]


def test_what_did_not_get_out_waits_for_the_end_of_quiet_hours_and_comes_once(home: Home) -> None:
    home.receiver("sync_failing", "urgent_low")
    home.rt.store.receivers.set_terms("anna", Terms(quiet_start=22 * 60, quiet_end=7 * 60))
    home.clock.now = NOW + timedelta(hours=7, minutes=58)  # 21:58 in Berlin
    home.service.status = 503
    assert look_and_send(home.rt).failed == 1
    home.service.status = 200
    home.later(hours=1)
    assert look_and_send(home.rt).sent == 0, "it is night"
    home.readings([50])
    assert look_and_send(home.rt).sent == 1, "an urgent low is told"
    home.service.taken.clear()
    home.later(hours=8, minutes=5)
    home.readings([100])
    assert look_and_send(home.rt).sent == 1
    assert home.service.titles == ["Anna: nothing fetched from Dexcom Share for 8 h"]


def test_a_newer_message_takes_the_place_of_one_that_did_not_get_out(home: Home) -> None:
    home.receiver("sync_failing")
    home.clock.now = NOW + timedelta(hours=7)  # 21:00 in Berlin
    home.service.status = 503
    assert look_and_send(home.rt).failed == 1
    home.later(hours=11)
    home.service.status = 200
    assert look_and_send(home.rt).sent == 1, "though that of the day before is due as well"
    assert home.service.titles == ["Anna: nothing fetched from Dexcom Share for 18 h"]
    assert home.rt.store.notices.count_waiting() == 0


def test_the_operators_quiet_hours_are_by_a_zone_of_theirs(home: Home) -> None:
    home.receiver("sync_failing", user_id=None)
    home.clock.now = NOW + timedelta(hours=9, minutes=30)  # 23:30 in Berlin
    night = {"zone": "Europe/Berlin", "quiet_start": time(23), "quiet_end": time(7)}
    assert look(with_settings(home, **night)) == 0
    assert look(with_settings(home, **night | {"zone": "UTC"})) == 1


def test_by_mail(home: Home) -> None:
    receiver = home.receiver("low", address="anna@example.org")
    assert receiver.shown == "a…@example.org"
    home.rt.store.people.update("anna", display_name="Anna\r\nBcc: x@example.org")
    home.readings([66])
    assert look_and_send(home.rt).sent == 1
    (message,) = home.inbox.messages
    assert message["To"] == "anna@example.org"
    assert message["Bcc"] is None
    assert message["Subject"].endswith("low, 66 mg/dL")
    assert message["Auto-Submitted"] == "auto-generated"
    assert str(NO_ALARM) in message.get_content().replace("\n", " ")


def test_by_push_to_a_browser_that_alone_can_read_it(home: Home) -> None:
    browser = home.browser("urgent_low")
    home.readings([60, 56, 50])
    assert look_and_send(home.rt).sent == 1
    _, path, headers, body = home.service.asked[0]
    assert path == "/push/abc"
    assert headers["urgency"] == "high"
    assert int(headers["ttl"]) == 15 * 60
    assert b"Anna" not in body
    assert browser.read()["title"] == "Anna: urgent low, 50 mg/dL"
    assert browser.read()["link"].startswith("https://glucose.example.org/notice/")
    claims, key = browser.claims()
    assert claims["sub"] == "mailto:ops@example.org"
    home.later(minutes=31)
    home.readings([50])
    look_and_send(home.rt)
    assert browser.claims()[1] == key, "the key is made once"
    home.service.status = 410
    home.later(minutes=31)
    home.readings([50])
    assert look_and_send(home.rt).failed == 1
    (gone,) = home.rt.store.receivers.list("anna")
    assert gone.causes == ()
    assert "Turn them on in it again" in (gone.last_error or "")


def test_two_that_look_and_send_at_once_tell_once(home: Home) -> None:
    home.receiver("low")
    home.readings([66])
    both = [threading.Thread(target=look_and_send, args=(home.rt,)) for _ in range(4)]
    for one in both:
        one.start()
    for one in both:
        one.join()
    assert len(home.service.taken) == 1


def test_a_restart_neither_repeats_nor_forgets(home: Home) -> None:
    home.receiver("low")
    home.readings([66])
    assert look(home.rt) == 1
    held = home.rt.store.notices.claim("host:1:gone", NOW, timedelta(minutes=3), 10)
    assert len(held) == 1
    assert look_and_send(home.rt).sent == 0, "somebody sends it just now"
    home.later(minutes=4)
    assert look_and_send(home.rt).sent == 1, "who had it never said what became of it"
    home.rt.store.notices.sent(held[0].id, "host:1:gone", home.clock())
    assert look_and_send(home.rt).sent == 0
    assert len(home.service.taken) == 1


def test_a_sync_ends_well_and_is_heard_of_outside_whatever_the_services_do(home: Home) -> None:
    rt = with_settings(home, alive_url=SecretStr(f"{home.service.url}/alive/4711"))
    tell(rt, [], None)
    assert [path for _, path, _, _ in home.service.asked] == ["/alive/4711"]
    tell(rt, [], "anna")
    assert len(home.service.asked) == 1, "of one person says nothing of the schedule"
    home.service.status = 500
    assert not say_alive(rt.settings.notices)


def test_nothing_of_an_address_is_in_logs_or_in_the_database(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    """pytest listens to loggers that pass nothing on, so lines are taken where they would be written."""
    monkeypatch.setattr(logging.getLogger(), "handlers", [])
    heard = StringIO()
    configure(LogSettings(level="DEBUG"), heard)
    home.receiver("low")
    home.readings([66])
    home.service.status = 500
    look_and_send(home.rt)
    assert "notices were not taken" in heard.getvalue()
    assert "secret-path-4711" not in heard.getvalue()
    database = home.rt.store.receivers._database
    with database.read() as session:
        stored = [
            str(row)
            for row in [
                *session.execute(text("SELECT * FROM notice_receivers")),
                *session.execute(text("SELECT * FROM notice_messages")),
                *session.execute(text("SELECT * FROM notices")),
            ]
        ]
    assert stored
    assert not any("secret-path-4711" in row or "66 mg" in row or "/notice/" in row for row in stored)


def test_where_nobody_wants_to_be_told_nothing_is_asked(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    def never(*_: object, **__: object) -> None:
        raise AssertionError("Elasticsearch was asked")

    monkeypatch.setattr(Elasticsearch, "perform_request", never)
    assert look(home.rt) == 0
    home.receiver("reconnect", "sync_failing")
    assert look(home.rt) == 0


def test_a_person_who_goes_takes_all_of_it_along_and_keys_are_rotated(home: Home) -> None:
    home.receiver(*OF_PERSON)
    home.browser("low")
    home.rt.store.receivers.set_terms("anna", Terms(low=75))
    home.readings([66])
    assert look(home.rt) == 2
    home.rt.store.rotate()
    assert home.rt.store.receivers.terms("anna").low == 75
    assert home.rt.store.people.held("anna")["notice_receivers"] == 2
    assert len(home.rt.store.notices.claim(new_owner(), NOW, timedelta(minutes=1), 10)) == 2
    home.rt.store.people.delete("anna")
    with home.rt.store.receivers._database.read() as session:
        assert session.query(NoticeRow).filter_by(user_id="anna").count() == 0
        assert session.query(NoticeMessageRow).filter(NoticeMessageRow.notice_key.like("anna/%")).count() == 0
