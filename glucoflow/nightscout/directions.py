"""Arrows in Nightscout's spelling: one word outside it and Trio refuses the whole answer."""

from glucoflow.model.trends import Direction, direction

_WORDS: dict[Direction, str] = {
    "doubleUp": "DoubleUp",
    "singleUp": "SingleUp",
    "fortyFiveUp": "FortyFiveUp",
    "flat": "Flat",
    "fortyFiveDown": "FortyFiveDown",
    "singleDown": "SingleDown",
    "doubleDown": "DoubleDown",
    "none": "NONE",
    "notComputable": "NOT COMPUTABLE",
    "rateOutOfRange": "RATE OUT OF RANGE",
    "unknown": "NONE",
}
_TRIPLE = {"tripleup": "TripleUp", "tripledown": "TripleDown"}

NUMBERS = {
    "NONE": 0, "DoubleUp": 1, "SingleUp": 2, "FortyFiveUp": 3, "Flat": 4, "FortyFiveDown": 5, "SingleDown": 6,
    "DoubleDown": 7, "NOT COMPUTABLE": 8, "RATE OUT OF RANGE": 9, "TripleUp": 1, "TripleDown": 7,
}  # fmt: skip
"""The `trend` of each word, as Dexcom's receivers number them."""

ARROWS = {
    "NONE": "⇼", "TripleUp": "⤊", "DoubleUp": "⇈", "SingleUp": "↑", "FortyFiveUp": "↗", "Flat": "→",
    "FortyFiveDown": "↘", "SingleDown": "↓", "DoubleDown": "⇊", "TripleDown": "⤋", "NOT COMPUTABLE": "-",
    "RATE OUT OF RANGE": "⇕",
}  # fmt: skip


def nightscout_direction(word: object) -> str:
    """The spelling that all apps know, for any provider's or app's."""
    if not isinstance(word, str):
        return "NONE"
    return _TRIPLE.get(word.lower()) or _WORDS[direction(word)]
