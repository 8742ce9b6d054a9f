"""Prefect's own database stays as large as it is, however long glucoflow runs."""

import json
import os
import subprocess
import sys
from pathlib import Path

from glucoflow.cli.prefect_server import server_environment
from tests.flows.prefect_house import LOGIN
from tests.prefect_database import PrefectDatabase

SCRIPT = Path(__file__).with_name("prefect_year.py")
KEPT_DAYS, EVERY, RUNS_A_DAY = 14, 5, 3


def test_a_year_leaves_no_more_than_a_fortnight(tmp_path: Path, prefect_database: PrefectDatabase) -> None:
    prefect_database.put(tmp_path / "prefect.db")
    environment = {**os.environ, **server_environment(tmp_path, 4200, LOGIN)}
    done = subprocess.run(
        [sys.executable, str(SCRIPT)], env=environment, capture_output=True, check=False, timeout=500, cwd=tmp_path
    )
    assert done.returncode == 0, done.stderr.decode()[-2000:]
    months = json.loads(done.stdout)
    assert len(months) == 12
    assert months[0]["FlowRun"] == RUNS_A_DAY * len([day for day in range(30 - KEPT_DAYS, 30) if day % EVERY == 0])
    for month in months:
        assert month == months[0], "no month leaves more than the first"
