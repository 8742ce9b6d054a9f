"""Inviting somebody, and what happens when they accept: a person, an account, and what the account may."""

from collections.abc import Callable
from datetime import datetime

import msgspec
from pydantic import SecretStr

from glucoflow.model.errors import Rejected
from glucoflow.service.passwords import Passwords
from glucoflow.service.people import add_person
from glucoflow.store import Store
from glucoflow.store.invites import Invite
from glucoflow.store.login_accounts import Grant, Level, LoginAccount

USED_UP = "has been used already, was withdrawn, or is older than seven days; ask whoever sent it for another"


class Accepted(msgspec.Struct, frozen=True, kw_only=True):
    """What came of an invitation: an account, the person that it is to, and what it may with them."""

    account: LoginAccount
    user_id: str
    level: Level


def accept_with_new_account(
    store: Store, passwords: Passwords, token: str, name: str, password: SecretStr, now: datetime
) -> Accepted:
    """Make an account, and the person if the invitation is to become one. The link is used up only if all is done.

    Raises Rejected for a link that does not work, a name that is taken, or a bad password.
    """
    hashed = passwords.hash(password, name)
    return _accept(store, token, now, lambda grant: store.login_accounts.add(name, hashed, now, grant=grant))


def accept_with_sign_on(store: Store, token: str, name: str, subject: str, now: datetime) -> Accepted:
    """The same for somebody who signs on elsewhere as `subject`, and so needs no password here."""
    return _accept(
        store, token, now, lambda grant: store.login_accounts.add(name, None, now, grant=grant, subject=subject)
    )


def accept_with(store: Store, token: str, account: LoginAccount, now: datetime) -> Accepted:
    """The same for somebody who has an account already: a parent of two, a doctor of several."""

    def granted(grant: Grant) -> LoginAccount:
        store.login_accounts.grant(account.id, grant, now)
        return account

    return _accept(store, token, now, granted)


def _accept(store: Store, token: str, now: datetime, account_with: Callable[[Grant], LoginAccount]) -> Accepted:
    """`account_with` gives the account to which the grant was added. If it fails, the link works again."""
    invite = store.invites.take(token, now)
    if invite is None:
        raise Rejected("invitation", USED_UP)
    try:
        user_id = _person(store, invite, now)
        account = account_with(Grant(user_id=user_id, level=invite.level, until=invite.until))
    except BaseException:
        store.invites.give_back(invite.id)
        raise
    store.invites.accepted(invite.id, account.id)
    return Accepted(account=account, user_id=user_id, level=invite.level)


def _person(store: Store, invite: Invite, now: datetime) -> str:
    """Whose data it is about. A new person is made once: a second try after a taken name finds them."""
    if invite.user_id is not None:
        return invite.user_id
    person = add_person(store, invite.name, invite.unit, invite.zone, now)
    store.invites.meant(invite.id, person.id)
    return person.id
