"""The demo's people: put into the store and connected through the real code flow, without a browser."""

from collections.abc import Sequence
from datetime import datetime
from urllib.parse import parse_qs, urlsplit

import requests

from glucoflow.model.errors import Unavailable
from glucoflow.service.connect import connect_account, connection_for
from glucoflow.service.providers import SIMULATOR
from glucoflow.service.runtime import Runtime
from glucoflow.simulators import DEMO
from glucoflow.simulators.people import demo_scenario
from glucoflow.simulators.scenario import SimulatedPerson


def connect_people(rt: Runtime) -> Sequence[str]:
    """Ids of the demo's people, each of whom has a working connection afterwards. Repeating it changes nothing."""
    people = demo_scenario(rt.clock()).people
    for person in people:
        connect(rt, person)
    return [person.id for person in people]


def connect(rt: Runtime, person: SimulatedPerson) -> None:
    """Add one of the simulator's people and connect them, where that is not done already."""
    now = rt.clock()
    if rt.store.people.find(person.id) is None:
        rt.store.people.add(person.id, person.name, now, unit=person.unit, zone=person.zone)
    if not any(connection.state == "connected" for connection in rt.store.connections.for_user(person.id)):
        _consent(rt, person, now)


def _consent(rt: Runtime, person: SimulatedPerson, now: datetime) -> None:
    """What a browser would do: ask for consent, follow the redirect back, exchange the code, store the credentials."""
    authorizer = rt.providers.authorizer(DEMO, SIMULATOR)
    again = connection_for(rt.store, person.id, DEMO)
    state = rt.store.oauth_states.create(person.id, DEMO, SIMULATOR, now, connection_id=again)
    address = f"{authorizer.authorize_url(state)}&person={person.id}&auto=1"
    consent = requests.get(address, timeout=10, allow_redirects=False)
    answer = parse_qs(urlsplit(consent.headers.get("location", "")).query)
    if "code" not in answer or answer.get("state") != [state]:
        raise Unavailable(
            f"The simulated provider did not consent (HTTP {consent.status_code}).",
            remedy="Delete simulator.json in the data folder and start again.",
        )
    started = rt.store.oauth_states.consume(answer["state"][0], now)
    if started is None:
        raise Unavailable("The authorization was interrupted.", remedy="Start again.")
    credentials = authorizer.exchange(answer["code"][0], now)
    connect_account(rt.store, started, credentials, now)
