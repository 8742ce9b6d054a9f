"""A row that is older than the rule of ids costs nobody else anything, and can be deleted."""

import sqlite3
from pathlib import Path

import pytest

from glucoflow.model.errors import Rejected
from glucoflow.service.deletion import delete_person
from glucoflow.service.maintenance import provision_everything
from glucoflow.service.people import add_person, summaries
from glucoflow.service.retention import Rules, retain
from tests.flows.conftest import House

ODD = "x-000001"


@pytest.fixture
def odd(house: House) -> House:
    """As an earlier version let in: a person, and a connection that is due."""
    file = Path(house.rt.settings.store.data_dir) / "glucoflow.db"
    now = house.clock().strftime("%Y-%m-%d %H:%M:%S.%f")
    with sqlite3.connect(file) as database:
        database.execute(
            "INSERT INTO people (id, display_name, unit, zone, profile, created_at) "
            "VALUES (?, 'X 000001', 'mg/dL', 'UTC', 'adult', ?)",
            (ODD, now),
        )
    database.close()
    return house


def test_lists_go_on(odd: House) -> None:
    odd.sync()
    done = provision_everything(odd.rt)
    assert done.unusable == (ODD,)
    assert any(ODD in sentence and "delete-user" in sentence for sentence in done.sentences())
    readings = {one.id: one.readings for one in summaries(odd.rt)}
    assert readings[ODD] == 0
    assert readings["alma"] > 0
    retain(odd.rt, Rules(days={"everything": 30}), dry=False)


def test_they_can_be_deleted_and_nobody_else_goes_with_them(odd: House) -> None:
    odd.rt.store.people.add("x", "X", odd.clock())
    provision_everything(odd.rt)  # the index of x ends like the id of the other
    assert odd.rt.client.indices.exists(index=odd.rt.names.first_index("x"))
    assert delete_person(odd.rt, ODD).indices == 0
    assert odd.rt.store.people.find(ODD) is None
    assert odd.rt.client.indices.exists(index=odd.rt.names.first_index("x"))
    assert delete_person(odd.rt, "x").indices == 1


def test_the_door(house: House) -> None:
    store, now = house.rt.store, house.clock()
    added = add_person(store, "X 000001", "mg/dL", "UTC", now)
    assert (added.id, added.display_name) == ("x-000001-2", "X 000001")
    assert add_person(store, "Operator", "mg/dL", "UTC", now).id == "operator-2"
    for user_id in (ODD, "operator"):
        with pytest.raises(Rejected):
            store.people.add(user_id, "X", now)
