"""Every name that glucoflow uses in Elasticsearch, and the only place that knows them.

A person's index is reached by its alias, `<prefix><user id>`; behind it lies `<alias>-000001`, or a later generation.
"""

import re
from dataclasses import dataclass
from typing import Self

from glucoflow.model import person_id
from glucoflow.model.errors import Misconfigured

PREFIX = re.compile(r"[a-z][a-z0-9_-]{0,60}")
GENERATION = re.compile(r"-(\d{6})$")


@dataclass(frozen=True)
class Names:
    """Names below one prefix (`ES_INDEX`). Raises Misconfigured for a prefix or user id that could reach elsewhere."""

    prefix: str = "cgm-"
    runs: str = "glucoflow-runs"

    def __post_init__(self) -> None:
        for name, value in (("prefix", self.prefix), ("runs", self.runs)):
            if not PREFIX.fullmatch(value):
                raise Misconfigured(
                    f"{value!r} cannot be used as index name ({name}).",
                    remedy="Use a lower-case letter, then lower-case letters, digits, - and _.",
                )

    @classmethod
    def below(cls, prefix: str) -> Self:
        """Names for an installation with this prefix; each has pipeline runs of its own in a shared cluster."""
        return cls(prefix) if prefix == cls.prefix else cls(prefix, f"glucoflow-{prefix}runs")

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
    def runs_index(self) -> str:
        return f"{self.runs}-000001"

    def component(self, part: str) -> str:
        """The name of a component template. It carries the prefix: two installations may share a cluster."""
        return f"glucoflow-{self.prefix}{part}"

    def template(self, kind: str) -> str:
        return f"glucoflow-{self.prefix}index-{kind}"
