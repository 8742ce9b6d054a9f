"""Backups whose documents are in a snapshot of Elasticsearch: taken, restored, tried out, pruned, and refused."""

import shutil
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import NamedTuple

import msgspec
import pytest
from elasticsearch import Elasticsearch
from pydantic import SecretStr
from pytest_httpserver import HTTPServer

from glucoflow.backup import contents
from glucoflow.backup.checking import check_backup, remove_all, trial_names
from glucoflow.backup.contents import Manifest, OnStep, members, understood
from glucoflow.backup.keeping import name_of
from glucoflow.backup.making import Made, Source, make_backup
from glucoflow.backup.restoring import Place, Restored, restore
from glucoflow.backup.snapshotting import prune_snapshots
from glucoflow.es import snapshots
from glucoflow.es.indices import all_indices, index_behind
from glucoflow.es.names import Names
from glucoflow.es.provision import delete_where, ensure_index, ensure_runs, provision
from glucoflow.es.scan import refresh, scan
from glucoflow.es.sink import ElasticsearchSink
from glucoflow.es.snapshots import InSnapshot, Snapshot
from glucoflow.model.errors import Fatal, Misconfigured, Unavailable
from glucoflow.store import open_store
from glucoflow.store.keys import Keys
from tests.es.conftest import QUICK
from tests.es.made import NOW, START, documents
from tests.node import Node, running_node
from tests.stores import lay_store
from tests.workers import own_name

PASSPHRASE = SecretStr("a sentence of our own")
PEOPLE = {"anna": 30, "ben": 12, "cleo": 0}
ELSEWHERE = Names.below(f"elsewhere-{own_name()}-")


class House(NamedTuple):
    """Where people live, and where their snapshots are."""

    source: Source
    folder: Path
    kept_in: Path

    def backup(self, now: datetime = NOW, on_step: OnStep = lambda _what, _done, _all: None) -> Made:
        return make_backup(self.source, self.folder, PASSPHRASE, now, on_step=on_step, work=10)

    def restore(self, file: Path, to: Path, on_step: OnStep = lambda _what, _done, _all: None) -> Restored:
        place = Place(
            data_dir=to,
            database_url=None,
            token_key=None,
            client=self.source.client,
            names=ELSEWHERE,
            env_file=None,
        )
        return restore(file, PASSPHRASE, place, on_step)

    def taken(self) -> list[str]:
        assert self.source.repository
        return snapshots.named(self.source.client, self.source.repository, "*")


@pytest.fixture(scope="module")
def node(elasticsearch_node: Node) -> Iterator[Node]:
    """The run's node; another one where somebody keeps one that has no place for snapshots."""
    with elasticsearch_node.client() as client:
        found = client.nodes.info(metric="settings", filter_path="nodes.*.settings.path.repo").body
    if found:
        yield elasticsearch_node
        return
    with running_node() as own:
        yield own


@pytest.fixture(scope="module")
def client(node: Node) -> Iterator[Elasticsearch]:
    with node.client() as client:
        yield client


@contextmanager
def repository_of(client: Elasticsearch) -> Iterator[tuple[str, Path]]:
    """A repository of one's own in the node's folder for snapshots."""
    name = f"kept-{uuid.uuid4().hex[:8]}"
    nodes = client.nodes.info(metric="settings")["nodes"].values()
    (root,) = {Path(str(entry["settings"]["path"]["repo"]).strip("[]'\"")) for entry in nodes}
    client.snapshot.create_repository(name=name, repository={"type": "fs", "settings": {"location": name}})
    try:
        yield name, root / name
    finally:
        client.options(ignore_status=[404, 500]).snapshot.delete(repository=name, snapshot="*")
        client.snapshot.delete_repository(name=name)


@contextmanager
def housed(client: Elasticsearch, folder: Path, shared: int) -> Iterator[House]:
    names = Names.below(f"t{uuid.uuid4().hex[:8]}-", shared)
    lay_store(folder / "data")
    with repository_of(client) as (repository, kept_in), open_store(folder / "data") as store:
        provision(client, names)
        for user_id, count in PEOPLE.items():
            store.people.add(user_id, user_id.title(), NOW)
            ensure_index(client, names, user_id)
            if count:
                ElasticsearchSink(client, names, user_id, QUICK, seed=1).write(documents(count, user_id), [], NOW)
        store.people.add("dora", "Dora", NOW)  # who has no index
        runs = ensure_runs(client, names).name
        client.index(index=runs, document={"@timestamp": NOW.isoformat()}, refresh=True)
        source = Source(
            data_dir=folder / "data",
            store=store,
            client=client,
            names=names,
            token_key=Keys(None, folder / "data").secret(),
            settings="LOG_LEVEL=INFO\n",
            repository=repository,
        )
        try:
            yield House(source, folder / "made", kept_in)
        finally:
            remove_all(client, names)


@pytest.fixture(scope="module")
def own(client: Elasticsearch, tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """Everybody with an index of their own."""
    with housed(client, tmp_path_factory.mktemp("own"), 0) as house:
        yield house


@pytest.fixture(scope="module")
def shared(client: Elasticsearch, tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """Everybody in two indices."""
    with housed(client, tmp_path_factory.mktemp("shared"), 2) as house:
        yield house


@pytest.fixture(params=["own", "shared"])
def house(request: pytest.FixtureRequest) -> House:
    found: House = request.getfixturevalue(request.param)
    return found


@pytest.fixture(autouse=True)
def clear(client: Elasticsearch) -> Iterator[None]:
    yield
    remove_all(client, ELSEWHERE)


def held(client: Elasticsearch, names: Names, user_id: str) -> dict[str, bytes]:
    refresh(client, names.alias(user_id))
    return {hit.id: bytes(hit.source) for hit in scan(client, names.alias(user_id))}


def manifest_of(file: Path) -> tuple[Manifest, list[str]]:
    """And the names of all that is in the file."""
    with file.open("rb") as opened:
        found = members(opened, PASSPHRASE)
        return understood(next(found)), [one.name for one in found]


def test_documents_go_into_a_snapshot_and_come_back_elsewhere(house: House, tmp_path: Path) -> None:
    made = house.backup()
    assert made.documents == sum(PEOPLE.values()) + 1
    manifest, names = manifest_of(made.path)
    assert not [one for one in names if one.startswith(contents.DOCUMENTS)], "they are not in the file"
    assert manifest.format == contents.FORMAT
    assert manifest.snapshot is not None
    assert {who: count for one in manifest.snapshot.indices for who, count in one.people.items()} == PEOPLE
    assert {one.written for one in manifest.snapshot.indices} == {0}
    assert house.taken() == [manifest.snapshot.name]

    client, before = house.source.client, house.source.names
    done = house.restore(made.path, tmp_path)
    assert done.documents == sum(PEOPLE.values())
    for user_id in PEOPLE:
        assert held(client, ELSEWHERE, user_id) == held(client, before, user_id)
        old = index_behind(client, before, before.alias(user_id))
        new = index_behind(client, ELSEWHERE, ELSEWHERE.alias(user_id))
        assert old is not None
        assert new is not None
        assert new.lineage == old.lineage, "checkpoints speak of it"
        assert (new.arriving, new.meta.get("restoring")) == (None, None)
    assert len(held(client, ELSEWHERE, "anna")) == 30
    assert client.count(index=ELSEWHERE.runs)["count"] == 1
    with open_store(tmp_path) as store:
        assert [one.id for one in store.people.list()] == [*PEOPLE, "dora"]
    more = documents(5, "ben", start=START - timedelta(days=9))
    assert ElasticsearchSink(client, ELSEWHERE, "ben", QUICK, seed=1).write(more, [], NOW).created == 5, "work goes on"
    assert len(held(client, ELSEWHERE, "anna")) == 30

    with pytest.raises(Misconfigured, match="in use"):
        house.restore(made.path, tmp_path)
    other = tmp_path / "other"
    with pytest.raises(Misconfigured, match="3 of the 4 people"):
        house.restore(made.path, other)


def test_one_that_was_killed_begins_anew(own: House, tmp_path: Path) -> None:
    """While Elasticsearch brings it back, and after that."""
    house, made = own, own.backup()
    snapshot = manifest_of(made.path)[0].snapshot
    assert snapshot is not None
    client, backup = house.source.client, manifest_of(made.path)[0].id
    provision(client, ELSEWHERE)
    snapshots.bring_back(client, snapshot, snapshot.repository, ELSEWHERE, backup)
    assert {one.arriving for one in all_indices(client, ELSEWHERE)} == {backup}

    def killed(what: str, done: int, _of: int) -> None:
        if (what, done) == ("snapshot", made.documents - 1):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        house.restore(made.path, tmp_path, killed)
    assert all_indices(client, ELSEWHERE)
    house.restore(made.path, tmp_path)
    assert held(client, ELSEWHERE, "anna") == held(client, house.source.names, "anna")


def test_it_is_tried_out_and_nothing_of_that_stays(shared: House) -> None:
    made, source = shared.backup(), shared.source
    done = check_backup(
        made.path, PASSPHRASE, source.data_dir, source.client, source.names, lambda _what, _done, _all: None
    )
    assert done.documents == sum(PEOPLE.values())
    assert all_indices(source.client, trial_names(source.names)) == ()


def test_snapshots_go_that_no_backup_names_and_no_others(own: House, tmp_path: Path) -> None:
    source, now = own.source, datetime(2026, 10, 1, 4, 10, tzinfo=UTC)
    assert source.repository
    first, second = own.backup(now), own.backup(now + timedelta(days=1))
    elsewhere = make_backup(source, tmp_path / "another folder", PASSPHRASE, now, work=10)
    theirs = manifest_of(elsewhere.path)[0].snapshot
    assert theirs is not None
    source.client.snapshot.create(
        repository=source.repository,
        snapshot="glucoflow-nightly",
        indices=source.names.pattern,
        include_global_state=False,
        wait_for_completion=True,
    )
    before = set(own.taken())
    gone, stays = (manifest_of(one.path)[0].snapshot for one in (first, second))
    assert gone is not None
    assert stays is not None
    assert {gone.name, stays.name, theirs.name, "glucoflow-nightly"} <= before

    first.path.unlink()
    (own.folder / name_of(NOW)).unlink(missing_ok=True)
    assert prune_snapshots(source.client, source.names, source.repository, own.folder) >= 1
    after = set(own.taken())
    assert {stays.name, theirs.name, "glucoflow-nightly"} <= after
    assert gone.name not in after
    assert own.restore(second.path, tmp_path / "to").documents == sum(PEOPLE.values())
    with pytest.raises(Misconfigured, match=f"{gone.name}.* does not hold"):
        snapshots.look_at(source.client, gone, source.repository)


def test_what_is_written_meanwhile_is_allowed_for(own: House) -> None:
    """Counting and taking are two moments. What came or went in between is no damage, more than that is."""
    source = own.source
    assert source.repository
    behind = index_behind(source.client, source.names, source.names.alias("ben"))
    assert behind is not None
    client, written = source.client, iter([True])
    count = type(client).count

    def counted(*arguments: object, **more: object) -> object:
        found = count(*arguments, **more)  # type: ignore[arg-type]
        if next(written, False):
            more_of_ben = documents(4, "ben", start=START - timedelta(days=30))
            ElasticsearchSink(client, source.names, "ben", QUICK, seed=1).write(more_of_ben, [], NOW)
        return found

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(type(client), "count", counted)
        taken = snapshots.take(client, source.names, {"ben": behind}, source.repository, "while-writing")
    assert taken is not None
    (one,) = taken.indices
    assert one.written == 4
    provision(client, ELSEWHERE)
    (index,) = snapshots.bring_back(client, taken, source.repository, ELSEWHERE, "1")
    assert client.count(index=index)["count"] == one.people["ben"] + 4
    client.indices.delete(index=index)
    wrong = msgspec.structs.replace(one, people={"ben": one.people["ben"] - 1})
    with pytest.raises(Fatal, match="documents of a person came from the snapshot"):
        snapshots.bring_back(
            client, msgspec.structs.replace(taken, indices=(wrong,)), source.repository, ELSEWHERE, "1"
        )
    delete_where(client, source.names.alias("ben"), {"range": {"@timestamp": {"lt": START.isoformat()}}})


def test_one_that_fails_leaves_no_snapshot(own: House) -> None:
    before = own.taken()

    def fails(what: str, done: int, _of: int) -> None:
        if (what, done) == ("store", 1):
            assert len(own.taken()) == len(before) + 1
            raise OSError(28, "No space left on device")

    with pytest.raises(Unavailable, match="No space left"):
        own.backup(NOW + timedelta(days=3), fails)
    assert own.taken() == before


def test_without_its_snapshot_nothing_is_changed(own: House, tmp_path: Path) -> None:
    """What is missing is said: the repository, the snapshot in it, a part of that, or the repository's disk."""
    made, client, names = own.backup(NOW + timedelta(days=4)), own.source.client, own.source.repository
    snapshot = manifest_of(made.path)[0].snapshot
    assert snapshot is not None
    assert names
    there = Place(data_dir=tmp_path, database_url=None, token_key=None, client=client, names=ELSEWHERE, env_file=None)

    with pytest.raises(Misconfigured, match="no snapshot repository called nowhere"):
        restore(made.path, PASSPHRASE, msgspec.structs.replace(there, repository="nowhere"))
    with repository_of(client) as (empty, _), pytest.raises(Misconfigured, match=f"{empty} does not hold"):
        restore(made.path, PASSPHRASE, msgspec.structs.replace(there, repository=empty))
    another = msgspec.structs.replace(snapshot, uuid="of another")
    with pytest.raises(Misconfigured, match="does not hold"):
        snapshots.look_at(client, another, names)
    more = (*snapshot.indices, InSnapshot(index="t-zoe-000001", lineage="x", people={"zoe": 1}))
    with pytest.raises(Unavailable, match="is not whole"):
        snapshots.look_at(client, msgspec.structs.replace(snapshot, indices=more), names)
    away = own.kept_in.with_name("away")
    own.kept_in.rename(away)
    try:
        with pytest.raises((Unavailable, Misconfigured), match="repository"):
            own.restore(made.path, tmp_path)
        with pytest.raises(Unavailable, match="cannot work with the snapshot repository"):
            own.backup(NOW + timedelta(days=5))
    finally:
        shutil.rmtree(own.kept_in, ignore_errors=True)
        away.rename(own.kept_in)
    assert not (own.folder / name_of(NOW + timedelta(days=5))).exists()
    assert all_indices(client, ELSEWHERE) == ()
    again = {"type": "fs", "settings": {"location": own.kept_in.name}}
    client.snapshot.create_repository(name=names, repository=again)
    assert own.restore(made.path, tmp_path).documents == sum(PEOPLE.values())


def test_a_newer_elasticsearch_and_one_that_did_not_finish(httpserver: HTTPServer) -> None:
    """As the answers of Elasticsearch have it, which the node of the tests cannot give."""
    found = {"snapshot": "s", "uuid": "u", "indices": ["t-anna-000001"], "state": "SUCCESS", "version": "99.0.1"}
    elastic = {"X-Elastic-Product": "Elasticsearch"}
    httpserver.expect_request("/_nodes").respond_with_json({"nodes": {"n": {"version": "9.5.0"}}}, headers=elastic)
    for state, kind, words in (
        ("SUCCESS", Misconfigured, "taken by Elasticsearch 99.0.1"),
        ("PARTIAL", Unavailable, "PARTIAL"),
    ):
        httpserver.expect_oneshot_request("/_snapshot/r/s").respond_with_json(
            {"snapshots": [{**found, "state": state}]}, headers=elastic
        )
        one = InSnapshot(index="t-anna-000001", lineage="x", people={"anna": 1})
        with Elasticsearch(httpserver.url_for("")) as client, pytest.raises(kind, match=words):
            snapshots.look_at(client, Snapshot(repository="r", name="s", uuid="u", prefix="t-", indices=(one,)), "r")
