"""Logging in by name and password, or by the site's own password: tried, waited for, noted."""

import hmac
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Literal

import msgspec
from pydantic import SecretStr

from glucoflow.service.passwords import Passwords, totp_step
from glucoflow.store import Store
from glucoflow.store.audit import Deed
from glucoflow.store.login_accounts import LoginAccount, name_key
from glucoflow.store.login_sessions import Holder
from glucoflow.store.login_waits import place

Answer = Literal["in", "code", "wrong", "wait"]
CODE_WITHIN = timedelta(minutes=5)


class Tried(msgspec.Struct, frozen=True, kw_only=True):
    """What came of a try. `in`: `holder` may have a session; `code`: the second factor of `account` is asked for next.

    `wait`: until when no further try is looked at.
    """

    answer: Answer
    wait: timedelta = timedelta(0)
    holder: Holder | None = None
    account: LoginAccount | None = None


class LoggingIn:
    """Over the store. `site_password` None: there is none, and only accounts log in."""

    def __init__(
        self,
        store: Store,
        passwords: Passwords,
        site_password: SecretStr | None,
        fingerprint: Callable[[SecretStr], str],
    ) -> None:
        self._store = store
        self._passwords = passwords
        self._site_password = site_password
        self._fingerprint = fingerprint

    def by_password(self, name: str, password: SecretStr, address: str, now: datetime) -> Tried:
        """The try is counted before the password is looked at; within a wait it is not looked at at all."""
        key = name_key(name)
        begun = self._store.login_waits.begin(address, now, key)
        if not begun.allowed:
            return Tried(answer="wait", wait=begun.wait)
        if not key:
            return self._by_site_password(password, address, now, begun.wait)
        account = self._store.login_accounts.named(name, now)
        hashed = self._store.login_accounts.password_hash(account.id) if account else None
        if not self._passwords.fits(hashed, password) or account is None or hashed is None:
            return self._wrong(name, address, now, begun.wait, account)
        if self._passwords.outdated(hashed):
            self._store.login_accounts.rehash(account.id, self._passwords.hash_again(password))
        if account.has_totp:
            self._store.login_waits.succeeded(address, key)
            return Tried(answer="code", account=account)
        return self._in(account, address, now)

    def by_code(self, account_id: str, code: str, address: str, now: datetime) -> Tried:
        """The second factor, after a right password: guesses wait as those of passwords do, and no code works twice."""
        account = self._store.login_accounts.find(account_id, now)
        secret = self._store.login_accounts.totp(account_id) if account else None
        if account is None or secret is None:
            return Tried(answer="wrong")
        begun = self._store.login_waits.begin(address, now, f"{account.id} code")
        if not begun.allowed:
            return Tried(answer="wait", wait=begun.wait, account=account)
        step = totp_step(secret, code, now)
        if step is None or not self._store.login_accounts.use_totp(account_id, step):
            return self._wrong(account.name, address, now, begun.wait, account)
        self._store.login_waits.succeeded(address, f"{account.id} code")
        return self._in(account, address, now)

    def by_proof(self, account: LoginAccount | None, what: str, address: str, now: datetime) -> None:
        """Note a log-in by another proof than a password, with whose account it is; None: it came to nothing."""
        if account is None:
            self._note("somebody", "failed to log in", address, now, None, what)
            return
        self._store.login_accounts.logged_in(account.id, now)
        self._note(account.name, "logged in", address, now, account, what)

    def _by_site_password(self, password: SecretStr, address: str, now: datetime, wait: timedelta) -> Tried:
        expected = self._site_password
        given = password.get_secret_value().encode()
        if expected is None or not hmac.compare_digest(expected.get_secret_value().encode(), given):
            return self._wrong("the site's password", address, now, wait, None)
        self._store.login_waits.succeeded(address)
        self._note("operator", "logged in", address, now, None)
        return Tried(answer="in", holder=Holder(password=self._fingerprint(expected)))

    def _in(self, account: LoginAccount, address: str, now: datetime) -> Tried:
        self._store.login_waits.succeeded(address, name_key(account.name))
        self._store.login_accounts.logged_in(account.id, now)
        self._note(account.name, "logged in", address, now, account)
        return Tried(answer="in", holder=Holder(account_id=account.id), account=account)

    def _wrong(self, name: str, address: str, now: datetime, wait: timedelta, account: LoginAccount | None) -> Tried:
        self._note(name[:60] if account else "somebody", "failed to log in", address, now, account)
        return Tried(answer="wrong", wait=wait, account=account)

    def _note(
        self,
        who: str,
        action: Literal["logged in", "failed to log in"],
        address: str,
        now: datetime,
        account: LoginAccount | None,
        what: str = "",
    ) -> None:
        account_id = account.id if account else None
        self._store.audit.add(Deed(who=who, action=action, what=what, account_id=account_id, place=place(address)), now)
