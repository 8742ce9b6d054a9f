"""Credentials for one turn: what is refused once is not sent again."""

from collections.abc import Callable
from datetime import datetime, timedelta

from glucoflow.model.credentials import Credentials
from glucoflow.model.errors import GlucoflowError, Unavailable
from glucoflow.provider import CredentialSource
from glucoflow.reading import ConnectionStopped

FRESH = timedelta(minutes=1)
"""Credentials so old are new: a part that refuses them refuses more than them."""


def never_asked_twice(source: CredentialSource, clock: Callable[[], datetime]) -> CredentialSource:
    """What refuses credentials stops the connection for this turn: no other kind, and no retry, asks again. Those that
    are a minute old are fresh: a second part that refuses them gets no others."""
    renewed_at: datetime | None = None

    def asked(force: bool) -> Credentials:
        nonlocal renewed_at
        fresh = renewed_at is not None and clock() - renewed_at < FRESH
        try:
            found = source(force and not fresh)
        except Unavailable:
            raise
        except GlucoflowError as error:
            raise ConnectionStopped(error) from error
        if force and not fresh:
            renewed_at = clock()
        return found

    return asked
