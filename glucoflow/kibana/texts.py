"""The texts in charts and dashboards, for catalogues and in another language.

A chart or a dashboard is JSON. Its texts are whole strings under known keys, and in a chart also texts in quotes
inside expressions. What is a text and what is a name or a format is told by one rule, here.
"""

import re
from collections.abc import Callable
from typing import Any

from glucoflow.languages import ENGLISH, Language

Say = Callable[[str], str]

CHART_KEYS = frozenset({"title", "text", "help", "empty", "as", "fold", "domain", "field", "groupby", "value"})
"""Of a chart. Columns that are shown by their name (`as`, `fold`, `field`) are texts as well, and change together."""
EXPRESSION_KEYS = frozenset({"calculate", "expr", "labelExpr", "filter", "test", "signal"})
DASHBOARD_KEYS = frozenset(
    {"title", "description", "label", "name", "markdown", "secondaryPrefix", "placeholder", "suffix"}
)
NOT_TEXTS = frozenset({"body", "url", "values", "params", "references", "query", "filter", "window", "$schema"})

_LITERAL = re.compile(r"'((?:[^'\\]|\\.)*)'")
_TEXT = re.compile(r"[A-Z][a-z]+(?!/)\b|[A-Z]{2,3}$|[a-z%}\]] [a-zA-Z{\[]|[}\]] [a-z]|^\d+ (day|of )")
_PLACEHOLDER = re.compile(r"[{\[][a-z_]+[}\]]")
"""What a person's words stand in for, and in square brackets what an expression puts in itself."""
_WORDS = frozenset({"off", "on", "median", "meal"})
_UNITS = frozenset({" U", " U/h"})
"""Of insulin, which other languages write in other letters; glucose, grams and minutes are the same everywhere."""
_HELP_LINE = re.compile(r"^- \*\*(.+)\.\*\* (.*)$")


def is_text(found: str) -> bool:
    """Whether a string of a chart is for people, not a name, a format, a colour or a moment."""
    if found in _UNITS:
        return True
    if found.startswith(("%", "#", "$", "Inter")) or "T00:00" in found or "://" in found:
        return False
    letters = re.search(r"[A-Za-z]{2}", _PLACEHOLDER.sub("", found))
    return letters is not None and _TEXT.search(found) is not None


def chart_in(spec: Any, language: Language) -> Any:
    """A chart with its texts, its dates and its numbers in this language; the same object for plain English."""
    if language is ENGLISH:
        return spec
    made = mapped_chart(spec, language.of, language.d3_date)
    return {**made, "config": {**made.get("config", {}), "locale": language.d3_locale()}}


def meta_in(meta: Any, language: Language) -> Any:
    """What a chart says about itself, in this language."""
    if language is ENGLISH:
        return meta
    return mapped_chart(meta, language.of, language.d3_date)


def mapped_chart(node: Any, say: Say, form: Say = str, key: str = "") -> Any:
    """A chart with `say` of every text, and `form` of what may be a format of dates."""
    if isinstance(node, dict):
        kept = {k for k, v in node.items() if k in NOT_TEXTS and not _is_filter(k, v)}
        return {k: v if k in kept else mapped_chart(v, say, form, k) for k, v in node.items()}
    if isinstance(node, list):
        return [mapped_chart(one, say, form, key) for one in node]
    if not isinstance(node, str):
        return node
    if key in EXPRESSION_KEYS:
        return _LITERAL.sub(lambda found: f"'{_literal(found[1], say, form)}'", node)
    if key in CHART_KEYS or key == "format":
        return say(node) if is_text(node) else form(node)
    return node


def _literal(text: str, say: Say, form: Say) -> str:
    """A text in quotes inside an expression. A few are single small words, which elsewhere are names of columns."""
    return _quoted(say(text) if text in _WORDS or is_text(text) else form(text))


def dashboard_in(node: Any, language: Language) -> Any:
    """A dashboard, a list or a data view of Kibana with its texts in this language; as it is for English."""
    return node if language.code == "en" else mapped_dashboard(node, language.of)


def mapped_dashboard(node: Any, say: Say, key: str = "") -> Any:
    """A dashboard with `say` of every text. Markdown is said line by line, a line of help as title and text."""
    if isinstance(node, dict):
        return {k: v if k in ("references", "query", "spec") else mapped_dashboard(v, say, k) for k, v in node.items()}
    if isinstance(node, list):
        return [mapped_dashboard(one, say, key) for one in node]
    if not isinstance(node, str) or key not in DASHBOARD_KEYS or not _says(key, node):
        return node
    return "\n".join(_line(line, say) for line in node.split("\n")) if key == "markdown" else say(node)


def _says(key: str, text: str) -> bool:
    """Whether a string of a dashboard is for people; a name may be an operation's."""
    return bool(text.strip()) and (key == "markdown" or (is_text(text) if key != "suffix" else text in _UNITS))


def _line(line: str, say: Say) -> str:
    found = _HELP_LINE.match(line)
    if found:
        return f"- **{say(found[1])}.** {say(found[2])}"
    return say(line) if line.strip() else line


def _is_filter(key: str, value: Any) -> bool:
    """A filter of a chart is an expression; one of a search is an object."""
    return key == "filter" and isinstance(value, str)


def _quoted(text: str) -> str:
    return text.replace("'", "\\'") if "'" in text and "\\'" not in text else text
