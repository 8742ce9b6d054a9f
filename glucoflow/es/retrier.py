"""Elasticsearch asked again while its fault may pass: `glucoflow.retry`, with the driver's errors as ours."""

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random
from typing import TypeVar

from glucoflow.es.error_translation import translated
from glucoflow.retry import RetryPolicy, retrying

log = logging.getLogger(__name__)
T = TypeVar("T")

RETRY_POLICY = RetryPolicy(tries=6, first_wait_s=0.5, longest_wait_s=30.0, spread=1.0)
"""For an overloaded node. Waits of any length up to the full one: many writers do not come back at the same moment."""


@dataclass(frozen=True)
class Retrier:
    """A policy at work. What `sleep` raises ends the waiting."""

    policy: RetryPolicy = RETRY_POLICY
    random: Random = field(default_factory=Random)  # of the jitter
    sleep: Callable[[float], None] = time.sleep

    def ask(self, send: Callable[[], T], doing: str) -> T:
        """The result of `send`, repeated while its fault may pass; raises our errors for the driver's."""

        def attempt() -> T:
            with translated(doing):
                return send()

        return self.keep_at(attempt)

    def keep_at(self, attempt: Callable[[], T]) -> T:
        """The result of `attempt`, repeated while it raises Retryable."""
        return retrying(self.policy, attempt, random=self.random, sleep=self.sleep, on_wait=_say)


def _say(_error: BaseException, seconds: float) -> None:
    log.warning("Elasticsearch is busy; it is asked again", extra={"seconds": round(seconds, 1)})
