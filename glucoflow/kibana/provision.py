"""Putting a person's dashboards into Kibana: a space of their own, a role that reads only their documents, the objects.

Everything can be done again at any time. What fails is undone: a new space goes away again, an old one gets back what
it held.
"""

import logging
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final, Literal

import msgspec
import requests
from pydantic import SecretStr

from glucoflow.kibana.api import TIMEOUT_S, Kibana, KibanaCredentials
from glucoflow.kibana.export import OPERATOR, operator_objects, person_objects
from glucoflow.kibana.person import KibanaPerson, cannot_be
from glucoflow.kibana.template import Json, text
from glucoflow.kibana.views import CLOCK, VERSION
from glucoflow.model.errors import GlucoflowError, Misconfigured, Unavailable
from glucoflow.model.person_id import why_not

log = logging.getLogger(__name__)

PutState = Literal["created", "updated", "unchanged", "newer_kept"]
KEPT_FEATURES: Final = ("dashboard", "visualize", "discover", "maps", "savedObjects", "savedQuery", "indexPatterns")
"""Beginnings of the names of what of Kibana a person uses; their ends change with its versions (`dashboard_v2`)."""
_TOLD: Final = re.compile(r"version (\d+)(?:, content ([0-9a-f]+))?")


class ReaderUser(msgspec.Struct, frozen=True, kw_only=True):
    """A Kibana login for the person. It is made in Elasticsearch, so that one's address is needed."""

    username: str
    password: SecretStr
    elasticsearch_url: str
    ca_certs: Path | None = None


class Provisioned(msgspec.Struct, frozen=True, kw_only=True):
    """What came of it.

    `unchanged`: the space holds just these objects already, which were left alone, edits of them included;
    `newer_kept`: it holds those of a later glucoflow, which were left as they are.
    """

    space: str
    role: str
    outcome: PutState
    objects: int
    kibana_version: str


def space_of(user_id: str) -> str:
    """The id of a person's space, and the name of their role. Raises Misconfigured for an id Kibana cannot hold."""
    if reason := why_not(user_id):
        raise cannot_be(user_id, reason)
    return f"cgm-{user_id}"


def provision_person(
    base_url: str,
    credentials: KibanaCredentials,
    person: KibanaPerson,
    *,
    reader: ReaderUser | None = None,
    ca_certs: Path | None = None,
) -> Provisioned:
    """Space, role, data view, lists, dashboards and, with `reader`, a login for a person.

    Objects under our ids are replaced; a person's own under other ids stay. Raises Misconfigured (wrong password,
    Kibana before 8.12, objects refused), Unavailable (not reachable), Retryable (busy), each with its remedy.
    """
    space = {
        "id": space_of(person.user_id),
        "name": person.display_name,
        "color": "#1F8F86",
        "initials": person.display_name.strip()[:2] or "?",
        "description": "Glucose dashboards by glucoflow",
    }
    wanted = Wanted(space, person.index_alias, person_objects(person), f"cgm-now-{person.user_id}", person.zone)
    with Kibana(base_url, credentials, ca_certs=ca_certs) as kibana:
        done = _provision(kibana, wanted)
        if reader:
            put_user(credentials, reader, done.role, person.display_name)
    return done


def provision_operator(
    base_url: str,
    credentials: KibanaCredentials,
    *,
    runs_index: str = "glucoflow-runs",
    code: str = "en",
    ca_certs: Path | None = None,
) -> Provisioned:
    """The operator's space, dashboard, and role, which reads runs and sizes, nobody's glucose; in a language.

    Raises as `provision_person`.
    """
    space = {
        "id": f"glucoflow-{OPERATOR}",
        "name": "glucoflow operator",
        "color": "#5B8DC0",
        "initials": "gf",
        "description": "Runs and sizes over all people",
    }
    objects = operator_objects(runs_index=runs_index, code=code)
    wanted = Wanted(space, f"{runs_index}*", objects, f"cgm-{OPERATOR}-{OPERATOR}")
    with Kibana(base_url, credentials, ca_certs=ca_certs) as kibana:
        return _provision(kibana, wanted)


def delete_person(
    base_url: str,
    credentials: KibanaCredentials,
    user_id: str,
    *,
    reader: ReaderUser | None = None,
    ca_certs: Path | None = None,
) -> None:
    """Removes a person's login, role and space with all that is in it; what is not there is no error."""
    space = space_of(user_id)
    with Kibana(base_url, credentials, ca_certs=ca_certs) as kibana:
        kibana.check()
        if reader:
            delete_user(credentials, reader)
        kibana.call("DELETE", f"/api/security/role/{space}", absent_ok=True)
        kibana.call("DELETE", f"/api/spaces/space/{space}", absent_ok=True)
    log.info("removed a Kibana space and its role")


class Wanted(msgspec.Struct, frozen=True):
    """A space as it should be: what it shows, what its role reads, the dashboard that opens, whose clock it tells."""

    space: Json
    index: str
    objects: list[Json]
    opens: str
    zone: str | None = None


def _provision(kibana: Kibana, wanted: Wanted) -> Provisioned:
    objects = wanted.objects
    version, space_id = kibana.check(), wanted.space["id"]
    ours = {_key(one) for one in objects}
    new = kibana.put_space(wanted.space, KEPT_FEATURES)
    before: list[Json] = []
    try:
        before = [] if new else [one for one in kibana.export(space_id) if _key(one) in ours]
        kibana.call("PUT", f"/api/security/role/{space_id}", role_of(space_id, [wanted.index]))
        outcome = _outcome(new, before, objects)
        if outcome in ("created", "updated"):
            kibana.import_(space_id, _ndjson(objects))
            kibana.put_settings(space_id, _settings(_id_of(wanted.opens, kibana.export(space_id)), wanted.zone))
    except GlucoflowError:
        _undo(kibana, space_id, new, before, ours)
        raise
    count = len(objects) if outcome in ("created", "updated") else 0
    log.info("provisioned a Kibana space: %s, %s objects", outcome, count)
    return Provisioned(space=space_id, role=space_id, outcome=outcome, objects=count, kibana_version=version)


def _key(one: Json) -> tuple[str, str]:
    """Kind and id of an object as we wrote it.

    Kibana gives an id that another space holds a new one, and keeps ours as `originId`.
    """
    return one["type"], one.get("originId") or one["id"]


def _id_of(dashboard: str, held: list[Json]) -> str:
    """The id under which a space holds one of our dashboards."""
    return next((str(one["id"]) for one in held if _key(one) == ("dashboard", dashboard)), dashboard)


def _settings(opens: str, zone: str | None) -> Json:
    """The space's own settings: where one lands, and how moments are written."""
    settings = {"defaultRoute": f"/app/dashboards#/view/{opens}", "dateFormat": CLOCK}
    return settings | ({"dateFormat:tz": zone} if zone else {})


def _outcome(new: bool, before: list[Json], objects: list[Json]) -> PutState:
    """What is to be done with a space that held `before` of our objects."""
    (version, content), (_, wanted) = _told_by(before), _told_by(objects)
    if version > VERSION:
        return "newer_kept"
    if content == wanted and len(before) == len(objects):
        return "unchanged"
    return "created" if new else "updated"


def _undo(kibana: Kibana, space: str, new: bool, before: list[Json], ours: set[tuple[str, str]]) -> None:
    """As it was, as far as Kibana lets us, step by step; the error that led here is the one to tell."""
    paths: list[str] = []
    if new:
        paths = [f"/api/spaces/space/{space}", f"/api/security/role/{space}"]
    else:
        held = {(one["type"], one["id"]) for one in before}
        with _logged():
            added = {(one["type"], one["id"]) for one in kibana.export(space) if _key(one) in ours} - held
            paths = [f"/s/{space}/api/saved_objects/{kind}/{name}?force=true" for kind, name in sorted(added)]
    for path in paths:
        with _logged():
            kibana.call("DELETE", path, absent_ok=True)
    if before:
        with _logged():
            kibana.import_(space, _ndjson(before))


@contextmanager
def _logged() -> Iterator[None]:
    try:
        yield
    except GlucoflowError as error:
        log.warning("a Kibana space could not be put back as it was: %s", type(error).__name__)


def role_of(space: str, indices: list[str]) -> Json:
    """Reads these indices and sees this one space: the index privilege is the wall, the space is convenience."""
    readable = {"names": indices, "privileges": ["read", "view_index_metadata"]}
    return {
        "elasticsearch": {"cluster": [], "run_as": [], "indices": [readable]},
        "kibana": [{"base": ["read"], "feature": {}, "spaces": [space]}],
    }


def _told_by(objects: list[Json]) -> tuple[int, str | None]:
    """Version and content, as the tag among the objects tells them."""
    for one in objects:
        if one.get("type") == "tag" and _key(one)[1].startswith("cgm-tag-"):
            found = _TOLD.fullmatch(str(one["attributes"].get("description", "")))
            return (int(found[1]), found[2]) if found else (0, None)
    return 0, None


def _ndjson(objects: list[Json]) -> bytes:
    return "".join(text(one) + "\n" for one in objects).encode()


def put_user(credentials: KibanaCredentials, reader: ReaderUser, role: str, name: str) -> None:
    body = {"password": reader.password.get_secret_value(), "roles": [role], "full_name": name}
    status = _security(credentials, reader, "PUT", body)
    if status >= 300:
        raise Misconfigured(
            f"Elasticsearch did not make the login {reader.username} (answer {status}); the dashboards are in place.",
            remedy="Give it a password of six characters or more and a user who may manage security; provision again.",
        )


def delete_user(credentials: KibanaCredentials, reader: ReaderUser) -> None:
    """Every session of it in Kibana sees nothing from its next question on. Not there is no error."""
    status = _security(credentials, reader, "DELETE", None)
    if status >= 300 and status != 404:
        raise Misconfigured(
            f"Elasticsearch did not remove the login {reader.username} (answer {status}).",
            remedy="Use a user who may manage security; then delete again.",
        )


def _security(credentials: KibanaCredentials, reader: ReaderUser, method: str, body: Json | None) -> int:
    address = f"{reader.elasticsearch_url.rstrip('/')}/_security/user/{reader.username}"
    verify = str(reader.ca_certs) if reader.ca_certs else True
    try:
        answer = requests.request(
            method,
            address,
            json=body,
            headers=credentials.headers(),
            auth=credentials.auth(),
            verify=verify,
            timeout=TIMEOUT_S,
            allow_redirects=False,
        )
        return answer.status_code
    except (requests.RequestException, OSError) as error:
        raise Unavailable(
            "Elasticsearch cannot be reached to manage the login.", remedy="Check ES_ENDPOINT, then do it again."
        ) from error
