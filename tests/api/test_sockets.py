"""AndroidAPS's sockets, over real HTTP by python-socketio's own client: what is told, to whom, and to whom not."""

import queue
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import socketio

from glucoflow.api.sockets import BAD_TOKEN, NOTHING_FOR_YOU, STORAGE
from tests.api.conftest import Phone
from tests.api.sent import androidaps_bolus, xdrip_sgv
from tests.web.serving import Site

EVERYTHING = ["devicestatus", "entries", "profile", "treatments", "foods", "settings"]
Told = tuple[str, dict[str, Any]]


class Socket:
    """One of AndroidAPS's: what it is told waits in `told`."""

    def __init__(self, client: socketio.Client) -> None:
        self.client = client
        self.told: queue.Queue[Told] = queue.Queue()
        for event in ("create", "update", "delete"):
            client.on(event, self._keep(event), namespace=STORAGE)
        self.closed = queue.Queue[str]()
        client.on("disconnect", lambda *_: self.closed.put("closed"), namespace=STORAGE)

    def _keep(self, event: str) -> Callable[[dict[str, Any]], None]:
        return lambda body: self.told.put((event, body))

    def subscribe(self, token: object, collections: object = EVERYTHING, namespace: str = STORAGE) -> Any:
        message = {"accessToken": token, "collections": collections}
        return self.client.call("subscribe", message, namespace=namespace, timeout=120)

    def next(self) -> Told:
        return self.told.get(timeout=60)


@contextmanager
def socket(site: Site, namespaces: tuple[str, ...] = (STORAGE,)) -> Iterator[Socket]:
    """By polling first, and then by a WebSocket, as AndroidAPS's client does it."""
    client = socketio.Client(reconnection=False)
    made = Socket(client)
    client.connect(site.url, namespaces=list(namespaces), wait_timeout=120)
    try:
        yield made
    finally:
        client.disconnect()


def test_what_changes_is_told_as_it_changes(doors: Site, phone: Phone) -> None:
    before = phone.post("/api/v3/entries", json={"app": "x", **xdrip_sgv(30, 99)})
    assert before.status_code == 201
    with socket(doors) as mine:
        answer = mine.subscribe(phone.secret)
        assert answer == {"success": True, "collections": ["entries", "treatments", "devicestatus", "profile"]}
        assert phone.post("/api/v1/entries", json=[xdrip_sgv(5, 121)]).status_code == 200
        event, body = mine.next()
        assert (event, body["colName"], body["doc"]["sgv"]) == ("create", "entries", 121)  # and not what was there
        assert isinstance(body["doc"]["srvModified"], int)
        made = phone.post("/api/v3/treatments", json=androidaps_bolus(4, "b-1"))
        assert made.status_code == 201
        event, body = mine.next()
        assert (event, body["colName"], body["doc"]["insulin"]) == ("create", "treatments", 2.3)
        assert phone.patch("/api/v3/treatments/b-1", json={"insulin": 2.5}).status_code == 200
        event, body = mine.next()
        assert (event, body["doc"]["identifier"], body["doc"]["insulin"]) == ("update", "b-1", 2.5)
        assert phone.delete("/api/v3/treatments/b-1").status_code == 200
        assert mine.next() == ("delete", {"colName": "treatments", "identifier": "b-1"})
        assert mine.told.empty()


def test_what_a_sync_wrote_is_told_too(doors: Site, phone: Phone, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("glucoflow.api.sockets.EVERY_S", 0.2)
    with socket(doors) as mine:
        assert mine.subscribe(phone.secret, ["entries"])["success"]
        end = datetime.now(UTC).replace(microsecond=0) - timedelta(minutes=3)
        doors.put(phone.user_id, days=0.02, seed=4, end=end)
        first = mine.next()
        assert (first[0], first[1]["colName"], first[1]["doc"]["type"]) == ("create", "entries", "sgv")


def test_each_is_told_of_their_own_person_and_of_what_they_asked(doors: Site, phone: Phone) -> None:
    doors.store.people.add(f"{phone.user_id}-2", "Other", datetime.now(UTC), zone="UTC")
    with Phone(doors, f"{phone.user_id}-2") as other, socket(doors) as mine, socket(doors) as theirs:
        assert mine.subscribe(phone.sha1, ["treatments"]) == {"success": True, "collections": ["treatments"]}
        assert theirs.subscribe(other.secret)["success"]
        assert phone.post("/api/v1/entries", json=[xdrip_sgv(9, 140)]).is_success
        assert phone.post("/api/v1/treatments", json={"eventType": "Note", "notes": "mine"}).is_success
        assert other.post("/api/v1/entries", json=[xdrip_sgv(8, 150)]).is_success
        assert mine.next()[1]["doc"]["notes"] == "mine"
        assert theirs.next()[1]["doc"]["sgv"] == 150
        assert mine.told.empty()
        assert theirs.told.empty()


@pytest.mark.parametrize("token", ["wrong-0123456789abcdef0123", "", None, 7, "x" * 9000])
def test_without_a_good_secret_nothing_is_told(doors: Site, phone: Phone, token: object) -> None:
    with socket(doors) as one:
        assert one.subscribe(token) == BAD_TOKEN
        assert one.client.call("subscribe", namespace=STORAGE, timeout=120) == BAD_TOKEN
        assert phone.post("/api/v1/entries", json=[xdrip_sgv(7, 111)]).is_success
        assert one.told.empty()


def test_rights_count(doors: Site, user: str) -> None:
    with Phone(doors, user, "upload") as uploads, socket(doors, (STORAGE, "/alarm")) as one:
        assert one.subscribe(uploads.secret) == NOTHING_FOR_YOU
        assert one.subscribe(uploads.secret, namespace="/alarm") == BAD_TOKEN
        with Phone(doors, user, "read") as reads:
            assert one.subscribe(reads.secret, ["food"]) == NOTHING_FOR_YOU
            assert one.subscribe(reads.secret, namespace="/alarm")["success"]
            assert one.subscribe(reads.secret, ["entries"])["success"]


def test_a_revoked_app_is_cut_off(doors: Site, user: str) -> None:
    with Phone(doors, user) as phone, Phone(doors, user) as other, socket(doors) as one:
        assert one.subscribe(phone.secret)["success"]
        doors.store.apps.revoke(phone.app_id, datetime.now(UTC))
        assert other.post("/api/v1/entries", json=[xdrip_sgv(6, 112)]).is_success
        assert one.closed.get(timeout=60) == "closed"
        assert one.told.empty()
        assert one.client.connected is False


def test_who_does_not_say_who_they_are_is_sent_away(doors: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("glucoflow.api.sockets.PATIENCE_S", 0.2)
    with socket(doors) as one:
        assert one.closed.get(timeout=60) == "closed"


def test_only_these_two_namespaces_exist(doors: Site) -> None:
    client = socketio.Client(reconnection=False)
    with pytest.raises(socketio.exceptions.ConnectionError):
        client.connect(doors.url, namespaces=["/"], wait_timeout=5)
    client.disconnect()
