"""One rule for ids of people, wherever they are used."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from glucoflow.es.names import Names
from glucoflow.kibana.provision import space_of
from glucoflow.model.errors import Misconfigured
from glucoflow.model.person_id import RESERVED, fits, from_name, why_not


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("Anna", "anna"),
        ("Ánna-Māra  Ö.", "anna-mara-o"),
        ("X 000001", "x-000001-2"),
        ("Operator", "operator-2"),
        ("new", "new-2"),
        ("李雷", "person"),
        ("../etc", "etc"),
        ("123456", "123456"),
        ("a" * 39 + " b", "a" * 39),
    ],
)
def test_an_id_is_made_of_a_name(name: str, expected: str) -> None:
    assert from_name(name, ()) == expected
    assert why_not(expected) is None


def test_taken_ids_are_numbered() -> None:
    assert from_name("Anna", {"anna"}) == "anna-2"
    assert from_name("Anna", {"anna", "anna-2"}) == "anna-3"
    assert from_name("X 000001", {"x-000001-2"}) == "x-000001-3"


@given(st.text(max_size=80), st.sets(st.sampled_from(["anna", "person", "a", "anna-2", "person-2"])))
def test_every_name_gives_an_id_that_works_everywhere(name: str, taken: set[str]) -> None:
    user_id = from_name(name, taken)
    assert user_id not in taken
    assert why_not(user_id) is None
    assert Names().user_of(Names().first_index(user_id)) == user_id
    assert space_of(user_id) == f"cgm-{user_id}"


@given(st.text(alphabet="ab019-_X/", max_size=12))
def test_elasticsearch_and_the_door_agree(user_id: str) -> None:
    try:
        Names().alias(user_id)
    except Misconfigured:
        assert not fits(user_id)
        assert why_not(user_id) is not None
    else:
        assert fits(user_id)


def test_reserved_ids_are_refused_at_the_door_and_keep_their_index() -> None:
    """Somebody may have been added by such an id before it was reserved."""
    for user_id in RESERVED:
        assert "reserved" in (why_not(user_id) or "")
        assert Names().alias(user_id) == f"cgm-{user_id}"
        with pytest.raises(Misconfigured):
            space_of(user_id)


@pytest.mark.parametrize(
    ("user_id", "fit"), [("anna-123456", False), ("anna-12345", True), ("123456", True), ("A", False)]
)
def test_what_could_be_taken_for_an_index_fits_nowhere(user_id: str, fit: bool) -> None:
    assert fits(user_id) is fit
    assert (why_not(user_id) is None) is fit
