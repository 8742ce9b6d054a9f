"""One request and its answer, as plain values: routes are functions from the one to the other."""

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
import orjson

FORMS = ("json", "txt", "csv", "tsv", "html", "js", "svg", "png")


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """A request. `path` is split, without a form such as `.json`; header names are lower-case."""

    method: str
    path: tuple[str, ...]
    form: str = ""
    query: Sequence[tuple[str, str]] = ()
    headers: Mapping[str, str] = {}
    body: bytes = b""
    address: str = ""

    def first(self, name: str) -> str | None:
        """The first value of a query parameter."""
        return next((value for key, value in self.query if key == name), None)

    @property
    def wants_json(self) -> bool:
        """Whether JSON comes before plain text in what the client accepts; `*/*` and nothing mean text."""
        accept = self.headers.get("accept", "").lower()
        json, text = _place(accept, ("application/json", "application/*")), _place(accept, ("text/plain", "text/*"))
        return json is not None and (text is None or json < text)

    def sent(self) -> Any:
        """The body's JSON. Raises Refused for what is none."""
        try:
            return msgspec.json.decode(self.body)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise Refused(400, "Bad Request", "The body is no JSON that can be read") from error


class Refused(Exception):
    """An answer other than success, in the words that clients know."""

    def __init__(self, status: int, message: str, description: str = "") -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.description = description


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    status: int = 200
    body: bytes = b""
    media_type: str = "application/json; charset=utf-8"
    headers: Mapping[str, str] = {}


NO_HEADERS: Mapping[str, str] = {}


def as_json(value: Any, status: int = 200, headers: Mapping[str, str] = NO_HEADERS) -> Answer:
    return Answer(status=status, body=orjson.dumps(value), headers=headers)


def as_text(text: str, media_type: str = "text/plain; charset=utf-8") -> Answer:
    return Answer(body=text.encode(), media_type=media_type)


def _place(accept: str, types: Sequence[str]) -> tuple[float, int] | None:
    """How early a type comes: by its quality, then by its place in the list."""
    for at, part in enumerate(accept.split(",")):
        name, _, parameters = part.strip().partition(";")
        if name.strip() in types:
            quality = parameters.strip().removeprefix("q=")
            try:
                return 1 - float(quality or 1), at
            except ValueError:
                return 0.0, at
    return None
