"""Every name that glucoflow uses in Elasticsearch, and the only place that knows them.

A person's index is reached by its alias, `<prefix><user id>`; behind it lies `<alias>-000001`, or a later generation.
In the shared layout it lies in one of a few indices that many people share, `<prefix>@shared-1-000001` and on; no
person's id has an @.
"""

import hashlib
import re
from dataclasses import dataclass
from typing import Self

from glucoflow.model import person_id
from glucoflow.model.errors import Misconfigured

PREFIX = re.compile(r"[a-z][a-z0-9_-]{0,60}")
_SHARED, _MOVING = "@shared-", "@moving-"
GENERATION = re.compile(r"-(\d{6})$")


@dataclass(frozen=True)
class Names:
    """Names below one prefix (`ES_INDEX`). Raises Misconfigured for a prefix or user id that could reach elsewhere.

    `shared`: over how many indices people are spread who get a place from now on; 0 gives each an index of their own.
    """

    prefix: str = "cgm-"
    runs: str = "glucoflow-runs"
    shared: int = 0

    def __post_init__(self) -> None:
        for name, value in (("prefix", self.prefix), ("runs", self.runs)):
            if not PREFIX.fullmatch(value):
                raise Misconfigured(
                    f"{value!r} cannot be used as index name ({name}).",
                    remedy="Use a lower-case letter, then lower-case letters, digits, - and _.",
                )

    @classmethod
    def below(cls, prefix: str, shared: int = 0) -> Self:
        """Names for an installation with this prefix; each has pipeline runs of its own in a shared cluster."""
        return cls(prefix, cls.runs if prefix == cls.prefix else f"glucoflow-{prefix}runs", shared)

    def alias(self, user_id: str) -> str:
        """What readers and writers of one person's documents use."""
        if not person_id.fits(user_id):
            raise Misconfigured(
                f"The person id {user_id!r} cannot be part of an index name.",
                remedy="Use up to 63 lower-case letters, digits, - and _, not ending with - and six digits.",
            )
        return self.prefix + user_id

    def first_index(self, user_id: str) -> str:
        return f"{self.alias(user_id)}-000001"

    def shared_alias(self, user_id: str) -> str:
        """The name of the shared index in which a person gets a place; what glucoflow alone uses."""
        digest = hashlib.blake2b(user_id.encode(), digest_size=8).digest()
        return f"{self.prefix}{_SHARED}{int.from_bytes(digest) % max(1, self.shared) + 1}"

    def moving_alias(self, user_id: str) -> str:
        """What leads to a person's place while it is filled."""
        return f"{self.alias(user_id).replace(self.prefix, f'{self.prefix}{_MOVING}', 1)}"

    def is_shared(self, index: str) -> bool:
        """Whether many people share this index (or this is its alias)."""
        return index.startswith(f"{self.prefix}{_SHARED}")

    @property
    def shared_pattern(self) -> str:
        """Matches every shared index."""
        return f"{self.prefix}{_SHARED}*"

    def next_index(self, index: str) -> str:
        """The name of the generation after `index`."""
        found = GENERATION.search(index)
        if not found:
            raise Misconfigured(f"The index {index} was not made by glucoflow: its name has no generation.")
        return f"{index[: found.start()]}-{int(found.group(1)) + 1:06}"

    def user_of(self, index: str) -> str | None:
        """The person that an index or alias belongs to; None for one that is not ours."""
        bare = GENERATION.sub("", index)
        user_id = bare.removeprefix(self.prefix)
        return user_id if bare not in (user_id, self.runs) and person_id.fits(user_id) else None

    @property
    def pattern(self) -> str:
        """Matches every person's index. Only for the operator and for templates, never for one person's data."""
        return f"{self.prefix}*"

    @property
    def everything(self) -> str:
        """Matches every index of this installation, the operator's too."""
        return f"{self.pattern},{self.runs}-*"

    @property
    def runs_index(self) -> str:
        return f"{self.runs}-000001"

    def component(self, part: str) -> str:
        """The name of a component template. It carries the prefix: two installations may share a cluster."""
        return f"glucoflow-{self.prefix}{part}"

    def template(self, kind: str) -> str:
        return f"glucoflow-{self.prefix}index-{kind}"
