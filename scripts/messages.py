"""For maintainers: bring the catalogues (`glucoflow/locale/*.po`) up to date with the texts of the source.

    uv run python scripts/messages.py

New texts come in untranslated, and what is no longer said goes. A test asks for every text to be translated.
"""

import ast
import json
import re
import sys
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from babel.messages.catalog import Catalog
from babel.messages.extract import extract
from babel.messages.pofile import read_po, write_po

from glucoflow.kibana import views
from glucoflow.kibana.texts import mapped_chart, mapped_dashboard
from glucoflow.languages import FOLDER, NAMES
from glucoflow.partner_api.app import partner_description
from glucoflow.people_api.app import people_description

ROOT = Path(__file__).parent.parent
SAID_TO_PEOPLE = (
    "connectors/*.py", "connectors/[!c]*/*.py", "glucoflow/http.py", "glucoflow/bounded_http.py", "glucoflow/ingest.py",
    "glucoflow/identity.py", "glucoflow/installed.py", "glucoflow/analytics/*.py", "glucoflow/model/errors.py",
    "glucoflow/es/bulk.py", "glucoflow/es/error_translation.py", "glucoflow/es/re*.py", "glucoflow/es/s*.py",
    "glucoflow/file_reading/*.py", "glucoflow/partner_api/*.py", "glucoflow/service/*.py",
    "glucoflow/store/connection*.py", "glucoflow/store/l*.py", "glucoflow/store/p*.py", "glucoflow/store/r*.py",
    "glucoflow/store/shares.py", "glucoflow/store/invites.py", "glucoflow/store/values.py",
    "glucoflow/tidepool/**/*.py", "glucoflow/web/*.py",
)  # fmt: skip
"""Where errors are made that are shown on pages. What only an operator's commands say stays English."""
CALLS: dict[str, tuple[int, ...] | None] = {"said": None, "said_n": (1, 2)}
TOLD = ("message", "remedy", "reason")
"""What of an error is for people."""
TEMPLATE_CALLS: dict[str, tuple[int, ...] | None] = {"_": None, "ngettext": (1, 2)}

PLURALS = {"de": "nplurals=2; plural=(n != 1);", "fr": "nplurals=2; plural=(n > 1);"}
"""Of the numbers that occur here; French has a third form, for whole millions."""

Message = str | tuple[str, ...]


def messages() -> Catalog:
    """Every text of the source: what Python and templates say, what may go wrong, charts, dashboards and lists in
    Kibana, the descriptions of the APIs."""
    catalogue = Catalog(fuzzy=False)
    for one in (*_of_code(), *_of_errors(), *_of_charts(), *_of_kibana(), *_of_apis()):
        catalogue.add(one)
    return catalogue


def _of_code() -> Iterator[Message]:
    for method, pattern, calls in (
        ("python", "glucoflow/**/*.py", CALLS),
        ("python", "connectors/**/*.py", CALLS),
        ("jinja2.ext:babel_extract", "glucoflow/*/templates/*", TEMPLATE_CALLS),
    ):
        for path in sorted(ROOT.glob(pattern)):
            with path.open("rb") as file:
                for _line, message, _comments, _context in extract(method, file, calls):
                    yield message


def _of_errors() -> Iterator[str]:
    """What the people of a house may come to read: errors and reasons, said where they happen, kept and shown later."""
    paths = [path for place in SAID_TO_PEOPLE for path in sorted(ROOT.glob(place))]
    trees = {path: ast.parse(path.read_text("utf-8")) for path in paths}
    kinds = _kinds_of_errors(trees.values())
    for tree in trees.values():
        constants = [one for one in tree.body if isinstance(one, ast.Assign) and isinstance(one.targets[0], ast.Name)]
        named = {_name(one.targets[0]): one.value for one in constants}
        made = [one for one in ast.walk(tree) if isinstance(one, ast.Call) and _name(one.func) in kinds]
        for given in (
            part for one in made for part in (*one.args, *(by.value for by in one.keywords if by.arg in TOLD))
        ):
            yield from (text for text in _texts(given, named) if re.search(r"[A-Za-z]{2}", text))


def _kinds_of_errors(trees: Iterable[ast.Module]) -> set[str]:
    """Names of `GlucoflowError` and of all that derives from it, and of what else carries a text to people."""
    bases = {
        one.name: {_name(base) for base in one.bases}
        for tree in trees
        for one in ast.walk(tree)
        if isinstance(one, ast.ClassDef)
    }
    found = {"GlucoflowError", "RejectedRecord", "HTTPException", "Cause"}
    while more := {name for name, of in bases.items() if of & found} - found:
        found |= more
    return found


def _name(node: ast.expr) -> str:
    return node.id if isinstance(node, ast.Name) else node.attr if isinstance(node, ast.Attribute) else ""


def _texts(node: ast.expr, named: Mapping[str, ast.expr]) -> Iterator[str]:
    """The messages that an expression can come to; what is put in has the name that it has there."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        yield node.value.replace("%", "%%") if " " in node.value else ""
    elif isinstance(node, ast.JoinedStr):
        yield _pattern(node)
    elif isinstance(node, ast.Name) and node.id in named:
        yield from _texts(named[node.id], {})
    elif isinstance(node, ast.IfExp):
        yield from (*_texts(node.body, named), *_texts(node.orelse, named))
    elif isinstance(node, ast.BoolOp):
        yield from (text for one in node.values for text in _texts(one, named))


def _pattern(node: ast.JoinedStr) -> str:
    """An f-string as a message: each value by the name that it has there, and no name twice."""
    parts, taken = [], set[str]()
    for one in node.values:
        if not isinstance(one, ast.FormattedValue):
            parts.append(str(getattr(one, "value", "")).replace("%", "%%"))
            continue
        name = next(free for k in range(1, 9) if (free := f"{_called(one.value)}{k if k > 1 else ''}") not in taken)
        taken.add(name)
        parts.append(f"%({name})s")
    return "".join(parts)


def _called(value: ast.expr) -> str:
    """A name for a value: of the attribute or variable in it, not of what is called with it."""
    called = {id(one.func) for one in ast.walk(value) if isinstance(one, ast.Call)}
    inner = [one for one in ast.walk(value) if id(one) not in called]
    names = [one.attr for one in inner if isinstance(one, ast.Attribute)]
    names += [one.id for one in inner if isinstance(one, ast.Name) and one.id not in ("str", "len")]
    return names[0].strip("_").lower() if names else "value"


def _of_apis() -> Iterator[str]:
    """What the descriptions of both APIs say: of themselves, of each call, and of each field."""
    for described in (people_description(), partner_description()):
        yield from described["info"]["description"].split("\n\n")
        yield from _described(described)


def _described(node: Any) -> Iterator[str]:
    if isinstance(node, dict):
        text = node.get("description")
        if isinstance(text, str) and re.search(r"[a-z]{2}", text):
            yield text
        for key, one in node.items():
            if key != "info":
                yield from _described(one)
    elif isinstance(node, list):
        for one in node:
            yield from _described(one)


def _of_charts() -> Iterator[str]:
    found = Heard()
    for path in sorted((ROOT / "kibana" / "vega").rglob("*.json")):
        mapped_chart(json.loads(path.read_text("utf-8")), found.say)
    yield from found.texts


def _of_kibana() -> Iterator[str]:
    found = Heard()
    for path in sorted((ROOT / "kibana" / "compiled").glob("*.ndjson")):
        for line in path.read_text("utf-8").splitlines():
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
