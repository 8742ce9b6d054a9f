"""Provisioning over HTTP against a stand-in: what it leaves behind when all goes well, and when something fails."""

from collections.abc import Iterator

import msgspec
import pytest
from pydantic import SecretStr

from glucoflow.kibana import (
    KibanaCredentials,
    ReaderUser,
    delete_person,
    provision_operator,
    provision_person,
)
from glucoflow.kibana.export import export_person, person_objects
from glucoflow.model.errors import GlucoflowError, Misconfigured, Retryable, Unavailable
from glucoflow.model.targets import PROFILES
from tests.kibana.conftest import ANNA, BEN
from tests.kibana.objects import ANNAS
from tests.kibana.stand_in import PASSWORD, USER, Kibana, running

LOGIN = KibanaCredentials(username=USER, password=SecretStr(PASSWORD))
SPACE = "cgm-anna"


@pytest.fixture
def kibana() -> Iterator[Kibana]:
    with running(Kibana()) as served:
        yield served


def objects_of(kibana: Kibana, space: str) -> set[tuple[str, str]]:
    return {key[1:] for key in kibana.objects if key[0] == space}


def test_a_person_gets_space_role_objects_and_login(kibana: Kibana) -> None:
    reader = ReaderUser(username="anna", password=SecretStr("her-own-password"), elasticsearch_url=kibana.url)
    done = provision_person(kibana.url, LOGIN, ANNA, reader=reader)
    assert (done.outcome, done.objects, done.kibana_version) == ("created", len(ANNAS), "8.12.2")
    assert kibana.spaces[SPACE]["name"] == ANNA.display_name
    assert objects_of(kibana, SPACE) == {(one["type"], one["id"]) for one in ANNAS}
    role = kibana.roles[SPACE]
    assert role["elasticsearch"]["indices"] == [
        {"names": [ANNA.index_alias], "privileges": ["read", "view_index_metadata"]}
    ]
    assert role["kibana"] == [{"base": ["read"], "feature": {}, "spaces": [SPACE]}]
    assert kibana.users["anna"]["roles"] == [SPACE]


def test_again_changes_nothing_and_leaves_own_edits_alone(kibana: Kibana) -> None:
    provision_person(kibana.url, LOGIN, ANNA)
    mine = {"type": "dashboard", "id": "my-own", "attributes": {"title": "Mine"}, "references": []}
    kibana.objects[(SPACE, "dashboard", "my-own")] = mine
    before = dict(kibana.objects)
    assert provision_person(kibana.url, LOGIN, ANNA).outcome == "unchanged"
    assert kibana.objects == before


def test_what_the_person_changed_reaches_their_dashboards(kibana: Kibana) -> None:
    provision_person(kibana.url, LOGIN, ANNA)
    imports = sum("_import" in call for call in kibana.calls)
    assert provision_person(kibana.url, LOGIN, ANNA).objects == 0
    assert sum("_import" in call for call in kibana.calls) == imports, "nothing is sent again"
    pregnant = msgspec.structs.replace(ANNA, targets=PROFILES["pregnancy"])
    assert provision_person(kibana.url, LOGIN, pregnant).outcome == "updated"
    held = [one for key, one in kibana.objects.items() if key[0] == SPACE]
    assert sorted(held, key=lambda one: one["id"]) == sorted(person_objects(pregnant), key=lambda one: one["id"])
    assert provision_person(kibana.url, LOGIN, pregnant).outcome == "unchanged"


def test_two_people_do_not_touch_each_other(kibana: Kibana) -> None:
    provision_person(kibana.url, LOGIN, ANNA)
    provision_person(kibana.url, LOGIN, BEN)
    assert not objects_of(kibana, SPACE) & objects_of(kibana, "cgm-ben")
    delete_person(kibana.url, LOGIN, "anna")
    assert set(kibana.spaces) == set(kibana.roles) == {"cgm-ben"}
    assert not objects_of(kibana, SPACE)
    delete_person(kibana.url, LOGIN, "anna")  # once more is no error


def test_a_deleted_data_view_comes_back(kibana: Kibana) -> None:
    provision_person(kibana.url, LOGIN, ANNA)
    del kibana.objects[(SPACE, "index-pattern", "cgm-view-anna")]
    provision_person(kibana.url, LOGIN, ANNA)
    assert ("index-pattern", "cgm-view-anna") in objects_of(kibana, SPACE)


def test_dashboards_of_a_later_glucoflow_stay(kibana: Kibana) -> None:
    provision_person(kibana.url, LOGIN, ANNA)
    tag = kibana.objects[(SPACE, "tag", "cgm-tag-anna")]
    tag["attributes"]["description"] = "version 999"
    assert provision_person(kibana.url, LOGIN, ANNA).outcome == "newer_kept"
    assert kibana.objects[(SPACE, "tag", "cgm-tag-anna")]["attributes"]["description"] == "version 999"


def test_what_was_imported_by_hand_elsewhere_is_provisioned_once(kibana: Kibana) -> None:
    """The ids are taken by the space of the first import: Kibana gives new ones, and keeps ours as `originId`."""
    kibana._import("default", b'filename="glucoflow.ndjson"\n' + export_person(ANNA))
    assert provision_person(kibana.url, LOGIN, ANNA).outcome == "created"
    held = {key: one for key, one in kibana.objects.items() if key[0] == SPACE}
    assert len(held) == len(ANNAS)
    assert not {one["id"] for one in held.values()} & {one["id"] for one in ANNAS}
    assert {one["originId"] for one in held.values()} == {one["id"] for one in ANNAS}
    assert provision_person(kibana.url, LOGIN, ANNA).outcome == "unchanged"
    pregnant = msgspec.structs.replace(ANNA, targets=PROFILES["pregnancy"])
    assert provision_person(kibana.url, LOGIN, pregnant).outcome == "updated"
    assert {key for key in kibana.objects if key[0] == SPACE} == set(held), "the same objects, no more of them"
    board = next(one["id"] for one in held.values() if one.get("originId") == "cgm-now-anna")
    assert kibana.settings[SPACE]["defaultRoute"] == f"/app/dashboards#/view/{board}"


def test_a_refused_import_under_new_ids_leaves_nothing_behind(kibana: Kibana) -> None:
    kibana._import("default", b'filename="glucoflow.ndjson"\n' + export_person(ANNA))
    provision_person(kibana.url, LOGIN, ANNA)
    lost = next(k for k, one in kibana.objects.items() if k[0] == SPACE and one["originId"] == "cgm-days-anna")
    del kibana.objects[lost]
    before = dict(kibana.objects)
    kibana.refuse = "cgm-sensor-anna"
    with pytest.raises(Misconfigured, match="cgm-sensor-anna"):
        provision_person(kibana.url, LOGIN, ANNA)
    assert set(kibana.objects) == set(before)


def test_a_person_lands_on_now_by_their_own_clock_and_sees_nothing_else_of_kibana(kibana: Kibana) -> None:
    provision_person(kibana.url, LOGIN, BEN)
    assert kibana.spaces["cgm-ben"]["disabledFeatures"] == ["ml", "siemV2"]
    assert kibana.settings["cgm-ben"] == {
        "defaultRoute": "/app/dashboards#/view/cgm-now-ben",
        "dateFormat": "D MMM YYYY, HH:mm",
        "dateFormat:tz": "Europe/Berlin",
    }
    kibana.settings["cgm-ben"]["defaultRoute"] = "/app/discover"
    assert provision_person(kibana.url, LOGIN, BEN).outcome == "unchanged"
    assert kibana.settings["cgm-ben"]["defaultRoute"] == "/app/discover", "what they chose stays"


@pytest.mark.parametrize("path", ["/api/kibana/settings", "/nowhere"])
def test_a_kibana_that_hides_no_features_and_keeps_its_settings_is_provisioned_all_the_same(path: str) -> None:
    with running(Kibana(hides_features=False, settings_path=path)) as kibana:
        assert provision_person(kibana.url, LOGIN, ANNA).outcome == "created"
        assert kibana.spaces[SPACE]["disabledFeatures"] == []
        assert (SPACE in kibana.settings) == (path != "/nowhere")
        assert provision_person(kibana.url, LOGIN, ANNA).outcome == "unchanged"


def test_the_operator_sees_runs_and_nobodys_glucose(kibana: Kibana) -> None:
    provision_operator(kibana.url, LOGIN, runs_index="glucoflow-runs")
    (indices,) = kibana.roles["glucoflow-operator"]["elasticsearch"]["indices"]
    assert indices == {"names": ["glucoflow-runs*"], "privileges": ["read", "view_index_metadata"]}
    assert kibana.settings["glucoflow-operator"]["defaultRoute"] == "/app/dashboards#/view/cgm-operator-operator"
    assert ("dashboard", "cgm-operator-operator") in objects_of(kibana, "glucoflow-operator")


FAULTS: dict[str, tuple[Kibana, type[GlucoflowError], str]] = {
    "too old": (Kibana(version="8.11.4"), Misconfigured, "8.11.4 is too old"),
    "starting": (Kibana(level="unavailable"), Retryable, "not ready"),
    "no Kibana": (Kibana(page=True), Misconfigured, "is not Kibana"),
    "may not": (Kibana(fault=("/role/", 403)), Misconfigured, "does not allow"),
    "busy": (Kibana(fault=("_import", 503)), Retryable, "busy or starting"),
    "version refused": (Kibana(fault=("_import", 422)), Misconfigured, "too old"),
    "migration failed": (Kibana(fault=("_import", 500)), GlucoflowError, "made to fail"),
    "object refused": (Kibana(refuse="cgm-days-anna"), Misconfigured, "dashboard cgm-days-anna"),
}


@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_is_told_and_leaves_nothing_behind(name: str) -> None:
    kibana, kind, words = FAULTS[name]
    with running(kibana), pytest.raises(kind, match=words) as caught:
        provision_person(kibana.url, LOGIN, ANNA)
    assert caught.value.remedy or name == "migration failed"
    assert PASSWORD not in str(caught.value)
    assert not kibana.spaces
    assert not kibana.roles
    assert not kibana.objects


def test_a_refused_update_puts_back_what_was_there(kibana: Kibana) -> None:
    provision_person(kibana.url, LOGIN, ANNA)
    del kibana.objects[(SPACE, "dashboard", "cgm-now-anna")]
    kibana.objects[(SPACE, "dashboard", "cgm-profile-anna")]["attributes"]["title"] = "the older one"
    before = dict(kibana.objects)
    kibana.refuse = "cgm-sensor-anna"
    kept = kibana.objects.pop((SPACE, "dashboard", "cgm-sensor-anna"))
    before.pop((SPACE, "dashboard", "cgm-sensor-anna"))
    with pytest.raises(Misconfigured, match="cgm-sensor-anna"):
        provision_person(kibana.url, LOGIN, ANNA)
    assert kibana.objects == before
    assert kept["id"] == "cgm-sensor-anna"


def test_a_wrong_password_is_told_without_being_shown(kibana: Kibana) -> None:
    wrong = KibanaCredentials(username=USER, password=SecretStr("tr0ub4dor"))
    with pytest.raises(Misconfigured, match="refuses this user and password") as caught:
        provision_person(kibana.url, wrong, ANNA)
    assert "KIBANA_PASSWORD" in caught.value.remedy
    assert "tr0ub4dor" not in f"{caught.value!r} {wrong!r}"


def test_kibana_that_is_not_there_is_told() -> None:
    with pytest.raises(Unavailable, match=r"cannot be reached at http://127\.0\.0\.1:9"):
        provision_person("http://someone:secret@127.0.0.1:9", LOGIN, ANNA)
    with pytest.raises(Unavailable) as caught:
        provision_person("http://someone:secret@127.0.0.1:9", LOGIN, ANNA)
    assert "secret" not in str(caught.value)
