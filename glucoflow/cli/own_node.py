"""The Elasticsearch of our own: started for `up`, and for commands that need it while nothing runs."""

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from functools import partial

from rich.progress import Progress, TaskID

from glucoflow.cli.ports import free_port
from glucoflow.node.local import LocalNode, NodeSettings, find_running
from glucoflow.service import running
from glucoflow.settings import Settings, cache_folder


def own_node(settings: Settings) -> LocalNode:
    """The node of the data folder, on ports that are free; not started yet."""
    es = settings.es
    port = free_port(es.port)
    ports = NodeSettings(
        port=port,
        transport_port=free_port(9300, frozenset({port})),
        heap=es.heap,
        home=es.home,
        indices=(f"{es.index}*", "glucoflow-*"),
        snapshots=es.snapshots.resolve() if es.snapshots else None,
    )
    return LocalNode(settings.store.data_dir.resolve(), cache_folder(settings.store.cache_dir), ports)


def start(node: LocalNode, progress: Progress) -> str:
    """Its address, once it answers. Raises Unavailable or Misconfigured."""
    bar = progress.add_task("Elasticsearch", total=None)
    url = node.start(partial(_show, progress, bar)).url
    progress.update(bar, description="Elasticsearch", completed=1, total=1)
    return url


@contextmanager
def node_for_a_while(settings: Settings, progress: Progress, *, locked: bool = False) -> Iterator[None]:
    """Elasticsearch for as long as the block runs: the configured one, the one that runs, or one started for it.

    Where one is started, nothing else starts meanwhile; `locked` says that whoever calls sees to that already.
    """
    if settings.es.endpoint is not None or find_running(settings.store.data_dir) is not None:
        yield
        return
    lock = nullcontext() if locked else running.only_one(settings.store.data_dir)
    with lock, own_node(settings) as node:
        start(node, progress)
        yield


def _show(progress: Progress, bar: TaskID, arrived: int, total: int) -> None:
    megabytes = f"downloading, {arrived // 10**6} of {total // 10**6} MB"
    progress.update(bar, completed=arrived, total=total, description=f"Elasticsearch ({megabytes})")
