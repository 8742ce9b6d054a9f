"""How many runs a worker has at a time: as many as its memory holds, with a place for the sync of everybody."""

from uuid import UUID, uuid4

from prefect.client.schemas.objects import FlowRun
from prefect.client.schemas.responses import WorkerFlowRunResponse

from flows.sync import sync
from flows.worker import MOST_RUNS, OwnWorker
from tests.api.loops import in_a_loop

SYNC, OTHER = uuid4(), uuid4()
POOL, QUEUE = uuid4(), uuid4()


def waiting(flow_id: UUID, user_id: str | None = None) -> WorkerFlowRunResponse:
    run = FlowRun(id=uuid4(), flow_id=flow_id, parameters={} if user_id is None else {"user_id": user_id})
    return WorkerFlowRunResponse(work_pool_id=POOL, work_queue_id=QUEUE, flow_run=run)


def worker() -> OwnWorker:
    """One that knows what the flows are called."""
    made = OwnWorker()
    made._names.update({SYNC: sync.name, OTHER: "notices"})
    return made


def begun(one: OwnWorker, entries: list[WorkerFlowRunResponse]) -> list[WorkerFlowRunResponse]:
    """Those that it begins, which then run."""
    fit: list[WorkerFlowRunResponse] = in_a_loop(lambda: one.fitting(entries))
    one._under_way |= {entry.flow_run.id for entry in fit}
    return fit


def test_a_place_stays_free_for_the_sync_of_everybody() -> None:
    one = worker()
    others = [waiting(OTHER) for _ in range(MOST_RUNS + 2)]
    assert begun(one, others) == others[: MOST_RUNS - 1]
    everybody = waiting(SYNC)
    assert begun(one, [*others[MOST_RUNS - 1 :], everybody]) == [everybody]
    assert begun(one, [waiting(SYNC), waiting(SYNC, "anna"), *others[MOST_RUNS - 1 :]]) == [], "all places are taken"
    one._under_way.discard(others[0].flow_run.id)
    assert begun(one, others[MOST_RUNS - 1 :]) == others[MOST_RUNS - 1 : MOST_RUNS]


def test_one_sync_of_everybody_at_a_time_and_the_next_when_it_is_over() -> None:
    one = worker()
    first, second = waiting(SYNC), waiting(SYNC)
    assert begun(one, [first, second]) == [first]
    assert begun(one, [second]) == []
    one._under_way.discard(first.flow_run.id)
    one._is_done(first.flow_run)
    assert begun(one, [second]) == [second]
