"""Who somebody is here that signed on elsewhere: an account that is bound to them, or one that may be made now."""

from datetime import datetime
from zoneinfo import ZoneInfo

import msgspec

from glucoflow.model.errors import Rejected
from glucoflow.model.units import MG_DL
from glucoflow.service.inviting import Accepted, accept_with, accept_with_sign_on
from glucoflow.service.openid import SignedOn
from glucoflow.service.people import add_person
from glucoflow.store import Store
from glucoflow.store.login_accounts import Grant, LoginAccount


class Recognised(msgspec.Struct, frozen=True, kw_only=True):
    """Whose account it is. None: nobody's, and none may be made; `accepted`: what an invitation came to."""

    account: LoginAccount | None = None
    accepted: Accepted | None = None


def recognise(store: Store, who: SignedOn, invitation: str | None, open_to_all: bool, now: datetime) -> Recognised:
    """The account of whoever signed on. With an `invitation` it is accepted; `open_to_all`: whoever comes is a person.

    Raises Rejected for an invitation that does not work any more.
    """
    account = store.login_accounts.of_subject(who.subject, now)
    if invitation is not None:
        done = (
            accept_with(store, invitation, account, now)
            if account is not None
            else accept_with_sign_on(store, invitation, _name(store, who), who.subject, now)
        )
        return Recognised(account=done.account, accepted=done)
    if account is not None:
        return Recognised(account=account)
    if not open_to_all:
        return Recognised()
    return Recognised(account=_new(store, who, now))


def _new(store: Store, who: SignedOn, now: datetime) -> LoginAccount:
    """A person with an account of their own, who sees nobody else."""
    name = _name(store, who)
    person = add_person(store, name, MG_DL, _zone(who.zone), now)
    try:
        grant = Grant(user_id=person.id, level="own", until=None)
        return store.login_accounts.add(name, None, now, grant=grant, subject=who.subject)
    except Rejected:  # the same browser came twice at once
        store.people.delete(person.id)
        found = store.login_accounts.of_subject(who.subject, now)
        if found is None:
            raise
        return found


def _name(store: Store, who: SignedOn) -> str:
    return store.login_accounts.free_name(who.name)


def _zone(named: str | None) -> str:
    try:
        return ZoneInfo(named or "UTC").key
    except (ValueError, OSError, LookupError):
        return "UTC"
