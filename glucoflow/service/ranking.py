"""Which of a person's sources counts where several hold the same moment, and what follows when they change it."""

import logging
import threading

from glucoflow.model.errors import GlucoflowError
from glucoflow.service.one_moment import settle_changes
from glucoflow.service.runtime import Runtime
from glucoflow.service.summaries import summarize_changes

log = logging.getLogger(__name__)


def prefer(rt: Runtime, user_id: str, connection_id: str) -> int:
    """This connection's readings count first from now on, in all that is held; how many marks changed.

    Raises Rejected for a connection that is not the person's.
    """
    rt.store.connections.prefer(user_id, connection_id)
    return settle_anew(rt, user_id)


def prefer_sensor(rt: Runtime, user_id: str, *, newer: bool) -> int:
    """Of two sensors worn at once the newer one counts, or the one that was there before; how many marks changed."""
    rt.store.people.update(user_id, newer_sensor=newer)
    return settle_anew(rt, user_id)


def ranking_anew(rt: Runtime, user_id: str) -> None:
    """The same behind a page: years of readings take their time. A failure is logged, and made up for by night."""
    threading.Thread(target=_quietly, args=(rt, user_id), name="ranks").start()


def _quietly(rt: Runtime, user_id: str) -> None:
    try:
        settle_anew(rt, user_id)
    except GlucoflowError as error:
        log.warning("readings could not be ranked anew: %s", type(error).__name__, extra={"user_id": user_id})


def settle_anew(rt: Runtime, user_id: str) -> int:
    """Marks and figures of everything that is held, by the person's present order of sources."""
    began = rt.clock()
    changed = settle_changes(rt, user_id, None)
    if changed:
        summarize_changes(rt, user_id, began)
    return changed
