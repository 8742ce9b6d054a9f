"""Names: a person's id can reach their own index and nothing else."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from glucoflow.es.names import Names
from glucoflow.model.errors import Misconfigured

NAMES = Names()


def test_the_way_from_person_to_index_and_back() -> None:
    assert NAMES.alias("ann") == "cgm-ann"
    assert NAMES.first_index("ann") == "cgm-ann-000001"
    assert NAMES.next_index("cgm-ann-000001") == "cgm-ann-000002"
    assert NAMES.next_index("cgm-ann-000999") == "cgm-ann-001000"
    assert [NAMES.user_of(name) for name in ("cgm-ann", "cgm-ann-000017", "logs-ann", "cgm-")] == [
        "ann",
        "ann",
        None,
        None,
    ]


@pytest.mark.parametrize(
    "user_id",
    ["", "*", "a*", "ann,bob", "Ann", "../x", "-ann", "_all", "a b", "a/b", "a\n", "é", "ann-000001", "a" * 64, "a%2a"],
)
def test_no_id_breaks_out(user_id: str) -> None:
    with pytest.raises(Misconfigured, match="cannot be part of an index name"):
        NAMES.alias(user_id)


@pytest.mark.parametrize("prefix", ["", "*", "Cgm-", "-cgm", ".hidden", "a,b", "_x", "a*"])
def test_no_prefix_either(prefix: str) -> None:
    with pytest.raises(Misconfigured, match="index name"):
        Names(prefix=prefix)


@given(st.text(max_size=70), st.text(max_size=70))
def test_whatever_is_accepted_is_its_own_and_only_its_own(one: str, other: str) -> None:
    try:
        first, second = NAMES.first_index(one), NAMES.first_index(other)
    except Misconfigured:
        return
    assert NAMES.user_of(first) == one
    assert (NAMES.alias(one) == NAMES.alias(other)) == (first == second) == (one == other)
    assert first != NAMES.alias(other)
