"""For maintainers: bring the catalogues (`glucoflow/locale/*.po`) up to date with the texts of the source.

    uv run python scripts/messages.py

New texts come in untranslated, and what is no longer said goes. A test asks for every text to be translated.
"""

import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from babel.messages.catalog import Catalog
from babel.messages.extract import extract
from babel.messages.pofile import read_po, write_po

from glucoflow.kibana import views
from glucoflow.kibana.texts import mapped_chart, mapped_dashboard
from glucoflow.languages import FOLDER, NAMES

ROOT = Path(__file__).parent.parent
CALLS: dict[str, tuple[int, ...] | None] = {"said": None, "said_n": (1, 2)}
TEMPLATE_CALLS: dict[str, tuple[int, ...] | None] = {"_": None, "ngettext": (1, 2)}

PLURALS = {"de": "nplurals=2; plural=(n != 1);", "fr": "nplurals=2; plural=(n > 1);"}
"""Of the numbers that occur here; French has a third form, for whole millions."""

Message = str | tuple[str, ...]


def messages() -> Catalog:
    """Every text of the source: what Python and templates say, charts, a person's dashboards and lists in Kibana.

    The operator's dashboard stays English.
    """
    catalogue = Catalog(fuzzy=False)
    for one in (*_of_code(), *_of_charts(), *_of_kibana()):
        catalogue.add(one)
    return catalogue


def _of_code() -> Iterator[Message]:
    for method, pattern, calls in (
        ("python", "glucoflow/**/*.py", CALLS),
        ("python", "connectors/**/*.py", CALLS),
        ("jinja2.ext:babel_extract", "glucoflow/web/templates/*.html", TEMPLATE_CALLS),
    ):
        for path in sorted(ROOT.glob(pattern)):
            with path.open("rb") as file:
                for _line, message, _comments, _context in extract(method, file, calls):
                    yield message


def _of_charts() -> Iterator[str]:
    found = Heard()
    for path in sorted((ROOT / "kibana" / "vega").glob("*.json")):
        mapped_chart(json.loads(path.read_text("utf-8")), found.say)
    yield from found.texts


def _of_kibana() -> Iterator[str]:
    found = Heard()
    for line in (ROOT / "kibana" / "compiled" / "person.ndjson").read_text("utf-8").splitlines():
        mapped_dashboard(json.loads(line), found.say)
    yield from (text for text in found.texts if re.search(r"[A-Za-z]{2}", re.sub(r"\{\w+\}", "", text)))
    yield from views.texts()


class Heard:
    """Takes down what is asked to be said."""

    def __init__(self) -> None:
        self.texts: list[str] = []

    def say(self, text: str) -> str:
        self.texts.append(text)
        return text


def untranslated(catalogue: Catalog) -> list[Any]:
    """The messages without a translation, or with a doubtful one."""
    return [
        one.id
        for one in catalogue
        if one.id and (one.fuzzy or not (all(one.string) if isinstance(one.string, tuple) else one.string))
    ]


def catalogue_of(code: str) -> Catalog:
    with (FOLDER / f"{code}.po").open("rb") as file:
        return read_po(file, locale=code)


def header(code: str) -> str:
    """Only what readers of the file need: nothing in it changes by itself."""
    fields = (f"Language: {code}", "Content-Type: text/plain; charset=utf-8", f"Plural-Forms: {PLURALS[code]}")
    return 'msgid ""\nmsgstr ""\n' + "".join(f'"{field}\\n"\n' for field in fields) + "\n"


def written(path: Path, catalogue: Catalog, code: str) -> None:
    with path.open("wb") as file:
        file.write(header(code).encode())
        write_po(file, catalogue, width=120, no_location=True, omit_header=True, sort_output=True, ignore_obsolete=True)


def main() -> int:
    template = messages()
    for code in NAMES:
        if code == "en":
            continue
        path = FOLDER / f"{code}.po"
        if not path.is_file():
            path.write_text(header(code), encoding="utf-8")
        catalogue = catalogue_of(code)
        catalogue.update(template, no_fuzzy_matching=True)
        written(path, catalogue, code)
        sys.stdout.write(f"{code}: {len(catalogue)} messages, {len(untranslated(catalogue))} to translate\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
