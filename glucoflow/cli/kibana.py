"""`kibana export`, and provisioning the dashboards of everybody over Kibana's API."""

from pathlib import Path

from pydantic import SecretStr
from rich.console import Console

from flows.runtime import open_runtime, store_of
from glucoflow.errors import Misconfigured, Unavailable
from glucoflow.es.names import Names
from glucoflow.kibana.api import KibanaCredentials
from glucoflow.kibana.export import export_operator, export_person
from glucoflow.kibana.person import KibanaPerson
from glucoflow.kibana.provision import ReaderUser, provision_operator, provision_person, space_of
from glucoflow.metrics.series import Exclusion
from glucoflow.settings import KibanaSettings, Settings
from glucoflow.store import Person, Store


def export_dashboards(settings: Settings, user_id: str | None, operator: bool, out: Path) -> None:
    """Write the import file of a person or of the operator. Raises Misconfigured unless exactly one is asked for."""
    if operator == (user_id is not None):
        raise Misconfigured("Whose dashboards?", remedy="Give either --user ID or --operator.")
    names = Names.below(settings.es.index)
    if user_id is None:
        content = export_operator(runs_index=names.runs)
    else:
        with store_of(settings.store) as store:
            content = export_person(kibana_person(store, store.people.get(user_id), names))
    try:
        out.write_bytes(content)
    except OSError as error:
        raise Unavailable(f"{out} cannot be written ({error.strerror}).", remedy="Choose another --out.") from error
    Console(stderr=True).print(
        f"wrote {out} ({content.count(10)} objects). In Kibana: Stack Management → Saved Objects → Import.",
        highlight=False,
        soft_wrap=True,
    )


def provision_dashboards(settings: Settings, login: str | None = None, password: SecretStr | None = None) -> None:
    """Space, role and dashboards for everybody and for the operator. Repeating it changes nothing.

    `login` is the person who also gets a Kibana login of their own, with `password`: it sees their space only.
    """
    url = settings.kibana.url
    if url is None:
        raise Misconfigured("KIBANA_URL is not set.", remedy="Set it in .env, or import by hand: `kibana export`.")
    console = Console(stderr=True)
    names = Names.below(settings.es.index)
    credentials = credentials_of(settings.kibana)
    with open_runtime(settings) as rt:
        if login is not None:
            rt.store.people.get(login)  # says who is known
        people = [kibana_person(rt.store, person, names) for person in rt.store.people.list()]
    for person in people:
        reader = reader_of(settings, login, password) if login == person.user_id and password else None
        done = provision_person(str(url), credentials, person, reader=reader)
        if reader is not None:
            console.print(f"{person.user_id}: login {reader.username}", highlight=False)
        console.print(f"{person.user_id}: {done.outcome} in space {done.space}", highlight=False)
    done = provision_operator(str(url), credentials, runs_index=names.runs, people_pattern=names.pattern)
    console.print(f"operator: {done.outcome} in space {done.space}", highlight=False)


def reader_of(settings: Settings, user_id: str, password: SecretStr) -> ReaderUser:
    """A person's Kibana login, named like their space. Raises Misconfigured without Elasticsearch's address."""
    if settings.es.endpoint is None:
        raise Misconfigured(
            "Logins are made in Elasticsearch, and ES_ENDPOINT is not set.", remedy="Set it in .env, as for Kibana."
        )
    return ReaderUser(
        username=space_of(user_id), password=password, elasticsearch_url=str(settings.es.endpoint).rstrip("/")
    )


def credentials_of(settings: KibanaSettings) -> KibanaCredentials:
    return KibanaCredentials(username=settings.user, password=settings.password)


def kibana_person(store: Store, person: Person, names: Names) -> KibanaPerson:
    """A person with what they marked, as their dashboards see them."""
    left_out = store.exclusions.list(person.id)
    return KibanaPerson(
        user_id=person.id,
        display_name=person.display_name,
        unit=person.unit,
        targets=person.targets,
        index_alias=names.alias(person.id),
        zone=person.zone,
        left_out=tuple(Exclusion(one.start, one.end, one.reason) for one in left_out),
    )
