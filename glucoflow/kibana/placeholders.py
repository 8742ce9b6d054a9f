"""Placeholders `{word}` in charts and dashboards, replaced by what they stand for."""

import re
from collections.abc import Mapping
from typing import Any

_PLACEHOLDER = re.compile(r"\{([a-z][a-z_]*)\}")


def filled(node: Any, words: Mapping[str, Any]) -> Any:
    """`node` with every known placeholder replaced once, so that what is put in is never looked at again.

    One that is a whole string takes its value as it is, a number or JSON; unknown ones stay.
    """
    if isinstance(node, dict):
        return {key: filled(value, words) for key, value in node.items()}
    if isinstance(node, list):
        return [filled(value, words) for value in node]
    if not isinstance(node, str):
        return node
    whole = _PLACEHOLDER.fullmatch(node)
    if whole and whole[1] in words:
        return words[whole[1]]
    return _PLACEHOLDER.sub(lambda found: str(words.get(found[1], found[0])), node)
