"""A double of xDrip+: a queue on the phone that empties in rounds, and is killed at any moment of one."""

from collections.abc import Sequence
from datetime import datetime
from random import Random
from typing import Any, Self

import httpx

ROUND = 300
"""Readings of one upload (UploaderTask.java)."""


class Killed(Exception):
    """The phone went off."""


class XdripQueue:
    """What is still to be sent, oldest first; a round leaves it only when the answer to it was read."""

    def __init__(self, waiting: list[dict[str, Any]]) -> None:
        self.waiting = waiting
        self.all_of_them = {(one["date"], one["sgv"]) for one in waiting}

    @classmethod
    def of(cls, times: Sequence[datetime], random: Random) -> Self:
        """A reading a time, in xDrip's own form."""
        rows = []
        for time in sorted(times):
            local = time.strftime("%Y-%m-%dT%H:%M:%S.000+0000")
            rows.append({
                "device": "xDrip-DexcomG6", "date": int(time.timestamp() * 1000), "dateString": local,
                "sgv": random.randint(45, 390), "delta": 0.5, "direction": "Flat", "type": "sgv", "filtered": 0,
                "unfiltered": 0, "rssi": 100, "noise": 1, "sysTime": local,
            })  # fmt: skip
        return cls(rows)

    def round(self, app: httpx.Client, kill: str) -> None:
        """One upload. `kill`: nothing, before it is sent, in the middle of the body, or before the answer is read."""
        sent = self.waiting[:ROUND]
        if kill == "before":
            raise Killed
        if kill == "within":
            body = httpx.Request("POST", "http://x", json=sent).content

            def half() -> Any:
                yield body[: len(body) // 2]
                raise Killed

            app.post("/api/v1/entries", content=half(), headers={"content-type": "application/json"})
        answer = app.post("/api/v1/entries", json=sent)
        if kill == "after":
            raise Killed
        if answer.is_success:
            self.waiting = self.waiting[len(sent) :]


def upload_all(app: httpx.Client, queue: XdripQueue, random: Random, every: int) -> int:
    """Rounds until the queue is empty, about one in `every` killed; how many were."""
    kills = 0
    while queue.waiting:
        kill = random.choice(("before", "within", "after")) if random.randrange(every) == 0 else ""
        try:
            queue.round(app, kill)
        except Killed:
            kills += 1
    return kills
