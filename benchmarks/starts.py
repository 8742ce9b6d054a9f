"""What a command costs before it does anything: CPU seconds (user and system) of whole processes, the least of a few.

    uv run python -m benchmarks.starts [--times 5]

`status` speaks to a real node and an SQLite store with one connection. `modules` are heavy ones that a command has
imported although it does not need them; there should be none.
"""

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

from pydantic import SecretStr

from glucoflow.model.credentials import Credentials
from glucoflow.store import open_store
from tests.node import kept_node, running_node

HEAVY = ("prefect", "fastapi", "uvicorn", "alembic", "jgo", "cjdk", "vl_convert", "psycopg", "asyncpg")
NOT_FOR_HELP = (*HEAVY, "elasticsearch", "sqlalchemy", "numpy", "pydantic", "requests", "httpx")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--times", type=int, default=5)
    times = parser.parse_args().times
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as name:
        folder = Path(name)
        folder.chmod(0o755)
        kept = kept_node()
        if kept is not None:
            answer = measured(folder, kept.url, kept.username, kept.password, times)
        else:
            with running_node() as node:
                answer = measured(folder, node.url, node.username, node.password, times)
    print(json.dumps(answer))


def measured(folder: Path, url: str, user: str, password: SecretStr, times: int) -> dict[str, object]:
    now = datetime.now(UTC)
    with open_store(folder / "data") as store:
        store.people.add("anna", "Anna", now)
        credentials = Credentials(values={"access_token": SecretStr("a")}, expires_at=None)
        store.connections.add("anna", "dexcom", "us", now, credentials)
    environment = {
        **os.environ,
        "PYTHONPYCACHEPREFIX": str(folder / "bytecode"),
        "PYTHONDONTWRITEBYTECODE": "",
        "GLUCOFLOW_DATA_DIR": str(folder / "data"),
        "ES_ENDPOINT": url,
        "ES_USER": user,
        "ES_PASSWORD": password.get_secret_value(),
        "ES_INDEX": "starts-",
    }
    return {
        "cpu_s": {
            words: least(words.split(), environment, folder, times) for words in ("--help", "status", "doctor --quick")
        },
        "modules": {
            "--help": [one for one in NOT_FOR_HELP if one in imported(environment, folder, "--help")],
            "status": [one for one in HEAVY if one in imported(environment, folder, "status")],
        },
    }


def least(words: list[str], environment: Mapping[str, str], folder: Path, times: int) -> float:
    """Of the processes but the first, which compiles."""
    spent = []
    for _ in range(times + 1):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        argv = [sys.executable, "-m", "glucoflow", *words]
        done = subprocess.run(argv, env=environment, cwd=folder, capture_output=True, check=False, text=True)
        assert done.returncode == 0, done.stdout + done.stderr
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        spent.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
    return round(min(spent[1:]), 2)


def imported(environment: Mapping[str, str], folder: Path, words: str) -> set[str]:
    """The packages that a command imports, by the interpreter's own account."""
    argv = [sys.executable, "-X", "importtime", "-m", "glucoflow", *words.split()]
    done = subprocess.run(argv, env=environment, cwd=folder, capture_output=True, check=True, text=True)
    lines = [line for line in done.stderr.splitlines() if line.startswith("import time:")]
    return {line.rpartition("|")[2].strip().partition(".")[0] for line in lines}


if __name__ == "__main__":
    main()
