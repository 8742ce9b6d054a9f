"""What a person's id may be: it is part of index names, addresses of pages and Kibana's spaces.

Decided here for all of them; `why_not` is asked at the door, `fits` wherever a row may be older than the rule.
"""

import re
import unicodedata
from collections.abc import Container
from itertools import chain, count

PATTERN = r"[a-z0-9][a-z0-9_-]{0,62}"
"""What index names, Kibana's spaces and addresses all allow."""

_WHOLE = re.compile(PATTERN)
_GENERATION = re.compile(r"-[0-9]{6}$")
RESERVED = frozenset({"all", "me", "new", "operator", "runs"})
"""The operator's own space, index and pages, and words that addresses use."""
_LONGEST_FROM_NAME = 40


def fits(user_id: str) -> bool:
    """Whether this can be told from every other name in Elasticsearch: an index ends in `-` and six digits."""
    return _WHOLE.fullmatch(user_id) is not None and _GENERATION.search(user_id) is None


def why_not(user_id: str) -> str | None:
    """Why nobody can be added by this id; None where somebody can."""
    if _WHOLE.fullmatch(user_id) is None:
        return "an id has 1 to 63 characters of a-z, 0-9, - and _, and starts with a letter or digit"
    if _GENERATION.search(user_id) is not None:
        return "an id does not end in - and six digits, as the names of indices do"
    if user_id in RESERVED:
        return f"the id {user_id} is reserved; choose another one"
    return None


def from_name(display_name: str, taken: Container[str]) -> str:
    """An id for a name: its letters and digits, with a number behind it where it is taken or cannot be."""
    plain = unicodedata.normalize("NFKD", display_name).encode("ascii", "ignore").decode().lower()
    slug = re.sub(r"[^a-z0-9]+", "-", plain)[:_LONGEST_FROM_NAME].strip("-") or "person"
    ids = chain([slug], (f"{slug}-{n}" for n in count(2)))
    return next(one for one in ids if _free(one, taken))


def _free(user_id: str, taken: Container[str]) -> bool:
    return why_not(user_id) is None and user_id not in taken
