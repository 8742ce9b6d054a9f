"""Every field of every record made missing, null, of another type, huge, NaN, infinite, of another unit, or untimely.

No page is ever lost to one record, every refusal names its field and reason, and whatever was understood becomes a
document that is valid JSON with finite numbers.
"""

import json
import math
from typing import Any

import msgspec
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from connectors.dexcom.devices import DeviceStates
from connectors.dexcom.events import Alerts, Calibrations, Events
from connectors.dexcom.readings import Readings
from glucoflow.enrich import Enricher, Owner
from glucoflow.provider import Page
from tests.connectors.wire import ALERT, CALIBRATION, EGV, EVENT, alert_setting, device, schedule, understood

MISSING = object()
OWNER = Owner(user_id="ann", connection_id="c1", provider="dexcom", zone="Europe/Berlin", delivers_meals=True)
DEVICE = device(schedule(alert_setting("low", 70, "mg/dL"), alert_setting("rise", 2, "mg/dL/min")))
KINDS: dict[str, tuple[Any, dict[str, Any]]] = {
    "egv": (Readings, EGV),
    "event": (Events, EVENT),
    "calibration": (Calibrations, CALIBRATION),
    "alert": (Alerts, ALERT),
    "device": (DeviceStates, DEVICE),
}
GOOD = "11111111-1111-4111-8111-111111111111"

odd_values = st.one_of(
    st.sampled_from(
        [
            MISSING,
            None,
            True,
            False,
            "",
            " ",
            0,
            -1,
            1e308,
            -1e308,
            10**30,
            2**63,
            math.nan,
            math.inf,
            -math.inf,
            "NaN",
            "mmol/L",
            "mmol/L/min",
            "stone",
            "unknown",
            "deleted",
            "updated",
            "x" * 70_000,
            [],
            {},
            [[]],
            "2026-03-08T09:55",
            "2026-3-8 9:5:3",
            "2026-03-08T02:55:05-06:59:58",
            "2099-01-01T00:00:00Z",
            "0001-01-01T00:00:00Z",
            "9999-12-31T23:59:59-14:00",
            "2026-02-30T00:00:00Z",
            "\ud800",
            "\x00",
            "ü\n",
        ]
    ),
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=30),
    st.lists(st.integers(), max_size=2),
    st.dictionaries(st.text(max_size=5), st.integers(), max_size=2),
)


def paths(value: Any, at: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Where something can be changed, at any depth."""
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [path for key, part in inner for path in [(*at, key), *paths(part, (*at, key))]]


def changed(record: Any, path: tuple[Any, ...], value: object) -> Any:
    copy = json.loads(json.dumps(record))
    spot = copy
    for key in path[:-1]:
        try:
            spot = spot[key]
        except (KeyError, IndexError, TypeError):
            return copy  # an earlier change took this part away
    try:
        if value is MISSING:
            del spot[path[-1]]
        else:
            spot[path[-1]] = value
    except (KeyError, IndexError, TypeError):
        pass
    return copy


def good(kind: str) -> dict[str, Any]:
    if kind == "device":
        return device(displayDevice="the good one")
    return KINDS[kind][1] | {"recordId": GOOD, "systemTime": "2026-03-08T20:00:03Z"}


def check(kind: str, page: Page) -> None:
    if kind == "device":
        assert any(record.device and record.device.display == "the good one" for record in page.records)
    else:
        assert GOOD in [record.key for record in page.records]
        assert len(page.records) + len(page.deleted) + len(page.rejected) + page.without_value == 2
    for rejection in page.rejected:
        assert rejection.field
        assert rejection.reason
        assert rejection.payload
    for document in Enricher(OWNER, kind).documents(page.records):
        text = msgspec.json.encode(document.source)
        assert b"\n" not in text
        json.loads(text, parse_constant=pytest.fail)


@given(st.sampled_from(sorted(KINDS)), st.data())
def test_no_field_of_any_record_can_take_the_page_with_it(kind: str, data: st.DataObject) -> None:
    converter, record = KINDS[kind]
    for path in data.draw(st.lists(st.sampled_from(paths(record)), min_size=1, max_size=3)):
        record = changed(record, path, data.draw(odd_values))
    check(kind, understood(converter, kind, record, good(kind)))


@given(st.sampled_from(sorted(KINDS)), odd_values.filter(lambda value: value is not MISSING))
@example("egv", {})
@example("device", {"alertSchedules": [{"alertSettings": {}}]})
def test_nothing_in_the_place_of_a_record_can_take_the_page_with_it(kind: str, value: object) -> None:
    page = understood(KINDS[kind][0], kind, value, good(kind))
    if kind == "device" and isinstance(value, dict):
        assert page.records  # an object without fields is a device of which nothing is known
    else:
        check(kind, page)


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_a_record_of_more_than_a_mebibyte_is_rejected(kind: str) -> None:
    converter, record = KINDS[kind]
    page = understood(converter, kind, record | {"attachment": "x" * 2**20}, good(kind))
    check(kind, page)
    (rejection,) = page.rejected
    assert (rejection.field, len(rejection.payload)) == ("record", 64 * 1024)


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_each_field_alone_missing_null_or_of_a_wrong_type(kind: str) -> None:
    converter, record = KINDS[kind]
    for path in paths(record):
        for value in (MISSING, None, "text", 7, -7.5, True, [], {}, math.nan, math.inf, 10**300, "9" * 400):
            check(kind, understood(converter, kind, changed(record, path, value), good(kind)))
