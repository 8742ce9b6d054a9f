"""The summarize flow: by hand for a person, and nightly for data that came late and days that were completed."""

import logging
from typing import Annotated

from prefect import flow
from prefect.artifacts import create_table_artifact
from prefect.client.schemas.objects import State
from prefect.runtime import flow_run
from prefect.states import Completed, Failed
from pydantic import Field

from flows.abandoned import sign
from flows.parameters import UserId
from flows.plainly import plainly
from glucoflow.model.errors import Fatal, GlucoflowError
from glucoflow.model.words import count
from glucoflow.service.runtime import Runtime, open_runtime
from glucoflow.service.summaries import NIGHTLY_DAYS, Summarized, summarize_last
from glucoflow.settings import Settings

log = logging.getLogger(__name__)

Days = Annotated[
    int, Field(title="Days", ge=1, le=20 * 366, description="how many days back are computed again", examples=[35])
]


def _name() -> str:
    return "summarize-person" if flow_run.parameters.get("user_id") else "summarize-everybody"


@flow(name="summarize", on_running=[sign], flow_run_name=_name, persist_result=False, validate_parameters=False)
@plainly
def summarize(user_id: UserId | None = None, days: Days = NIGHTLY_DAYS) -> State[None]:
    """Compute the last days' summaries and episodes again, for one person or everybody. Repeating changes nothing."""
    with open_runtime(Settings.load()) as rt:
        done, failed = summarize_people(rt, user_id, days)
        if user_id is None:  # nightly
            rt.store.audit.forget(rt.clock())
    rows: list[dict[str, object]] = [
        {"person": one.user_id, "days": one.days, "written": one.written, "unchanged": one.unchanged} for one in done
    ]
    rows += [{"person": name, "what happened": str(error)} for name, error in failed.items()]
    create_table_artifact(
        key="summarize",
        table=rows or [{"person": "nobody is here yet"}],
        description="Summaries of days and periods that were made anew, by person.",
    )
    people = count(len(done), "person", "people")
    written = count(sum(one.written for one in done), "document")
    if failed and not done:
        return Failed(message=f"no summaries for {count(len(failed), 'person', 'people')}; see the artifact")
    name = "CompletedWithErrors" if failed else "Completed"
    return Completed(name=name, message=f"{people}, {written} written")


def summarize_people(rt: Runtime, user_id: str | None, days: int) -> tuple[list[Summarized], dict[str, GlucoflowError]]:
    """Each person's own outcome: a failure of one stops nobody else."""
    people = rt.store.people.list() if user_id is None else [rt.store.people.get(user_id)]
    done: list[Summarized] = []
    failed: dict[str, GlucoflowError] = {}
    for person in people:
        try:
            done.append(summarize_last(rt, person.id, days))
        except GlucoflowError as error:
            failed[person.id] = error
        except Exception as error:  # one person's odd data must not cost the others their figures
            log.warning("summaries of a person failed: %s", type(error).__name__, exc_info=True)
            failed[person.id] = Fatal(
                f"Their figures could not be computed ({type(error).__name__}).",
                remedy="The readings are safe. The log says where it failed; please report it.",
            )
    return done, failed
