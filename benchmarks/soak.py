"""A day of fifty people with a fault every minute, in a compressed clock: what is held at its end, and the memory.

    uv run python -m benchmarks.soak                         # 24 hours, SQLite and then PostgreSQL
    uv run python -m benchmarks.soak --hours 6 --people 20 --database sqlite

A simulated minute: time passes, a fault is armed for some endpoint (5xx, 401, 403, 404, 429, HTML, broken JSON, cut and
reset connections, lost answers, a token that is refused), Elasticsearch and the store trip now and then, glucoflow is
restarted every six hours, and whoever is due is synced as the scheduled flow does it. Readings come every five minutes,
some hours late; meals are changed and deleted. Then the faults end, and within hours everybody's index must equal what
the double of the cloud holds, with nothing there twice. Resident memory is read every hour, the double's included,
which keeps what it holds from the beginning. The last line is JSON.
"""

import argparse
import json
import sys
import time
from collections import Counter
from datetime import datetime, timedelta
from pathlib import Path
from random import Random, SystemRandom
from typing import Any

from elasticsearch import Elasticsearch

from benchmarks.places import DATABASES, place, say
from glucoflow.model.errors import GlucoflowError
from glucoflow.service.batches import run_batch, sync_due
from glucoflow.service.jobs import SYNC_JOB
from glucoflow.simulators.dexcom import Fault
from glucoflow.simulators.dexcom.given import GivenRecord
from glucoflow.simulators.fault_injection import FaultKind
from glucoflow.store import new_owner
from tests.scenarios.expecting import documents
from tests.scenarios.killing import NOW, Tally, meal, readings, truth
from tests.scenarios.playing import PROVIDER, Stage, sign_in, staged
from tests.scenarios.written import Person, Written

ENDPOINTS = ("egvs", "events", "calibrations", "alerts", "devices", "dataRange")
KINDS: tuple[FaultKind, ...] = ("html", "truncated", "cut", "reset", "lost", "duplicates")
STATUSES = (400, 401, 403, 404, 429, 500, 502, 503, 504)
CALM_HOURS = 14
"""A back-off is six hours at most, and a refusal is asked after for so long."""


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--hours", type=int, default=24)
    parser.add_argument("--people", type=int, default=50)
    parser.add_argument("--database", choices=DATABASES)
    parser.add_argument("--seed", type=int, default=SystemRandom().randrange(2**32))
    asked = parser.parse_args()
    answers = {}
    for database in [asked.database] if asked.database else DATABASES:
        answers[database] = soaked(database, asked.hours, asked.people, Random(asked.seed))  # noqa: S311
    right = all(answer["right"] for answer in answers.values())
    print(json.dumps({"seed": asked.seed, "right": right, **answers}))
    return 0 if right else 1


def soaked(database: str, hours: int, people: int, random: Random) -> dict[str, Any]:
    """A day, the hours after it, and the comparison."""
    began = time.monotonic()
    names = [f"p{n:02}" for n in range(people)]
    accounts: dict[str, Any] = {name: {} for name in names}
    written = Written(
        about="soak", now=NOW, steps=[], accounts=accounts, people=tuple(Person(id=name) for name in names)
    )
    with place(database) as where, staged(where, written) as stage:
        stage.archive.accounts = {name: life(name, hours, random) for name in names}
        as_dexcom_wants_it(stage)
        for name in names:
            sign_in(stage.rt, name, name, NOW)
        soak = Soak(stage, random, names)
        for hour in range(1, hours + 1):
            soak.hour()
            say(f"{database}: hour {hour}, {soak.rss_mb[-1]} MB, {sum(soak.faults.values())} faults, {soak.syncs}")
        soak.calm()
        lost, doubled, wrong, said = soak.compared()
        flat = soak.rss_mb[-1] <= 1.1 * soak.rss_mb[min(2, len(soak.rss_mb) - 1)]
        return {
            "hours": hours,
            "people": people,
            "syncs": dict(soak.syncs),
            "faults_met": dict(soak.faults),
            "signed_in_again": soak.signed_in_again,
            "readings": soak.n_readings,
            "lost": lost,
            "doubled": doubled,
            "wrong": wrong,
            "said": said[:10],
            "rss_mb": soak.rss_mb,
            "flat": flat,
            "right": flat and not (lost or doubled or wrong),
            "seconds": round(time.monotonic() - began),
        }


class Soak:
    """A stage on which minutes pass."""

    def __init__(self, stage: Stage, random: Random, names: list[str]) -> None:
        self.stage = stage
        self.random = random
        self.names = names
        self.rss_mb: list[float] = []
        self.syncs: Counter[str] = Counter()
        self.faults: Counter[str] = Counter()
        self.signed_in_again = 0
        self.n_readings = 0
        self._hours = 0

    def hour(self) -> None:
        """Sixty minutes, each with a fault."""
        for minute in range(60):
            self.stage.clock.advance(timedelta(minutes=1))
            self._fault()
            blocked = self._elasticsearch_trips() if minute % 20 == 7 else None
            self._sync()
            if blocked is not None:
                write_block(self.stage.rt.client, blocked, on=False)
        self._hours += 1
        if self._hours % 6 == 0:
            self.stage.reopened()
        self._tidy()
        self.rss_mb.append(rss_mb())

    def calm(self) -> None:
        """Hours without faults, in which who was signed out signs in again."""
        self.stage.sim.faults.clear()
        for _ in range(CALM_HOURS * 4):
            self.stage.clock.advance(timedelta(minutes=15))
            for one in self.stage.rt.store.connections.list():
                if one.state == "needs_reauthorization":
                    sign_in(self.stage.rt, one.user_id, one.user_id, self.stage.here())
                    self.signed_in_again += 1
            self._sync()
        for one in self.stage.rt.store.connections.list():
            self.stage.rt.store.connections.schedule(one.id, self.stage.here())
        self._sync()
        self._tidy()
        self.rss_mb.append(rss_mb())

    def compared(self) -> tuple[int, int, int, list[str]]:
        """Lost, doubled and wrong readings and meals, and whose."""
        tally = Tally()
        for name in self.names:
            held = [(one["@timestamp"], one["glucose"]["mg_dl"]) for one in self._held(name, "cgm.reading")]
            tally.compare(f"{name}, readings", truth(self.stage, name, "egvs"), held)
            self.n_readings += len(held)
            eaten = [(one["@timestamp"], one["food"]["carbs_g"]) for one in self._held(name, "food")]
            tally.compare(f"{name}, meals", truth(self.stage, name, "events"), eaten)
        return tally.lost, tally.doubled, tally.wrong, tally.said

    def _held(self, name: str, dataset: str) -> list[dict[str, Any]]:
        return documents(self.stage.rt, name, dataset)

    def _fault(self) -> None:
        random = self.random
        person = random.choice(self.names) if random.random() < 0.1 else None
        times = random.randrange(1, 9)
        if random.random() < 0.1:
            kind: FaultKind = random.choice(("status", "html", "reset", "lost"))
            fault = Fault(kind, path="oauth2/token", times=min(2, times), status=random.choice((500, 503)))
        elif random.random() < 0.5:
            path = f"/users/self/{random.choice(ENDPOINTS)}$"
            fault = Fault("status", path=path, times=times, person=person, status=random.choice(STATUSES))
        else:
            path = f"/users/self/{random.choice(ENDPOINTS[:3])}$"
            fault = Fault(random.choice(KINDS), path=path, times=times, person=person)
        self.stage.sim.faults.clear()  # what nobody met within its minute is over
        self.stage.sim.faults.add(fault)

    def _elasticsearch_trips(self) -> str:
        """Somebody's index refuses what is written, as one on a full disk does."""
        alias = self.stage.rt.names.alias(self.random.choice(self.names))
        write_block(self.stage.rt.client, alias, on=True)
        return alias

    def _sync(self) -> None:
        rt, owner = self.stage.rt, new_owner()
        try:
            for one in sync_due(rt, owner, lambda batch: run_batch(rt, batch, SYNC_JOB, owner, 4)):
                self.syncs[one.status] += 1
        except GlucoflowError as error:
            self.syncs[type(error).__name__] += 1

    def _tidy(self) -> None:
        """What the double notes of requests is no part of glucoflow's memory."""
        self.faults.update(fault.kind for fault in self.stage.sim.faults.met)
        self.stage.sim.faults.met.clear()
        self.stage.sim.requests.clear()


def as_dexcom_wants_it(stage: Stage) -> None:
    """Polled every 45 to 75 minutes."""
    own = stage.settings.providers[PROVIDER].model_copy(update={"poll_min_minutes": 45, "poll_max_minutes": 75})
    stage.settings = stage.settings.model_copy(update={"providers": {**stage.settings.providers, PROVIDER: own}})
    stage.reopened()


def life(name: str, hours: int, random: Random) -> list[GivenRecord]:
    """Two days before and the day itself: readings every five minutes, some hours late, and meals, some changed."""
    start = NOW - timedelta(days=2) + timedelta(seconds=random.randrange(300))
    found: list[GivenRecord] = []
    for block in range((48 + hours) * 2):
        at = start + timedelta(minutes=30 * block)
        late = timedelta(hours=random.randrange(1, 9)) if random.random() < 0.1 else None
        up = None if late is None else at + late
        found += readings(f"{name}-{block}", at, 6, random.randrange(60, 300), up)
        if block % 8 == 0:
            found += meal(f"{name}-m{block}", at, random.randrange(5, 90), changes(at, random))
    return found


def changes(at: datetime, random: Random) -> list[dict[str, Any]]:
    """What is changed of a meal, hours later."""
    later = at + timedelta(hours=random.randrange(1, 12))
    return random.choice([[], [], [{"at": later, "value": "77"}], [{"at": later, "eventStatus": "deleted"}]])


def write_block(client: Elasticsearch, alias: str, *, on: bool) -> None:
    client.indices.put_settings(index=alias, settings={"index.blocks.write": on}, allow_no_indices=True)


def rss_mb() -> float:
    """Of this process, now."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return round(pages * 4096 / 2**20, 1)


if __name__ == "__main__":
    sys.exit(main())
