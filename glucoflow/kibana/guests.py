"""Guests in Kibana: a login that reads one person's index and space, by a role of its own, and nothing else.

The role's name begins otherwise than any person's does, so that no person's id makes the two one.
"""

from glucoflow.kibana.api import Kibana, KibanaCredentials
from glucoflow.kibana.provision import ReaderUser, put_user, role_of, space_of


def guest_role(user_id: str) -> str:
    return f"guest.{space_of(user_id)}"


def put_guest(
    base_url: str, credentials: KibanaCredentials, user_id: str, index_alias: str, login: ReaderUser, name: str
) -> None:
    """Make the login, or set its password anew. Raises as `provision_person`."""
    role, space = guest_role(user_id), space_of(user_id)
    with Kibana(base_url, credentials) as kibana:
        kibana.check()
        kibana.call("PUT", f"/api/security/role/{role}", role_of(space, [index_alias]))
        put_user(credentials, login, role, name)


def delete_guest_role(base_url: str, credentials: KibanaCredentials, user_id: str) -> None:
    """What all guests of a person may, for when the person is deleted."""
    with Kibana(base_url, credentials) as kibana:
        kibana.call("DELETE", f"/api/security/role/{guest_role(user_id)}", absent_ok=True)
