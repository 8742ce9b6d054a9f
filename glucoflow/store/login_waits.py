"""How long somebody who logs in has to wait, per account and per address: each wrong try doubles it.

A try is counted before the password is looked at, in one transaction, so that no number of tries at once gets more than
one of them through. A right password takes its counts back.
"""

import ipaddress
from datetime import datetime, timedelta

import msgspec
from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from glucoflow.store.access_tables import LoginWaitRow
from glucoflow.store.database import Database
from glucoflow.store.tokens import hash_of

ACCOUNT = "account"
"""Of whoever knows the site's own password; accounts with a name have a wait of their own each."""
FIRST_WAIT = timedelta(seconds=1)
ACCOUNT_CAP = timedelta(seconds=30)
"""Short, so that whoever knows the password gets in between the tries of somebody who guesses."""
ADDRESS_CAP = timedelta(minutes=15)
FORGOTTEN_AFTER = timedelta(days=1)


class LoginTry(msgspec.Struct, frozen=True, kw_only=True):
    """Whether the password may be looked at. `wait`: until when not, or how long the next try waits if this fails."""

    allowed: bool
    wait: timedelta


class LoginWaits:
    """The tries that count."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def begin(self, address: str, now: datetime, account: str = "") -> LoginTry:
        """Count a try from `address`, unless it comes within a wait: then nothing is counted and it is not allowed.

        `account` is the name as it is compared, whether anybody has it or not; empty for the site's own password.
        """
        caps = _caps(address, account)
        with self._database.write() as session:
            rows = {key: self._locked(session, key, now) for key in caps}
            wait = max(_remaining(rows[key], cap, now) for key, cap in caps.items())
            if wait > timedelta(0):
                return LoginTry(allowed=False, wait=wait)
            waits = []
            for key, cap in caps.items():
                tries = _tries(rows[key], now) + 1
                waits.append(min(FIRST_WAIT * 2 ** min(tries - 1, 20), cap))
                session.merge(LoginWaitRow(key=key, tries=tries, last_at=now, next_at=now + waits[-1]))
            session.execute(delete(LoginWaitRow).where(LoginWaitRow.last_at <= now - FORGOTTEN_AFTER))
        return LoginTry(allowed=True, wait=max(waits))

    def succeeded(self, address: str, account: str = "") -> None:
        """The password was right: nobody has to wait for this account and address any more."""
        with self._database.write() as session:
            session.execute(delete(LoginWaitRow).where(LoginWaitRow.key.in_(_caps(address, account))))

    def _locked(self, session: Session, key: str, now: datetime) -> LoginWaitRow | None:
        """The row of a key, held until the transaction ends. On PostgreSQL nobody else can make it meanwhile either."""
        if self._database.is_postgres and key.startswith(ACCOUNT):
            new = self._database.insert(LoginWaitRow).values(key=key, tries=0, last_at=now, next_at=now)
            session.execute(new.on_conflict_do_nothing(index_elements=["key"]))
        return session.scalar(select(LoginWaitRow).where(LoginWaitRow.key == key).with_for_update())


def place(address: str) -> str:
    """What counts as one address: an IPv4 address, or the /64 that one household or host has of IPv6."""
    try:
        ip = ipaddress.ip_address(address)
    except ValueError:
        return "unknown"
    if isinstance(ip, ipaddress.IPv6Address):
        mapped = ip.ipv4_mapped
        return str(mapped) if mapped else str(ipaddress.ip_network((int(ip), 64), strict=False))
    return str(ip)


def _caps(address: str, account: str) -> dict[str, timedelta]:
    """The account's row always first: whoever holds it holds all. Behind a private address may be a whole house, or a
    proxy with everybody behind it, who would all be shut out: it waits no longer than the account does."""
    where = place(address)
    outside = where != "unknown" and ipaddress.ip_network(where).is_global
    of_account = f"{ACCOUNT}:{hash_of(account)[:32]}" if account else ACCOUNT
    return {of_account: ACCOUNT_CAP, f"address:{where}": ADDRESS_CAP if outside else ACCOUNT_CAP}


def _remaining(row: LoginWaitRow | None, cap: timedelta, now: datetime) -> timedelta:
    """A wait beyond the cap was made by a clock that had jumped: it is none."""
    if row is None or not now < row.next_at <= now + cap:
        return timedelta(0)
    return row.next_at - now


def _tries(row: LoginWaitRow | None, now: datetime) -> int:
    return 0 if row is None or row.last_at <= now - FORGOTTEN_AFTER else row.tries
