"""Guests in Kibana brought up to date: those asked for are made, those whose time is over are removed."""

import msgspec

from glucoflow.kibana.guests import delete_guest_role, put_guest
from glucoflow.kibana.provision import delete_user
from glucoflow.service.dashboards import credentials_of, kibana_address, kibana_login
from glucoflow.service.runtime import Runtime
from glucoflow.store.kibana_guests import NewKibanaGuest


class GuestsDone(msgspec.Struct, frozen=True, kw_only=True):
    """How many logins were made and how many removed."""

    made: int = 0
    removed: int = 0


def bring_guests_up_to_date(rt: Runtime) -> GuestsDone:
    """Repeating it changes nothing. Raises Misconfigured without KIBANA_URL and ES_ENDPOINT, and Kibana's errors.

    Who is to see nothing any more goes first.
    """
    now, guests = rt.clock(), rt.store.kibana_guests
    ended = guests.to_end(now)
    for guest in ended:  # those too that are not known to be made: who made one may have ended before noting it
        delete_user(credentials_of(rt.settings.kibana), kibana_login(rt.settings, guest.id))
        guests.gone(guest.id, now)
    asked = guests.to_make(now)
    for new in asked:
        make_guest(rt, new)
    return GuestsDone(made=len(asked), removed=len(ended))


def make_guest(rt: Runtime, new: NewKibanaGuest) -> None:
    """Make one login now. Raises as `bring_guests_up_to_date`; then it is made later."""
    guest = new.guest
    put_guest(
        kibana_address(rt.settings.kibana),
        credentials_of(rt.settings.kibana),
        guest.user_id,
        rt.names.alias(guest.user_id),
        kibana_login(rt.settings, guest.id, new.password),
        guest.name,
    )
    rt.store.kibana_guests.made(guest.id, rt.clock())


def delete_guests_of(rt: Runtime, user_id: str) -> int:
    """Every guest of a person and their role; how many logins."""
    there = [one for one in rt.store.kibana_guests.list(user_id) if not one.gone_at]
    for guest in there:
        delete_user(credentials_of(rt.settings.kibana), kibana_login(rt.settings, guest.id))
        rt.store.kibana_guests.gone(guest.id, rt.clock())
    delete_guest_role(kibana_address(rt.settings.kibana), credentials_of(rt.settings.kibana), user_id)
    return sum(one.made_at is not None for one in there)
