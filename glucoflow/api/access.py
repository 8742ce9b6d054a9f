"""Whose app this is: every way in which apps send a credential, and tokens that they trade it for.

A wrong credential is refused even where none would be needed. None is logged, and none stands in a log of addresses,
since addresses are not logged.
"""

import hashlib
import threading
from collections import OrderedDict
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta

import jwt
import msgspec

from glucoflow.api.exchange import Asked, Refused
from glucoflow.service.program_trail import ProgramTrail
from glucoflow.store import App, Store

TOKEN_LASTS = timedelta(hours=8)
FIRST_WAIT, LONGEST_WAIT = timedelta(seconds=5), timedelta(minutes=5)
MOST_REMEMBERED = 10_000
_FIELDS = ("token", "secret", "api_secret")


def credentials_of(asked: Asked) -> list[str]:
    """What the request carries, in the order in which it counts. Empty ones and `null` are none."""
    found = [asked.headers.get("api-secret", ""), *(value for key, value in asked.query if key in _FIELDS)]
    scheme, _, bearer = asked.headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer":
        found.append(bearer)
    return _real(found)


def credentials_in_body(body: bytes) -> list[str]:
    """The fields `token` and `secret` of a body that is one JSON object."""
    try:
        sent = msgspec.json.decode(body, type=dict[str, object])
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return []
    return _real([value for name in _FIELDS if isinstance(value := sent.get(name), str)])


def _real(values: list[str]) -> list[str]:
    stripped = [value.strip().removeprefix("token=").strip() for value in values]
    return [value for value in stripped if value and value.lower() not in ("null", "undefined") and len(value) < 4096]


class WrongOnes:
    """How long a wrong credential from one address is not looked at again: each try doubles it.

    By address and credential, since everybody behind a proxy has one address. Kept by this process alone.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._held: OrderedDict[bytes, tuple[int, datetime]] = OrderedDict()

    def waits(self, address: str, credential: str, now: datetime) -> bool:
        with self._lock:
            held = self._held.get(_key(address, credential))
        return held is not None and now < held[1]

    def add(self, address: str, credential: str, now: datetime) -> None:
        key = _key(address, credential)
        with self._lock:
            tries = self._held.pop(key, (0, now))[0] + 1
            self._held[key] = tries, now + min(FIRST_WAIT * 2 ** min(tries - 1, 10), LONGEST_WAIT)
            while len(self._held) > MOST_REMEMBERED:
                self._held.popitem(last=False)


class Access:
    """Credentials checked against the store. `secret` signs tokens and outlives restarts, `trail` counts deeds."""

    def __init__(self, store: Store, secret: str, clock: Callable[[], datetime], trail: ProgramTrail) -> None:
        self._store = store
        self._key = hashlib.blake2b(secret.encode(), digest_size=32, person=b"app tokens").digest()
        self._clock = clock
        self._wrong = WrongOnes()
        self.trail = trail

    def app_of(self, asked: Asked) -> App | None:
        """The app that asks; None where nothing was given. Raises Refused (401) for a wrong or revoked credential."""
        given = credentials_of(asked) or credentials_in_body(asked.body)
        return self.app_by(given, asked.address) if given else None

    def app_by(self, given: list[str], address: str) -> App:
        """The app of the first good one. Raises Refused where none is."""
        now = self._clock()
        for credential in given:
            if self._wrong.waits(address, credential, now):
                continue
            app = self._by_token(credential) if credential.count(".") == 2 else self._store.apps.by_secret(credential)
            if app is not None:
                self._store.apps.used(app, now)
                return app
            self._wrong.add(address, credential, now)
        raise unauthorized()

    def token(self, app: App) -> Mapping[str, object]:
        """A token for an app's secret: what AndroidAPS, LoopFollow and others ask for first."""
        now = int(self._clock().timestamp())
        ends = now + int(TOKEN_LASTS.total_seconds())
        signed = jwt.encode({"app": app.id, "iat": now, "exp": ends}, self._key, algorithm="HS256")
        return {
            "token": signed,
            "sub": app.name,
            "permissionGroups": [permissions(app)],
            "iat": now,
            "exp": ends,
        }

    def _by_token(self, token: str) -> App | None:
        options = {"verify_exp": False, "verify_iat": False}
        try:
            claims = jwt.decode(token, self._key, algorithms=["HS256"], options=options)  # type: ignore[arg-type]
        except jwt.InvalidTokenError:
            return None
        if not isinstance(claims.get("exp"), int) or claims["exp"] <= self._clock().timestamp():
            return None
        app = self._store.apps.find(str(claims.get("app")))
        return app if app is not None and app.revoked_at is None else None


def permissions(app: App) -> list[str]:
    """What an app may, in Nightscout's words."""
    found = ["api:status:read", "authorization:debug:test"]
    found += ["*:*:read"] if app.may_read else []
    return found + (["api:*:create", "api:*:update", "api:*:delete"] if app.may_upload else [])


def unauthorized() -> Refused:
    return Refused(401, "Unauthorized", "Invalid/Missing")


def _key(address: str, credential: str) -> bytes:
    return hashlib.blake2b(f"{address}\x1f{credential}".encode("utf-8", "replace"), digest_size=16).digest()
