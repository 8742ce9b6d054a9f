"""One made-up person with everything a dashboard can show: 40 days and a summer-time change, as documents.

Readings go through the real enrichment; a second, worse source is there as superseded readings.
"""

import math
import random
from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import msgspec

from glucoflow.analytics import summarize_period
from glucoflow.analytics.episodes import find_episodes
from glucoflow.analytics.insights import insights_of
from glucoflow.analytics.patterns import find_patterns
from glucoflow.analytics.series import Series
from glucoflow.context import Meals
from glucoflow.enrich import Enricher, Owner
from glucoflow.model import records as r
from glucoflow.model.glycemia import ExcludedSpan
from glucoflow.model.localtime import epoch_ms
from glucoflow.service.derived_documents import episode_document, insight_document, period_document

END = datetime(2026, 11, 21, 9, 2, tzinfo=UTC)
ZONE = ZoneInfo("Europe/Berlin")
MEALS = ((7, 30, 45.0), (12, 30, 60.0), (19, 0, 70.0))
GAPS = ((3.2, 3.5), (9.0, 10.6), (0.2, 0.28))
"""Days before END, from and to, without any reading."""

LEFT_OUT = (
    ExcludedSpan(END - timedelta(days=5, hours=1), END - timedelta(days=3), "faulty sensor"),
    ExcludedSpan(END - timedelta(days=1), END - timedelta(hours=22), "compression low"),
)
"""Spans that one of the people does not want counted. Things were noted in the first of them."""

Source = dict[str, Any]


def offset_min(time: datetime) -> int:
    offset = time.astimezone(ZONE).utcoffset()
    assert offset is not None
    return round(offset.total_seconds() / 60)


def curve(time: datetime, wobble: float) -> float:
    local = time.astimezone(ZONE)
    hour, day = local.hour + local.minute / 60, local.toordinal()
    meals = sum(
        (95 + 60 * math.sin(day * (i + 1))) * bump((hour - h - m / 60) % 24) for i, (h, m, _) in enumerate(MEALS)
    )
    night = -110 * bump((hour - 2) % 24) * max(0.0, math.sin(day * 1.7))
    return float(min(401, max(39, round(120 + meals + night + wobble))))


def bump(hours: float) -> float:
    return math.exp(-(((hours - 1.3) / 0.9) ** 2)) if hours < 6 else 0.0


def sensor(time: datetime, end: datetime) -> r.Device:
    """A transmitter of its own every ten days."""
    number = (end - time).days // 10
    return r.Device(transmitter_id=f"TX{9 - number}", model="G7", manufacturer="Dexcom", generation="g7")


def readings(end: datetime, days: float, seed: int) -> Iterator[r.Reading]:
    chance, wobble = random.Random(seed), 0.0
    for step in range(int(days * 288), -1, -1):
        time = end - timedelta(minutes=5 * step)
        wobble = 0.96 * wobble + chance.gauss(0, 3.4)
        if any(near <= step / 288 <= far for near, far in GAPS):
            continue
        yield r.Reading(
            time=time,
            key=f"r{epoch_ms(time)}",
            offset_min=offset_min(time),
            value=curve(time, wobble),
            unit="mg/dL",
            interval_ms=300_000,
            device=sensor(time, end),
            trend_word="flat",
            trend_rate=0.4,
        )


def events(end: datetime, days: float, seed: int) -> Iterator[r.Record]:
    chance = random.Random(seed)
    for back in range(int(days), -1, -1):
        day = (end - timedelta(days=back)).astimezone(ZONE).replace(minute=0, second=0, microsecond=0)
        for hour, minute, grams in MEALS:
            time = (day.replace(hour=hour) + timedelta(minutes=minute)).astimezone(UTC)
            if end - timedelta(days=days) < time < end:
                base: Any = {"time": time, "offset_min": offset_min(time)}
                size = round(grams * chance.uniform(0.6, 1.4))
                yield r.Food(key=f"f{epoch_ms(time)}", carbs_g=float(size), **base)
                yield r.Bolus(key=f"b{epoch_ms(time)}", action="fast", normal=size / 10, **base)
        time = day.replace(hour=22).astimezone(UTC)
        if time < end:
            base = {"time": time, "offset_min": offset_min(time)}
            yield r.Basal(key=f"l{epoch_ms(time)}", delivery_type="injection", action="long", amount=18.0, **base)
            if back % 3 == 0:
                yield r.Exercise(key=f"x{epoch_ms(time)}", intensity="medium", duration_ms=45 * 60_000, **base)
                yield r.Alert(key=f"a{epoch_ms(time)}", name="low", state="active", **base)
            if back % 5 == 0:
                yield r.Calibration(key=f"c{epoch_ms(time)}", value=118.0, unit="mg/dL", **base)
                yield r.Fingerstick(key=f"p{epoch_ms(time)}", value=121.0, unit="mg/dL", **base)
    for back, low in ((20, 70.0), (6, 75.0)):
        time = end - timedelta(days=min(back, days / 2))
        yield r.DeviceSettings(
            time=time,
            key=f"s{back}",
            offset_min=offset_min(time),
            device=sensor(time, end),
            low_alert=r.LevelAlert(enabled=True, level_mg_dl=low, snooze_ms=1_800_000),
            high_alert=r.LevelAlert(enabled=True, level_mg_dl=220.0),
        )


def superseded(source: Source) -> Source:
    """The same moment as a worse source has it: in the index, in no figure."""
    glucose = {**source["glucose"], "mg_dl": 400.0, "mmol_l": 22.2, "range": "very_high"}
    return {**source, "glucose": glucose, "sample": {**source["sample"], "superseded": True}}


def episodes(user_id: str, sources: list[Source]) -> Iterator[Source]:
    for one in find_episodes(series_of(sources)):
        yield msgspec.json.decode(msgspec.json.encode(episode_document(user_id, "Europe/Berlin", one).source))


def insights(user_id: str, sources: list[Source], end: datetime) -> Iterator[Source]:
    """What stands out in the last 14 full days, as the nightly run writes it."""
    series, stop = series_of(sources), end.astimezone(ZONE).date()
    start, before = stop - timedelta(days=14), stop - timedelta(days=28)
    period = summarize_period(series, start, stop)
    found = insights_of(period, summarize_period(series, before, start), find_patterns(series, start, stop))
    of = period_document(user_id, ZONE.key, period, *(midnight(day) for day in (start, stop - timedelta(days=1), stop)))
    for rank, one in enumerate(found, 1):
        yield msgspec.json.decode(msgspec.json.encode(insight_document(user_id, one, rank, of).source))


def midnight(day: date) -> datetime:
    return datetime.combine(day, time(), ZONE).astimezone(UTC)


def series_of(sources: list[Source]) -> Series:
    """The readings that count, as the figures take them."""
    used = [s for s in sources if s["event"]["dataset"] == "cgm.reading" and not s["sample"].get("superseded")]
    return Series.of(
        [epoch_ms(datetime.fromisoformat(s["@timestamp"])) for s in used],
        [s["glucose"]["mg_dl"] for s in used],
        [s["time"]["utc_offset_min"] for s in used],
        [s["sample"]["interval_ms"] for s in used],
    )


def documents(user_id: str, end: datetime = END, days: float = 40, seed: int = 7) -> list[Source]:
    """Every document of the person's index, ready for a bulk request."""
    owner = Owner(user_id=user_id, connection_id="c1", provider="dexcom", zone="Europe/Berlin", delivers_meals=True)
    noted = list(events(end, days, seed))
    meals = Meals([epoch_ms(one.time) for one in noted if isinstance(one, r.Food)])
    made = [
        *Enricher(owner, "readings", meals).documents(readings(end, days, seed)),
        *Enricher(owner, "events").documents(noted),
    ]
    sources = [msgspec.json.decode(msgspec.json.encode(one.source)) for one in made]
    worse = [superseded(s) for s in sources[::7] if s["event"]["dataset"] == "cgm.reading"]
    return [*sources, *worse, *episodes(user_id, sources), *insights(user_id, sources, end)]
