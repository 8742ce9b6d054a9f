"""`kibana export`, and provisioning the dashboards of everybody over Kibana's API."""

from pathlib import Path

from pydantic import SecretStr
from rich.console import Console

from glucoflow.es.names import Names
from glucoflow.kibana.export import export_operator, export_person
from glucoflow.kibana.provision import ReaderUser, space_of
from glucoflow.model.errors import Misconfigured, Unavailable
from glucoflow.service.dashboards import Shown, kibana_person, provision_dashboards
from glucoflow.service.runtime import open_runtime, store_of
from glucoflow.settings import Settings


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


def provision_now(settings: Settings, login: str | None = None, password: SecretStr | None = None) -> None:
    """Space, role and dashboards for everybody and for the operator. Repeating it changes nothing.

    `login` is the person who also gets a Kibana login of their own, with `password`: it sees their space only.
    Raises what was wrong with the first whose dashboards could not be provisioned, after all others were.
    """
    console = Console(stderr=True)

    def tell(one: Shown) -> None:
        if one.whose in readers and one.done:
            console.print(f"{one.whose}: login {readers[one.whose].username}", highlight=False)
        outcome = f"{one.done.outcome} in space {one.done.space}" if one.done else f"failed. {one.error}"
        console.print(f"{one.whose}: {outcome}", highlight=False, soft_wrap=True)

    with open_runtime(settings) as rt:
        if login is not None:
            rt.store.people.get(login)  # says who is known
        readers = {login: reader_of(settings, login, password)} if login and password else {}
        shown = provision_dashboards(rt, readers, tell)
    for one in shown:
        if one.error:
            raise one.error


def reader_of(settings: Settings, user_id: str, password: SecretStr) -> ReaderUser:
    """A person's Kibana login, named like their space. Raises Misconfigured without Elasticsearch's address."""
    if settings.es.endpoint is None:
        raise Misconfigured(
            "Logins are made in Elasticsearch, and ES_ENDPOINT is not set.", remedy="Set it in .env, as for Kibana."
        )
    return ReaderUser(
        username=space_of(user_id), password=password, elasticsearch_url=str(settings.es.endpoint).rstrip("/")
    )
