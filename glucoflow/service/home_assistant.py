"""Home Assistant, told by MQTT: what makes its sensors appear by themselves, and the messages that they show.

One device a person, with glucose, trend, time of the reading and its age. Readings are not retained by the broker; that
a person's newest reading is of the present is a topic of its own, without which Home Assistant says `unavailable`.
"""

import json
from datetime import timedelta
from typing import Any

import msgspec

from glucoflow.model.trends import ARROWS
from glucoflow.model.units import MMOL_L
from glucoflow.service.answers import LatestAnswer
from glucoflow.store import Person

ONLINE, OFFLINE = "online", "offline"
PRESENT = timedelta(minutes=15)
"""How much older than usual the newest reading may be and still count as the present."""


class Topics(msgspec.Struct, frozen=True, kw_only=True):
    """Where things are said: below `prefix`, and below Home Assistant's own `discovery`."""

    prefix: str = "glucoflow"
    discovery: str = "homeassistant"

    @property
    def status(self) -> str:
        """Whether glucoflow is there; its last will."""
        return f"{self.prefix}/status"

    def state(self, user_id: str) -> str:
        return f"{self.prefix}/{user_id}/state"

    def availability(self, user_id: str) -> str:
        return f"{self.prefix}/{user_id}/availability"

    def config(self, user_id: str, sensor: str) -> str:
        return f"{self.discovery}/sensor/{self.prefix}_{user_id}/{sensor}/config"


class Message(msgspec.Struct, frozen=True, kw_only=True):
    topic: str
    payload: str
    retain: bool = False


def introductions(person: Person, topics: Topics) -> list[Message]:
    """What Home Assistant makes a device and its sensors of. Retained, so that it knows them after a restart."""
    device = {"identifiers": [f"{topics.prefix}_{person.id}"], "name": person.display_name, "manufacturer": "glucoflow"}
    common = {
        "state_topic": topics.state(person.id),
        "availability": [{"topic": topics.status}, {"topic": topics.availability(person.id)}],
        "availability_mode": "all",
        "device": device,
        "origin": {"name": "glucoflow"},
    }
    return [
        Message(
            topic=topics.config(person.id, name),
            payload=json.dumps({**common, **own, "unique_id": f"{topics.prefix}_{person.id}_{name}"}),
            retain=True,
        )
        for name, own in _sensors(person).items()
    ]


def _sensors(person: Person) -> dict[str, dict[str, Any]]:
    key = "mmol_l" if person.unit == MMOL_L else "mg_dl"
    return {
        "glucose": {
            "name": "Glucose",
            "device_class": "blood_glucose_concentration",
            "state_class": "measurement",
            "unit_of_measurement": person.unit,
            "suggested_display_precision": 1 if person.unit == MMOL_L else 0,
            "value_template": f"{{{{ value_json.{key} }}}}",
        },
        "trend": {
            "name": "Trend",
            "device_class": "enum",
            "options": [*ARROWS, "unknown"],
            "value_template": "{{ value_json.trend }}",
        },
        "time": {"name": "Reading", "device_class": "timestamp", "value_template": "{{ value_json.time }}"},
        "age": {
            "name": "Age of the reading",
            "device_class": "duration",
            "unit_of_measurement": "min",
            "value_template": "{{ value_json.age_minutes }}",
        },
    }


def news(person: Person, latest: LatestAnswer, usual_delay: timedelta, topics: Topics) -> list[Message]:
    """The newest reading of a person, and whether it is as new as their source gives it."""
    reading, age = latest.reading, latest.age_minutes
    there = reading is not None and age is not None and timedelta(minutes=age) <= usual_delay + PRESENT
    available = Message(topic=topics.availability(person.id), payload=ONLINE if there else OFFLINE, retain=True)
    if reading is None:
        return [available]
    state = {
        "mg_dl": round(reading.mg_dl),
        "mmol_l": round(reading.mmol_l, 1),
        "limit": reading.limit,
        "trend": reading.trend if reading.trend in ARROWS else "unknown",
        "time": reading.time.isoformat(timespec="seconds"),
        "age_minutes": age,
    }
    return [Message(topic=topics.state(person.id), payload=json.dumps(state)), available]


def farewell(topics: Topics) -> Message:
    return Message(topic=topics.status, payload=OFFLINE, retain=True)


def welcome(topics: Topics) -> Message:
    return Message(topic=topics.status, payload=ONLINE, retain=True)
