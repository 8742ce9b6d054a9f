"""One chunk of documents brought to an index, until each item has its outcome.

New documents are the usual case, so each is sent as `create` first, which never overwrites. Where Elasticsearch says
that it is there already (409), its stored hash is looked up: equal means unchanged, and nothing is written; different
means `index`, on condition that nobody wrote in between (`if_seq_no`). Sending a chunk twice is therefore harmless,
which is what makes a time-out, where nobody knows what was done, an ordinary case.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Any, NamedTuple

import msgspec
from elastic_transport import ObjectApiResponse, SerializationError
from elasticsearch import ApiError, Elasticsearch

from glucoflow.es.encode import Item, payload_of
from glucoflow.es.error_translation import OVERLOADED, blocked, index_closed, translated
from glucoflow.es.retrier import Retrier
from glucoflow.model.errors import Fatal, Misconfigured, Retryable
from glucoflow.model.ingestion import RejectedRecord

ANSWER_FIELDS = "errors,items.*.status,items.*.error.type,items.*.error.reason,items.*.error.caused_by.reason"
"""All that is read of an answer, which is what keeps it small: 25 bytes a document instead of 200."""

PAYLOAD_KEPT = 64 * 1024
CONFLICT_ROUNDS = 8
TOO_LARGE = 413


@dataclass
class Delivered:
    """What became of a chunk."""

    created: int = 0
    updated: int = 0
    unchanged: int = 0
    deleted: int = 0
    rejected: list[RejectedRecord] = field(default_factory=list)


@dataclass(frozen=True)
class Target:
    """Where chunks are sent, and how often it is tried again."""

    client: Elasticsearch
    alias: str
    retrier: Retrier
    is_alias: bool = True
    """Whether a name that is no alias is refused, so that a write makes no index."""
    before_write: Callable[[], None] = lambda: None
    """Called before a chunk is sent; raises where nothing may be written any more."""


class _Round(NamedTuple):
    """The answers of one bulk request, sorted by what to do next."""

    again: list[Item]
    conflicting: list[Item]
    error: Retryable | None


class _Stored(msgspec.Struct):
    """What `mget` says about one id; `hash` is None for one that nobody gave a hash."""

    hash: str | None
    seq_no: int
    primary_term: int


def slices(ids: Iterable[str], size: int) -> Iterator[list[str]]:
    """In lists of at most `size`."""
    rest = iter(ids)
    while part := list(islice(rest, size)):
        yield part


def overload() -> Retryable:
    return Retryable("Elasticsearch is overloaded.", remedy="What was not written is fetched again.")


def post(client: Elasticsearch, index: str, items: Sequence[Item], *, alias: bool) -> list[Mapping[str, Any]]:
    """One request; the answer to each item, in order. With `alias`, a name that is none makes no index.

    Raises the driver's errors, one of which is for what is no whole answer.
    """
    lines: Any = [item.lines() for item in items]  # the driver sends bytes as they are, and says it wants dictionaries
    body = client.bulk(operations=lines, index=index, require_alias=alias, filter_path=ANSWER_FIELDS).body
    try:
        answers = [next(iter(answer.values())) for answer in body["items"]]
    except (TypeError, KeyError) as error:  # whatever came with status 200
        raise SerializationError("not the answer to a bulk request") from error
    if len(answers) != len(items):
        raise SerializationError("an answer for some documents only")
    return answers


def replace_unchanged(target: Target, items: Sequence[Item]) -> int:
    """Send replacements until each is written or refused, since its document changed or went; how many were refused.

    Raises as `deliver` does.
    """
    outcome, refused = Delivered(), 0

    def settle(turn: _Round) -> list[Item]:
        nonlocal refused
        refused += len(turn.conflicting)
        return []

    _send(target, items, outcome, settle)
    return refused + len(outcome.rejected)


def deliver(target: Target, items: Sequence[Item]) -> Delivered:
    """Send until each item has an outcome. Raises Retryable when its tries end, Misconfigured or Fatal at once."""
    outcome, conflicts = Delivered(), 0

    def settle(turn: _Round) -> list[Item]:
        nonlocal conflicts
        if not turn.conflicting:
            return []
        conflicts += 1
        if conflicts > CONFLICT_ROUNDS:
            raise _Contended
        return _resolve(target, turn.conflicting, outcome)

    try:
        _send(target, items, outcome, settle)
    except _Contended:
        raise Retryable("Somebody else keeps changing the same documents.", remedy="It is tried again later.") from None
    return outcome


class _Contended(Exception):
    """Waiting does not help now."""


def _send(target: Target, items: Sequence[Item], outcome: Delivered, settle: Callable[[_Round], list[Item]]) -> None:
    """Request after request until nothing is left; those that failed for now come again after a wait.

    `settle` gives what to send in place of items that conflicted.
    """
    pending = list(items)
    target.before_write()

    def attempt() -> None:
        nonlocal pending
        while pending:
            with translated("write documents"):
                answers = _post(target, pending)
            turn = _sort(pending, answers, outcome)
            pending = [*turn.again, *settle(turn)]
            if turn.again:
                raise turn.error or overload()

    target.retrier.keep_at(attempt)


def _post(target: Target, items: Sequence[Item]) -> list[Mapping[str, Any]]:
    """The answer to each item, in order. A request that is too large is halved until it fits. Driver's errors."""
    try:
        return post(target.client, target.alias, items, alias=target.is_alias)
    except ApiError as error:
        if error.meta.status != TOO_LARGE:
            raise
        if len(items) == 1:
            return [{"status": TOO_LARGE}]
        middle = len(items) // 2
        return [*_post(target, items[:middle]), *_post(target, items[middle:])]


def _sort(items: Sequence[Item], answers: Sequence[Mapping[str, Any]], outcome: Delivered) -> _Round:
    """Count what is settled, and say what to do about the rest."""
    again, conflicting = [], []
    error_of_again = None
    for item, answer in zip(items, answers, strict=True):
        status = answer["status"]
        if status == 201:
            outcome.created += 1
        elif status == 200:
            if not item.body:
                outcome.deleted += 1
            else:
                outcome.updated += 1
        elif status == 409:
            conflicting.append(item)
        elif (error := answer.get("error", {})).get("type") == "cluster_block_exception":
            block = blocked(error.get("reason", ""))
            if not isinstance(block, Retryable):
                raise block
            error_of_again = block
            again.append(item)
        elif status in OVERLOADED:
            again.append(item)
        elif not item.body and status == 404:
            pass  # nothing there to delete
        else:
            _raise_unless_its_own_fault(status, error)
            if not item.body:
                raise Fatal(f"Elasticsearch refused a delete: status {status}, {error.get('type')}.")
            outcome.rejected.append(rejected_record(item, status, error))
    return _Round(again, conflicting, error_of_again)


def _raise_unless_its_own_fault(status: int, error: Mapping[str, Any]) -> None:
    """Raises where the fault lies not with the document: every other one would fail alike."""
    if error.get("type") == "index_not_found_exception":
        raise Retryable(
            "The person's index was deleted while documents were written to it.",
            remedy="If the person was deleted, nothing is to be done; else the next sync makes it anew and fills it.",
        )
    if error.get("type") == "index_closed_exception":
        raise index_closed()
    if status in (401, 403):
        raise Misconfigured(
            "The user of Elasticsearch may not write to a person's index.",
            remedy="Give it the right to write, or use another user (ES_USER, ES_API_KEY).",
        )
    if "no write index" in error.get("reason", ""):
        raise Fatal("The alias of a person's index points to no index.", remedy="Run `glucoflow provision`.")


def _resolve(target: Target, items: Sequence[Item], outcome: Delivered) -> list[Item]:
    """What to send for documents that are there already: nothing where they are equal."""
    stored = _stored(target, [item.id for item in items])
    pending = []
    for item in items:
        there = stored.get(item.id)
        if not item.body:
            pending.append(item)
        elif there is None:  # deleted in between
            pending.append(item.as_new())
        elif there.hash == item.hash:
            outcome.unchanged += 1
        else:
            pending.append(item.only_after(there.seq_no, there.primary_term))
    return pending


def _stored(target: Target, ids: Sequence[str]) -> dict[str, _Stored]:
    """Hash and sequence number of each stored document, as of now (mget sees what is not yet refreshed)."""

    def send() -> ObjectApiResponse[Any]:
        return target.client.mget(
            index=target.alias,
            ids=list(dict.fromkeys(ids)),
            source_includes=["event.hash"],
            filter_path="docs._id,docs.found,docs._seq_no,docs._primary_term,docs._source",
        )

    found = {}
    for doc in target.retrier.ask(send, "look up documents").get("docs", []):
        if doc.get("found"):
            known = doc.get("_source", {}).get("event", {}).get("hash")
            found[doc["_id"]] = _Stored(known, doc["_seq_no"], doc["_primary_term"])
    return found


_FIELD = re.compile(r"(?:failed to parse field|introduction of) \[([^\]]+)\](?: within \[([^\]]+)\])?")


def rejected_record(item: Item, status: int, error: Mapping[str, Any]) -> RejectedRecord:
    """Why Elasticsearch does not take a document. The reason names the field and never its value."""
    text = str(error.get("reason", ""))
    found = _FIELD.search(text)
    name = "document"
    if found:
        name = f"{found[2]}.{found[1]}" if found[2] and found[2] != "_doc" else found[1]
    if status == TOO_LARGE:
        reason = "larger than Elasticsearch takes"
    elif "introduction of" in text:
        reason = "not in the mapping"
    else:
        reason = f"does not fit the mapping ({error.get('type', status)})"
    return RejectedRecord(field=name, reason=reason, key=item.id, payload=payload_of(item)[:PAYLOAD_KEPT])
