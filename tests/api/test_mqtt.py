"""Home Assistant by MQTT: a broker by others, its subscriber, and the newest readings of those who are named."""

import asyncio
import json
import logging
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import aiomqtt
import pytest
from amqtt.broker import Broker
from argon2 import PasswordHasher

from glucoflow.es.queries import Queries
from glucoflow.model.errors import Misconfigured, Unavailable
from glucoflow.service.answers import LatestAnswer, ReadingAnswer
from glucoflow.service.home_assistant import OFFLINE, ONLINE, Topics, news
from glucoflow.service.mqtt import Publishing
from glucoflow.service.questions import Questions
from glucoflow.settings.doors import MqttSettings
from glucoflow.store import Person
from tests.api.conftest import NAMES
from tests.api.loops import in_a_loop
from tests.web.serving import Site

PASSWORD = "a-long-password-of-the-broker"
NO_DELAY = timedelta()


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as one:
        return int(one.getsockname()[1])


@asynccontextmanager
async def broker(folder: Path, port: int) -> AsyncIterator[None]:
    """Only `glucoflow` with its password is let in."""
    hasher = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
    (folder / "passwords").write_text(f"glucoflow:{hasher.hash(PASSWORD)}\n")
    config = {
        "listeners": {"default": {"type": "tcp", "bind": f"127.0.0.1:{port}"}},
        "plugins": {"amqtt.plugins.authentication.FileAuthPlugin": {"password_file": str(folder / "passwords")}},
    }
    one = Broker(config)
    await one.start()
    try:
        yield
    finally:
        await one.shutdown()


def settings(port: int, people: str, **more: object) -> MqttSettings:
    given = {"host": "127.0.0.1", "port": port, "username": "glucoflow", "password": PASSWORD, "people": people}
    return MqttSettings.model_validate(given | more)


def publishing(site: Site, given: MqttSettings) -> Publishing:
    questions = Questions(site.store, Queries(site.client, NAMES), lambda: datetime.now(UTC))
    people = site.store.people
    return Publishing(given, lambda: {one.id: one for one in people.list()}, questions.latest, lambda _user: NO_DELAY)


async def heard(port: int, until: str, payload: bytes | None = None) -> dict[str, tuple[bytes, bool]]:
    """What Home Assistant hears, by topic with whether it was retained, up to a message."""
    found: dict[str, tuple[bytes, bool]] = {}
    async with aiomqtt.Client("127.0.0.1", port, username="glucoflow", password=PASSWORD) as client:
        await client.subscribe("#", qos=1)
        async with asyncio.timeout(60):
            async for message in client.messages:
                body = bytes(message.payload) if isinstance(message.payload, bytes | bytearray) else b""
                found[str(message.topic)] = (body, bool(message.retain))
                if str(message.topic) == until and payload in (None, body):
                    return found
    return found


def test_sensors_appear_by_themselves_and_show_the_newest_reading_of_whom_was_named(
    doors: Site, user: str, tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("glucoflow.service.mqtt.EVERY_S", 0.3)
    caplog.set_level(logging.DEBUG)
    end = datetime.now(UTC).replace(microsecond=0) - timedelta(minutes=3)
    doors.put(user, days=0.02, seed=4, end=end)
    doors.store.people.add(f"{user}-other", "Other", datetime.now(UTC))
    doors.store.people.update(user, unit="mmol/L")
    port = free_port()

    async def act() -> tuple[dict[str, tuple[bytes, bool]], dict[str, tuple[bytes, bool]]]:
        async with broker(tmp_path, port):
            one = publishing(doors, settings(port, f"{user}, nobody"))
            await asyncio.to_thread(one.__enter__)
            first = await heard(port, f"glucoflow/{user}/availability")
            while f"glucoflow/{user}/state" not in first:
                first |= await heard(port, f"glucoflow/{user}/state")
            await asyncio.to_thread(one.__exit__, None, None, None)
            return first, await heard(port, "glucoflow/status")

    during, after = in_a_loop(act)
    state = json.loads(during[f"glucoflow/{user}/state"][0])
    latest = Questions(doors.store, Queries(doors.client, NAMES), lambda: datetime.now(UTC)).latest(user)
    assert latest.reading is not None
    assert (state["mg_dl"], state["mmol_l"]) == (round(latest.reading.mg_dl), round(latest.reading.mmol_l, 1))
    assert state["time"] == latest.reading.time.isoformat(timespec="seconds")
    assert 3 <= state["age_minutes"] < 15
    assert during[f"glucoflow/{user}/availability"][0] == b"online"
    assert during["glucoflow/status"][0] == b"online"
    sensors = {name: body for name, (body, _) in during.items() if name.startswith("homeassistant/")}
    assert {name.split("/")[3] for name in sensors} == {"glucose", "trend", "time", "age"}
    glucose = json.loads(sensors[f"homeassistant/sensor/glucoflow_{user}/glucose/config"])
    assert glucose["unit_of_measurement"] == "mmol/L"
    assert glucose["value_template"] == "{{ value_json.mmol_l }}"
    assert {one["topic"] for one in glucose["availability"]} == {"glucoflow/status", f"glucoflow/{user}/availability"}
    assert not [name for name in during if "other" in name or "nobody" in name]
    assert after["glucoflow/status"] == (b"offline", True)
    assert f"glucoflow/{user}/state" not in after, "no reading stays at the broker"
    assert PASSWORD not in caplog.text


def test_a_broker_that_is_away_or_refuses_is_tried_again(
    doors: Site, user: str, tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("glucoflow.service.mqtt.FIRST_WAIT_S", 0.1)
    monkeypatch.setattr("glucoflow.service.mqtt.LONGEST_WAIT_S", 0.2)
    port = free_port()

    async def act() -> None:
        with publishing(doors, settings(port, user)):
            while "cannot be used" not in caplog.text:
                await asyncio.sleep(0.05)
            async with broker(tmp_path, port):
                found = await heard(port, f"glucoflow/{user}/availability")
                assert found[f"glucoflow/{user}/availability"][0] == b"offline", "there is no reading"

    in_a_loop(act)


@pytest.mark.parametrize(("age", "delay", "there"), [(14, 0, True), (16, 0, False), (74, 60, True), (None, 0, False)])
def test_a_reading_later_than_usual_is_not_the_present(age: float | None, delay: int, there: bool) -> None:
    time = datetime(2026, 1, 1, tzinfo=UTC)
    person = Person(id="a", display_name="A", created_at=time)
    reading = ReadingAnswer(
        id="1",
        time=time,
        utc_offset_min=0,
        mg_dl=100.4,
        mmol_l=5.57,
        range="in_range",
        limit=None,
        trend="notComputable",
        rate_mg_dl_per_min=None,
        excluded=False,
        provider="apps",
        device=None,
    )
    latest = LatestAnswer(reading=None if age is None else reading, age_minutes=age, stale=False)
    *states, available = news(person, latest, timedelta(minutes=delay), Topics())
    assert (available.payload, available.retain) == (ONLINE if there else OFFLINE, True)
    said = [(json.loads(one.payload)["trend"], one.retain) for one in states]
    assert said == ([] if age is None else [("unknown", False)])


def test_what_cannot_be_read_is_said_to_be_away(doors: Site, user: str, tmp_path: Path) -> None:
    port = free_port()

    def fails(_user: str) -> LatestAnswer:
        raise Unavailable("Elasticsearch does not answer.", remedy="")

    people = doors.store.people
    one = Publishing(settings(port, user), lambda: {user: people.get(user)}, fails, lambda _user: NO_DELAY)
    messages = one._round()
    assert [(m.topic, m.payload) for m in messages if "/availability" in m.topic and "config" not in m.topic] == [
        (f"glucoflow/{user}/availability", OFFLINE)
    ]


@pytest.mark.parametrize("more", [{"tls": True}, {"allow_plain": True}, {"host": "localhost"}, {"host": None}])
def test_readings_travel_unencrypted_to_this_machine_only(more: dict[str, object]) -> None:
    def made(**given: object) -> Publishing:
        one = settings(1883, "anna", **given)
        return Publishing(
            one, dict, lambda _user: LatestAnswer(reading=None, age_minutes=None, stale=True), lambda _user: NO_DELAY
        )

    with pytest.raises(Misconfigured, match="unencrypted"):
        made(host="192.168.1.5")
    made(**{"host": "192.168.1.5", **more})
