"""Everybody's Kibana dashboards brought up to date, as a plain function."""

from collections.abc import Callable, Mapping
from functools import partial

import msgspec
from pydantic import SecretStr

from glucoflow.es.names import Names
from glucoflow.installed import installed
from glucoflow.kibana.api import KibanaCredentials
from glucoflow.kibana.export import OPERATOR
from glucoflow.kibana.person import KibanaPerson
from glucoflow.kibana.provision import Provisioned, ReaderUser, provision_operator, provision_person
from glucoflow.languages import ENGLISH_TAG
from glucoflow.model.errors import GlucoflowError, Misconfigured, Retryable, Unavailable
from glucoflow.service.runtime import Runtime
from glucoflow.settings import KibanaSettings, Settings
from glucoflow.store import Person, Store


class Shown(msgspec.Struct, frozen=True, kw_only=True):
    """What came of one person's dashboards, or the operator's: either `done` or the error."""

    whose: str
    done: Provisioned | None = None
    error: GlucoflowError | None = None


def provision_dashboards(
    rt: Runtime, readers: Mapping[str, ReaderUser] | None = None, on_done: Callable[[Shown], None] = lambda _shown: None
) -> list[Shown]:
    """Space, role and dashboards for everybody and the operator; repeating it changes nothing.

    `readers` are the logins to make, by person. One person's fault stops nobody else. Raises Misconfigured without
    KIBANA_URL, and Unavailable or Retryable where Kibana itself does not answer.
    """
    url, credentials = kibana_address(rt.settings.kibana), credentials_of(rt.settings.kibana)

    def of_person(person: Person) -> Provisioned:
        made = kibana_person(rt.store, person, rt.names)
        return provision_person(url, credentials, made, reader=(readers or {}).get(person.id))

    def of_operator() -> Provisioned:
        return provision_operator(url, credentials, runs_index=rt.names.runs, code=rt.settings.kibana.language)

    steps = [(person.id, partial(of_person, person)) for person in rt.store.people.list()]
    shown = []
    for whose, step in [*steps, (OPERATOR, partial(of_operator))]:
        try:
            one = Shown(whose=whose, done=step())
        except (Unavailable, Retryable):
            raise
        except GlucoflowError as error:
            one = Shown(whose=whose, error=error)
        on_done(one)
        shown.append(one)
    return shown


def kibana_person(store: Store, person: Person, names: Names) -> KibanaPerson:
    """A person with what they marked. Raises Misconfigured for an id that Kibana cannot hold."""
    return KibanaPerson(
        user_id=person.id,
        display_name=person.display_name,
        unit=person.unit,
        targets=person.targets,
        index_alias=names.alias(person.id),
        zone=person.zone,
        language=person.language or ENGLISH_TAG,
        exclusions=store.exclusions.list(person.id),
        delays=delays_of(store, person.id),
    )


def delays_of(store: Store, user_id: str) -> dict[str, int]:
    """How many minutes old the newest reading of each of a person's sources usually is, by the provider's name."""
    known, delays = installed().providers, dict[str, int]()
    for one in store.connections.for_user(user_id):
        if one.provider in known:
            quirks = known[one.provider].quirks
            delay = quirks.delays.get(one.region, quirks.delay)
            delays[one.provider] = max(delays.get(one.provider, 0), round(delay.total_seconds() / 60))
    return delays


def credentials_of(settings: KibanaSettings) -> KibanaCredentials:
    return KibanaCredentials(username=settings.user, password=settings.password)


def kibana_login(settings: Settings, name: str, password: SecretStr = SecretStr("")) -> ReaderUser:
    """A login of Kibana, which is made in Elasticsearch. Raises Misconfigured without its address."""
    if settings.es.endpoint is None:
        raise Misconfigured(
            "Logins are made in Elasticsearch, and ES_ENDPOINT is not set.", remedy="Set it in .env, as for Kibana."
        )
    address = str(settings.es.endpoint).rstrip("/")
    return ReaderUser(username=name, password=password, elasticsearch_url=address, ca_certs=settings.es.ca_certs)


def kibana_address(settings: KibanaSettings) -> str:
    if settings.url is None:
        raise Misconfigured("KIBANA_URL is not set.", remedy="Set it in .env, or import by hand: `kibana export`.")
    return str(settings.url)
