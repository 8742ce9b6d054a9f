"""A disk that is full, at each step that writes to one: said with its cure, and when there is room work goes on."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from glucoflow.settings import Settings
from tests.cli.conftest import Cloud, Command, Said

UNAVAILABLE, TEMPORARY = 69, 75
ODD = "id,time,gl\n" + "".join(f"p1,{1610123112345 + k * 300_000},{110 if k % 2 else 'odd'}\n" for k in range(400))


class Disk:
    """A small one, with a data folder on it. `beside` is one elsewhere."""

    def __init__(self, place: Path, beside: Path) -> None:
        self.place = place
        self.beside = beside
        self.data = place / "data"

    def fill(self) -> None:
        with (self.place / "filler").open("ab", buffering=0) as filler:
            for size in (2**16, 4096, 1):
                try:
                    while filler.write(b"x" * size):
                        pass
                except OSError:
                    continue

    def free(self) -> None:
        (self.place / "filler").unlink()


@pytest.fixture
def disk(cloud: Cloud, clean: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Disk]:
    """Alma's store lies on it."""
    place = tmp_path / "small"
    place.mkdir()
    mounted = ["mount", "-t", "tmpfs", "-o", "size=6m", "tmpfs", str(place)]
    if os.getuid() != 0 or subprocess.run(mounted, check=False, capture_output=True).returncode != 0:
        pytest.skip("a small disk can only be made by root")
    try:
        made = Disk(place, Settings.load().store.data_dir.resolve())
        shutil.copytree(made.beside, made.data)
        clean.setenv("GLUCOFLOW_DATA_DIR", str(made.data))
        yield made
    finally:
        subprocess.run(["umount", "--lazy", str(place)], check=True)


def assert_says(said: Said, codes: tuple[int, ...], *words: str) -> None:
    assert said.code in codes, said.err
    flat = " ".join((said.out + said.err).split())
    for word in words:
        assert word in flat, said.err
    assert "Traceback" not in said.err


def test_each_step_says_that_the_disk_is_full_and_goes_on_when_it_is_not(
    cloud: Cloud, command: Command, disk: Disk
) -> None:
    assert command("sync", "--user", "alma").code == 0
    (disk.place / "readings.csv").write_text(ODD)
    cloud.clock.advance(timedelta(minutes=30))
    disk.fill()
    full = (UNAVAILABLE, TEMPORARY)
    assert_says(command("sync", "--user", "alma"), full, "disk", "Free some space")
    assert_says(command("people", GLUCOFLOW_DATA_DIR=str(disk.place / "new")), full, "space")
    elsewhere = {"GLUCOFLOW_DATA_DIR": str(disk.beside)}
    written = command("export", "--user", "alma", "--out", str(disk.place / "out.ndjson"), **elsewhere)
    assert_says(written, full, "No space left", "--out")
    disk.free()
    assert command("sync", "--user", "alma").code == 0
    assert cloud.stored() == cloud.truth(), "nothing is lost"
    disk.fill()
    brought = command("import-file", "alma", str(disk.place / "readings.csv"), "--anyway", **elsewhere)
    assert_says(brought, full, "No space left", "import it again")
    disk.free()
    assert command("import-file", "alma", str(disk.place / "readings.csv"), "--anyway").code in (0, 1, 65)
    assert (disk.place / "readings.csv.rejected.ndjson").read_text().count("\n") == 200
    assert command("doctor", "--quick").code == 0
