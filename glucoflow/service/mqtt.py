"""Publishing to a broker of MQTT beside the pages: people's newest readings, for Home Assistant.

Nobody's, unless MQTT_PEOPLE names them. The connection carries a last will, so that whoever listens learns that it
broke; a broker that is away is tried again, less and less often, and costs the pages nothing. What is logged holds no
reading and no password.
"""

import asyncio
import logging
import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from datetime import timedelta
from types import TracebackType
from typing import Self

import aiomqtt
from pydantic import SecretStr

from glucoflow.http import is_loopback
from glucoflow.model.errors import GlucoflowError, Misconfigured
from glucoflow.service.answers import LatestAnswer
from glucoflow.service.home_assistant import OFFLINE, Message, Topics, farewell, introductions, news, welcome
from glucoflow.settings.doors import MqttSettings
from glucoflow.store import Person

log = logging.getLogger(__name__)

EVERY_S = 60.0
FIRST_WAIT_S, LONGEST_WAIT_S = 5.0, 300.0
PATIENCE_S = 20.0
Latest = Callable[[str], LatestAnswer]


def refuse_open_wire(settings: MqttSettings) -> None:
    """Raises Misconfigured where readings and a password would travel unencrypted to another machine."""
    if settings.host and not (settings.tls or settings.allow_plain or is_loopback(settings.host)):
        raise Misconfigured(
            f"Readings would travel to the broker {settings.host} unencrypted.",
            remedy="Set MQTT_TLS=true (usually with MQTT_PORT=8883); in a network of your own MQTT_ALLOW_PLAIN=true.",
        )


class Publishing:
    """Use it as a context, whose end says goodbye. Without MQTT_HOST it does nothing.

    `people` gives those there are by id, `latest` a person's newest reading, `usual_delay` how old it usually is.
    """

    def __init__(
        self,
        settings: MqttSettings,
        people: Callable[[], Mapping[str, Person]],
        latest: Latest,
        usual_delay: Callable[[str], timedelta],
    ) -> None:
        refuse_open_wire(settings)
        self._settings = settings
        self._topics = Topics(prefix=settings.prefix, discovery=settings.discovery)
        self._people = people
        self._latest = latest
        self._usual_delay = usual_delay
        self._introduced: dict[str, Person] = {}
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stop: asyncio.Event | None = None
        self._ready = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._run()), name="mqtt", daemon=True)

    def __enter__(self) -> Self:
        if self._settings.host:
            self._thread.start()
            self._ready.wait()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        if self._loop is not None and self._stop is not None:
            with suppress(RuntimeError):  # it ended before
                self._loop.call_soon_threadsafe(self._stop.set)
            self._thread.join(PATIENCE_S)

    async def _run(self) -> None:
        self._loop, self._stop = asyncio.get_running_loop(), asyncio.Event()
        self._ready.set()
        wait = FIRST_WAIT_S
        while not self._stop.is_set():
            try:
                async with self._client() as client:
                    wait = FIRST_WAIT_S
                    self._introduced = {}
                    await self._serve(client, self._stop)
            except (aiomqtt.MqttError, OSError) as error:
                log.warning("the broker of MQTT cannot be used: %s", type(error).__name__)
                await self._pause(self._stop, wait)
                wait = min(2 * wait, LONGEST_WAIT_S)

    def _client(self) -> aiomqtt.Client:
        one = self._settings
        return aiomqtt.Client(
            one.host or "",
            one.port,
            username=one.username,
            password=one.password.get_secret_value() if isinstance(one.password, SecretStr) else None,
            tls_params=aiomqtt.TLSParameters(ca_certs=str(one.ca_certs) if one.ca_certs else None) if one.tls else None,
            will=aiomqtt.Will(self._topics.status, OFFLINE, qos=1, retain=True),
            timeout=PATIENCE_S,
            logger=logging.getLogger("glucoflow.mqtt.client"),
        )

    async def _serve(self, client: aiomqtt.Client, stop: asyncio.Event) -> None:
        await _send(client, [welcome(self._topics)])
        while not stop.is_set():
            await _send(client, await asyncio.to_thread(self._round))
            await self._pause(stop, EVERY_S)
        await _send(client, [farewell(self._topics)])

    def _round(self) -> list[Message]:
        """What there is to say now. Who left is taken out of Home Assistant; who cannot be read is said to be away."""
        try:
            known = self._people()
        except GlucoflowError as error:
            log.warning("people could not be looked up for MQTT: %s", type(error).__name__)
            return []
        wanted = {name: known[name] for name in self._settings.names if name in known}
        messages: list[Message] = []
        for gone in set(self._introduced) - set(wanted):
            found = introductions(self._introduced.pop(gone), self._topics)
            messages += [Message(topic=one.topic, payload="", retain=True) for one in found]
        for name, person in wanted.items():
            if self._introduced.get(name) != person:
                messages += introductions(person, self._topics)
                self._introduced[name] = person
            messages += self._news(person)
        return messages

    def _news(self, person: Person) -> Sequence[Message]:
        try:
            return news(person, self._latest(person.id), self._usual_delay(person.id), self._topics)
        except GlucoflowError as error:
            log.warning("a newest reading could not be read for MQTT: %s", type(error).__name__)
            return [Message(topic=self._topics.availability(person.id), payload=OFFLINE, retain=True)]

    @staticmethod
    async def _pause(stop: asyncio.Event, seconds: float) -> None:
        with suppress(TimeoutError):
            await asyncio.wait_for(stop.wait(), seconds)


async def _send(client: aiomqtt.Client, messages: Sequence[Message]) -> None:
    for one in messages:
        await client.publish(one.topic, one.payload, qos=1, retain=one.retain)
