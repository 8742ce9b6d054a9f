"""`kibana export`, provisioning the dashboards of everybody over Kibana's API, and guests there."""

from datetime import date, datetime, time, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

from pydantic import SecretStr
from rich.console import Console

from glucoflow.cli.console import print_json, say
from glucoflow.es.names import Names
from glucoflow.kibana.export import export_operator, export_person
from glucoflow.kibana.provision import space_of
from glucoflow.model.errors import Misconfigured, Rejected
from glucoflow.service.dashboards import Shown, kibana_login, kibana_person, provision_dashboards
from glucoflow.service.export import written_to
from glucoflow.service.kibana_guests import bring_guests_up_to_date, make_guest
from glucoflow.service.runtime import open_runtime, store_of
from glucoflow.settings import Settings
from glucoflow.store.audit import Deed


def export_dashboards(settings: Settings, user_id: str | None, operator: bool, out: Path) -> None:
    """Write the import file of a person or of the operator. Raises Misconfigured unless exactly one is asked for."""
    if operator == (user_id is not None):
        raise Misconfigured("Whose dashboards?", remedy="Give either --user ID or --operator.")
    names = Names.below(settings.es.index, settings.index.shared_by_all)
    if user_id is None:
        content = export_operator(runs_index=names.runs, code=settings.kibana.language)
    else:
        with store_of(settings.store) as store:
            content = export_person(kibana_person(store, store.people.get(user_id), names))
    with written_to(out):
        out.write_bytes(content)
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
        readers = {login: kibana_login(settings, space_of(login), password)} if login and password else {}
        shown = provision_dashboards(rt, readers, tell)
    for one in shown:
        if one.error:
            raise one.error


def guest_now(settings: Settings, user_id: str, name: str, last: date) -> None:
    """Make a guest's login now. Raises Rejected for an unknown person or a past day, and Kibana's errors: then the
    login is made by the next run of the flow `kibana-guests`."""
    with open_runtime(settings) as rt:
        zone = ZoneInfo(rt.store.people.get(user_id).zone)
        until = datetime.combine(last + timedelta(days=1), time(0), zone)
        new = rt.store.kibana_guests.ask(user_id, name, until, "a command", rt.clock())
        say(f"name      {new.guest.id}\npassword  {new.password.get_secret_value()}")
        rt.store.audit.add(Deed(who="a command", action="shared", what="kibana guests", user_id=user_id), rt.clock())
        make_guest(rt, new)
    say(f"{new.guest.name} may look at {user_id} in Kibana until {last}.", error=True)


def list_guests(settings: Settings, user_id: str, as_json: bool) -> None:
    with store_of(settings.store) as store:
        store.people.get(user_id)  # says who is known
        found = store.kibana_guests.list(user_id)
    if as_json:
        print_json(found)
        return
    for one in found:
        state = "removed" if one.gone_at else "is there" if one.made_at else "is being made"
        say(f"{one.id}  {one.name}, until {one.until:%Y-%m-%d %H:%M} UTC, {state}")


def withdraw_guest(settings: Settings, user_id: str, login: str) -> None:
    """Raises Rejected where the person has no such guest."""
    with open_runtime(settings) as rt:
        if not rt.store.kibana_guests.withdraw(user_id, login, rt.clock()):
            raise Rejected(
                "guest", f"{user_id} has none called {login!r}; `glucoflow kibana guests {user_id}` lists them"
            )
        bring_guests_up_to_date(rt)
    say(f"{login} sees nothing any more.", error=True)
