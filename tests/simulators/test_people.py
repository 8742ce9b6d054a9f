"""The four people look like people, and stay the same whoever asks, when, and in what pieces."""

import re
import uuid
from collections import Counter
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from glucoflow.simulators.dexcom import Journey, Scenario, SettableClock, SimulatedPerson, demo_scenario
from glucoflow.simulators.dexcom.archive import Archive
from glucoflow.simulators.people import zone_with_change
from glucoflow.simulators.scenario import Physiology
from tests.simulators.caller import Caller, Record, utc
from tests.simulators.conftest import NOW, SINCE, ZONES, Opening


def share(records: list[Record], low: float, high: float) -> float:
    values = np.array([record["value"] for record in records])
    return float(((values >= low) & (values <= high)).mean() * 100)


def local(record: Record) -> datetime:
    return datetime.fromisoformat(record["displayTime"])


@pytest.mark.parametrize(
    ("person", "tir", "below", "cv"),
    [
        ("alma", (76, 87), (0.5, 4), (25, 36)),
        ("bruno", (59, 71), (1.5, 5), (28, 40)),
        ("chiara", (53, 65), (1, 6), (28, 42)),
        ("dario", (44, 56), (1.5, 7), (33, 46)),
    ],
)
def test_control_is_as_told(
    readings: dict[str, list[Record]],
    person: str,
    tir: tuple[float, float],
    below: tuple[float, float],
    cv: tuple[float, float],
) -> None:
    records = readings[person]
    values = np.array([record["value"] for record in records], dtype=float)
    assert tir[0] < share(records, 70, 180) < tir[1]
    assert below[0] < share(records, 0, 69) < below[1]
    assert cv[0] < 100 * values.std(ddof=1) / values.mean() < cv[1]


def test_bruno_is_low_between_two_and_four_on_a_third_of_nights(readings: dict[str, list[Record]]) -> None:
    nights = {local(record).date() for record in readings["bruno"]}
    low = {local(record).date() for record in readings["bruno"] if record["value"] < 70 and 2 <= local(record).hour < 4}
    assert 0.22 < len(low) / len(nights) < 0.45


def test_only_dario_is_without_a_sensor_for_days(readings: dict[str, list[Record]]) -> None:
    for person, records in readings.items():
        times = np.array([utc(record["systemTime"]).timestamp() for record in records])
        longest = float(np.diff(times).max()) / 86_400
        assert (3 <= longest <= 4.6) if person == "dario" else longest < 0.2
        expected = (NOW - SINCE).total_seconds() / 300
        assert len(records) / expected > (0.88 if person == "dario" else 0.97)


def test_readings_are_five_minutes_apart_but_for_gaps_and_sensor_changes(readings: dict[str, list[Record]]) -> None:
    for records in readings.values():
        times = np.array([utc(record["systemTime"]).timestamp() for record in records])
        steps = np.diff(times)
        assert (steps == 300).mean() > 0.98
        assert steps.min() == 300
        assert times[0] % 300 != 0


def test_sensors_change_every_ten_days_after_a_warm_up(readings: dict[str, list[Record]]) -> None:
    changes = np.flatnonzero(np.diff([record["transmitterTicks"] for record in readings["alma"]]) < 0)
    assert 8 <= len(changes) <= 10
    first = [readings["alma"][i + 1]["transmitterTicks"] for i in changes]
    assert min(first) == 1800
    assert first.count(1800) > len(first) / 2
    assert len({record["transmitterId"] for record in readings["bruno"]}) <= 2
    assert len({record["transmitterId"] for record in readings["alma"]}) == len(changes) + 1


def test_the_wire_form_of_a_reading(readings: dict[str, list[Record]]) -> None:
    limits, trends = Counter[str](), Counter[str]()
    for person, records in readings.items():
        for record in records:
            assert uuid.UUID(record["recordId"]).version == 5
            assert re.fullmatch(r"[0-9a-f]{64}", record["transmitterId"])
            assert utc(record["systemTime"]) == local(record)
            assert (
                local(record).utcoffset() == utc(record["systemTime"]).astimezone(ZoneInfo(ZONES[person])).utcoffset()
            )
            limits[f"{record['status']} {record['value'] if record['value'] in (39, 401) else ''}"] += 1
            trends[record["trend"]] += 1
            assert (record["trendRate"] is None) == (record["trend"] in ("none", "rateOutOfRange"))
        assert len({record["recordId"] for record in records}) == len(records)
    assert set(limits) == {"None ", "low 39", "high 401"}
    assert {"flat", "fortyFiveUp", "singleUp", "doubleUp", "fortyFiveDown", "singleDown", "none"} <= set(trends)


def test_trends_are_in_the_providers_bands_and_follow_the_curve(readings: dict[str, list[Record]]) -> None:
    names: dict[str, tuple[float, float]] = {
        "flat": (-1, 1),
        "fortyFiveUp": (1, 2),
        "singleUp": (2, 3),
        "doubleUp": (3, 8.01),
    }
    names |= {"fortyFiveDown": (-2, -1), "singleDown": (-3, -2), "doubleDown": (-8.01, -3)}
    checked = 0
    for before, record in zip(readings["dario"], readings["dario"][3:], strict=False):
        if record["trend"] not in names:
            continue
        low, high = names[record["trend"]]
        assert low - 0.001 <= record["trendRate"] <= high + 0.001
        if 39 < before["value"] < 401:
            assert record["trendRate"] == pytest.approx((record["value"] - before["value"]) / 15, abs=0.12)
            checked += 1
    assert checked > 10_000


def test_summer_time_ends_in_the_middle_of_darios_days(readings: dict[str, list[Record]]) -> None:
    change = datetime(2026, 10, 25, 1, tzinfo=UTC)
    offsets = {
        (utc(record["systemTime"]) >= change, local(record).utcoffset())
        for record in readings["dario"]
        if abs(utc(record["systemTime"]) - change) < timedelta(hours=3)
    }
    assert offsets == {(False, timedelta(hours=2)), (True, timedelta(hours=1))}


def test_most_moments_of_a_year_have_a_change_of_clocks_behind_them() -> None:
    def changes(now: datetime) -> bool:
        zone = ZoneInfo(zone_with_change(now - timedelta(days=90), now))
        return len({(now - timedelta(days=days)).astimezone(zone).utcoffset() for days in range(91)}) > 1

    days = [datetime(2026, 1, 1, tzinfo=UTC) + timedelta(days=day) for day in range(0, 365, 5)]
    assert sum(map(changes, days)) / len(days) > 0.75


def test_any_window_asked_at_any_time_gives_the_same_records(
    caller: Caller, clock: SettableClock, opening: Opening
) -> None:
    start, end = NOW - timedelta(days=9, hours=5, seconds=17), NOW - timedelta(days=2)
    kinds = ("egvs", "events", "calibrations", "alerts")
    first = {(who, kind): caller.records(who, kind, start, end) for who in ("bruno", "dario") for kind in kinds}
    assert all(first[who, kind] for who in ("bruno", "dario") for kind in ("egvs", "events", "alerts"))
    with opening(demo_scenario(NOW), clock) as other:
        clock.advance(timedelta(days=11))
        middle = start + timedelta(days=3, minutes=3)
        for (who, kind), records in first.items():
            assert other.records(who, kind, middle, end) == [r for r in records if utc(r["systemTime"]) >= middle]
            assert other.records(who, kind, start, end) == records


def test_another_seed_gives_other_days_and_ids() -> None:
    ids = set()
    for seed in (0, 1):
        page = Archive(demo_scenario(NOW, seed=seed)).truth("alma", "egvs", NOW - timedelta(days=1), NOW, NOW)
        ids |= {record["recordId"] for record in page}
        assert len(page) > 250
    assert len(ids) > 500


def test_nothing_is_known_of_the_future_or_of_before(caller: Caller, clock: SettableClock) -> None:
    access = caller.tokens()["access_token"]
    later = caller.window("egvs", access, NOW - timedelta(hours=1), NOW + timedelta(hours=1)).json()["records"]
    assert 10 <= len(later) <= 12
    assert max(record["systemTime"] for record in later) <= NOW.strftime("%Y-%m-%dT%H:%M:%SZ")
    assert caller.window("egvs", access, SINCE - timedelta(days=9), SINCE).json()["records"] == []
    clock.advance(timedelta(minutes=30))
    more = caller.window("egvs", access, NOW - timedelta(hours=1), NOW + timedelta(hours=1)).json()["records"]
    assert len(more) == len(later) + 6


def test_data_range_is_the_first_and_last_record(caller: Caller, readings: dict[str, list[Record]]) -> None:
    held = caller.get("dataRange", caller.tokens("bruno")["access_token"]).json()
    assert held["recordType"] == "dataRange"
    for kind in ("egvs", "events", "calibrations"):
        records = caller.records("bruno", kind, SINCE, NOW + timedelta(hours=1))
        for edge, record in (("start", records[0]), ("end", records[-1])):
            assert held[kind][edge] == {name: record[name] for name in ("systemTime", "displayTime")}
    alma = caller.get("dataRange", caller.tokens("alma")["access_token"]).json()
    assert alma["calibrations"] is None


def test_a_receiver_writes_no_offsets_and_no_schedules(opening: Opening, clock: SettableClock) -> None:
    person = SimulatedPerson("rita", "Rita", "Asia/Tokyo", SINCE, display_device="receiver")
    with opening(Scenario((person,)), clock) as caller:
        reading = caller.records("rita", "egvs", NOW - timedelta(hours=1), NOW)[0]
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d", reading["systemTime"])
        assert reading["displayTime"] == reading["systemTime"]
        assert reading["displayApp"] is None
        device = caller.get("devices", caller.tokens("rita")["access_token"]).json()["records"][0]
        assert (device["alertSchedules"], device["displayApp"]) == ([], None)


def test_a_traveller_lives_by_the_clock_of_the_place(opening: Opening, clock: SettableClock) -> None:
    away = Journey(NOW - timedelta(days=5), NOW - timedelta(days=2), "Asia/Tokyo")
    person = SimulatedPerson("tim", "Tim", "Europe/London", SINCE, journeys=(away,), body=Physiology())
    with opening(Scenario((person,)), clock) as caller:
        for reading in caller.records("tim", "egvs", NOW - timedelta(days=6), NOW):
            hours = 9 if away.start <= utc(reading["systemTime"]) < away.end else 0
            assert local(reading).utcoffset() == timedelta(hours=hours)
