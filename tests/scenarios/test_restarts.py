"""PostgreSQL goes away in the middle of a sync, or of a backfill, and comes back: nothing is lost, nobody is asked."""

from pathlib import Path

import pytest

from glucoflow.model.errors import Unavailable
from glucoflow.simulators.faulty_wire import Asked
from tests.node import Node
from tests.postgres import RunningServer
from tests.scenarios.expecting import documents
from tests.scenarios.killed import do
from tests.scenarios.killing import NOW, START, readings, sync, truth
from tests.scenarios.playing import Place, sign_in, staged
from tests.scenarios.written import Person, Written
from tests.stores import lay_fresh_postgres

SCENARIO = Written(about="restarted", now=NOW, steps=[], accounts={"a": {}}, people=(Person(id="anna"),))
DAYS = f"{START.date()}..{NOW.date()}"


def test_postgresql_is_restarted_in_the_middle_of_the_work(
    elasticsearch_node: Node, prefix: str, own_postgres: RunningServer, tmp_path: Path
) -> None:
    place = Place(elasticsearch_node, prefix, tmp_path, lay_fresh_postgres(own_postgres, tmp_path))
    with staged(place, SCENARIO) as stage:
        stage.archive.accounts = {"a": readings("r", START, 600, 110) + readings("s", NOW.replace(hour=1), 100, 120)}
        sign_in(stage.rt, "anna", "a", NOW)
        stops = 0

        def goes(asked: Asked) -> None:
            nonlocal stops
            if asked.path.endswith("egvs"):
                stops += 1
                own_postgres.stop()
                stage.sim.records.on_answer.clear()

        for job in ("sync", DAYS):
            stage.sim.records.on_answer.append(goes)
            with pytest.raises(Unavailable, match=r"PostgreSQL cannot be reached") as said:
                do(stage.rt, "anna", job)
            assert said.value.exit_code == 69
            own_postgres.start()
            stage.clock.advance(stage.rt.lease)
            do(stage.rt, "anna", job)
        assert stops == 2
        sync(stage, "anna")
        held = [(one["@timestamp"], one["glucose"]["mg_dl"]) for one in documents(stage.rt, "anna", "cgm.reading")]
        assert len(held) == 700
        assert dict(held) == truth(stage, "a", "egvs")
        (connection,) = stage.rt.store.connections.for_user("anna")
        assert (connection.state, connection.last_error) == ("connected", None)
