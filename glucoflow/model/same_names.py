"""A value made of another one that has the same names: a row of the database, settings, a wider value."""

from collections.abc import Callable
from typing import TypeVar

import msgspec

S = TypeVar("S", bound=msgspec.Struct)


def made_of(source: object, kind: type[S], **others: object) -> S:
    """A value of this kind: `others`, and for every other field what the source has under its name."""
    made: Callable[..., S] = kind
    taken = {name: getattr(source, name) for name in kind.__struct_fields__ if name not in others}
    return made(**taken, **others)
