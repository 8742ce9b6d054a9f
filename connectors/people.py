"""Whom somebody means, of the people that an account follows or is shared with."""

from collections.abc import Callable, Iterable, Sequence
from typing import Protocol, TypeVar


class Named(Protocol):
    @property
    def name(self) -> str: ...


P = TypeVar("P", bound=Named)


def one_named(people: Iterable[P], wanted: str, known_as: Callable[[P], Sequence[str]]) -> P | None:
    """The one who is known so, whatever the case and spaces; None where nobody is, or several are."""
    found = [one for one in people if plain(wanted) in map(plain, known_as(one))]
    return found[0] if len(found) == 1 else None


def names(people: Iterable[Named]) -> str:
    """For a sentence."""
    return ", ".join(f"“{one.name}”" for one in people) or "nobody"


def plain(name: str) -> str:
    return " ".join(name.casefold().split())
