"""Documents by themselves: every form of time, every odd value, and nothing that brings an upload down."""

from datetime import UTC, datetime

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from glucoflow.model.records import Basal, Bolus, Exercise, Fingerstick, Food, Note, Reading
from glucoflow.nightscout.criteria import BadQuery, from_find, span_of
from glucoflow.nightscout.directions import nightscout_direction
from glucoflow.nightscout.incoming import COLLECTIONS, Collection, NotStorable, made_whole
from glucoflow.nightscout.moments import ms_of, offset_of, utc_text
from glucoflow.nightscout.records import records_of

AT = 1_774_747_800_000  # 2026-03-29T01:30:00Z
NOW = AT + 3_600_000


@pytest.mark.parametrize(
    "text",
    [
        "2026-03-29T01:30:00Z",
        "2026-03-29T01:30:00.000Z",
        "2026-03-29T03:30:00+0200",
        "2026-03-29T03:30:00.000+02:00",
        "2026-03-29T03:30:00 02:00",
        "2026-03-28 22:00:00-03:30",
        "2026-03-29T01:30Z",
        str(AT),
        f" {AT}.0 ",
        "2026-03-29T01:30:00",
    ],
)
def test_every_form_of_a_time(text: str) -> None:
    assert ms_of(text) == AT


@pytest.mark.parametrize("value", ["", "soon", "2026-13-01", "-03:-30", None, True, [], {}, 0, -1, 1e300, "9" * 400])
def test_what_is_no_time(value: object) -> None:
    assert ms_of(value) is None


@pytest.mark.parametrize(
    ("text", "minutes"),
    [
        ("2026-03-29T03:30:00+0200", 120),
        ("2026-03-29T03:30:00-03:30", -210),
        ("2026-03-29T03:30:00Z", None),
        ("2026-03-29", None),
        (None, None),
        ("2026-03-29T03:30:00+9900", None),
    ],
)
def test_the_senders_offset(text: str | None, minutes: int | None) -> None:
    assert offset_of(text) == minutes


@given(st.integers(946_684_800_000, 4_102_444_799_999))
def test_a_time_given_out_is_read_back(ms: int) -> None:
    assert ms_of(utc_text(ms)) == ms
    assert utc_text(ms) == datetime.fromtimestamp(ms // 1000, UTC).strftime("%Y-%m-%dT%H:%M:%S.") + f"{ms % 1000:03}Z"


NUMBER = st.integers(-(2**53), 2**53) | st.floats(allow_nan=False, allow_infinity=False)
JSON = st.recursive(
    st.none() | st.booleans() | NUMBER | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
FIELDS = st.sampled_from(
    [
        "_id",
        "identifier",
        "date",
        "dateString",
        "created_at",
        "eventTime",
        "startDate",
        "timestamp",
        "utcOffset",
        "type",
        "sgv",
        "mbg",
        "insulin",
        "carbs",
        "glucose",
        "glucoseType",
        "units",
        "duration",
        "absolute",
        "rate",
        "preBolus",
        "eventType",
        "notes",
        "enteredBy",
        "device",
        "direction",
        "store",
        "defaultProfile",
        "isSMB",
        "targetTop",
    ]
)
LIKELY = st.sampled_from(
    [AT, float(AT), "2026-03-29T01:30:00Z", "sgv", "mbg", "Temp Basal", "Exercise", 120, "6.1", 2.5]
)


@given(st.sampled_from(COLLECTIONS), st.dictionaries(FIELDS, LIKELY | JSON, max_size=12))
def test_whatever_is_sent_is_stored_or_refused_in_words(collection: Collection, sent: dict[str, object]) -> None:
    whole = made_whole(collection, sent, NOW, lenient=True)
    whole.document["_id"] = "0" * 24
    for record in [] if whole.odd else records_of(whole, "0" * 24):
        assert record.time.tzinfo is UTC
        assert msgspec.json.decode(bytes(record.payload)) == msgspec.json.decode(msgspec.json.encode(whole.document))
        if isinstance(record, Reading):
            assert 39 <= record.value <= 1000
        if isinstance(record, Bolus):
            assert record.normal is not None
            assert 0 < record.normal <= 250
    again = made_whole(collection, sent, NOW, lenient=True)
    assert (again.place, again.given_id, again.identifier) == (whole.place, whole.given_id, whole.identifier)


@pytest.mark.parametrize("sent", [None, 1, "x", [], [{}]])
def test_what_is_no_document(sent: object) -> None:
    with pytest.raises(NotStorable):
        made_whole("entries", sent, NOW, lenient=True)


@pytest.mark.parametrize(
    ("sent", "kinds"),
    [
        ({"eventType": "Meal Bolus", "insulin": 3, "carbs": 30, "notes": "x"}, [Bolus, Food, Note]),
        ({"eventType": "Meal Bolus", "insulin": 0, "carbs": ""}, [Note]),
        ({"eventType": "Temp Basal", "rate": 0, "duration": 30}, [Basal]),
        ({"eventType": "Exercise", "duration": 45}, [Exercise]),
        ({"eventType": "BG Check", "glucose": 100, "glucoseType": "Sensor"}, [Note]),
        ({"eventType": "BG Check", "glucose": "7,2"}, [Fingerstick]),
        ({"eventType": "Site Change"}, [Note]),
        ({"insulin": 1e9}, [Note]),
        ({}, [Note]),
    ],
)
def test_what_a_treatment_is(sent: dict[str, object], kinds: list[type]) -> None:
    whole = made_whole("treatments", {"created_at": "2026-03-29T01:30:00Z", **sent}, NOW)
    assert [type(one) for one in records_of(whole, "0" * 24)] == kinds


def test_no_direction_is_one_that_an_app_does_not_know() -> None:
    known = {
        "NONE",
        "TripleUp",
        "DoubleUp",
        "SingleUp",
        "FortyFiveUp",
        "Flat",
        "FortyFiveDown",
        "SingleDown",
        "DoubleDown",
        "TripleDown",
        "NOT COMPUTABLE",
        "RATE OUT OF RANGE",
    }
    for word in (*known, "NotComputable", "notComputable", "RateOutOfRange", "flat", "", None, 4, "⇑", "rapidRise"):
        assert nightscout_direction(word) in known
    for word in known:
        assert nightscout_direction(word) == word


@given(st.lists(st.tuples(st.text("find[]$orandsgv.0123_", max_size=25), st.text(max_size=10)), max_size=4))
def test_a_query_is_understood_or_refused(pairs: list[tuple[str, str]]) -> None:
    try:
        criteria = from_find(pairs)
    except BadQuery:
        return
    assert criteria.is_empty == (not any(key.startswith("find") for key, _ in pairs))
    criteria.matches({"sgv": 100, "date": AT})


def test_the_span_of_a_query_holds_all_that_match() -> None:
    inside = from_find([("find[date][$gte]", str(AT)), ("find[dateString][$lt]", utc_text(NOW)), ("find[sgv]", "1")])
    assert (span_of(inside, ("date", "dateString")).first, span_of(inside, ("date", "dateString")).last) == (AT, NOW)
    either = from_find([("find[$or][0][date]", str(AT)), ("find[$or][1][sgv]", "1")])
    assert span_of(either, ("date",)).first is None
