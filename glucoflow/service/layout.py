"""Moves people from indices of their own to their places in shared ones, one after the other, while all goes on."""

from collections.abc import Callable
from datetime import timedelta

import msgspec

from glucoflow.es.error_translation import translated
from glucoflow.es.indices import Index, all_indices, index_behind
from glucoflow.es.migrate import move_to_shared
from glucoflow.es.provision import provision
from glucoflow.model.errors import Misconfigured, Retryable
from glucoflow.model.words import count
from glucoflow.service.runtime import Runtime
from glucoflow.store import new_owner

LEASE = timedelta(minutes=15)


class Moved(msgspec.Struct, frozen=True, kw_only=True):
    """What became of everybody. Those who were just being read, or moved by somebody else, are `busy`."""

    people: int = 0
    documents: int = 0
    there: int = 0
    """Who had a place already."""
    busy: tuple[str, ...] = ()

    def sentences(self) -> list[str]:
        """The same in words."""
        people, documents = count(self.people, "person", "people"), count(self.documents, "document")
        said = [f"{people} with {documents} moved to shared indices; {self.there:,} were there already."]
        if self.busy:
            said.append(f"{count(len(self.busy), 'person', 'people')} are being read just now: run it once more.")
        return said


def share_indices(rt: Runtime, on_person: Callable[[int, int], None] = lambda _done, _of: None) -> Moved:
    """Everybody who has an index of their own gets a place in a shared one. Breaking it off harms nothing.

    Raises Misconfigured where the layout is not the shared one: whoever is added then would get an own index.
    """
    if not rt.names.shared:
        raise Misconfigured(
            "People have an index each by the settings.", remedy="Set INDEX_LAYOUT=shared everywhere first."
        )
    provision(rt.client, rt.names)
    with translated("look for indices"):
        indices = all_indices(rt.client, rt.names)
    own = [
        (user_id, one)
        for one in indices
        if one.alias is not None and (user_id := rt.names.user_of(one.name)) is not None
    ]
    documents, busy = 0, []
    for number, (user_id, index) in enumerate(own):
        try:
            documents += _move(rt, index, user_id)
        except Retryable:
            busy.append(user_id)
        on_person(number + 1, len(own))
    there = sum(len(one.people) for one in indices)
    return Moved(people=len(own) - len(busy), documents=documents, there=there, busy=tuple(busy))


def _move(rt: Runtime, index: Index, user_id: str) -> int:
    """How many documents moved. Nobody's sync begins meanwhile, which would take the new place for an empty one."""
    owner = new_owner()
    try:
        for connection in rt.store.connections.for_user(user_id):
            wants = connection.state == "connected"
            if wants and rt.store.leases.claim(connection.id, owner, rt.clock(), LEASE) is None:
                raise Retryable("This person is just being read.")
        done = move_to_shared(rt.client, rt.names, index, user_id)
        with translated("look for an index"):
            behind = index_behind(rt.client, rt.names, rt.names.alias(user_id))
        if behind is not None:
            rt.store.connections.follow_index(user_id, index.lineage, behind.lineage)
        return done.documents
    finally:
        rt.store.leases.release_all(owner)
