"""The demo's people: put into the store and connected through the real code flow, without a browser."""

from collections.abc import Sequence
from datetime import datetime
from urllib.parse import parse_qs, urlsplit

import requests
from pydantic import SecretStr

from glucoflow.model.errors import Unavailable
from glucoflow.service.connect import connect_account, connection_for
from glucoflow.service.providers import SIMULATOR
from glucoflow.service.runtime import Runtime
from glucoflow.simulators import DEMO
from glucoflow.simulators.family import ONLY_SIGNED_IN, SIGNED_IN, SignedIn
from glucoflow.simulators.people import demo_family
from glucoflow.simulators.scenario import SimulatedPerson
from glucoflow.store import OAuthState


def connect_people(rt: Runtime) -> Sequence[str]:
    """Ids of the demo's people, each of whom has a working connection afterwards. Repeating it changes nothing."""
    people = {person.id: person for person in demo_family(rt.clock()).people}
    for person in people.values():
        if person.id not in ONLY_SIGNED_IN:
            connect(rt, person)
    for one in SIGNED_IN:
        if one.provider in rt.providers.doubles:  # a simulator of one provider alone may run elsewhere
            _sign_in(rt, people[one.person], one)
    return [one for one in people if rt.store.people.find(one) is not None]


def connect(rt: Runtime, person: SimulatedPerson) -> None:
    """Add one of the simulator's people and connect them, where that is not done already."""
    _add(rt, person)
    if not _is_connected(rt, person, DEMO):
        _consent(rt, person, rt.clock())


def _add(rt: Runtime, person: SimulatedPerson) -> None:
    if rt.store.people.find(person.id) is None:
        rt.store.people.add(person.id, person.name, rt.clock(), unit=person.unit, zone=person.zone)


def _is_connected(rt: Runtime, person: SimulatedPerson, provider: str) -> bool:
    connections = rt.store.connections.for_user(person.id)
    return any(one.state == "connected" and one.provider == provider for one in connections)


def _sign_in(rt: Runtime, person: SimulatedPerson, typed: SignedIn) -> None:
    """What the page does with a provider's form."""
    _add(rt, person)
    if _is_connected(rt, person, typed.provider):
        return
    now = rt.clock()
    values = {name: SecretStr(value) for name, value in typed.values.items()}
    credentials = rt.providers.log_in(typed.provider, SIMULATOR, values, now)
    again = connection_for(rt.store, person.id, typed.provider)
    started = OAuthState(user_id=person.id, provider=typed.provider, region=SIMULATOR, connection_id=again)
    connect_account(rt.store, started, credentials, now)


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
