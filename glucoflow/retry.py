"""One way to try again: how often, how long to wait in between, and when to give up. tenacity does the work."""

import time
from collections.abc import Callable
from random import Random
from typing import TypeVar

import msgspec
import tenacity

from glucoflow.model.errors import Retryable

T = TypeVar("T")


class RetryPolicy(msgspec.Struct, frozen=True, kw_only=True):
    """Waits double from the first to the longest. Each is drawn from its last `spread` (1.0: from nothing to all of
    it), so that many do not come back at the same moment."""

    tries: int = 4
    """Attempts in all."""
    first_wait_s: float = 1.0
    longest_wait_s: float = 30.0
    """Who asks to be left alone for longer than this is: the error is raised at once, for the caller to come later."""
    spread: float = 0.5

    def wait(self, failures: int, asked: float | None, random: Random) -> float:
        """Seconds to wait after the nth failure: what the other side asked for, and the jittered wait on top."""
        whole = min(self.longest_wait_s, self.first_wait_s * 2.0 ** min(failures - 1, 60))
        return (asked or 0.0) + random.uniform(1.0 - self.spread, 1.0) * whole


def may_pass(error: BaseException) -> bool:
    """The usual answer to whether an error is worth another try."""
    return isinstance(error, Retryable)


def retrying(
    policy: RetryPolicy,
    attempt: Callable[[], T],
    *,
    random: Random,
    again: Callable[[BaseException], bool] = may_pass,
    sleep: Callable[[float], None] = time.sleep,
    on_wait: Callable[[BaseException, float], None] = lambda _error, _seconds: None,
) -> T:
    """The result of `attempt`, repeated by `policy` while it raises what `again` says may pass.

    A `retry_after` of the error is honoured; past the policy's tries the last error is raised as it came. `on_wait`
    is told of each error before the wait for it; what `sleep` raises ends it all.
    """

    def over(state: tenacity.RetryCallState) -> bool:
        return state.attempt_number >= policy.tries or (_asked(_error_of(state)) or 0.0) > policy.longest_wait_s

    def wait(state: tenacity.RetryCallState) -> float:
        return policy.wait(state.attempt_number, _asked(_error_of(state)), random)

    def tell(state: tenacity.RetryCallState) -> None:
        on_wait(_error_of(state), state.upcoming_sleep)

    return tenacity.Retrying(
        stop=over,
        wait=wait,
        retry=tenacity.retry_if_exception(again),
        sleep=sleep,
        before_sleep=tell,
        reraise=True,
    )(attempt)


def _error_of(state: tenacity.RetryCallState) -> BaseException:
    error = state.outcome.exception() if state.outcome else None
    assert error is not None  # noqa: S101 – for the type: it is asked only after a failure
    return error


def _asked(error: BaseException) -> float | None:
    return error.retry_after if isinstance(error, Retryable) else None
