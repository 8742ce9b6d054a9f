"""Requests that several threads make at once go to Elasticsearch as one, and each gets the answer to its own part.

Many people's syncs ask and write alike, each for the person's own alias. What those of one batch want at the same
moment is gathered: bulk requests become one whose items name their alias, searches one `_msearch`, and so on. Each
person's part succeeds or fails by itself, item by item, so that everybody's checkpoint goes on standing for their own
documents only. Whoever is alone waits for nobody, and what is refused as a whole (too large, say) is sent one by one.
"""

import threading
import time
from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from copy import copy
from dataclasses import dataclass, field, replace
from typing import Any

from elastic_transport import HttpHeaders, SerializerCollection, Transport, TransportApiResponse
from elasticsearch import Elasticsearch, OrjsonSerializer
from elasticsearch.serializer import DEFAULT_SERIALIZERS

from glucoflow.es.client import by_mimetype
from glucoflow.es.gathered_requests import Part, part_of, together

MOST_ROWS = 100_000
"""A request for more takes nobody else along: its answer has to fit into memory, here and in Elasticsearch."""

Send = Callable[[str, str, Any, bool], TransportApiResponse]
"""Method, target, body, and whether it is a gathered request, whose answer stays bytes."""


def gathered(client: Elasticsearch, table: "Table") -> Elasticsearch:
    """The same client, over the same connections, for threads that take part (`Table.taking_part`)."""
    found = client.options()
    found._transport = _Gathering(client.transport, table)
    return found


@dataclass
class _Waiting:
    """A thread's part of a request to come."""

    part: Part
    send: Send
    answered: threading.Event = field(default_factory=threading.Event)
    answer: TransportApiResponse | None = None
    error: BaseException | None = None


_Group = list[_Waiting]
"""Those that go together; told from other groups by which list it is, not by what is in it."""


class Table:
    """Where the threads of one batch meet.

    `linger_s`: the longest wait for others that work on something else just now. Nobody waits once all of them wait,
    those included who are `to_come`, so many at a time: whoever begins first does not run ahead.
    """

    def __init__(self, linger_s: float, to_come: int = 0, at_a_time: int = 0) -> None:
        self._linger_s = linger_s
        self._changed = threading.Condition()  # only those wait for it who lead a group: waking all costs more
        self._groups: dict[Hashable, _Group] = {}
        self._taking_part = 0
        self._to_come = to_come
        self._at_a_time = at_a_time
        self._waiting = 0
        self._mine = threading.local()

    @contextmanager
    def taking_part(self) -> Iterator[None]:
        """This thread's requests are gathered with those of the others inside."""
        with self._changed:
            self._taking_part += 1
            self._to_come = max(0, self._to_come - 1)
        self._mine.takes_part = True
        try:
            yield
        finally:
            self._mine.takes_part = False
            with self._changed:
                self._taking_part -= 1
                self._changed.notify_all()

    def _is_next(self, group: _Group) -> bool:
        smallest = min(self._groups.values(), key=len, default=group)
        return self._waiting >= self._expected and smallest is group

    @property
    def _expected(self) -> int:
        return self._taking_part + max(0, min(self._to_come, self._at_a_time - self._taking_part))

    @property
    def has_this_thread(self) -> bool:
        """Whether this thread takes part."""
        return bool(getattr(self._mine, "takes_part", False))

    def join(self, part: Part, send: Send) -> TransportApiResponse:
        """The answer to one part. Raises what the request that it went with raised."""
        mine = _Waiting(part, send)
        with self._changed:
            self._waiting += 1
            group = self._groups.setdefault(part.group, [])
            group.append(mine)
            if _rows(group) >= MOST_ROWS:
                del self._groups[part.group]
            if self._waiting >= self._expected or _rows(group) >= MOST_ROWS:
                self._changed.notify_all()
            leads = len(group) == 1
            if leads:
                self._gather(part.group, group)
        if leads:
            try:
                _deliver(group)
            finally:
                for one in group:
                    one.answered.set()
        else:
            mine.answered.wait()
        if mine.error is not None:
            raise mine.error
        assert mine.answer is not None  # noqa: S101 – for the type: one of the two is there
        return mine.answer

    def _gather(self, key: Hashable, group: _Group) -> None:
        """Wait until all who take part wait, or long enough; from then on the group takes nobody else.

        Of several groups the smallest goes first: who is a step behind catches up, and goes on with the others.
        """
        until = time.monotonic() + self._linger_s
        while not self._is_next(group) and _rows(group) < MOST_ROWS:
            left = until - time.monotonic()
            if left <= 0 or not self._changed.wait(left):
                break
        self._waiting -= len(group)
        if self._groups.get(key) is group:
            del self._groups[key]


def _rows(group: _Group) -> int:
    return sum(one.part.rows for one in group)


def _deliver(waiting: Sequence[_Waiting]) -> None:
    """Send what was gathered; everybody has an answer or an error afterwards."""
    try:
        if len(waiting) == 1 or not _sent_together(waiting):
            for one in waiting:
                _alone(one)
    finally:
        for one in waiting:
            if one.answer is None and one.error is None:  # who led was interrupted
                one.error = ConnectionAbortedError("the request was given up")


def _sent_together(waiting: Sequence[_Waiting]) -> bool:
    """Whether one request answered them all. One that failed fails for all; one refused as a whole is no answer."""
    method, target, body, answers_of = together([one.part for one in waiting])
    try:
        whole = waiting[0].send(method, target, body, True)
    except Exception as error:  # noqa: BLE001 – whatever the transport raises is for each of them
        for one in waiting:
            one.error = copy(error)
        return True
    if whole.meta.status != 200:
        return False
    answers = answers_of(whole.body)
    if answers is None:
        return False
    for one, found in zip(waiting, answers, strict=True):
        if found is None:
            _alone(one)
        else:
            status, answer = found
            one.answer = TransportApiResponse(replace(whole.meta, status=status), one.part.decoded(answer))
    return True


def _alone(one: _Waiting) -> None:
    try:
        one.answer = one.send(one.part.method, one.part.target, one.part.body, False)
    except Exception as error:  # noqa: BLE001 – it is raised in the thread that asked
        one.error = error


class _Gathering(Transport):
    """A transport that asks the table first; all else is the one that it is made from."""

    def __init__(self, transport: Transport, table: Table) -> None:
        self.__dict__.update(transport.__dict__)
        self._table = table
        self._undecoded = copy(transport)
        self._undecoded.serializers = SerializerCollection({**DEFAULT_SERIALIZERS, **by_mimetype(_Bytes)})

    def perform_request(self, method: str, target: str, **asked: Any) -> TransportApiResponse:
        perform = super().perform_request
        part = part_of(method, target, asked.get("body"), self._loads) if self._table.has_this_thread else None
        if part is None:
            return perform(method, target, **asked)

        def send(method: str, target: str, body: Any, gathered: bool) -> TransportApiResponse:
            if not gathered:
                return perform(method, target, **asked)
            more = {"headers": _headers(asked["headers"], body), "body": body}
            return self._undecoded.perform_request(method, target, **{**asked, **more})

        return self._table.join(part, send)

    def _loads(self, data: bytes) -> Any:
        return self.serializers.loads(data, _JSON)


class _Bytes(OrjsonSerializer):
    """JSON by orjson, but answers stay bytes."""

    def loads(self, data: bytes) -> Any:
        return data


_JSON = "application/json"


def _headers(given: Mapping[str, str], body: Any) -> HttpHeaders:
    """As the gathered request is: a list of lines, or one JSON object."""
    kind = "x-ndjson" if isinstance(body, list) else "json"
    headers = HttpHeaders(given)
    headers["accept"] = "application/vnd.elasticsearch+json; compatible-with=9"
    headers["content-type"] = f"application/vnd.elasticsearch+{kind}; compatible-with=9"
    return headers
