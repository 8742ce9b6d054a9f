"""A glucose field: a number, or a sensor's word for a value beyond its limits, in any language of the exports."""

import re
import unicodedata
from functools import lru_cache

LOW, HIGH = -1.0, -2.0
"""What stands in a column of values for LOW and HIGH, until the sensor's limits are known."""

_LOW_WORDS = """
    low lo niedrig tief bajo baja bas basse faible basso bassa laag lav lavt lag lagt baixo baixa niski niska nisko
    nizka nizky nizko alacsony matala dusuk χαμηλη χαμηλο נמוך منخفض scazut scazuta нисък ниско низкий низкое низкая
    низький низьке madal zems zemas ต่ำ thap rendah 低 低值 低値 低い 偏低 過低 낮음 저혈당 hypo
"""
_HIGH_WORDS = """
    high hi hoch alto alta haut haute eleve elevee hoog hoj hojt hoy hoyt hog hogt elevado elevada wysoki wysoka wysoko
    visoko visoka vysoka vysoky magas korkea yuksek υψηλη υψηλο גבוה مرتفع ridicat ridicata висок високо высокий высокое
    высокая високий високе korge augsts aukstas สูง cao tinggi 高 高值 高値 高い 偏高 過高 높음 고혈당 hyper
"""
_NUMBER = re.compile(r"([<>≤≥]?)\s*([+-]?\d+(?:[.,]\d*)?|[+-]?[.,]\d+)\s*(?:mg/dl|mmol/l)?", re.IGNORECASE)


def _plain(text: str) -> str:
    """Without capitals and accents, so that one spelling of a word is enough."""
    bare = text.casefold().translate({ord("ø"): "o", ord("ł"): "l", ord("ı"): "i", ord("đ"): "d"})
    return "".join(c for c in unicodedata.normalize("NFKD", bare) if not unicodedata.combining(c))


_LIMITS = {_plain(word): LOW for word in _LOW_WORDS.split()} | {_plain(word): HIGH for word in _HIGH_WORDS.split()}


@lru_cache(maxsize=20_000)
def read_value(text: str) -> float | None:
    """The number (decimal comma allowed), LOW or HIGH; None for anything else, nothing included."""
    word = text.strip().strip('"').strip()
    if not word:
        return None
    found = _NUMBER.fullmatch(word)
    if found:
        if found[1]:
            return LOW if found[1] in "<≤" else HIGH
        number = float(found[2].replace(",", "."))
        return number if 0 <= number < 1e6 else None
    return _LIMITS.get(_plain(word).strip(" .!<>[]()"))


def is_number(text: str) -> bool:
    value = read_value(text)
    return value is not None and value >= 0
