"""What a run shows in Prefect: a table of outcomes by class, and how it ended as a whole. No readings in either."""

from collections import Counter
from collections.abc import Sequence

from prefect.artifacts import create_table_artifact
from prefect.client.schemas.objects import State
from prefect.states import Completed, Failed

from glucoflow.model.ingestion import Counts
from glucoflow.model.words import count
from glucoflow.service.jobs import Outcome, Status

MOST_ROWS = 100

_WORDS: dict[Status, str] = {
    "ok": "done",
    "partial": "done, but for a part that will be tried again",
    "retry": "will be tried again",
    "reauthorize": "the person must connect again",
    "failed": "failed",
}


def show_outcomes(key: str, outcomes: Sequence[Outcome]) -> None:
    """An artifact with one row a class of outcome, and one a connection that did not go well."""
    classes = Counter(outcome.status for outcome in outcomes)
    rows: list[dict[str, object]] = []
    for status, word in _WORDS.items():
        total = sum((o.counts for o in outcomes if o.status == status), Counts())
        if classes[status]:
            rows.append({"outcome": word, "connections": classes[status], **_numbers(total)})
    bad = [outcome for outcome in outcomes if outcome.status != "ok"][:MOST_ROWS]
    rows += [_trouble(outcome) for outcome in bad]
    create_table_artifact(
        key=key,
        table=rows or [{"outcome": "nothing was due"}],
        description="Connections by outcome, their records in numbers, and what to do where something is wrong.",
    )


def end_state(outcomes: Sequence[Outcome]) -> State[None]:
    """Completed; Completed with a name that shows in the UI where some failed; Failed where all did."""
    bad = [outcome for outcome in outcomes if outcome.status not in ("ok", "partial")]
    partial = sum(outcome.status == "partial" for outcome in outcomes)
    every = count(len(outcomes), "connection")
    if partial and not bad:
        return Completed(name="CompletedWithErrors", message=f"{partial} of {every} lack a part")
    if not bad:
        total = sum((outcome.counts for outcome in outcomes), Counts())
        new = f"{total.created:,} new and {count(total.updated, 'changed record')}"
        return Completed(message=f"{every}, {new}")
    if len(bad) < len(outcomes):
        return Completed(name="CompletedWithErrors", message=f"{len(bad)} of {every} failed")
    said = f"all {every}" if len(bad) > 1 else "the one connection"
    return Failed(message=f"{said} failed; first: {bad[0].message}")


def _trouble(outcome: Outcome) -> dict[str, object]:
    return {
        "outcome": _WORDS[outcome.status],
        "person": outcome.user_id,
        "what happened": outcome.message,
        "what to do": outcome.remedy,
    }


def _numbers(counts: Counts) -> dict[str, object]:
    names = ("fetched", "created", "updated", "unchanged", "deleted", "rejected")
    return {name: getattr(counts, name) for name in names}
