"""A hundred processes are killed at random moments (40 a database, 20 of `up`): nothing is lost, and syncs go on.

`pytest -m slow tests/scenarios`. The seed is printed; `KILLS_SEED` sets it. `KILLS` and `KILLS_OF_UP` make them fewer.
"""

import os
import signal
import time
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from random import Random, SystemRandom

import pytest

from glucoflow.simulators.dexcom import running_simulator
from glucoflow.simulators.dexcom.given import GivenArchive
from glucoflow.simulators.settable_clock import real_clock
from tests.cli.program import Folder
from tests.node import Node
from tests.scenarios.installation import INTERVAL, Installation
from tests.scenarios.killing import killing, readings
from tests.scenarios.playing import Place

pytestmark = [pytest.mark.slow, pytest.mark.timeout(10800)]

KILLS = int(os.environ.get("KILLS", "40"))
KILLS_OF_UP = int(os.environ.get("KILLS_OF_UP", "20"))


@pytest.fixture
def random(request: pytest.FixtureRequest) -> Random:
    seed = int(os.environ.get("KILLS_SEED") or SystemRandom().randrange(2**32))
    print(f"{request.node.name}: KILLS_SEED={seed}")  # noqa: T201 – so that a failure can be had again
    return Random(seed)


def test_syncs_backfills_and_imports_killed_anywhere(place: Place, random: Random) -> None:
    with killing(place, random) as one:
        while one.tally.kills.total() < KILLS:
            one.turn()
            assert not one.tally.said, one.tally.said
            assert one.turns < 3 * KILLS, "most of them ended before they were killed"
        assert one.end() == []
        print(dict(one.tally.kills), f"in {one.turns} turns")  # noqa: T201


def test_up_and_its_parts_killed_anywhere(random: Random, elasticsearch_node: Node) -> None:
    """After each kill the next syncs come within two intervals; `up` itself is started again by whoever watches it."""
    start = (datetime.now(UTC) - timedelta(days=2)).replace(microsecond=0)
    archive = GivenArchive({"anna": readings("r", start, 3000, 110)})
    with running_simulator(archive.scenario, real_clock, archive=archive) as sim, Folder() as folder:
        place = Installation(folder, sim, elasticsearch_node)
        try:
            place.start()
            place.connect("anna")
            place.until(lambda: place.synced_since("anna", start), 240)
            for turn in range(KILLS_OF_UP):
                _kill_one(place, random, turn)
        finally:
            if place.up:
                place.stop()
            place.delete("anna")
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
    with suppress(ProcessLookupError):  # it ended by itself a moment before
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
