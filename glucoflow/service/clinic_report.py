"""The page that a clinic asks for, of a connected person: figures, devices, and what is known of insulin and meals."""

from collections.abc import Iterable
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from glucoflow.es.queries import Queries
from glucoflow.languages import ENGLISH_TAG, Language
from glucoflow.languages import language as language_of_tag
from glucoflow.model.documents import Dataset, Document, InsulinFields
from glucoflow.model.errors import Rejected
from glucoflow.model.localtime import HOUR_MS
from glucoflow.model.units import Unit
from glucoflow.report.figures import figures_of
from glucoflow.report.page import page_of
from glucoflow.report.sheet import About, Sheet
from glucoflow.service.person_series import instants, newest_full_day, series_of, subject_of
from glucoflow.store import Store

DAYS = 14
LONGEST_DAYS = 366
MOST_EVENTS = 10_000


def clinic_page(
    store: Store,
    queries: Queries,
    user_id: str,
    now: datetime,
    *,
    first: date | None = None,
    last: date | None = None,
    unit: Unit | None = None,
    born: date | None = None,
    large: bool = False,
    language: Language | None = None,
) -> Sheet:
    """The page of the local dates first … last: by default 14 that end with the newest full one.

    `unit`, `born` and `language` are the person's own unless others are given. Raises Rejected for an unknown person
    and for dates that make no span.
    """
    subject = subject_of(store, user_id)
    person, today = subject.person, now.astimezone(ZoneInfo(subject.person.zone)).date()
    end = last or newest_full_day(queries.latest(user_id), now) or today
    start = first or end - timedelta(days=DAYS - 1)
    _refuse_no_span(start, end)
    # One day more, so that the offset at which the first one begins is known.
    series = series_of(queries, subject, start - timedelta(days=1), end + timedelta(days=1))
    insulin, carbs = _a_day(queries, user_id, start, end)
    about = About(
        name=person.display_name,
        source="glucoflow",
        born=born or person.born,
        devices=_devices(queries, user_id, start, end),
        printed=today,
        insulin_a_day=insulin,
        carbs_a_day=carbs,
    )
    figures = figures_of(series, person.targets, start, end)
    return page_of(
        about, figures, unit or person.unit, large, language or language_of_tag(person.language or ENGLISH_TAG)
    )


def _refuse_no_span(start: date, end: date) -> None:
    if start > end:
        raise Rejected("dates", f"{start} is after {end}; the first day comes first")
    if (end - start).days >= LONGEST_DAYS:
        raise Rejected("dates", f"{start} to {end} is more than a year; choose a shorter span")


def _devices(queries: Queries, user_id: str, first: date, last: date) -> tuple[str, ...]:
    """Names of the devices that the span's readings came from, the most frequent first."""
    body = {
        "query": {
            "bool": {
                "filter": [
                    {"term": {"event.dataset": "cgm.reading"}},
                    {"range": {"time.date": {"gte": first.isoformat(), "lte": last.isoformat()}}},
                ]
            }
        },
        "aggs": {"names": {"terms": {"field": "device.name", "size": 5}}},
    }
    found = queries.aggregate(user_id, body).get("aggregations", {}).get("names", {}).get("buckets", ())
    return tuple(bucket["key"] for bucket in found)


def _a_day(queries: Queries, user_id: str, first: date, last: date) -> tuple[float | None, float | None]:
    """Units of insulin and grams of carbohydrate a day, over the local dates that have any; None where none has."""
    start, stop = instants(first, last + timedelta(days=1))
    kinds: tuple[Dataset, ...] = ("insulin.bolus", "insulin.basal", "food")
    found = queries.documents(user_id, kinds, start, stop, limit=MOST_EVENTS)
    if len(found) == MOST_EVENTS:  # a part of them would be too little a day
        return None, None
    inside = [one for one in found if first.isoformat() <= one.source.time.date <= last.isoformat()]
    units = ((one, insulin_units(one.source.insulin)) for one in inside if one.source.insulin is not None)
    grams = ((one, one.source.food.carbs_g) for one in inside if one.source.food is not None)
    return _mean_of_days(units), _mean_of_days(grams)


def insulin_units(insulin: InsulinFields) -> float | None:
    """Units of a bolus, of long-acting insulin, or of a pump's basal rate over its time; None where nothing says it."""
    if insulin.rate is not None and insulin.duration_ms is not None:
        return insulin.rate * insulin.duration_ms / HOUR_MS
    if insulin.amount is not None:
        return insulin.amount
    if insulin.normal is None and insulin.extended is None:
        return None
    return (insulin.normal or 0.0) + (insulin.extended or 0.0)


def _mean_of_days(amounts: Iterable[tuple[Document, float | None]]) -> float | None:
    days: dict[str, float] = {}
    for document, amount in amounts:
        if amount is not None:
            day = document.source.time.date
            days[day] = days.get(day, 0.0) + amount
    return sum(days.values()) / len(days) if days else None
