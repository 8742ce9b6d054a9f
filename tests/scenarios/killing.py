"""Jobs killed hard at random moments, while life goes on in the accounts; what is held afterwards, against the truth.

The truth is what the double of the cloud holds, and the rows of the files. For the tests and for `benchmarks/kills.py`.
"""

import signal
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any

from glucoflow.service.batches import run_batch, sync_due
from glucoflow.service.file_import import import_file
from glucoflow.service.jobs import SYNC_JOB, Outcome
from glucoflow.simulators.dexcom.given import GivenRecord
from glucoflow.store import new_owner
from tests.scenarios.expecting import documents
from tests.scenarios.playing import Place, Stage, sign_in, staged
from tests.scenarios.records import records_of
from tests.scenarios.written import Person, Written

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
START = NOW - timedelta(days=75)
ACCOUNTS = {"anna": "a", "ben": "b"}
AT_LAST = {"afterwards": "z", "files-afterwards": None}
"""Who comes when all is over and is killed never: their days must be those of who was killed often."""
FILES = "files"
"""Somebody of whom there are only files."""
JOBS = {"sync": 8, "all": 4, "backfill": 5, "import": 4}
"""How often each is, among each other."""


@dataclass
class Tally:
    """What happened so far. `lost`, `doubled` and `wrong` count records after a kill and one more run.

    `tokens_lost`: how often somebody had to sign in again, as the answer to a renewal died with the process.
    """

    kills: Counter[str] = field(default_factory=Counter)
    lost: int = 0
    doubled: int = 0
    wrong: int = 0
    tokens_lost: int = 0
    said: list[str] = field(default_factory=list)

    def compare(self, what: str, truth: dict[str, float], held: list[tuple[str, float]]) -> None:
        """`held` beside what a perfect client would hold: values by moment."""
        often = Counter(moment for moment, _ in held)
        lost = len(truth.keys() - often.keys())
        doubled = sum(n - 1 for n in often.values())
        wrong = sum(truth.get(moment) != value for moment, value in held)
        if lost or doubled or wrong:
            self.said.append(f"{what}: {lost} lost, {doubled} doubled, {wrong} wrong of {len(truth)}")
        self.lost += lost
        self.doubled += doubled
        self.wrong += wrong


@dataclass
class Killing:
    """People of whom a job is killed each turn."""

    stage: Stage
    random: Random
    file: Path
    tally: Tally = field(default_factory=Tally)
    turns: int = 0
    rows: dict[datetime, int] = field(default_factory=dict)
    import_s: float = 0.3

    def turn(self) -> None:
        """Something new, a job that is killed somewhere, the same once more, and a look at all that is held."""
        self.turns += 1
        stage, random = self.stage, self.random
        self._life_goes_on()
        stage.clock.advance(timedelta(minutes=random.randrange(1, 90)))
        (kind,) = random.choices(list(JOBS), list(JOBS.values()))
        if kind == "import":
            self._import()
        else:
            job = kind if kind != "backfill" else self._days()
            self.tally.kills[kind] += self._killed(job)
            users = ACCOUNTS if kind == "all" else ["anna"]
            for user in users:
                self._sync(user)
            for user in users:
                self._compare_cloud(user, f"turn {self.turns}, {job}, {user}")

    def end(self) -> list[str]:
        """What the figures of who was killed say otherwise than those of somebody who came when all was over."""
        stage = self.stage
        self._sync("anna")
        self._compare_cloud("anna", "at the end")
        sign_in(stage.rt, "afterwards", "z", stage.here())
        sync(stage, "afterwards")
        wrong = _differ("days of anna", stage, "anna", "afterwards")
        if self.rows:
            import_file(stage.rt, "files-afterwards", self.file)
            wrong += _differ("days of files", stage, FILES, "files-afterwards")
        return wrong

    def _sync(self, user: str) -> None:
        """One that nobody kills. Who was killed between a renewal's answer and its storage has to sign in again."""
        outcome = synced(self.stage, user)
        if outcome.status == "reauthorize" and "was lost" in outcome.message:
            self.tally.tokens_lost += 1
            sign_in(self.stage.rt, user, ACCOUNTS[user], self.stage.here())
            outcome = synced(self.stage, user)
        assert outcome.status == "ok", outcome

    def _life_goes_on(self) -> None:
        """Readings, some of them late by weeks, and meals, some changed later, of seconds that are each turn's own."""
        now, turn, random = self.stage.clock().replace(minute=0, second=0), self.turns, self.random
        offset = timedelta(seconds=turn % 300)
        start = now + offset + timedelta(hours=1)
        new = readings(f"r{turn}", start, random.randrange(1, 13), random.randrange(60, 300))
        if random.random() < 0.3:
            late = START + timedelta(days=random.randrange(60), seconds=2 * turn + 1)
            up = self.stage.clock() + timedelta(seconds=1)
            new += readings(f"late{turn}", late, random.randrange(1, 30), random.randrange(60, 300), up=up)
        edits: list[dict[str, Any]] = []
        if random.random() < 0.5:
            later = now + timedelta(hours=random.randrange(1, 30))
            edits = [random.choice([{"at": later, "value": "77"}, {"at": later, "eventStatus": "deleted"}])]
        new += meal(f"m{turn}", now + offset + timedelta(minutes=random.randrange(60)), random.randrange(5, 90), edits)
        for records in self.stage.archive.accounts.values():
            assert isinstance(records, list)
            records += new

    def _days(self) -> str:
        day = (START + timedelta(days=self.random.randrange(60))).date()
        return f"{day}..{day + timedelta(days=self.random.randrange(1, 40))}"

    def _killed(self, job: str) -> bool:
        """A process does the job and is killed soon after one of its requests; whether that was before its end."""
        requests, wait = self.random.randrange(1, 9), self.random.choice([0.0, 0.02, 0.1, 0.3]) * self.random.random()
        seen = len(self.stage.sim.requests)
        process = self.stage.process("-", 1, "anna", job)
        while process.poll() is None and len(self.stage.sim.requests) < seen + requests:
            time.sleep(0.001)
        time.sleep(wait)
        process.kill()
        return process.returncode == -signal.SIGKILL

    def _import(self) -> None:
        """A file that holds what the one before held, and more of it."""
        start = START - timedelta(days=self.random.randrange(1, 90)) + timedelta(seconds=self.turns % 300)
        for k in range(self.random.randrange(5, 300)):
            self.rows[start + timedelta(minutes=5 * k)] = self.random.randrange(60, 300)
        lines = [f"p1,{moment.timestamp() * 1000:.0f},{value}" for moment, value in sorted(self.rows.items())]
        self.file.write_text("\n".join(["id,time,gl", *lines]) + "\n")
        process = self.stage.process("-", 1, FILES, f"import:{self.file}")
        time.sleep(self.random.random() * self.import_s)
        process.kill()
        self.tally.kills["import"] += process.returncode == -signal.SIGKILL
        began = time.monotonic()
        import_file(self.stage.rt, FILES, self.file)
        self.import_s = time.monotonic() - began
        held = [(one["@timestamp"], one["glucose"]["mg_dl"]) for one in documents(self.stage.rt, FILES, "cgm.reading")]
        self.tally.compare(f"turn {self.turns}, import", {text(at): value for at, value in self.rows.items()}, held)

    def _compare_cloud(self, user: str, what: str) -> None:
        for kind, dataset, group, name in (
            ("egvs", "cgm.reading", "glucose", "mg_dl"),
            ("events", "food", "food", "carbs_g"),
        ):
            held = [(one["@timestamp"], one[group][name]) for one in documents(self.stage.rt, user, dataset)]
            self.tally.compare(f"{what}, {kind}", truth(self.stage, ACCOUNTS[user], kind), held)


@contextmanager
def killing(place: Place, random: Random) -> Iterator[Killing]:
    """Anna, Ben and somebody with files; gone again afterwards."""
    people = tuple(Person(id=name) for name in (*ACCOUNTS, FILES, *AT_LAST))
    with staged(place, Written(about="killed at random", now=NOW, steps=[], accounts=_empty(), people=people)) as stage:
        first = readings("first", START, 1500, 110)
        stage.archive.accounts = {name: list(first) for name in _empty()}
        for user, account in ACCOUNTS.items():
            sign_in(stage.rt, user, account, NOW)
        yield Killing(stage, random, place.folder / "readings.csv")


def _empty() -> dict[str, Any]:
    return {name: {} for name in (*ACCOUNTS.values(), "z")}


def readings(name: str, start: datetime, count: int, value: int, up: datetime | None = None) -> list[GivenRecord]:
    series: dict[str, Any] = {"id": name, "from": start, "count": count, "value": value}
    return records_of({"egvs": [{"series": series | ({"up": up} if up else {})}]})


def meal(name: str, at: datetime, grams: int, edits: list[dict[str, Any]]) -> list[GivenRecord]:
    record = {
        "recordId": name,
        "systemTime": text(at),
        "displayTime": text(at)[:-1] + "+00:00",
        "eventStatus": "created",
        "eventType": "carbs",
        "value": str(grams),
        "unit": "grams",
        "_edits": edits,
        "_up": at,
    }
    return records_of({"events": [record]})


def truth(stage: Stage, account: str, kind: str) -> dict[str, float]:
    """What a perfect client holds: values by time, of all before now."""
    now = stage.clock()
    there = [one for one in stage.archive.accounts[account] if one.kind == kind and one.updated(now)]
    seen = [one.seen(now) for one in there if one.time and one.time < now]
    return {one["systemTime"]: float(one["value"]) for one in seen if one.get("eventStatus") != "deleted"}


def sync(stage: Stage, user: str) -> None:
    """One that goes well."""
    outcome = synced(stage, user)
    assert outcome.status == "ok", outcome


def synced(stage: Stage, user: str) -> Outcome:
    """How a sync went. What one before held is free, since its process is gone."""
    owner = new_owner()
    (outcome,) = sync_due(stage.rt, owner, lambda batch: run_batch(stage.rt, batch, SYNC_JOB, owner, 1), user)
    return outcome


def text(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def _differ(what: str, stage: Stage, user: str, other: str) -> list[str]:
    first, second = _derived(stage, user), _derived(stage, other)
    wrong = [key for key in first.keys() | second.keys() if first.get(key) != second.get(key)]
    return [f"{what}: {len(wrong)} of {len(second)} differ, as {sorted(wrong)[:3]}"] if wrong else []


def _derived(stage: Stage, user: str) -> dict[str, Any]:
    """Days and episodes."""
    found = documents(stage.rt, user, "summary.day") + documents(stage.rt, user, "episode")
    return {
        f"{one['event']['dataset']} {one['@timestamp']} {one.get('episode', {}).get('kind')}": one.get("summary", {})
        | one.get("episode", {})
        for one in found
    }
