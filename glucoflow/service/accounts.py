"""Whose account a connection reads: which one a person means, and taking back what came by it."""

from collections.abc import Callable

import msgspec

from glucoflow.es.retention import delete_of_connection
from glucoflow.model.errors import Rejected
from glucoflow.service.one_moment import settle_span
from glucoflow.service.runtime import Runtime
from glucoflow.service.summaries import summarize_span
from glucoflow.store import Connection, Store


class Undone(msgspec.Struct, frozen=True, kw_only=True):
    """How many documents went with what came by a connection."""

    connection_id: str
    documents: int


def connection_of_person(
    store: Store, user_id: str, connection_id: str | None, fits: Callable[[Connection], bool] = lambda _one: True
) -> Connection:
    """The named connection of a person, or their only one that fits. Raises Rejected naming those that there are."""
    store.people.get(user_id)
    own = store.connections.for_user(user_id)
    if connection_id is not None:
        own = tuple(one for one in own if one.id == connection_id)
    found = [one for one in own if connection_id is not None or fits(one)]
    if len(found) == 1:
        return found[0]
    if not found:
        raise Rejected("connection", f"{user_id} has none {'with that id' if connection_id else 'that this is about'}")
    listed = ", ".join(f"{one.id} ({one.provider}, {one.state})" for one in found)
    raise Rejected("connection", f"{user_id} has several, so say which by --id: {listed}")


def undo_connection(rt: Runtime, connection: Connection) -> Undone:
    """Take back all that came by a connection: its documents, progress and rejected records. It is disconnected.

    Figures of the days that it touched are computed anew. Repeating it after a failure takes the rest. Raises Rejected
    while the connection is being read.
    """
    rt.store.connections.start_anew(connection.id, rt.clock())
    gone = delete_of_connection(rt.client, rt.names, connection.user_id, connection.id, rt.clock())
    if gone.span is not None:
        settle_span(rt, connection.user_id, gone.span.start, gone.span.end)
        summarize_span(rt, connection.user_id, gone.span.start, gone.span.end)
    return Undone(connection_id=connection.id, documents=gone.documents)
