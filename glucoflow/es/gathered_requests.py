"""Which requests can go as one, how that one looks, and which part of its answer is whose."""

from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Literal
from urllib.parse import parse_qs, unquote, urlencode

import msgspec

Answers = list[tuple[int, bytes] | None]
"""Status and body by part; None for one that has to ask by itself."""

Kind = Literal["bulk", "mget", "search", "refresh", "index"]

_USUAL_SIZE = 10
"""Of an answer to a search, where it does not say."""

MOST_LINES = 300
"""A bulk request with more documents is worth one of its own."""

_KINDS: dict[str, Kind] = {
    "_bulk": "bulk", "_mget": "mget", "_search": "search", "_msearch": "search", "_refresh": "refresh",
}  # fmt: skip
_KNOWN: dict[Kind, frozenset[str]] = {
    "bulk": frozenset({"require_alias", "filter_path"}),
    "mget": frozenset({"filter_path", "_source_includes"}),
    "search": frozenset({"allow_partial_search_results", "ignore_unavailable", "filter_path", "_source_excludes"}),
    "refresh": frozenset({"ignore_unavailable"}),
    "index": frozenset({"features", "filter_path"}),
}
"""Parameters that are understood. A request with another one is left alone."""


@dataclass(frozen=True)
class Part:
    """One thread's request: all with the same `group` can go as one. `decoded` makes of bytes what a client expects."""

    kind: Kind
    index: str
    params: tuple[tuple[str, str], ...]
    method: str
    target: str
    body: Any
    many: bool
    decoded: Callable[[bytes], Any]

    @property
    def rows(self) -> int:
        """How many rows the answer has at most."""
        if self.kind != "search":
            return len(self.body) if isinstance(self.body, list) else 1
        asked = self.body[1::2] if self.many else [self.body or {}]
        return sum(int(one.get("size", _USUAL_SIZE)) for one in asked)

    @property
    def group(self) -> Hashable:
        """What must be alike. Of a search, and of a look for an index, each part brings its own along."""
        return self.kind if self.kind in ("search", "index") else (self.kind, self.params)


def part_of(method: str, target: str, body: Any, decoded: Callable[[bytes], Any]) -> Part | None:
    """A request as a part of one to come; None for one that has to go alone."""
    path, _, query = target.partition("?")
    index, _, verb = path.strip("/").partition("/")
    kind = _KINDS.get(verb) if verb else ("index" if method == "GET" else None)
    if kind is None or not index or index.startswith("_") or "/" in verb:
        return None
    params = {name: values[0] for name, values in parse_qs(query).items()}
    if not params.keys() <= _KNOWN[kind] or (kind == "bulk" and len(body) > MOST_LINES):
        return None
    given = tuple(sorted(params.items()))
    return Part(kind, unquote(index), given, method, target, body, verb == "_msearch", decoded)


def together(parts: Sequence[Part]) -> tuple[str, str, Any, Callable[[bytes], Answers | None]]:
    """Method, target and body of the one request, and what tells each part's answer from its own."""
    kind, params = parts[0].kind, parts[0].params
    query = f"?{urlencode(params)}" if params else ""
    names = ",".join(dict.fromkeys(part.index for part in parts))
    match kind:
        case "bulk":
            lines = [_aimed(line, part.index) for part in parts for line in part.body]
            return "PUT", f"/_bulk{query}", lines, lambda answer: _sliced(parts, answer, "items", _count_lines)
        case "mget":
            docs = [{"_index": part.index, "_id": key} for part in parts for key in part.body["ids"]]
            body = {"docs": docs}
            return "POST", f"/_mget{query}", body, lambda answer: _sliced(parts, answer, "docs", _count_ids)
        case "search":
            searches = [line for part in parts for line in _searches(part)]
            return "POST", "/_msearch", searches, lambda answer: _searched(parts, answer)
        case "refresh":
            done = msgspec.json.encode({})
            return "POST", f"/{names}/_refresh{query}", None, lambda _answer: [(200, done) for _ in parts]
        case "index":
            fields = dict.fromkeys(one for part in parts for one in dict(part.params).get("filter_path", "").split(","))
            features = dict(params).get("features", "")
            asked = {"features": features, "filter_path": ",".join(fields), "ignore_unavailable": "true"}
            more = urlencode({name: value for name, value in asked.items() if value})
            return "GET", f"/{names}?{more}", None, lambda answer: _indices(parts, answer)


def _aimed(line: bytes, index: str) -> bytes:
    """A bulk item that says which alias it is for: its first line is `{"create":{"_id": …`."""
    return line.replace(b":{", b':{"_index":%b,' % msgspec.json.encode(index), 1)


def _count_lines(part: Part) -> int:
    return len(part.body)


def _count_ids(part: Part) -> int:
    return len(part.body["ids"])


def _searches(part: Part) -> Iterable[dict[str, Any]]:
    params = dict(part.params)
    header = {"index": part.index, "allow_partial_search_results": False}
    if part.many:
        for at in range(0, len(part.body), 2):
            yield {**header, **part.body[at]}
            yield part.body[at + 1]
        return
    if params.get("ignore_unavailable") == "true":
        header["ignore_unavailable"] = True
    body = dict(part.body or {})
    if "_source_excludes" in params:
        body["_source"] = {"excludes": params["_source_excludes"].split(",")}
    yield header
    yield body


class _Status(msgspec.Struct):
    status: int = 200


def _searched(parts: Sequence[Part], answer: bytes) -> Answers | None:
    found = _raws(answer, "responses")
    if found is None:
        return None
    answers: Answers = []
    at = 0
    for part in parts:
        if part.many:
            n = len(part.body) // 2
            answers.append((200, b'{"responses":[%b]}' % b",".join(bytes(one) for one in found[at : at + n])))
        else:
            n = 1
            status = msgspec.json.decode(found[at], type=_Status).status
            answers.append((status, bytes(found[at])))
        at += n
    return answers if at == len(found) else None


def _sliced(parts: Sequence[Part], answer: bytes, name: str, count: Callable[[Part], int]) -> Answers | None:
    """Of a list with as many answers as there were questions, each part's own."""
    found = _raws(answer, name)
    if found is None or len(found) != sum(map(count, parts)):
        return None
    answers: Answers = []
    at = 0
    for part in parts:
        n = count(part)
        mine = b",".join(bytes(one) for one in found[at : at + n])
        answers.append((200, b'{"%b":[%b]}' % (name.encode(), mine)))
        at += n
    return answers


def _indices(parts: Sequence[Part], answer: bytes) -> Answers | None:
    """By alias or name. Who has none asks again alone, and is told what is the matter."""
    found: dict[str, msgspec.Raw] = msgspec.json.decode(answer, type=dict[str, msgspec.Raw])
    aliases = {name: msgspec.json.decode(raw, type=_Aliases).aliases for name, raw in found.items()}
    answers: Answers = []
    for part in parts:
        mine = [name for name in found if part.index == name or part.index in aliases[name]]
        entries = b",".join(b"%b:%b" % (msgspec.json.encode(name), bytes(found[name])) for name in mine)
        answers.append((200, b"{%b}" % entries) if mine else None)
    return answers


class _Aliases(msgspec.Struct):
    aliases: dict[str, msgspec.Raw] = {}


def _raws(answer: bytes, name: str) -> list[msgspec.Raw] | None:
    found = msgspec.json.decode(answer, type=dict[str, msgspec.Raw]).get(name)
    return None if found is None else msgspec.json.decode(found, type=list[msgspec.Raw])
