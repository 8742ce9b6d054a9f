"""The JSON API: what each address answers, to whom, in which form, and that its description is true."""

import csv
import io
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import httpx
import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings

from glucoflow.analytics.summary import metrics_of
from glucoflow.es.queries import Queries
from glucoflow.service.person_series import series_of, subject_of
from tests.api.conftest import END, Phone, moves_in
from tests.web.serving import Site

BOTH_WAYS = schemathesis.checks.positive_data_acceptance
"""Not asked: a span may be said in several ways, and saying it in two at once is refused."""


@pytest.fixture(scope="module")
def nora(doors: Site) -> str:
    return moves_in(doors, "nora", days=20, seed=9, unit="mmol/L")


@pytest.fixture
def reader(doors: Site, nora: str) -> Iterator[Phone]:
    with Phone(doors, nora, "read") as made:
        yield made


def test_a_page_after_the_other_gives_every_reading_once(doors: Site, reader: Phone) -> None:
    held = Queries(doors.client, doors.names).readings("nora", END - timedelta(days=3), END)
    for order in ("asc", "desc"):
        asked = {"start": (END - timedelta(days=3)).isoformat(), "end": END.isoformat(), "limit": "250", "order": order}
        rows, cursor = [], ""
        while cursor is not None:
            page = reader.get("/api/people/nora/readings", params={**asked, **({"cursor": cursor} if cursor else {})})
            assert page.status_code == 200
            rows += page.json()["readings"]
            cursor = page.json()["next"]
        found = [(datetime.fromisoformat(one["time"]).timestamp() * 1000, one["mg_dl"]) for one in rows]
        assert sorted(found) == list(zip(held.utc.tolist(), held.mg_dl.tolist(), strict=True))
        assert [one[0] for one in found] == sorted((one[0] for one in found), reverse=order == "desc")
    assert rows[0]["mmol_l"] == round(rows[0]["mg_dl"] / 18.01559, 5)


def test_csv_holds_the_same_as_json(reader: Phone) -> None:
    path = "/api/people/nora/readings?hours=6&limit=20"
    page = reader.get(path).json()
    answer = reader.get(path, headers={"accept": "text/csv, application/json;q=0.5"})
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    rows = list(csv.DictReader(io.StringIO(answer.text)))
    assert [(one["time"], float(one["mg_dl"])) for one in rows] == [
        (one["time"], one["mg_dl"]) for one in page["readings"]
    ]
    following = httpx.URL(answer.links["next"]["url"])
    assert following.params["cursor"] == page["next"]


def test_an_unchanged_answer_is_304(reader: Phone) -> None:
    for path in ("readings?from=2026-01-01&to=2026-01-02", "profile", "days?from=2020-01-01&to=2020-01-02"):
        first = reader.get(f"/api/people/nora/{path}")
        again = reader.get(f"/api/people/nora/{path}", headers={"if-none-match": first.headers["etag"]})
        assert (first.status_code, again.status_code, again.content) == (200, 304, b"")


def test_figures_are_those_of_the_readings(doors: Site, reader: Phone) -> None:
    last = (END - timedelta(days=1)).date()
    first = last - timedelta(days=13)
    told = reader.get(f"/api/people/nora/figures?from={first}&to={last}").json()
    series = series_of(
        Queries(doors.client, doors.names), subject_of(doors.store, "nora"), first, last + timedelta(days=1)
    )
    expected = metrics_of(series, 14 * 86_400_000)
    assert told["window"]["n"] == len(series.used) > 3_000
    for name in ("mean_mg_dl", "tir_percent", "cv_percent", "gmi_percent", "below_70_percent"):
        assert told["metrics"][name] == pytest.approx(getattr(expected, name), abs=1e-9), name
    assert told["metrics"]["mean_mmol_l"] == pytest.approx(told["metrics"]["mean_mg_dl"] / 18.01559, abs=1e-5)
    assert told["window"]["sufficient"] is True
    few = reader.get("/api/people/nora/figures?hours=3").json()
    assert few["metrics"]["gmi_percent"] is few["goals"] is few["episodes"] is None
    assert {"gmi_percent", "goals", "episodes"} <= set(few["reasons"])


def test_days_keep_their_place_and_come_in_pages(reader: Phone) -> None:
    first = (END - timedelta(days=120)).date()
    dates, cursor = [], ""
    while cursor is not None:
        page = reader.get(
            f"/api/people/nora/days?from={first}&to=2099-01-01{'&cursor=' + cursor if cursor else ''}"
        ).json()
        dates += [one["date"] for one in page["days"]]
        cursor = page["next"]
    assert dates == sorted(set(dates), reverse=True)
    assert len(dates) >= 121


def test_episodes_insights_latest_and_events(reader: Phone) -> None:
    found = reader.get("/api/people/nora/episodes?last=14d").json()["episodes"]
    assert found
    assert all(one["extreme_mmol_l"] == round(one["extreme_mg_dl"] / 18.01559, 5) for one in found)
    only = reader.get("/api/people/nora/episodes?last=14d&kind=low_l1").json()["episodes"]
    assert only == [one for one in found if one["kind"] == "low_l1"]
    told = reader.get("/api/people/nora/insights?days=14").json()
    assert told["n"] > 3_000
    assert all(one["text"] and one["rule"] for one in (*told["insights"], *told["patterns"]))
    latest = reader.get("/api/people/nora/latest").json()
    assert datetime.fromisoformat(latest["reading"]["time"]) <= END
    assert latest["age_minutes"] >= 4
    kinds = {one["kind"] for one in reader.get("/api/people/nora/events?last=14d").json()["events"]}
    assert "food" in kinds
    assert {
        one["kind"] for one in reader.get("/api/people/nora/events?last=14d&kind=food").json()["events"]
    } == {"food"}  # fmt: skip


def test_who_may_see_whom(doors: Site, user: str, nora: str, reader: Phone) -> None:
    path = "/api/people/nora/profile"
    browser = httpx.get(doors.url + path)  # this site has no password
    assert browser.status_code == 200
    assert httpx.get(doors.url + path, headers={"host": "evil.example"}).status_code == 401
    assert reader.get(path, headers={"host": "phone.example"}).json()["name"] == "Nora"
    with Phone(doors, user, "both") as other:
        assert other.get(path).status_code == 404
        assert [one["id"] for one in other.get("/api/people").json()["people"]] == [user]
    with Phone(doors, nora, "upload") as uploader:
        assert uploader.get(path).status_code == 403
    wrong = httpx.get(doors.url + path, headers={"api-secret": "wrong-secret-0123456789"})
    assert (wrong.status_code, "wrong-secret" in wrong.text) == (401, False)
    assert "access-control-allow-origin" not in browser.headers


@pytest.mark.parametrize("bad", [
    "readings?last=24h&hours=3", "readings?cursor=%00", "readings?cursor=bm8", "figures?from=2026-02-30",
    "figures?from=2020-01-01&to=2025-01-01", "readings?start=2026-01-02T00:00:00Z&end=2026-01-01T00:00:00Z",
    "days?from=2026-01-01&to=2026-01-02&cursor=2026-13-01",
])  # fmt: skip
def test_what_cannot_be_is_said(reader: Phone, bad: str) -> None:
    answer = reader.get(f"/api/people/nora/{bad}")
    assert answer.status_code == 400, answer.text
    assert answer.json()["error"]


def test_its_page_needs_nothing_from_elsewhere(reader: Phone) -> None:
    page = reader.get("/api/docs")
    assert page.status_code == 200
    for address in reader.get("/api/openapi.json").json()["paths"]:
        assert address in page.text
    assert "http://" not in page.text
    assert "https://" not in page.text


def test_the_description_is_true(doors: Site, nora: str) -> None:
    """Whatever values the parameters have, the answer is one that is described."""
    schema: Any = schemathesis.openapi.from_url(f"{doors.url}/api/openapi.json")
    operations = [one.ok() for one in schema.get_all_operations()]
    assert len(operations) == 10
    for operation in operations:

        @settings(
            max_examples=8, deadline=None, derandomize=True, database=None, suppress_health_check=list(HealthCheck)
        )
        @given(operation.as_strategy())
        def answers(case: Any) -> None:
            case.path_parameters = dict.fromkeys(case.path_parameters or {}, nora)
            answer = case.call(base_url=doors.url)
            case.validate_response(answer, excluded_checks=[BOTH_WAYS])

        answers()
