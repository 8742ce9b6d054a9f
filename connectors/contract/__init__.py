"""What every provider must keep, as checks that its own package can run over its double.

    @pytest.mark.parametrize("check", CHECKS, ids=name_of)
    def test_contract(check: Check, subject: Subject) -> None:
        check(subject)

A `Subject` is a provider, the address of a double that stands still, and credentials that open an account there which
holds readings. Each check raises AssertionError in a sentence; faults are put on the wire by a proxy in between.
"""

from connectors.contract.faults import (
    asks_for_new_credentials_once_and_uses_them,
    counts_its_calls_and_tells_the_time,
    credentials_go_nowhere_else,
    nobody_there_passes,
    nothing_secret_is_said,
    overload_passes,
    refusals_are_said,
    takes_no_more_than_its_limits,
    waits_no_longer_than_its_limits,
    what_is_no_answer_is_never_no_records,
)
from connectors.contract.reading import (
    a_bad_record_is_rejected_and_the_rest_is_read,
    every_record_comes_once_however_the_window_is_cut,
    is_described,
    keys_stay,
    killed_and_begun_again_nothing_is_lost,
    opens_without_a_call_and_closes_twice,
    pages_meet_and_cover_the_window,
    says_what_it_holds,
)
from connectors.contract.subject import STATES, Check, Subject, name_of

__all__ = ["CHECKS", "STATES", "Check", "Subject", "name_of"]

CHECKS: tuple[Check, ...] = (
    is_described,
    opens_without_a_call_and_closes_twice,
    says_what_it_holds,
    pages_meet_and_cover_the_window,
    every_record_comes_once_however_the_window_is_cut,
    keys_stay,
    killed_and_begun_again_nothing_is_lost,
    a_bad_record_is_rejected_and_the_rest_is_read,
    overload_passes,
    refusals_are_said,
    what_is_no_answer_is_never_no_records,
    waits_no_longer_than_its_limits,
    takes_no_more_than_its_limits,
    nobody_there_passes,
    credentials_go_nowhere_else,
    asks_for_new_credentials_once_and_uses_them,
    counts_its_calls_and_tells_the_time,
    nothing_secret_is_said,
)
