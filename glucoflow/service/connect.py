"""Starting and ending authorizations, and asking for syncs and backfills: behind the pages."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import date, datetime, timedelta
from urllib.parse import parse_qs, urlsplit

import msgspec
from pydantic import SecretStr

from glucoflow.model.credentials import Credentials
from glucoflow.model.errors import Reauthorize, Rejected
from glucoflow.model.said import said
from glucoflow.provider import Field, OAuth
from glucoflow.service.backfill import checked_window
from glucoflow.service.one_moment import ranked
from glucoflow.service.overdue import Overdue
from glucoflow.service.providers import Providers
from glucoflow.store import Backfill, Connection, OAuthState, Store

NO_DELAY = timedelta(0)
AGAIN = "Go to the person's status page and connect again."


class ConnectForm(msgspec.Struct, frozen=True, kw_only=True):
    """What is asked to connect a provider without a sign-in page. `freshness` follows “its readings come”."""

    title: str
    fields: tuple[Field, ...]
    regions: Mapping[str, str]
    region: str
    freshness: str
    hint: str = ""


class Leaving(msgspec.Struct, frozen=True, kw_only=True):
    """A person on their way to a provider: the address of its sign-in, and ours that it sends them back to."""

    state: str
    address: str
    back_at: str


class SiteConnect:
    """Over the store and the providers.

    `request_sync` asks for a sync of one person, soon; `request_backfill` for a run that takes a backfill up;
    `request_deletion` for a person's deletion; `overdue` says which connections no run takes, and why; `undo` takes
    back what came by a connection, and says how many documents went; `reread` gives the providers with what their
    settings say now, so that keys that are put in meanwhile need no restart; `rank_anew` looks at all that a person
    holds again, after they said which source counts.
    """

    def __init__(
        self,
        store: Store,
        providers: Providers,
        request_sync: Callable[[str], None],
        request_backfill: Callable[[Backfill], None],
        overdue: Callable[[Sequence[Connection], datetime], Overdue],
        undo: Callable[[Connection], int],
        request_deletion: Callable[[str], None],
        reread: Callable[[], Providers],
        rank_anew: Callable[[str], None] = lambda _user: None,
    ) -> None:
        self._store = store
        self._providers = providers
        self._request_sync = request_sync
        self._request_backfill = request_backfill
        self.overdue = overdue
        self._undo = undo
        self._request_deletion = request_deletion
        self._reread = reread
        self._rank_anew = rank_anew

    @property
    def titles(self) -> Mapping[str, str]:
        """The providers that a person can connect: the name in addresses, and the one people know it by."""
        return {one.name: one.title for one in self._providers.all()}

    @property
    def freshness(self) -> Mapping[str, str]:
        """How late each provider's readings come: what follows “its readings come”."""
        return {one.name: one.quirks.freshness for one in self._providers.all()}

    @property
    def takes(self) -> frozenset[str]:
        """The providers that take what a person has from elsewhere."""
        return frozenset(one.name for one in self._providers.all() if one.upload is not None)

    def upload(self, user_id: str, connection_id: str, on: bool, now: datetime) -> None:
        """Whether what the person has from elsewhere goes to this account too; if so, it begins soon."""
        found = self._own(user_id, connection_id)
        if on and found.provider not in self.takes:
            raise Rejected("connection", said("takes no data"))
        self._store.connections.upload(connection_id, on=on)
        if on:
            self.sync(user_id, now)

    def form(self, provider: str) -> ConnectForm | None:
        """What a person fills in to connect this provider; None where they sign in on its own page."""
        one = self._providers.get(provider)
        if isinstance(one.auth, OAuth):
            return None
        return ConnectForm(
            title=one.title,
            fields=one.auth.fields,
            regions=one.regions,
            region=self._providers.region(provider),
            freshness=one.quirks.freshness,
            hint=one.auth.hint,
        )

    def log_in(self, user_id: str, provider: str, region: str, values: Mapping[str, SecretStr], now: datetime) -> None:
        """Sign a person in with what they filled in, keep the credentials, and ask for the first sync.

        Raises Rejected where a field is missing, and what the provider refuses or fails by.
        """
        form = self.form(provider)
        missing = [one.label for one in form.fields if not one.optional and one.name not in values] if form else []
        if missing:
            raise Rejected("form", f"please fill in: {', '.join(missing)}")
        credentials = self._providers.log_in(provider, region, values, now)
        again = connection_for(self._store, user_id, provider)
        started = OAuthState(user_id=user_id, provider=provider, region=region, connection_id=again)
        connect_account(self._store, started, credentials, now)
        self._request_sync(user_id)

    def delays(self, connections: Iterable[Connection]) -> Mapping[str, timedelta]:
        """How old the newest reading of these usually is, by provider; of two at one provider, the later."""
        found: dict[str, timedelta] = {}
        for one in connections:
            found[one.provider] = max(
                found.get(one.provider, NO_DELAY), self._providers.delay(one.provider, one.region)
            )
        return found

    def begin(self, user_id: str, provider: str, now: datetime) -> Leaving:
        """Store a single-use state; where to send the person with it. Misconfigured without keys."""
        if self._providers.missing(provider):
            self._providers = self._reread()
        region = self._providers.region(provider)
        authorizer = self._providers.authorizer(provider, region)
        again = connection_for(self._store, user_id, provider)
        state = self._store.oauth_states.create(user_id, provider, region, now, connection_id=again)
        address = authorizer.authorize_url(state)
        (back_at,) = parse_qs(urlsplit(address).query).get("redirect_uri", [""])
        return Leaving(state=state, address=address, back_at=back_at)

    def complete(self, state: str, code: str, now: datetime) -> OAuthState:
        """Exchange the code, consume the state, store the tokens, ask for the first sync; what it was started for.

        Raises Reauthorize for a state that is unknown, used or expired, and for a code the provider rejects. After
        Retryable, as where the provider could not be reached, the same state and code can be tried again.
        """
        started = self._store.oauth_states.find(state, now)
        if started is None:
            raise used_up()
        credentials = self._providers.authorizer(started.provider, started.region).exchange(code, now)
        if self._store.oauth_states.consume(state, now) is None:
            raise used_up()
        connect_account(self._store, started, credentials, now)
        self._request_sync(started.user_id)
        return started

    def cancel(self, state: str, now: datetime) -> str | None:
        """Consume the state of an authorization that the person denied; their user id if it was known."""
        started = self._store.oauth_states.consume(state, now)
        return None if started is None else started.user_id

    def sync(self, user_id: str, now: datetime) -> None:
        """Ask for a sync of all connections of a person, soon."""
        for connection in self._store.connections.for_user(user_id):
            if connection.state == "connected":
                self._store.connections.schedule(connection.id, now)
        self._request_sync(user_id)

    def backfill(self, user_id: str, first: date, last: date, now: datetime) -> None:
        """Put the local days from `first` to `last`, included, into the queue, to be read again when their turn comes.

        Raises Rejected for days that cannot be.
        """
        checked_window(first, last, self._store.people.get(user_id).zone, now)
        if not any(one.state == "connected" for one in self._store.connections.for_user(user_id)):
            raise Rejected("person", said("nothing is connected that could be asked; connect first"))
        self._request_backfill(self._store.backfills.ask(user_id, first, last, now))

    def disconnect(self, user_id: str, connection_id: str) -> None:
        """Forget the tokens of one connection; its readings stay."""
        self._store.connections.disconnect(self._own(user_id, connection_id).id)

    def ranked(self, connections: Iterable[Connection]) -> list[Connection]:
        """A person's connections, the one that counts first at the front."""
        return ranked(connections, self._providers.installed)

    def prefer(self, user_id: str, connection_id: str) -> None:
        """This connection's readings count first. Raises Rejected for one that is not the person's."""
        self._store.connections.prefer(user_id, connection_id)
        self._rank_anew(user_id)

    def prefer_sensor(self, user_id: str, newer: bool) -> None:
        """Which of two sensors worn at once counts."""
        self._store.people.update(user_id, newer_sensor=newer)
        self._rank_anew(user_id)

    def confirm_account(self, user_id: str, connection_id: str, now: datetime) -> None:
        """The account that came instead of another is meant: ask for a sync that reads it."""
        self._store.connections.confirm_account(self._own(user_id, connection_id).id, now)
        self._request_sync(user_id)

    def undo(self, user_id: str, connection_id: str) -> int:
        """Take back all that came by a connection; how many documents went. Raises Rejected while it is read."""
        return self._undo(self._own(user_id, connection_id))

    def delete_person(self, user_id: str) -> None:
        """Ask for a person to be deleted with all that is held of them, soon. Raises Unavailable where nobody is asked.

        Whoever runs flows does it, since the pages have no rights in Kibana.
        """
        self._request_deletion(user_id)

    def _own(self, user_id: str, connection_id: str) -> Connection:
        found = self._store.connections.get(connection_id)
        if found.user_id != user_id:
            raise Rejected("connection", said("belongs to someone else"))
        return found


def used_up() -> Reauthorize:
    return Reauthorize("This link has been used already, or is too old.", remedy=AGAIN)


def connection_for(store: Store, user_id: str, provider: str) -> str | None:
    """The connection that signing in at a provider once more is for: the person's only one there, if so."""
    found = [one.id for one in store.connections.for_user(user_id) if one.provider == provider]
    return found[0] if len(found) == 1 else None


def connect_account(store: Store, started: OAuthState, credentials: Credentials, now: datetime) -> Connection:
    """Keep the credentials of a finished authorization: of a new connection, or of the one that it was started for."""
    if started.connection_id is None:
        return store.connections.add(started.user_id, started.provider, started.region, now, credentials)
    return store.connections.reconnect(started.connection_id, started.region, now, credentials)
