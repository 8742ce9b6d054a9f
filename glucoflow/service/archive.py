"""Everything that is held of a person, in one file to take along."""

import tempfile
import zipfile
from pathlib import Path

import msgspec

from glucoflow.es.queries import only
from glucoflow.es.scan import scan
from glucoflow.files import private
from glucoflow.service.export import DATASETS, ExportFormat, export_forms, written_to
from glucoflow.service.runtime import Runtime

ABOUT = """What glucoflow holds of {name}, written {at:%Y-%m-%d %H:%M} UTC.

readings and everything else, three times, in forms for different uses:
  csv/            one table a kind, for spreadsheets
  tidepool.json   Tidepool's data model, which glucoflow and others import
  documents.ndjson  the documents as they are stored, summaries and episodes included
about.json        the person, connections, excluded spans, protocols, apps, partners,
                  who may look, what is told to whom, and what was done here

Passwords, tokens and links are not in it.
"""

FILES: dict[ExportFormat, str] = {"csv": "csv", "tidepool": "tidepool.json", "ndjson": "documents.ndjson"}


def write_archive(rt: Runtime, user_id: str, out: Path) -> int:
    """Write the archive (ZIP) to `out`; how many documents are in it. Memory stays bounded.

    It appears whole or not at all. Raises Rejected for an unknown person, and Unavailable where Elasticsearch does not
    answer or the file cannot be written.
    """
    person = rt.store.people.get(user_id)
    with tempfile.TemporaryDirectory(prefix="glucoflow-archive-") as folder:
        places: dict[ExportFormat, Path] = {form: Path(folder) / name for form, name in FILES.items()}
        found = scan(rt.client, rt.names.alias(user_id), only(DATASETS))
        done = export_forms(found, places)
        unfinished = out.with_name(f"{out.name}.part")
        try:
            with written_to(out):
                with (
                    open(unfinished, "wb", opener=private) as file,
                    zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as packed,
                ):
                    packed.writestr("README.txt", ABOUT.format(name=person.display_name, at=rt.clock()))
                    packed.writestr("about.json", msgspec.json.format(msgspec.json.encode(_about(rt, user_id))))
                    for path in (path for one in done.values() for path in one.files):
                        packed.write(path, path.relative_to(folder))
                unfinished.replace(out)
        finally:
            unfinished.unlink(missing_ok=True)
    return sum(done["ndjson"].documents.values())


class _About(msgspec.Struct, frozen=True, kw_only=True):
    person: object
    connections: object
    exclusions: object
    protocols: object
    apps: object
    accounts: object
    links: object
    kibana_guests: object
    partners: object
    receivers: object
    notices: object
    audit: object


def _about(rt: Runtime, user_id: str) -> _About:
    store, now = rt.store, rt.clock()
    return _About(
        person=store.people.get(user_id),
        connections=store.connections.for_user(user_id),
        exclusions=store.exclusions.list(user_id, include_undone=True),
        protocols=[
            {"name": one.name, "days": store.protocols.days(user_id, one.name)} for one in store.protocols.list(user_id)
        ],
        apps=store.apps.list(user_id),
        accounts=[one.name for one in store.login_accounts.with_grant(user_id, now)],
        links=store.shares.list(user_id),
        kibana_guests=store.kibana_guests.list(user_id),
        partners=store.partners.grants(user_id),
        receivers=store.receivers.list(user_id),
        notices=store.receivers.terms(user_id),
        audit=store.audit.of_person(user_id, 100_000),
    )
