"""A hundred processes are killed at random moments (40 a database, 20 of `up`): nothing is lost, and syncs go on.

`pytest -m slow tests/scenarios`. The seed is printed; `KILLS_SEED` sets it. `KILLS` and `KILLS_OF_UP` make them fewer.
"""

import os
import signal
import threading
import time
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from random import Random, SystemRandom
from typing import Any

import pytest

from glucoflow.service.jobs import SYNC_JOB
from glucoflow.service.sync import run_batch, sync_due
from glucoflow.simulators.dexcom import running_simulator
from glucoflow.simulators.dexcom.given import GivenArchive, GivenRecord
from glucoflow.simulators.settable_clock import real_clock
from tests.cli.program import Folder
from tests.scenarios.expecting import documents
from tests.scenarios.installation import INTERVAL, Installation
from tests.scenarios.playing import Place, Stage, sign_in, staged
from tests.scenarios.records import records_of
from tests.scenarios.written import Person, Written

pytestmark = [pytest.mark.slow, pytest.mark.timeout(10800)]

KILLS = int(os.environ.get("KILLS", "40"))
KILLS_OF_UP = int(os.environ.get("KILLS_OF_UP", "20"))
NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
START = NOW - timedelta(days=75)
NOT_KILLED = "untouched"


@pytest.fixture
def random(request: pytest.FixtureRequest) -> Random:
    seed = int(os.environ.get("KILLS_SEED") or SystemRandom().randrange(2**32))
    print(f"{request.node.name}: KILLS_SEED={seed}")  # noqa: T201 – so that a failure can be had again
    return Random(seed)


def readings(name: str, start: datetime, count: int, value: int, up: datetime | None = None) -> list[GivenRecord]:
    series: dict[str, Any] = {"id": name, "from": start, "count": count, "value": value}
    return records_of({"egvs": [{"series": series | ({"up": up} if up else {})}]})


def meal(name: str, at: datetime, grams: int, edits: list[dict[str, Any]]) -> list[GivenRecord]:
    text = at.strftime("%Y-%m-%dT%H:%M:%SZ")
    record = {
        "recordId": name,
        "systemTime": text,
        "displayTime": text[:-1] + "+00:00",
        "eventStatus": "created",
        "eventType": "carbs",
        "value": str(grams),
        "unit": "grams",
        "_edits": edits,
        "_up": at,
    }
    return records_of({"events": [record]})


def life_goes_on(stage: Stage, random: Random, turn: int) -> None:
    """What both accounts come to hold: readings, some of them late by weeks, and meals, some changed later.

    Each turn has seconds of its own, so that no two things are of one moment.
    """
    now = stage.clock().replace(minute=0, second=0) + timedelta(seconds=turn % 300)
    new = readings(f"r{turn}", now + timedelta(hours=1), random.randrange(1, 13), random.randrange(60, 300))
    if random.random() < 0.3:
        late = START + timedelta(days=random.randrange(60), seconds=2 * turn + 1)
        new += readings(
            f"late{turn}",
            late,
            random.randrange(1, 30),
            random.randrange(60, 300),
            up=stage.clock() + timedelta(seconds=1),
        )
    edits: list[dict[str, Any]] = []
    if random.random() < 0.5:
        later = now + timedelta(hours=random.randrange(1, 30))
        edits = [random.choice([{"at": later, "value": "77"}, {"at": later, "eventStatus": "deleted"}])]
    new += meal(f"m{turn}", now + timedelta(minutes=random.randrange(60)), random.randrange(5, 90), edits)
    for records in stage.archive.accounts.values():
        assert isinstance(records, list)
        records += new


def truth(stage: Stage, account: str, kind: str) -> dict[str, Any]:
    """What a perfect client holds: values by time, of all before now."""
    now = stage.clock()
    there = [one for one in stage.archive.accounts[account] if one.kind == kind and one.updated(now)]
    seen = [one.seen(now) for one in there if one.time and one.time < now]
    return {one["systemTime"]: float(one["value"]) for one in seen if one.get("eventStatus") != "deleted"}


def held(stage: Stage, user: str, dataset: str, group: str, name: str) -> dict[str, Any]:
    found = documents(stage.rt, user, dataset)
    values = {one["@timestamp"]: one[group][name] for one in found}
    assert len(values) == len(found), "something is there twice"
    return values


def sync(stage: Stage, user: str) -> None:
    owner = uuid.uuid4().hex
    (outcome,) = sync_due(stage.rt, owner, lambda batch: run_batch(stage.rt, batch, SYNC_JOB, owner, 1), user)
    assert outcome.status == "ok", outcome


def killed_somewhere(stage: Stage, random: Random, job: str) -> bool:
    """A process does the job and is killed soon after one of its requests; whether it was before it ended by itself."""
    requests, wait = random.randrange(1, 9), random.choice([0.0, 0.02, 0.1, 0.3]) * random.random()
    seen = len(stage.sim.requests)
    process = stage.process("-", 1, "anna", job)
    while process.poll() is None and len(stage.sim.requests) < seen + requests:
        time.sleep(0.001)
    threading.Event().wait(wait)
    process.kill()
    process.communicate()
    return process.returncode == -signal.SIGKILL


@pytest.fixture
def stage(place: Place) -> Iterator[Stage]:
    """Anna, and somebody with the same data whose syncs nobody ever kills."""
    people = (Person(id="anna"), Person(id=NOT_KILLED))
    written = Written(about="killed at random", now=NOW, steps=[], accounts={"a": {}, "b": {}}, people=people)
    with staged(place, written) as made:
        first = readings("first", START, 1500, 110)
        made.archive.accounts = {"a": list(first), "b": list(first)}
        sign_in(made.rt, "anna", "a", NOW)
        sign_in(made.rt, NOT_KILLED, "b", NOW)
        yield made


def test_syncs_and_backfills_killed_anywhere(stage: Stage, random: Random) -> None:
    kills = turn = 0
    while kills < KILLS:
        turn += 1
        assert turn < 3 * KILLS, "most of them ended before they were killed"
        life_goes_on(stage, random, turn)
        stage.clock.advance(timedelta(minutes=random.randrange(1, 90)))
        day = (START + timedelta(days=random.randrange(60))).date()
        job = "sync" if random.random() < 0.7 else f"{day}..{day + timedelta(days=random.randrange(1, 40))}"
        kills += killed_somewhere(stage, random, job)
        stage.clock.advance(stage.rt.lease + timedelta(seconds=1))
        sync(stage, "anna")
        assert held(stage, "anna", "cgm.reading", "glucose", "mg_dl") == truth(stage, "a", "egvs"), (
            f"turn {turn}, {job}"
        )
        assert held(stage, "anna", "food", "food", "carbs_g") == truth(stage, "a", "events"), f"turn {turn}, {job}"
        sync(stage, NOT_KILLED)
    assert _derived(stage, "anna") == _derived(stage, NOT_KILLED)


def _derived(stage: Stage, user: str) -> dict[str, Any]:
    """Days and episodes, as whoever was never killed has them."""
    found = documents(stage.rt, user, "summary.day") + documents(stage.rt, user, "episode")
    return {
        f"{one['event']['dataset']} {one['@timestamp']} {one.get('episode', {}).get('kind')}": one.get("summary", {})
        | one.get("episode", {})
        for one in found
    }


def test_up_and_its_parts_killed_anywhere(random: Random) -> None:
    """After each kill the next syncs come within two intervals; `up` itself is started again by whoever watches it."""
    start = (datetime.now(UTC) - timedelta(days=2)).replace(microsecond=0)
    archive = GivenArchive({"anna": readings("r", start, 3000, 110)})
    with running_simulator(archive.scenario, real_clock, archive=archive) as sim, Folder() as folder:
        place = Installation(folder, sim)
        try:
            place.start()
            place.connect("anna")
            place.until(lambda: place.synced_since("anna", start), 240)
            for turn in range(KILLS_OF_UP):
                _kill_one(place, random, turn)
        finally:
            if place.up:
                place.stop()
        assert not place.folder.processes()


def _kill_one(place: Installation, random: Random, turn: int) -> None:
    place.due("anna")
    time.sleep(random.random() * INTERVAL.total_seconds())
    assert place.up
    if turn % 4 == 3:
        victim, line = place.up.pid, "glucoflow up"
    else:
        victim, line = random.choice([(pid, line) for pid, line in place.folder.pids().items() if pid != place.up.pid])
    print(f"turn {turn}: {line[:100]}")  # noqa: T201
    os.kill(victim, signal.SIGKILL)
    if victim == place.up.pid:
        place.up.wait(30)
        assert place.folder.gone_within(20), place.folder.processes()
        place.start()
    killed = datetime.now(UTC)
    place.until(lambda: _due_and_synced(place, killed), 2 * INTERVAL.total_seconds() + 120)


def _due_and_synced(place: Installation, since: datetime) -> bool:
    if place.synced_since("anna", since):
        return True
    place.due("anna")
    return False
