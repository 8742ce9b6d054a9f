"""Several sources of one person, each over its own double: every moment counts once, and the best-ranked source's."""

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from datetime import timedelta

import pytest
from pydantic import SecretStr

from glucoflow.model.errors import Rejected
from glucoflow.service.connect import connect_account
from glucoflow.service.one_moment import settle_changes
from glucoflow.service.providers import SIMULATOR, Providers
from glucoflow.service.ranking import prefer
from glucoflow.simulators import DEMO
from glucoflow.simulators.dexcom_share import running_cloud
from glucoflow.simulators.nightscout import running_sites
from glucoflow.store import OAuthState
from tests.flows.conftest import IMPATIENT, NOW, House, OpenHouse, small_scenario
from tests.flows.test_one_moment import counted, held

DELAY = timedelta(hours=3)
HOUR = timedelta(hours=1)


def connected(house: House, provider: str, **typed: str) -> str:
    """Alma signed in at one more provider, as if before any other; the connection's id."""
    values = {name: SecretStr(value) for name, value in typed.items()}
    credentials = house.rt.providers.log_in(provider, SIMULATOR, values, house.clock())
    started = OAuthState(user_id="alma", provider=provider, region=SIMULATOR, connection_id=None)
    return connect_account(house.rt.store, started, credentials, house.clock() - timedelta(days=1)).id


@pytest.fixture
def both(open_house: OpenHouse) -> Iterator[tuple[House, str]]:
    """Alma at the official API, three hours late, and at Share, at once; the id of the connection to Share."""
    scenario = replace(small_scenario(days=3), upload_delay=DELAY)
    with ExitStack() as stack:
        house = stack.enter_context(open_house(scenario))
        url, cloud = stack.enter_context(running_cloud(scenario, house.clock))
        doubles = {**house.rt.providers.doubles, "dexcom_share": url}
        providers = with_doubles(house, doubles)
        house = replace(house, rt=replace(house.rt, providers=providers))
        share = connected(house, "dexcom_share", user="alma@example.org", password=cloud.password("alma"))
        yield house, share


def with_doubles(house: House, doubles: dict[str, str]) -> Providers:
    return Providers(settings=house.rt.settings.providers, doubles=doubles, limits=IMPATIENT)


def test_the_better_source_counts_and_the_faster_one_fills_its_edge(both: tuple[House, str]) -> None:
    house, share = both
    house.sync("alma")
    settle_changes(house.rt, "alma", None)
    documents = held(house)
    late = [one for one in documents if one["connection"]["id"] == share]
    superseded = [one for one in late if one["sample"].get("superseded")]
    fresh = [one for one in late if not one["sample"].get("superseded")]
    assert {one["event"]["provider"] for one in documents} == {DEMO, "dexcom_share"}
    assert len(superseded) > 200, "what the official API has as well"
    assert len(fresh) == pytest.approx(DELAY / timedelta(minutes=5), abs=3), "what it does not have yet"
    assert all(one["@timestamp"] >= (NOW - DELAY).isoformat()[:19] for one in fresh)
    measured = len({one["@timestamp"][:19] for one in documents})
    assert counted(house) == measured, "each moment once"

    house.clock.advance(DELAY)
    house.sync("alma")
    settle_changes(house.rt, "alma", None)
    then = {one["@timestamp"] for one in fresh}
    now = [one for one in held(house) if one["connection"]["id"] == share and one["@timestamp"] in then]
    assert now
    assert all(one["sample"].get("superseded") for one in now), "the official ones have come since"


def test_a_person_says_which_source_counts_and_may_say_otherwise(both: tuple[House, str]) -> None:
    house, share = both
    house.sync("alma")
    settle_changes(house.rt, "alma", None)

    def marked() -> set[tuple[str, str]]:
        found = [one for one in held(house) if one["sample"].get("superseded")]
        return {(one["connection"]["id"], one["@timestamp"]) for one in found}

    before, moments = marked(), counted(house)
    official = next(one for one in house.rt.store.connections.for_user("alma") if one.id != share)
    assert prefer(house.rt, "alma", share) > 400, "those of Share count now, the official ones beside them do not"
    assert {connection for connection, _ in marked()} == {official.id}
    assert counted(house) == moments, "still each moment once"
    with pytest.raises(Rejected):
        prefer(house.rt, "bruno", share)
    prefer(house.rt, "alma", official.id)
    assert marked() == before
    assert prefer(house.rt, "alma", official.id) == 0


def test_what_is_deleted_at_a_nightscout_site_goes_here_too(open_house: OpenHouse) -> None:
    scenario = small_scenario(days=3)
    with open_house(scenario) as house, running_sites(scenario, house.clock) as (url, sites):
        doubles = {**house.rt.providers.doubles, "nightscout": url}
        house = replace(house, rt=replace(house.rt, providers=with_doubles(house, doubles)))
        connection = connected(house, "nightscout", address=url, token=sites.token("alma"))
        house.sync("alma")

        def meals() -> dict[str, float]:
            found = house.stored("alma", "food")
            own = {key: one for key, one in found.items() if one["connection"]["id"] == connection}  # type: ignore[index]
            return {key: one["food"]["carbs_g"] for key, one in own.items()}  # type: ignore[index]

        before = meals()
        assert len(before) > 3
        gone = sorted(before)[0]
        sites.documents["alma"].delete(gone)
        house.clock.advance(HOUR)
        house.sync("alma")
        assert meals() == {key: grams for key, grams in before.items() if key != gone}
        sites.documents["alma"].put(
            "treatments",
            {"eventType": "Meal Bolus", "carbs": 33, "created_at": (NOW - 5 * HOUR).isoformat()},
        )
        house.clock.advance(HOUR)
        house.sync("alma")
        assert 33 in meals().values(), "what comes late is found"


def test_a_password_that_was_changed_is_sent_once_and_then_asked_for(open_house: OpenHouse) -> None:
    scenario = small_scenario(days=2)
    with open_house(scenario) as house, running_cloud(scenario, house.clock) as (url, cloud):
        house = replace(house, rt=replace(house.rt, providers=with_doubles(house, {"dexcom_share": url})))
        share = connected(house, "dexcom_share", user="alma@example.org", password=cloud.password("alma"))
        house.sync("alma")
        cloud.passwords["alma"] = "another"
        cloud.expire()
        before = cloud.attempts
        for _ in range(3):
            house.clock.advance(HOUR)
            house.sync("alma")
        found = house.rt.store.connections.get(share)
        assert found.state == "needs_reauthorization"
        assert "does not accept this user name and password" in (found.last_error or "")
        assert cloud.attempts == before + 1, "a refused password is not sent again"
