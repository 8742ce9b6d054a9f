"""Templates that speak a language: `_` and `ngettext` for their own texts, and all that is written is said in it."""

import re

from jinja2 import Environment
from markupsafe import Markup

from glucoflow.languages import Language
from glucoflow.model.said import again, capital, digits, told

_SHARE = re.compile(r"(?<=\d) %")


def spoken_by(language: Language, environment: Environment) -> None:
    """Give the environment `_`, `ngettext` and the filters `tr` and `capital`, and let it say every `Said` it writes.

    Messages may hold markup, their values are escaped. `tr` is for texts that were made in English as plain strings.
    """

    def gettext(message: str, **values: object) -> Markup:
        return Markup(language.gettext(message)) % told(values, language)  # noqa: S704 - ours, from the catalogue

    def ngettext(one: str, many: str, n: int, **values: object) -> Markup:
        found = Markup(language.ngettext(one, many, n))  # noqa: S704
        return found % told({"n": digits(f"{n:,}"), **values}, language)

    environment.globals.update(_=gettext, ngettext=ngettext)
    environment.filters.update(tr=lambda text: language.of(text or ""), capital=capital)
    environment.finalize = lambda value: _together(again(value, language)) if isinstance(value, str) else value


def _together(text: str) -> str:
    """A share does not break before its sign; markup stays markup, and a name with such signs as it is."""
    if " %" not in text:
        return text
    whole = _SHARE.sub("\u00a0%", text)
    return Markup(whole) if isinstance(text, Markup) else whole  # noqa: S704 - as it was
