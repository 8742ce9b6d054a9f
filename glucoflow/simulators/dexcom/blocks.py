"""A day of one kind of record, ready to be sent: the JSON of each record, its systemTime, and when it can be seen."""

import hashlib
import uuid
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import orjson

from glucoflow.simulators.chance import Ints
from glucoflow.simulators.scenario import AddEvent, Change, Scenario, SimulatedPerson
from glucoflow.simulators.wallclock import epoch, moment, offset, suffix

_NAMESPACE = uuid.UUID("6f2f0b1c-7c0f-5d38-9f0e-3d1c6a52e0aa")
_VARIANT = dict(zip("0123456789abcdef", "89ab89ab89ab89ab", strict=True))


@dataclass(frozen=True)
class Block:
    """Records of one UTC day, newest first. Record i is `body[cuts[i]:cuts[i + 1] - 1]`; commas lie between.

    `updated`: the moment from which record i is seen as it is here (uploaded, or changed afterwards).
    """

    times: Ints
    updated: Ints
    body: bytes
    cuts: Ints

    def pieces(self, start: int, end: int, as_of: int) -> Iterator[bytes]:
        """The JSON of the records with start <= systemTime < end that can be seen, joined by commas."""
        seen = self.seen(start, end, as_of)
        if seen.size == self.times.size:
            if seen.size:
                yield self.body
            return
        runs = np.split(seen, np.flatnonzero(np.diff(seen) > 1) + 1) if seen.size else []
        for run in runs:
            yield self.body[int(self.cuts[run[0]]) : int(self.cuts[run[-1] + 1]) - 1]

    def seen(self, start: int, end: int, as_of: int, since: int | None = None) -> Ints:
        """Positions of the records within [start, end) that can be seen, and that were updated after `since`."""
        mask = (self.times >= start) & (self.times < end) & (self.updated <= as_of)
        if since is not None:
            mask &= self.updated > since
        return np.flatnonzero(mask).astype(np.int64)


def block_of(times: Ints, updated: Ints, rendered: Sequence[str | bytes]) -> Block:
    """A block of records given newest first."""
    encoded = [text.encode() if isinstance(text, str) else text for text in rendered]
    cuts = np.concatenate([[0], np.cumsum([len(text) + 1 for text in encoded])]).astype(np.int64)
    return Block(times, updated, b",".join(encoded), cuts)


def block_of_dicts(records: Sequence[tuple[int, int, dict[str, Any]]]) -> Block:
    """A block of (systemTime, updated, record), in any order."""
    newest_first = sorted(records, key=lambda record: (-record[0], record[2]["recordId"]))
    return block_of(
        np.array([record[0] for record in newest_first], dtype=np.int64),
        np.array([record[1] for record in newest_first], dtype=np.int64),
        [orjson.dumps(record[2]) for record in newest_first],
    )


def uploaded(scenario: Scenario, person: SimulatedPerson, times: Ints) -> Ints:
    """When what was measured at `times` can first be seen: after the delay, or when the phone is back."""
    seen = times + int(scenario.upload_delay.total_seconds())
    for offline in person.offline:
        away = (times >= epoch(offline.start)) & (times < epoch(offline.end))
        seen = np.where(away, np.maximum(seen, epoch(offline.end)), seen)
    return seen


def in_force(person: SimulatedPerson, as_of: int) -> tuple[Change, ...]:
    """The changes that have happened by `as_of`, oldest first."""
    happened = [change for change in person.changes if epoch(change.at) <= as_of]
    return tuple(sorted(happened, key=lambda change: change.at))


def touched(change: Change) -> tuple[int, int]:
    """The span of systemTime in which a change alters records."""
    if isinstance(change, AddEvent):
        return epoch(change.time), epoch(change.time) + 1
    return epoch(change.start), epoch(change.end)


class Ids:
    """recordIds: uuid5 of kind and name in a namespace of (seed, person); the same for ever."""

    def __init__(self, seed: int, person_id: str, kind: str) -> None:
        namespace = uuid.uuid5(_NAMESPACE, f"{seed}/{person_id}")
        self._start = hashlib.sha1(namespace.bytes + f"{kind}/".encode(), usedforsecurity=False)

    def of(self, name: str) -> str:
        """The id of one record; equal to `uuid.uuid5(namespace, kind + "/" + name)`, without its overhead."""
        sha = self._start.copy()
        sha.update(name.encode())
        h = sha.hexdigest()
        return f"{h[:8]}-{h[8:12]}-5{h[13:16]}-{_VARIANT[h[16]]}{h[17:20]}-{h[20:32]}"


def stamps(person: SimulatedPerson, at: int) -> dict[str, str]:
    """systemTime and displayTime of one record. A receiver writes neither Z nor offset, and shows UTC to the cloud."""
    if person.display_device == "receiver":
        plain = moment(at).strftime("%Y-%m-%dT%H:%M:%S")
        return {"systemTime": plain, "displayTime": plain}
    ahead = offset(person, at)
    return {
        "systemTime": moment(at).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "displayTime": moment(at + ahead).strftime("%Y-%m-%dT%H:%M:%S") + suffix(ahead),
    }
