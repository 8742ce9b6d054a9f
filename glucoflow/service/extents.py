"""How far a provider says that its records go, asked for once a turn."""

from datetime import datetime

from glucoflow.model.errors import GlucoflowError, Misconfigured, Retryable, Unavailable
from glucoflow.model.ingestion import Kind, Window
from glucoflow.provider import Connector
from glucoflow.reading import ConnectionStopped, KindStopped, unforeseen
from glucoflow.service.provider_clock import AHEAD


class Extents:
    """What it said in one turn, begun at `started`; `known` is the latest date of a record as it was said before."""

    def __init__(self, known: datetime | None, started: datetime) -> None:
        self._known = known
        self._started = started
        self._failed: dict[datetime | None, GlucoflowError] = {}
        self._of_all: list[datetime] = []
        self._of_changes: list[datetime] = []
        self.answered = False

    @property
    def unknown(self) -> GlucoflowError | None:
        """Why nobody could say how far back all records go."""
        return self._failed.get(None)

    def ahead_of(self, now: datetime) -> datetime | None:
        """The latest date among the account's records, where it is after now: as said in this turn, or before."""
        known = [] if self._of_all or self._known is None else [self._known]
        return max((end for end in (*self._of_all, *self._of_changes, *known) if end > now + AHEAD), default=None)

    def of(self, connector: Connector, kind: Kind, since: datetime | None) -> Window | None:
        """What the provider says it holds: a hint, without which the newest weeks can be read as well.

        A call that failed is not repeated for the other kinds. Raises ConnectionStopped, Unavailable, and KindStopped
        where the provider asks to wait.
        """
        failed = self._failed.get(since)
        if failed is None:
            try:
                extent = connector.extent(kind, since)
                self.answered = True
                if extent is not None:
                    (self._of_all if since is None else self._of_changes).append(extent.end)
                return extent
            except (ConnectionStopped, Unavailable):
                raise
            except Misconfigured as error:
                raise ConnectionStopped(error) from error
            except Exception as raised:  # noqa: BLE001 – what a connector did not foresee costs its part, nothing else
                failed = raised if isinstance(raised, GlucoflowError) else unforeseen(raised, f"asking for {kind}")
                self._failed[since] = failed
        if isinstance(failed, Retryable) and failed.retry_after is not None:
            raise KindStopped(self._started, failed)
        return None
