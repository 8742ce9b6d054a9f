"""Where a benchmark plays scenarios: a real node (the one kept for tests, where there is one) and a real database."""

import sys
import tempfile
import uuid
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from glucoflow.es.names import Names
from glucoflow.es.provision import provision
from tests.node import kept_node, running_node
from tests.postgres import RunningServer
from tests.scenarios.playing import Place
from tests.stores import lay_postgres, lay_store

DATABASES = ("sqlite", "postgresql")


@contextmanager
def place(database: str) -> Iterator[Place]:
    """A node, and an empty store; what is made there is gone afterwards."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="glucoflow-bench-")))
        folder.chmod(0o755)
        node = kept_node() or stack.enter_context(running_node())
        prefix = f"bench{uuid.uuid4().hex[:8]}-"
        with node.client() as client:
            provision(client, Names.below(prefix))
        lay_store(folder)
        url = lay_postgres(stack.enter_context(RunningServer()), folder) if database == "postgresql" else None
        say(f"{database} beside {node.url}, indices {prefix}*")
        yield Place(node, prefix, folder, url)


def say(line: str) -> None:
    """For whoever waits."""
    sys.stderr.write(line + "\n")
