"""How much disk and memory to expect: a year of one person the whole way, the store's rows, a backup, and its restore.

    uv run python -m benchmarks.room [--days 365]          disk
    uv run python -m benchmarks.room --of DATA_DIR         memory of the parts of the `glucoflow up` that runs there

Disk is Elasticsearch's after its segments are merged into one, which is what an index comes to. Memory is each part's
own (PSS: shared pages are shared out). The last line is JSON.
"""

import argparse
import json
import sqlite3
import sys
import tempfile
import time
from collections import Counter
from contextlib import ExitStack, closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from pydantic import SecretStr

from glucoflow.backup.checking import check_backup
from glucoflow.backup.making import make_backup
from glucoflow.backup.running import source_of
from glucoflow.es.provision import ensure_index
from glucoflow.model.ingestion import KINDS, Window
from glucoflow.service.backfill import backfill_person
from glucoflow.service.runtime import Runtime, open_runtime
from glucoflow.settings import Settings
from tests.cli.conftest import running_cloud
from tests.node import kept_node, running_node

PERSON = "alma"
RUNS = 2_000
PASSPHRASE = SecretStr("of this benchmark only")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--days", type=int, default=365)
    parser.add_argument("--of", type=Path)
    asked = parser.parse_args()
    print(json.dumps(memory(asked.of) if asked.of else disk(asked.days)))


def disk(days: int) -> dict[str, object]:
    """Bytes of each thing, for one person."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        patch = stack.enter_context(pytest.MonkeyPatch.context())
        patch.chdir(folder)
        node = kept_node() or stack.enter_context(running_node())
        stack.enter_context(running_cloud(patch, node, "room-", days))
        rt = stack.enter_context(open_runtime(Settings.load()))
        ensure_index(rt.client, rt.names, PERSON)
        today = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
        window = Window(today - timedelta(days=days), today)
        (outcome,) = backfill_person(rt, PERSON, window, None, KINDS, lambda _share: None)
        assert outcome.status == "ok", outcome.message
        alias = rt.names.alias(PERSON)
        rt.client.indices.refresh(index=alias)
        rt.client.options(request_timeout=300).indices.forcemerge(index=alias, max_num_segments=1)
        rt.client.indices.flush(index=alias)
        stats = rt.client.indices.stats(index=alias, metric=["docs", "store"]).body["_all"]["primaries"]
        started = time.perf_counter()
        made = make_backup(source_of(rt), folder / "backups", PASSPHRASE, rt.clock())
        backup_s, started = time.perf_counter() - started, time.perf_counter()
        check_backup(made.path, PASSPHRASE, rt.settings.store.data_dir, rt.client, rt.names, lambda *_: None)
        restore_s = time.perf_counter() - started
        return {
            "days": days,
            "documents": stats["docs"]["count"],
            "index_mb": round(stats["store"]["size_in_bytes"] / 1e6, 1),
            "bytes_a_document": round(stats["store"]["size_in_bytes"] / stats["docs"]["count"]),
            "backup_mb": round(made.bytes / 1e6, 1),
            "backup_s": round(backup_s, 1),
            "restore_s": round(restore_s, 1),
            "bytes_a_run": bytes_a_run(rt),
        }


def bytes_a_run(rt: Runtime) -> int:
    """What one row of the ledger takes: one a connection and poll."""
    folder, now = rt.settings.store.data_dir, rt.clock()
    before = size_of(folder)
    for n in range(RUNS):
        rt.store.runs.start("sync", now + timedelta(seconds=n), user_id=PERSON)
    return (size_of(folder) - before) // RUNS


def size_of(folder: Path) -> int:
    with closing(sqlite3.connect(folder / "glucoflow.db")) as database:
        database.execute("PRAGMA wal_checkpoint(TRUNCATE)").close()
    return (folder / "glucoflow.db").stat().st_size


def memory(data_dir: Path) -> dict[str, object]:
    """MB by part, of every process that was started for the data folder."""
    place, found = str(data_dir.resolve()).encode(), Counter[str]()
    for entry in Path("/proc").iterdir():
        try:
            words = (entry / "cmdline").read_bytes()
            ours = place in (entry / "environ").read_bytes() or place in words
            rollup = (entry / "smaps_rollup").read_text()
        except OSError:
            continue
        if ours and b"benchmarks.room" not in words:
            kilobytes = next(int(line.split()[1]) for line in rollup.splitlines() if line.startswith("Pss:"))
            found[part(words)] += kilobytes
    print(f"{sum(found.values()) / 1000:,.0f} MB in all", file=sys.stderr)
    return {name: round(kilobytes / 1000) for name, kilobytes in found.most_common()}


def part(words: bytes) -> str:
    for sign, name in (
        (b"org.elasticsearch", "elasticsearch"), (b"prefect-server", "prefect"), (b" web", "web"), (b" serve", "flows"),
        (b"flow_engine", "flow run"), (b"simulators", "simulator"), (b" up", "up"),
    ):  # fmt: skip
        if sign in words.replace(b"\0", b" "):
            return name
    return "other"


if __name__ == "__main__":
    main()
