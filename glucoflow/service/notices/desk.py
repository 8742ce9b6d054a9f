"""What the pages do about notices: receivers added, tried and removed, terms, and what stands."""

from collections.abc import Collection, Sequence
from datetime import datetime

from glucoflow.model.errors import Rejected
from glucoflow.model.notices import Cause, Receiver, Standing, Terms, causes_of, checked
from glucoflow.model.said import said
from glucoflow.model.units import Unit
from glucoflow.service.notices.addresses import Place, place_of
from glucoflow.service.notices.push import new_key, place_of_browser, public_key
from glucoflow.service.notices.turn import test_receiver
from glucoflow.service.runtime import Runtime

MOST = 20
"""Receivers of one person."""


class Desk:
    """Over the runtime. Without a `user_id` all is about the operator's own."""

    def __init__(self, rt: Runtime) -> None:
        self._rt = rt

    def receivers(self, user_id: str | None) -> tuple[Receiver, ...]:
        return self._rt.store.receivers.list(user_id)

    def add(self, user_id: str | None, name: str, address: str, causes: Sequence[str], *, operator: bool) -> Receiver:
        """A place that somebody typed. Raises Rejected naming the field that is wrong."""
        settings = self._rt.settings
        chosen = causes_of(causes, operator=user_id is None)
        place = place_of(address, settings.notices, mail=settings.mail.host is not None, operator=operator)
        return self._added(user_id, name, place, chosen)

    def add_browser(self, user_id: str | None, name: str, subscription: str, causes: Sequence[str]) -> Receiver:
        """The browser that somebody sits at. Raises Rejected naming the field that is wrong."""
        chosen = causes_of(causes, operator=user_id is None)
        return self._added(user_id, name, place_of_browser(subscription, self._rt.settings.notices), chosen)

    def choose(self, user_id: str | None, receiver_id: str, causes: Sequence[str]) -> None:
        """What a receiver is told of from now on. Raises Rejected for one that is somebody else's."""
        self._own(user_id, receiver_id)
        self._rt.store.receivers.choose(receiver_id, causes_of(causes, operator=user_id is None))

    def remove(self, user_id: str | None, receiver_id: str) -> None:
        """Raises Rejected for one that is somebody else's."""
        self._own(user_id, receiver_id)
        self._rt.store.receivers.remove(receiver_id)

    def test(self, user_id: str | None, receiver_id: str) -> str | None:
        """Send a test; what is wrong, or None. Raises Rejected for one that is somebody else's."""
        self._own(user_id, receiver_id)
        return test_receiver(self._rt, receiver_id)

    def push_key(self) -> str:
        """What a browser subscribes with."""
        return public_key(self._rt.store.receivers.push_key(new_key))

    @property
    def live(self) -> list[str]:
        """The providers whose readings are of now, by the names that people know."""
        providers = self._rt.providers
        return sorted(providers.get(name).title for name in providers.live())

    def terms(self, user_id: str) -> Terms:
        return self._rt.store.receivers.terms(user_id)

    def set_terms(self, user_id: str, terms: Terms, unit: Unit) -> None:
        """Raises Rejected naming the field that is wrong, with its bounds in the unit that they were entered in."""
        self._rt.store.receivers.set_terms(user_id, checked(terms, unit))

    def standing(self, user_id: str | None) -> tuple[Standing, ...]:
        return self._rt.store.notices.standing(user_id)

    def acknowledge(self, user_id: str | None, cause: Cause, now: datetime) -> bool:
        return self._rt.store.notices.acknowledge_standing(user_id, cause, now)

    def _added(self, user_id: str | None, name: str, place: Place, causes: Collection[Cause]) -> Receiver:
        if len(self._rt.store.receivers.list(user_id)) >= MOST:
            raise Rejected("name", said("is one too many; remove a receiver first"))
        return self._rt.store.receivers.add(
            user_id, name, place.channel, place.address, place.shown, tuple(causes), self._rt.clock()
        )

    def _own(self, user_id: str | None, receiver_id: str) -> None:
        if receiver_id not in {one.id for one in self._rt.store.receivers.list(user_id)}:
            raise Rejected("receiver", said("is not there any more"))
