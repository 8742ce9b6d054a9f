"""Retrier Elasticsearch again: when, how often, and when to give up."""

import logging
import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

import msgspec
from elastic_transport import TransportError
from elasticsearch import ApiError, UnsupportedProductError

from glucoflow.es.error_translation import as_ours
from glucoflow.model.errors import Retryable

log = logging.getLogger(__name__)
T = TypeVar("T")

TOO_LARGE = 413


class RetryPolicy(msgspec.Struct, frozen=True, kw_only=True):
    """How long an overloaded Elasticsearch is asked again: pauses double from the first, each drawn from 0 to its full
    length ("full jitter"), so that many writers do not come back at the same moment."""

    attempts: int = 6
    first_pause_s: float = 0.5
    longest_pause_s: float = 30.0

    def pause(self, failures: int, rng: random.Random) -> float:
        """Seconds to wait after this many failures, 1 being the first."""
        return rng.uniform(0, min(self.longest_pause_s, self.first_pause_s * 2.0 ** (failures - 1)))


@dataclass(frozen=True)
class Retrier:
    """RetryPolicy at work. `wait(seconds)` pauses, and says whether to give up instead."""

    patience: RetryPolicy
    rng: random.Random
    wait: Callable[[float], bool]

    def ask(self, send: Callable[[], T], doing: str) -> T:
        """The result of `send`, repeated while its fault may pass.

        Raises our errors (`faults.as_ours`), except that a 413 comes out as the driver's ApiError: only the caller
        can make its request smaller.
        """
        failures = 0
        while True:
            try:
                return send()
            except (ApiError, TransportError, UnsupportedProductError) as error:
                if isinstance(error, ApiError) and error.meta.status == TOO_LARGE:
                    raise
                ours = as_ours(error, doing)
                if not isinstance(ours, Retryable):
                    raise ours from error
                failures += 1
                self.pause(failures, ours)

    def pause(self, failures: int, error: Retryable) -> None:
        """Wait before the next attempt; raises `error` when there shall be none."""
        asked_for = error.retry_after or 0.0
        if failures >= self.patience.attempts or asked_for > self.patience.longest_pause_s:
            raise error
        seconds = max(asked_for, self.patience.pause(failures, self.rng))
        log.warning("Elasticsearch is busy; it is asked again", extra={"failures": failures})
        if self.wait(seconds):
            raise error
