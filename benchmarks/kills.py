"""Syncs, syncs of everybody as a worker does them, backfills and imports of files, killed hard at random moments.

    uv run python -m benchmarks.kills                        # 250 kills on SQLite, 250 on PostgreSQL
    uv run python -m benchmarks.kills --kills 50 --seed 1 --minutes 10

Each job is a process of its own that gets SIGKILL soon after one of its requests. Then the same is done once more, and
everything held is compared with what the double of the cloud holds, and with the rows of the file. At the end the days
and episodes of who was killed must be those of somebody who came when all was over. The last line is JSON.
"""

import argparse
import json
import sys
import time
from random import Random, SystemRandom
from typing import Any

from benchmarks.places import DATABASES, place, say
from tests.scenarios.killing import killing


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=500, help="of both databases together")
    parser.add_argument("--seed", type=int, default=SystemRandom().randrange(2**32))
    parser.add_argument("--minutes", type=float, default=24 * 60, help="end sooner, after so long a database")
    asked = parser.parse_args()
    answers = {
        database: killed(database, asked.kills // len(DATABASES), asked.seed, asked.minutes) for database in DATABASES
    }
    bad = sum(answer["lost"] + answer["doubled"] + answer["wrong"] + len(answer["said"]) for answer in answers.values())
    print(json.dumps({"seed": asked.seed, "right": not bad, **answers}))
    return 1 if bad else 0


def killed(database: str, kills: int, seed: int, minutes: float) -> dict[str, Any]:
    """So many kills on a database, or as many as the time allows."""
    began = time.monotonic()
    with place(database) as where, killing(where, Random(seed)) as one:  # noqa: S311
        while one.tally.kills.total() < kills and time.monotonic() - began < 60 * minutes:
            one.turn()
            if one.turns % 10 == 0:
                say(
                    f"{database}: {one.tally.kills.total()} kills in {one.turns} turns; {one.tally.said or 'all right'}"
                )
        said = [*one.tally.said, *one.end()]
        return {
            "kills": one.tally.kills.total(),
            "of": dict(one.tally.kills),
            "readings": len(one.stage.archive.accounts["a"]),
            "rows_of_files": len(one.rows),
            "lost": one.tally.lost,
            "doubled": one.tally.doubled,
            "wrong": one.tally.wrong,
            "tokens_lost": one.tally.tokens_lost,
            "said": said,
            "seconds": round(time.monotonic() - began),
        }


if __name__ == "__main__":
    sys.exit(main())
