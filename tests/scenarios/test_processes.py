"""The scenarios of whole processes, one after the other on one `glucoflow up`: stopped, paused, asked, copied.

They take some ten minutes: `pytest -m slow tests/scenarios`.
"""

import re
import shutil
import signal
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from glucoflow.simulators.dexcom import Fault, running_simulator
from glucoflow.simulators.dexcom.given import GivenArchive
from glucoflow.simulators.settable_clock import real_clock
from glucoflow.web.security import CSRF_COOKIE
from tests.cli.program import Folder
from tests.scenarios.installation import INTERVAL, Installation
from tests.scenarios.records import records_of
from tests.scenarios.test_scenarios import CASES, NOT_YET
from tests.scenarios.written import Live, read
from tests.stores import tables_of

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1200)]

TWO_INTERVALS_S = 2 * INTERVAL.total_seconds()
SLACK_S = 60
"""For a flow's own start, which takes 10 s of CPU on a slow machine."""


def two_days(name: str) -> list[dict[str, object]]:
    start = (datetime.now(UTC) - timedelta(days=2)).strftime("%Y-%m-%dT00:00:00Z")
    return [{"series": {"id": name, "from": start, "count": 2000}}]


@pytest.fixture(scope="module")
def place() -> Iterator[Installation]:
    """Anna and Ben, connected and read once."""
    archive = GivenArchive({name: records_of({"egvs": two_days(name)}) for name in ("anna", "ben")})
    with running_simulator(archive.scenario, real_clock, archive=archive) as sim, Folder() as folder:
        made = Installation(folder, sim)
        try:
            began = datetime.now(UTC)
            made.start()
            for name in archive.accounts:
                made.connect(name)
            for name in archive.accounts:
                made.until(lambda name=name: made.synced_since(name, began), 240)  # type: ignore[misc]
            yield made
        finally:
            if made.up:
                made.stop()


def scenario(name: str) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """This test plays the scenario of that name."""
    assert isinstance(read(CASES[name]), Live), name
    if name in NOT_YET:
        return pytest.mark.xfail(reason=NOT_YET[name], strict=True)
    return lambda test: test


@scenario("stop-during-a-sync")
@pytest.mark.parametrize("by", [signal.SIGINT, signal.SIGKILL])
def test_stop_during_a_sync(place: Installation, by: signal.Signals) -> None:
    place.sim.faults.add(Fault("slow", path="egvs", seconds=25, times=None))
    asked = place.sim.requested("egvs")
    place.due("anna")
    place.until(lambda: place.sim.requested("egvs") > asked and bool(place.runs("RUNNING")), 180)
    place.stop(by)
    place.sim.faults.clear()
    place.start()
    served = datetime.now(UTC)
    place.due("anna")
    place.until(lambda: place.synced_since("anna", served), TWO_INTERVALS_S + SLACK_S)


@scenario("schedule-not-running-unseen")
def test_schedule_not_running_unseen(place: Installation) -> None:
    before = place.folder.command("status")
    assert before.code == 0, before.out
    sync = place.deployment("sync")
    place.prefect(f"deployments/{sync['id']}/pause_deployment")
    place.due("anna")
    try:
        place.until(lambda: place.folder.command("status").code == 1, 3 * TWO_INTERVALS_S + SLACK_S)
        said = place.folder.command("status").out
        assert re.search("paused", said), said
        doctor = place.folder.command("doctor")
        assert doctor.code != 0, doctor.out
        assert re.search("paused", doctor.out), doctor.out
        assert "paused" in place.status_page("anna")
    finally:
        place.prefect(f"deployments/{sync['id']}/resume_deployment")
    place.until(lambda: place.folder.command("status").code == 0, TWO_INTERVALS_S + SLACK_S)


@scenario("backfill-asked-while-syncing")
def test_backfill_asked_while_syncing(place: Installation) -> None:
    place.sim.faults.add(Fault("slow", path="egvs", seconds=25, times=2))
    asked = place.sim.requested("egvs")
    place.due("ben")
    place.until(lambda: place.sim.requested("egvs") > asked, 180)
    began = datetime.now(UTC)
    day = str((began - timedelta(days=1)).date())
    with place.browser() as browser:
        csrf = browser.get("/people/ben/status").cookies[CSRF_COOKIE]
        answer = browser.post("/people/ben/backfill", data={"csrf": csrf, "first": day, "last": day})
        assert answer.status_code == 303, answer.text

    def done() -> bool:
        with place.runtime() as rt:
            runs = rt.store.runs.list(user_id="ben", limit=20)
            return any(run.flow == "backfill" and run.state == "completed" for run in runs)

    place.until(done, 240)
    place.sim.faults.clear()


@scenario("backup-of-the-db-file-alone")
def test_backup_of_the_db_file_alone(place: Installation, tmp_path: Path) -> None:
    place.stop()
    copy = tmp_path / "copied.db"
    shutil.copy(place.folder.data / "glucoflow.db", copy)
    held = tables_of(copy)
    place.start()
    assert held["people"] == 2, held
    assert held["connections"] == 2
    assert held["runs"] > 0


def test_every_scenario_of_processes_is_played_here() -> None:
    live = {name for name, file in CASES.items() if isinstance(read(file), Live)}
    assert live == {name for name in live if f"test_{name.replace('-', '_')}" in globals()}
