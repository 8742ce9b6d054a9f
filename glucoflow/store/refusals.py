"""When a provider's no is believed, and its person asked to connect again: `docs/delivery.md` states the rule.

A gateway that refuses everybody for a minute looks like a consent that is gone. So a no counts once a wait, and only
several in a row are an answer: two to a sign-in (`invalid_grant`), four to a request for data, as Tidepool's platform
does (2^n × 2 hours between them); but one to what a person typed, since accounts are locked after a few tries. Where
most people of an app get it at once, it is the provider's or the app's fault, and nobody is asked.
"""

import logging
from datetime import datetime, timedelta
from typing import Literal

import msgspec
from sqlalchemy import ColumnElement, case, func, or_, select
from sqlalchemy.orm import Session

from glucoflow.model.errors import GlucoflowError, LoginRefused, Reauthorize, Retryable
from glucoflow.store.tables import ConnectionRow
from glucoflow.store.values import RefusalWave

log = logging.getLogger(__name__)

By = Literal["sign-in", "data"]
"""What was refused: a renewal of the credentials, or a request with good ones."""

LEAST_IN_A_WAVE = 3
STANDS_FOR = timedelta(days=1)
"""So long a no of somebody who was not asked again counts among the others."""
RECONNECT = "Connect the account again; what was read stays, and the sync goes on where it stopped."


class _Rule(msgspec.Struct, frozen=True, kw_only=True):
    """`noes` in a row are believed. `first_wait` is that after the first; each further one is twice as long."""

    noes: int
    first_wait: timedelta

    def wait(self, refusals: int) -> timedelta:
        return self.first_wait * float(2 ** max(0, min(refusals, self.noes) - 1))

    @property
    def span(self) -> timedelta:
        """How long it takes to believe it, and half the first wait more."""
        return sum((self.wait(n) for n in range(1, self.noes)), self.first_wait / 2)


RULES: dict[By, _Rule] = {
    "sign-in": _Rule(noes=2, first_wait=timedelta(hours=1)),
    "data": _Rule(noes=4, first_wait=timedelta(hours=2)),
}


def judged(session: Session, row: ConnectionRow, error: Reauthorize, by: By, now: datetime) -> GlucoflowError:
    """Count a provider's no on the locked `row`, and say what it means: Reauthorize once it is believed.

    Until then Retryable, whose `retry_after` is the wait before the next no counts.
    """
    if isinstance(error, LoginRefused):
        return Reauthorize(error.message, remedy=error.remedy or RECONNECT)
    rule = RULES[by]
    if _counts(row, rule, now):
        row.refusals, row.refused_at = row.refusals + 1, now
    wait = (row.refused_at or now) + rule.wait(row.refusals) - now
    if row.refusals < rule.noes:
        return Retryable(
            f"{error.message} This was no {row.refusals} of {rule.noes}, and may pass.",
            remedy="Nothing is to be done yet: it is tried again by itself. If it stays so, you will be asked to "
            "connect the account again.",
            retry_after=wait.total_seconds(),
        )
    wave = _wave(session, row, now - rule.span)
    if wave is not None:
        log.error(
            "%s refuses %d of the %d people asked lately: a fault of the provider or of the app, not of their consent",
            wave.provider,
            wave.refused,
            wave.tried,
        )
        return Retryable(
            f"{row.provider} refuses most people of this installation at once. That is a fault of the provider or of "
            "the app, not of your consent.",
            remedy="Nothing is to be done by you: it is tried again by itself, and the operator is told.",
            retry_after=wait.total_seconds(),
        )
    return Reauthorize(error.message, remedy=error.remedy or RECONNECT)


def waves(session: Session, now: datetime) -> list[RefusalWave]:
    """Providers that refuse most of the people who were asked lately."""
    since = now - RULES["sign-in"].span
    groups = (ConnectionRow.provider, ConnectionRow.region)
    query = select(*groups, *_tallies(since)).where(ConnectionRow.state == "connected").group_by(*groups)
    found = [_as_wave(*row) for row in session.execute(query.order_by(*groups))]
    return [wave for wave in found if wave is not None]


def _counts(row: ConnectionRow, rule: _Rule, now: datetime) -> bool:
    """Whoever asks again at once, as a person who presses a button does, learns nothing new."""
    last = row.refused_at
    return not row.refusals or last is None or not now - rule.wait(row.refusals) / 2 < last <= now


def _wave(session: Session, row: ConnectionRow, since: datetime) -> RefusalWave | None:
    same = (
        ConnectionRow.provider == row.provider,
        ConnectionRow.region == row.region,
        ConnectionRow.state == "connected",
    )
    session.flush()  # this no is among those that are counted
    refused, tried = session.execute(select(*_tallies(since)).where(*same)).one()
    return _as_wave(row.provider, row.region, refused, tried)


def _tallies(since: datetime) -> tuple[ColumnElement[int], ColumnElement[int]]:
    refused = (ConnectionRow.refusals > 0) & (ConnectionRow.refused_at >= since - STANDS_FOR)
    tried = or_(refused, ConnectionRow.last_success_at >= since)
    return (
        func.coalesce(func.sum(case((refused, 1), else_=0)), 0),
        func.coalesce(func.sum(case((tried, 1), else_=0)), 0),
    )


def _as_wave(provider: str, region: str, refused: int, tried: int) -> RefusalWave | None:
    if refused < LEAST_IN_A_WAVE or 2 * refused <= tried:
        return None
    return RefusalWave(provider=provider, region=region, refused=int(refused), tried=int(tried))
