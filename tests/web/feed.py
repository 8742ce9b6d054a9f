"""People made up for the page tests: seeded curves through the real enrichment, as documents in a real node."""

import math
import random
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

from glucoflow.context import Meals
from glucoflow.enrich import Enricher, Owner
from glucoflow.model import records as r
from glucoflow.model.documents import Document
from glucoflow.model.localtime import epoch_ms

MEALS = ((7, 30, 45.0), (12, 30, 60.0), (19, 0, 70.0))
SENSOR = r.Device(transmitter_id="T1", model="G7", manufacturer="Dexcom")


Gaps = tuple[tuple[float, float], ...]


def readings(
    end: datetime, days: float, seed: int, level: float = 118, swing: float = 1.0, gaps: Gaps = ()
) -> Iterator[r.Reading]:
    """A reading every 5 minutes up to `end`; `gaps` are spans in days before the end without any."""
    chance = random.Random(seed)
    wobble = 0.0
    for step in range(int(days * 288), -1, -1):
        time = end - timedelta(minutes=5 * step)
        before = step / 288
        wobble = 0.97 * wobble + chance.gauss(0, 3.4)
        if any(near <= before <= far for near, far in gaps):
            continue
        hour = time.hour + time.minute / 60
        meals = sum(
            swing * (78 + 40 * math.sin(time.toordinal() * (i + 1) + seed)) * _bump((hour - h - m / 60) % 24)
            for i, (h, m, _) in enumerate(MEALS)
        )
        night = -38 * swing * _bump((hour - 2) % 24) * (1 + math.sin(time.toordinal() * 1.7 + seed))
        value = float(min(401, max(39, round(level + meals + night + wobble * 1.6))))
        yield r.Reading(
            time=time,
            key=f"r{epoch_ms(time)}",
            offset_min=60,
            value=value,
            unit="mg/dL",
            interval_ms=300_000,
            device=SENSOR,
        )


def _bump(hours: float) -> float:
    return math.exp(-(((hours - 1.2) / 0.9) ** 2)) if hours < 6 else 0.0


def events(end: datetime, days: int) -> Iterator[r.Record]:
    for back in range(days, -1, -1):
        for hour, minute, grams in MEALS:
            time = (end - timedelta(days=back)).replace(hour=hour - 1, minute=minute, second=0, microsecond=0)
            if time < end:
                yield r.Food(time=time, key=f"f{epoch_ms(time)}", offset_min=60, carbs_g=grams)
                yield r.Bolus(time=time, key=f"b{epoch_ms(time)}", offset_min=60, action="fast", normal=grams / 10)
    yield r.Exercise(
        time=end - timedelta(hours=5), key="x1", offset_min=60, intensity="medium", duration_ms=45 * 60_000
    )


def settings(end: datetime) -> Iterator[r.Record]:
    for back, low in ((20, 70.0), (6, 75.0)):
        yield r.DeviceSettings(
            time=end - timedelta(days=back),
            key=f"s{back}",
            offset_min=60,
            device=SENSOR,
            low_alert=r.LevelAlert(enabled=True, level_mg_dl=low),
            high_alert=r.LevelAlert(enabled=True, level_mg_dl=220),
        )
    for hours in (24, 72, 80, 190):
        yield r.Alert(time=end - timedelta(hours=hours), key=f"a{hours}", offset_min=60, name="low", state="active")


def documents(
    user_id: str, end: datetime, days: float, seed: int, *, connection: str | None = None, **how: Any
) -> Iterator[Document]:
    connection = connection or f"{user_id}-c"
    owner = Owner(
        user_id=user_id, connection_id=connection, provider="dexcom", zone="Europe/Berlin", delivers_meals=True
    )
    noted = list(events(end, int(days)))
    meals = Meals([epoch_ms(one.time) for one in noted if isinstance(one, r.Food)])
    yield from Enricher(owner, "readings", meals).documents(readings(end, days, seed, **how))
    yield from Enricher(owner, "events").documents([*noted, *settings(end)])
