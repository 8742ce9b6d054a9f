"""Provisioning, disconnecting and forgetting what is old, as plain functions."""

from collections.abc import Iterable, Sequence

import msgspec

from glucoflow.es.error_translation import translated
from glucoflow.es.indices import all_indices, owners
from glucoflow.es.migrate import Migration, migrate, retire_left_over
from glucoflow.es.provision import ensure_index, provision
from glucoflow.model.errors import Retryable
from glucoflow.model.person_id import fits
from glucoflow.model.words import count
from glucoflow.service.runtime import Runtime


class Everything(msgspec.Struct, frozen=True, kw_only=True):
    """What provisioning came to. `moved` indices have a new mapping; `busy` ones somebody else is just moving.

    `nobodys` are ids that have an index and are unknown to the store: what a deletion that broke off left behind, or
    everybody, where the store was lost.
    """

    people: int
    moved: tuple[Migration, ...] = ()
    busy: tuple[str, ...] = ()
    nobodys: tuple[str, ...] = ()
    unusable: tuple[str, ...] = ()
    """Ids that can have no index: rows older than the rule of ids."""

    def sentences(self) -> list[str]:
        """What there is to say about it."""
        said = [f"{count(self.people, 'person has', 'people have')} their index."]
        said += [f"{one.old} moved to {one.new} with {count(one.documents, 'document')}." for one in self.moved]
        said += [
            f"{one.old} is still being read; the next provision removes it." for one in self.moved if one.old_stays
        ]
        said += [f"{index} is just being moved by somebody else." for index in self.busy]
        if self.unusable:
            said.append(
                f"{', '.join(self.unusable)}: such an id can have no index. Add that person anew under another id, and "
                "delete this one with `glucoflow delete-user`."
            )
        if self.nobodys:
            said.append(nobodys_words(self.nobodys))
        return said


def provision_everything(rt: Runtime) -> Everything:
    """Templates, one index a person, and each index with this version's mapping. Repeating it changes nothing.

    An index whose mapping cannot be changed in place is moved behind its alias while it is read and written.
    """
    done = provision(rt.client, rt.names)
    moved, busy = [], []
    for index in done.outdated:
        try:
            moved.append(migrate(rt.client, rt.names, index, rt.clock()))
        except Retryable:
            busy.append(index.name)
    retire_left_over(rt.client, done.indices)
    people = {person.id for person in rt.store.people.list()}
    there = owners(done.indices, rt.names)
    without = sorted(user_id for user_id in people if not fits(user_id))
    for user_id in sorted(people - there - set(without)):
        ensure_index(rt.client, rt.names, user_id)
    return Everything(
        people=len(people) - len(without),
        moved=tuple(moved),
        busy=tuple(busy),
        nobodys=tuple(sorted(there - people)),
        unusable=tuple(without),
    )


def nobodys(rt: Runtime, user_ids: Iterable[str] | None = None) -> tuple[str, ...]:
    """Ids (of these, or of all) that have an index and are unknown to the store. One request. Raises our errors."""
    with translated("look for indices"):
        there = owners(all_indices(rt.client, rt.names), rt.names)
    asked = there if user_ids is None else there & set(user_ids)
    return tuple(sorted(asked - {person.id for person in rt.store.people.list()}))


def nobodys_words(user_ids: Sequence[str]) -> str:
    """What it means that these ids have an index and are unknown to the store, and what to do."""
    shown = ", ".join(user_ids[:5]) + (", …" if len(user_ids) > 5 else "")
    return (
        f"Elasticsearch holds the indices of {len(user_ids)} that the store does not know ({shown}): either the store "
        "was lost or is another one (look at GLUCOFLOW_DATA_DIR and DATABASE_URL, or bring back its copy), or a "
        "deletion broke off. `glucoflow delete-user` deletes an index of nobody."
    )


def disconnect_person(rt: Runtime, user_id: str) -> int:
    """How many connections were closed. Raises Rejected for an unknown person."""
    rt.store.people.get(user_id)
    connections = rt.store.connections.for_user(user_id)
    for connection in connections:
        rt.store.connections.disconnect(connection.id)
    return len(connections)
