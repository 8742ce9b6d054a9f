"""`accounts`: who logs in on the pages by a name of their own."""

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer
from pydantic import SecretStr

from glucoflow.cli.console import Json, last_time, opened_store, print_json, say, show_table
from glucoflow.model.errors import Rejected

if TYPE_CHECKING:
    from glucoflow.store import Store
    from glucoflow.store.login_accounts import LoginAccount

app = typer.Typer(help="Who logs in on the pages by a name of their own.", no_args_is_help=True)

Name = Annotated[str, typer.Argument(help="The name to log in with.")]


@app.command()
def add(
    name: Name,
    user: Annotated[list[str] | None, typer.Option("--user", help="A person whom they see and change; repeat.")] = None,
    operator: Annotated[bool, typer.Option("--operator", help="Sees and changes everybody and everything.")] = False,
) -> None:
    """Make an account. The password is asked for. With the first one, everybody has to log in from then on."""
    from glucoflow.service.passwords import Passwords
    from glucoflow.store.login_accounts import Grant

    if not (operator or user):
        raise Rejected("account", "is an operator's (--operator) or sees somebody (--user); say which")
    hashed = Passwords().hash(_new_password(), name)
    now = datetime.now(UTC)
    with opened_store() as store:
        people = [store.people.get(one) for one in user or []]
        made = store.login_accounts.add(name, hashed, now, operator=operator)
        for one in people:
            store.login_accounts.grant(made.id, Grant(user_id=one.id, level="own", until=None), now)
    say(f"{made.name} can log in now.")


@app.command("list")
def list_accounts(as_json: Json = False) -> None:
    """Who has an account, what each may, and when they last logged in."""
    with opened_store() as store:
        found = store.login_accounts.list(datetime.now(UTC))
    if as_json:
        print_json(found)
        return
    rows = []
    for one in found:
        sees = ", ".join(f"{grant.user_id} ({grant.level})" for grant in one.grants.values())
        factor, last = "yes" if one.has_totp else "no", last_time(one.last_login_at)
        rows.append((one.name, "everybody" if one.operator else sees, factor, last))
    show_table("Accounts", ("name", "sees", "second factor", "last log-in (UTC)"), rows)


@app.command()
def password(name: Name) -> None:
    """Set a new password for whoever forgot theirs. Their second factor, passkeys and every session end."""
    from glucoflow.service.passwords import Passwords

    with opened_store() as store:
        account = _named(store, name)
        store.login_accounts.set_password(account.id, Passwords().hash(_new_password(), name))
        store.login_accounts.set_totp(account.id, None)
        store.passkeys.remove(account.id)
    say(f"{account.name} logs in with the new password.")


@app.command()
def remove(name: Name) -> None:
    """Take an account away, and log it out everywhere. The people whom it saw stay."""
    with opened_store() as store:
        account = _named(store, name)
        store.login_accounts.remove(account.id)
    say(f"{account.name} cannot log in any more.")


def _named(store: "Store", name: str) -> "LoginAccount":
    account = store.login_accounts.named(name, datetime.now(UTC))
    if account is None:
        raise Rejected("account", f"there is none called {name!r}; `glucoflow accounts list` shows them")
    return account


def _new_password() -> SecretStr:
    return SecretStr(typer.prompt("Password", hide_input=True, confirmation_prompt=True))
