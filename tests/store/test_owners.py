"""What a dead process held is free at once; what a living one holds is not, whoever it is."""

import os
import subprocess
import sys
from datetime import timedelta

import pytest

from glucoflow.store import Store, new_owner
from glucoflow.store.owners import is_gone
from tests.store.conftest import NOW, Place, connect

LEASE = timedelta(minutes=5)


def test_owners_are_unlike_one_another() -> None:
    owners = {new_owner() for _ in range(100)}
    assert len(owners) == 100
    assert not any(is_gone(owner) for owner in owners)


@pytest.fixture
def ended() -> str:
    """The owner that a process had which is gone by now."""
    said = subprocess.run(
        [sys.executable, "-c", "from glucoflow.store import new_owner; print(new_owner())"],
        capture_output=True,
        text=True,
        check=True,
    )
    return said.stdout.strip()


def test_a_process_that_ended_is_gone(ended: str) -> None:
    assert is_gone(ended)


def test_a_zombie_is_gone() -> None:
    command = [sys.executable, "-c", "from glucoflow.store import new_owner; print(new_owner())"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout is not None
        owner = child.stdout.read().strip()
        os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)  # it has ended, and nobody has asked how
        assert is_gone(owner)


def test_another_process_by_the_same_id_is_not_that_one() -> None:
    machine, pid, started, rest = new_owner().split(".")
    assert is_gone(f"{machine}.{pid}.{int(started) - 1}.{rest}")


def test_nothing_is_known_of_other_machines_and_older_names(ended: str) -> None:
    _, pid, started, rest = ended.split(".")
    assert not is_gone(f"000000000000.{pid}.{started}.{rest}")
    for name in ("w1", "", "0" * 32, "a.b.c.d", f"{ended}.x", "...."):
        assert not is_gone(name)
    assert not is_gone(f"{ended.split('.')[0]}.1.?.{rest}"), "init is another user's, or says no start"


def test_a_dead_workers_people_are_taken_over_at_once(store: Store, place: Place, ended: str) -> None:
    first, second, third = (connect(store, name) for name in ("anna", "ben", "cleo"))
    alive = new_owner()
    assert store.leases.claim(first.id, ended, NOW, LEASE)
    assert store.leases.claim(second.id, ended, NOW, LEASE)
    assert store.leases.claim(third.id, alive, NOW, LEASE)
    with place.open() as other:
        assert {one.id for one in other.leases.claim_due(new_owner(), NOW, LEASE, 9)} == {first.id, second.id}
        assert other.leases.claim(third.id, new_owner(), NOW, LEASE) is None
    assert store.connections.get(third.id).lease_owner == alive


def test_a_process_that_is_reaped_between_two_looks_is_gone(monkeypatch: pytest.MonkeyPatch) -> None:
    with subprocess.Popen([sys.executable, "--version"], stdout=subprocess.DEVNULL) as process:
        owner = new_owner(process.pid)
        os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
        ask = os.kill

        def asked_just_before(pid: int, number: int) -> None:
            ask(pid, number)
            process.wait()

        monkeypatch.setattr(os, "kill", asked_just_before)
        assert is_gone(owner)
