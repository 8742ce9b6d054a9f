"""Export, import: the same documents, of every kind, in every form that promises it."""

import json
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from glucoflow.enrich import DATASETS, Owner
from glucoflow.model import records as r
from glucoflow.model.documents import Document
from glucoflow.model.units import Unit
from glucoflow.service.export import ExportFormat, export
from glucoflow.tidepool.files import Batch, read_file
from tests.tidepool.made import OWNER, RECORDS, START, any_record, content, enriched, stored

FORMS: list[tuple[ExportFormat, Unit | None]] = [
    ("ndjson", None),
    ("tidepool", None),
    ("tidepool", "mg/dL"),
    ("tidepool", "mmol/L"),
]


def there(documents: list[Document], form: ExportFormat, units: Unit | None, out: Path) -> Path:
    exported = export(stored(documents), form, out, units=units)
    assert sum(exported.documents.values()) == len(documents)
    assert exported.omitted == {}
    return out


def back(path: Path, owner: Owner = OWNER) -> list[Document]:
    batches: list[Batch] = list(read_file(path, owner))
    assert [rejection for batch in batches for rejection in batch.rejected] == []
    assert [batch.not_held for batch in batches if batch.not_held] == []
    return [document for batch in batches for document in batch.documents]


@pytest.mark.parametrize(("form", "units"), FORMS)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60, deadline=None)
@given(st.lists(any_record, max_size=8))
def test_any_documents_come_back_the_same(
    tmp_path: Path, form: ExportFormat, units: Unit | None, records: list[r.Record]
) -> None:
    documents = enriched(records)
    read = back(there(documents, form, units, tmp_path / "out.json"))
    assert content(read) == content(documents)
    assert [document.id for document in read] == [document.id for document in documents]


def test_the_strategies_know_every_kind_of_record() -> None:
    assert set(RECORDS) == {r.Reading, *DATASETS}


@pytest.mark.parametrize(("form", "units"), FORMS)
def test_for_another_person_the_ids_are_others_and_always_the_same(
    tmp_path: Path, form: ExportFormat, units: Unit | None
) -> None:
    documents = enriched([r.Note(time=START, key=str(n), text=str(n)) for n in range(5)])
    path = there(documents, form, units, tmp_path / "out")
    bob = Owner(user_id="bob", connection_id="file", provider="tidepool", zone="UTC")
    first, second = back(path, bob), back(path, bob)
    assert [document.id for document in first] == [document.id for document in second]
    assert not {document.id for document in first} & {document.id for document in documents}
    assert {document.source.user.id for document in first} == {"bob"}
    assert {document.source.connection.id for document in first} == {"c1"}


def test_one_record_a_line_and_the_whole_is_json(tmp_path: Path) -> None:
    path = there(
        enriched([r.Food(time=START, key=str(n), carbs_g=n) for n in range(3)]), "tidepool", None, tmp_path / "out.json"
    )
    assert len(json.loads(path.read_text())) == 3
    assert path.read_text().count("\n") == 5


def test_nothing_to_export_is_an_empty_array_that_imports(tmp_path: Path) -> None:
    path = there([], "tidepool", None, tmp_path / "out.json")
    assert json.loads(path.read_text()) == []
    assert back(path) == []
    assert back(there([], "ndjson", None, tmp_path / "out.ndjson")) == []
