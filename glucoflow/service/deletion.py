"""Deleting a person with every trace, and the receipt of it."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime

import msgspec

from glucoflow.es.provision import delete_user as delete_indices
from glucoflow.es.run_metrics import forget
from glucoflow.kibana.provision import delete_person as delete_dashboards
from glucoflow.kibana.provision import space_of
from glucoflow.model.errors import GlucoflowError, Misconfigured, Unavailable
from glucoflow.model.person_id import fits, why_not
from glucoflow.model.words import count
from glucoflow.service.dashboards import credentials_of, kibana_address, kibana_login
from glucoflow.service.kibana_guests import delete_guests_of
from glucoflow.service.maintenance import disconnect_person, nobodys
from glucoflow.service.prefect_api import prefect_api
from glucoflow.service.prefect_traces import Traces, forget_person
from glucoflow.service.runtime import Runtime


class Receipt(msgspec.Struct, frozen=True, kw_only=True):
    """What was removed of a person. `prefect` is None where it did not answer, and `missed` then says why."""

    at: datetime
    indices: int
    documents: Mapping[str, int] = {}
    """By kind, as counted before."""
    rows: Mapping[str, int] = {}
    """Of our store, by table."""
    operator_documents: int = 0
    dashboards: bool = False
    prefect: Traces | None = None
    missed: str = ""
    left: int = 0
    """Rows and indices that were still there when it was looked at again."""
    kibana_guests: int = 0

    def sentences(self) -> list[str]:
        """The same in words."""
        indices = count(self.indices, "index", "indices")
        documents = count(sum(self.documents.values()), "document")
        rows = ", ".join(f"{n:,} {name.replace('_', ' ')}" for name, n in self.rows.items() if n) or "nothing"
        said = [
            f"From Elasticsearch: {indices} with {documents}, and {self.operator_documents:,} of the operator's.",
            f"From the store: {rows}.",
        ]
        if self.dashboards:
            guests = f", and {count(self.kibana_guests, 'guest')} of theirs" if self.kibana_guests else ""
            said.append(f"From Kibana: their space, role and dashboards{guests}.")
        if self.prefect is not None:
            artifacts = count(self.prefect.artifacts, "artifact")
            said.append(f"From Prefect: {count(self.prefect.runs + self.prefect.blanked, 'run')} and {artifacts}.")
        said.append(f"Looked at again afterwards: {self.left} rows and indices are left.")
        if self.missed:
            said.append(f"{self.missed} What names the person there (parameters of runs) goes after 14 days by itself.")
        return said


class StoppedHalfway(GlucoflowError):
    """A deletion that did a part. Its message says which, and what stopped the rest; repeating it goes on there."""


class _Steps:
    """What is done of a deletion, so that an error on the way can say so."""

    ALL = ("connections and their secrets", "Kibana", "Elasticsearch", "Prefect", "the store")

    def __init__(self) -> None:
        self._done = 0

    @contextmanager
    def next(self) -> Iterator[None]:
        """Raises StoppedHalfway for any of our errors, with that one's exit code."""
        try:
            yield
        except GlucoflowError as error:
            done, left = ", ".join(self.ALL[: self._done]) or "nothing", ", ".join(self.ALL[self._done :])
            stopped = StoppedHalfway(
                f"{error.message} Deleted so far: {done}. Not yet: {left}.",
                remedy=f"{error.remedy} Then delete again: it goes on from there.".strip(),
            )
            stopped.exit_code = error.exit_code
            raise stopped from error
        self._done += 1


def delete_person(rt: Runtime, user_id: str) -> Receipt:
    """Connections first, so that no sync under way writes again; then dashboards, documents, runs and the person.

    Whom the store does not know goes too where they have an index, as a deletion that broke off leaves one. Raises
    Rejected for whoever has neither, and StoppedHalfway where Kibana or Elasticsearch is away or does not let us: the
    store still knows the person then, so that it can be repeated, and a receipt that was asked for says how far it got.
    """
    if rt.store.people.find(user_id) is None and not nobodys(rt, [user_id]):
        rt.store.people.get(user_id)  # says that there is nobody
    try:
        receipt = _deleted(rt, user_id)
    except StoppedHalfway as stopped:
        rt.store.receipts.stopped(user_id, str(stopped))
        raise
    rt.store.receipts.fill(user_id, "\n".join(receipt.sentences()))
    return receipt


def _deleted(rt: Runtime, user_id: str) -> Receipt:
    steps, known = _Steps(), rt.store.people.find(user_id) is not None
    with steps.next():
        if known:
            disconnect_person(rt, user_id)
    with steps.next():
        guests = _delete_guests(rt, user_id)
        dashboards = _delete_dashboards(rt, user_id)
    with steps.next():
        documents = rt.queries.counts(user_id) if fits(user_id) else {}
        indices = delete_indices(rt.client, rt.names, user_id)
        told = forget(rt.client, rt.names, {"term": {"user.id": user_id}})
    with steps.next():
        traces, missed = _delete_traces(rt, user_id)
    with steps.next():
        rows = rt.store.people.held(user_id)
        if known:
            rt.store.people.delete(user_id)
        # Whoever had just begun a turn may have made the index anew; whoever begins one now looks for the person first.
        indices += delete_indices(rt.client, rt.names, user_id)
        left = sum(rt.store.people.held(user_id).values()) + len(nobodys(rt, [user_id]))
    return Receipt(
        at=rt.clock(),
        indices=indices,
        documents=documents,
        rows=rows,
        operator_documents=told,
        dashboards=dashboards,
        kibana_guests=guests,
        prefect=traces,
        missed=missed,
        left=left,
    )


def _in_kibana(rt: Runtime, user_id: str) -> bool:
    """Whether anything of this id can be in Kibana: some ids have no dashboards, or they are the operator's."""
    return rt.settings.kibana.url is not None and why_not(user_id) is None


def _delete_guests(rt: Runtime, user_id: str) -> int:
    return delete_guests_of(rt, user_id) if _in_kibana(rt, user_id) and rt.settings.es.endpoint else 0


def _delete_dashboards(rt: Runtime, user_id: str) -> bool:
    if not _in_kibana(rt, user_id):
        return False
    kibana = rt.settings.kibana
    login = kibana_login(rt.settings, space_of(user_id)) if rt.settings.es.endpoint else None
    delete_dashboards(kibana_address(kibana), credentials_of(kibana), user_id, reader=login)
    return True


def _delete_traces(rt: Runtime, user_id: str) -> tuple[Traces | None, str]:
    try:
        return forget_person(prefect_api(rt.settings), user_id), ""
    except (Unavailable, Misconfigured) as error:
        return None, error.message
