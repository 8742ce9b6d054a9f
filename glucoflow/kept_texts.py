"""English texts that were kept, said in another language: what went wrong, what a run did.

What is kept is plain text, in logs and in the store alike, and has lost what it was made from. It is known again by the
message of the catalogue whose form it has; where it is of several sentences, each by its own.
"""

import re
from collections.abc import Iterator

import msgspec
from babel.messages.catalog import Catalog

from glucoflow.model.said import Speaking

LEAST_LETTERS = 5
"""Of a message's own: one of nothing but values and signs has the form of everything."""
MOST_SENTENCES = 4
MOST_REMEMBERED = 4096

_PART, _SENTENCES = r"((?:(?![.!?] ).)+?)", "(.+?)"
_VALUES = dict.fromkeys(("message", "remedy", "why", "ahead", "clock_remedy"), _SENTENCES)
"""Values that are sentences themselves; any other is a part of one."""

_PLACE = re.compile(r"%\((\w+)\)s")
_NUMBER = re.compile(r"[+−-]?\d{1,3}(,\d{3})*(\.\d+)?( %)?")
_SENTENCE_END = re.compile(r"(?<=[.!?]) (?=\S)")


class _Form(msgspec.Struct, frozen=True):
    """A message that holds values, as a pattern with their names; `many` is its plural, where it has one."""

    pattern: re.Pattern[str]
    names: tuple[str, ...]
    one: str
    many: str | None


class KeptTexts:
    """Says them in one language."""

    def __init__(self, language: Speaking, catalogue: Catalog) -> None:
        self._language = language
        self._forms = _forms(catalogue)
        self._said: dict[str, str] = {}

    def of(self, text: str) -> str:
        """The text, as far as the catalogue knows its form; the rest stays English."""
        found = self._said.get(text)
        if found is None:
            found = self._known(text) or self._in_sentences(text)
            if len(self._said) < MOST_REMEMBERED:
                self._said[text] = found
        return found

    def _in_sentences(self, text: str) -> str:
        sentences = _SENTENCE_END.split(text)
        return " ".join(self._longest_known(sentences)) if len(sentences) > 1 else text

    def _longest_known(self, sentences: list[str]) -> Iterator[str]:
        """Sentences that the catalogue knows together, since a message may be of several, or alone."""
        at = 0
        while at < len(sentences):
            for until in range(min(len(sentences), at + MOST_SENTENCES), at, -1):
                if found := self._known(" ".join(sentences[at:until])):
                    yield found
                    break
            else:
                yield sentences[at]
            at = until

    def _known(self, text: str) -> str | None:
        """What a message makes of the text; None where none has its form."""
        for message in (text, text.replace("%", "%%")):
            found = self._language.gettext(message)
            if found != message:
                return found.replace("%%", "%")
        for form in self._forms:
            if (match := form.pattern.fullmatch(text)) is not None:
                return self._filled(form, dict(zip(form.names, match.groups(), strict=True)))
        return None

    def _filled(self, form: _Form, values: dict[str, str]) -> str:
        said = {name: self._value(value) for name, value in values.items()}
        if form.many is None:
            return self._language.gettext(form.one) % said
        return self._language.ngettext(form.one, form.many, 1 if values.get("n") == "1" else 2) % said

    def _value(self, value: str) -> str:
        """A value within a message: a number, a text of its own, or a name."""
        return self._language.in_digits(value) if _NUMBER.fullmatch(value) else self.of(value)


def _forms(catalogue: Catalog) -> tuple[_Form, ...]:
    """Those with most words of their own first: the others' forms are wider."""
    found = []
    for message in catalogue:
        texts = message.id if isinstance(message.id, (tuple, list)) else (message.id,)
        for text in texts:
            parts = _PLACE.split(text)
            own = [part.replace("%%", "%") for part in parts[::2]]
            counts = len(texts) > 1
            if len(parts) > 1 and (counts or len(re.findall(r"[A-Za-z]", "".join(own))) >= LEAST_LETTERS):
                names = tuple(parts[1::2])
                form = _Form(_pattern(own, names, counts), names, texts[0], texts[1] if counts else None)
                found.append((len("".join(own)), form))
    return tuple(form for _, form in sorted(found, key=lambda one: -one[0]))


def _pattern(own: list[str], names: tuple[str, ...], counts: bool) -> re.Pattern[str]:
    values = (r"([\d.,]+)" if counts and name == "n" else _VALUES.get(name, _PART) for name in names)
    pairs = zip(values, own[1:], strict=True)
    return re.compile(re.escape(own[0]) + "".join(value + re.escape(part) for value, part in pairs))
