"""`uv run python -m tests.scenarios FILE …`: plays scenarios on a node of its own and SQLite; says what is wrong."""

import sys
import tempfile
from pathlib import Path

from glucoflow.es.names import Names
from glucoflow.es.provision import provision
from tests.node import running_node
from tests.scenarios.playing import Place, played
from tests.scenarios.written import Live, read


def main(files: list[Path]) -> int:
    wrong = 0
    with running_node() as node:
        with node.client() as client:
            provision(client, Names.below("play-"))
        for file in files:
            scenario = read(file)
            if isinstance(scenario, Live):
                sys.stdout.write(f"----  {file.stem}: of whole processes, not played here\n")
                continue
            with tempfile.TemporaryDirectory() as folder:
                stage = played(Place(node, "play-", Path(folder)), scenario)
            wrong += bool(stage.wrong)
            lines = [f"WRONG {file.stem}", *stage.log, *stage.wrong, ""] if stage.wrong else [f"right {file.stem}"]
            sys.stdout.write("\n".join(lines) + "\n")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main([Path(name) for name in sys.argv[1:]]))
