"""Everything that is held of a person in one file: read back from the ZIP, against what index and store hold."""

import csv
import io
import json
import zipfile
from datetime import timedelta
from pathlib import Path

from glucoflow.es.scan import scan
from glucoflow.service.archive import write_archive
from tests.flows.conftest import NOW, House


def test_an_archive_holds_everything_and_no_secret(house: House, tmp_path: Path) -> None:
    house.sync("alma")
    store, out = house.rt.store, tmp_path / "alma.zip"
    store.exclusions.add("alma", NOW - timedelta(days=1), NOW, "warm-up", NOW)
    app = store.apps.add("alma", "Phone", "both", NOW)
    link = store.shares.add("alma", "School", ["now"], NOW + timedelta(days=1), "Alma", NOW)
    credentials = store.credentials.current(store.connections.for_user("alma")[0].id, NOW, lambda *_: None)  # type: ignore[arg-type]
    alias = house.rt.names.alias("alma")
    house.rt.client.indices.refresh(index=alias)
    held = {hit.id: json.loads(bytes(hit.source)) for hit in scan(house.rt.client, alias)}
    assert write_archive(house.rt, "alma", out) == len(held)
    assert out.stat().st_mode & 0o777 == 0o600
    with zipfile.ZipFile(out) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    lines = [json.loads(line) for line in parts["documents.ndjson"].splitlines()]
    assert {line["_id"]: line["_source"] for line in lines} == held
    readings = [one for one in held.values() if one["event"]["dataset"] == "cgm.reading"]
    table = next(text for name, text in parts.items() if name.startswith("csv/") and "reading" in name)
    assert len(list(csv.reader(io.StringIO(table.decode())))) == len(readings) + 1
    assert len([one for one in json.loads(parts["tidepool.json"]) if one["type"] == "cbg"]) == len(readings)
    about = json.loads(parts["about.json"])
    assert about["person"]["id"] == "alma"
    assert [one["reason"] for one in about["exclusions"]] == ["warm-up"]
    assert [one["name"] for one in about["links"]] == ["School"]
    whole = b"".join(parts.values()).decode()
    secrets = [app.secret, link.token, *(value.get_secret_value() for value in credentials.values.values())]
    assert [one for one in secrets if one in whole] == []
