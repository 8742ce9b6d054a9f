"""The flows for Kibana, hourly where one is configured: dashboards of new people and changed targets, and guests."""

from prefect import flow
from prefect.artifacts import create_table_artifact
from prefect.client.schemas.objects import State
from prefect.states import Completed, Failed

from flows.abandoned import sign
from flows.plainly import plainly
from glucoflow.service.dashboards import Shown, provision_dashboards
from glucoflow.service.kibana_guests import bring_guests_up_to_date
from glucoflow.service.runtime import open_runtime
from glucoflow.settings import Settings


@flow(name="dashboards", on_running=[sign], persist_result=False, validate_parameters=False)
@plainly
def dashboards() -> State[None]:
    """Bring everybody's Kibana space, role and dashboards up to date. What has not changed is left alone."""
    with open_runtime(Settings.load()) as rt:
        shown = provision_dashboards(rt)
    create_table_artifact(
        key="dashboards", table=[_row(one) for one in shown], description="What was done in Kibana, by person."
    )
    failed = sum(one.error is not None for one in shown)
    if failed:
        return Failed(message=f"{failed} of {len(shown)} could not be provisioned; see the artifact")
    changed = sum(one.done is not None and one.done.outcome in ("created", "updated") for one in shown)
    return Completed(message=f"{changed} of {len(shown)} changed")


@flow(name="kibana-guests", on_running=[sign], persist_result=False, validate_parameters=False)
@plainly
def kibana_guests() -> State[None]:
    """Make the logins of guests in Kibana that were asked for, and remove those whose time is over."""
    with open_runtime(Settings.load()) as rt:
        done = bring_guests_up_to_date(rt)
    return Completed(message=f"{done.made} made, {done.removed} removed")


def _row(one: Shown) -> dict[str, object]:
    if one.done:
        return {"whose": one.whose, "outcome": one.done.outcome, "space": one.done.space}
    return {"whose": one.whose, "outcome": "failed", "what happened": str(one.error)}
