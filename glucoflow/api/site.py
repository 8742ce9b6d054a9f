"""What every route works with: the store, the index, who asks, and what may be done for them."""

from collections.abc import Callable
from datetime import datetime

import msgspec
from elasticsearch import Elasticsearch
from pydantic import SecretStr

from glucoflow.api.access import Access, unauthorized
from glucoflow.api.exchange import Refused
from glucoflow.api.held import Held
from glucoflow.api.uploads import OPTIONS, OnWritten, Uploads
from glucoflow.es.names import Names
from glucoflow.es.provision import ensure_index
from glucoflow.es.queries import Queries
from glucoflow.es.sink import ElasticsearchSink
from glucoflow.service.program_trail import ProgramTrail
from glucoflow.store import App, Person, Store


def nothing_follows(_user_id: str, _start: datetime, _end: datetime) -> None:
    """For whoever needs no figures after an upload."""


class Site(msgspec.Struct, frozen=True, kw_only=True):
    """See the module. `clock` gives the aware present."""

    store: Store
    client: Elasticsearch
    names: Names
    access: Access
    clock: Callable[[], datetime]
    on_written: OnWritten

    def person(self, app: App) -> Person:
        return self.store.people.get(app.user_id)

    def held(self, app: App) -> Held:
        return Held(self.client, self.names, app.user_id)

    def uploads(self, app: App) -> Uploads:
        """Where the app's documents go; the person's index is there afterwards. Raises Rejected for who is gone."""
        person = self.person(app)

        def still_here() -> None:
            """Nothing is written for somebody who was deleted meanwhile."""
            self.person(app)

        ensure_index(self.client, self.names, app.user_id)
        return Uploads(
            self.held(app),
            lambda: ElasticsearchSink(self.client, self.names, app.user_id, OPTIONS, before_write=still_here),
            Queries(self.client, self.names),
            person,
            self.store.apps.uploads(app.user_id, self.clock()),
            self.on_written,
        )


def open_site(
    store: Store,
    client: Elasticsearch,
    names: Names,
    secret: SecretStr,
    clock: Callable[[], datetime],
    trail: ProgramTrail,
    on_written: OnWritten = nothing_follows,
) -> Site:
    """The site over its parts. `secret` signs apps' tokens and must outlive restarts; `trail` is the pages' own."""
    access = Access(store, secret.get_secret_value(), clock, trail)
    return Site(store=store, client=client, names=names, access=access, clock=clock, on_written=on_written)


def reader(app: App | None) -> App:
    """The app, if it may read. Raises Refused."""
    if app is None or not app.may_read:
        raise unauthorized()
    return app


def uploader(app: App | None) -> App:
    """The app, if it may upload. Raises Refused with 401, after which apps keep what they have to send."""
    if app is None or not app.may_upload:
        raise unauthorized()
    return app


def known(app: App | None) -> App:
    """The app, whatever it may. Raises Refused."""
    if app is None:
        raise unauthorized()
    return app


def not_found() -> Refused:
    return Refused(404, "Not Found", "There is nothing at this address")
