"""A person's glucose, and what their sensor makes of it.

The curve is a sum: a level that differs from day to day, a daily wave with a rise at dawn, an AR(2) wander,
gamma-shaped rises after meals less what the bolus takes away, and drops after exercise; then bent softly at both ends,
so that it neither falls under 30 nor climbs over 460 mg/dL. It is made to look right on a screen and to be exact to
repeat. It is no model of physiology and nothing may be learnt from it.
"""

from dataclasses import dataclass
from datetime import date, timedelta
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from glucoflow.simulators.chance import STEP, Floats, Ints, wandering
from glucoflow.simulators.day_plan import Dip, Plan, plan_day
from glucoflow.simulators.scenario import SimulatedPerson
from glucoflow.simulators.sensor import Sensors, Session
from glucoflow.simulators.wallclock import epoch, local_dates, offsets

REACH = 12 * 3600
"""How long a meal, a dose or exercise is felt, in seconds; cut off there, so that every stretch sees the same."""
LOWEST, HIGHEST = 39, 401
"""What the cloud says for `below 40` and `above 400` mg/dL."""


@dataclass(frozen=True)
class Readings:
    """Readings of a stretch, ascending. `rate` in mg/dL/min, NaN where there is none; `session` indexes `sessions`."""

    times: Ints
    values: Ints
    rates: Floats
    session: Ints
    sessions: tuple[Session, ...]


class PatientModel:
    """One person's days under one seed. Any stretch may be asked for at any time."""

    def __init__(self, person: SimulatedPerson, seed: int) -> None:
        self.person = person
        self.seed = seed
        self.sensors = Sensors(person, seed)
        self.plan = lru_cache(maxsize=1024)(self._plan)

    def plans(self, start: int, end: int) -> list[Plan]:
        """The plans of all local days that [start, end) touches, and of the days around."""
        days = local_dates(self.person, start, end)
        return [self.plan(day) for day in (days[0] - timedelta(days=1), *days, days[-1] + timedelta(days=1))]

    def glucose(self, times: Ints) -> Floats:
        """Blood glucose in mg/dL at each of `times` (ascending)."""
        if times.size == 0:
            return np.zeros(0)
        plans = self.plans(int(times[0]) - REACH, int(times[-1]) + 1)
        body = self.person.body
        at = times.astype(np.float64)
        hour = (at + offsets(self.person, times)) / 3600 % 24
        level = np.interp(at, [plan.noon for plan in plans], [plan.level for plan in plans])
        wave = body.circadian * np.cos((hour - 17) * np.pi / 12) + body.dawn * np.exp(-(((hour - 7) / 1.8) ** 2))
        total = body.base + level + wave + body.drift_sd * self._wander("drift", times, 0.96, 0.75)
        for plan in plans:
            total += self._acts(plan, at)
        bent = _bend(total)
        for plan in plans:
            for low in plan.lows:
                bent = _drawn(bent, at, low)
        return bent

    def readings(self, start: int, end: int) -> Readings:
        """What the sensor reports within [start, end): gaps and warm-ups left out, pinned at its limits."""
        lead = start - 5 * STEP
        worn = tuple(self.sensors.worn(lead, end))
        pieces = [session.times(max(lead, epoch(self.person.since)), end) for session in worn]
        times = np.concatenate(pieces) if pieces else np.zeros(0, dtype=np.int64)
        index = np.repeat(np.arange(len(pieces), dtype=np.int64), [piece.size for piece in pieces])
        heard = self._heard(times)
        times, index = times[heard], index[heard]
        sensed = self._sensed(times, index, worn)
        values = np.clip(np.rint(sensed), LOWEST, HIGHEST).astype(np.int64)
        rates = _rates(times, sensed)
        rates[(values <= LOWEST) | (values >= HIGHEST)] = np.nan
        inside = times >= start
        return Readings(times[inside], values[inside], rates[inside], index[inside], worn)

    def _plan(self, day: date) -> Plan:
        return plan_day(self.person, self.seed, day)

    def _wander(self, purpose: str, times: Ints, memory: float, inertia: float) -> Floats:
        slots = times // STEP
        first, last = int(slots[0]), int(slots[-1])
        whole = wandering(self.seed, self.person.id, purpose, first, last - first + 1, memory, inertia)
        picked: Floats = whole[slots - first]
        return picked

    def _acts(self, plan: Plan, at: Floats) -> Floats:
        """What the meals, doses and exercise of one day add up to at each moment."""
        body = self.person.body
        total: Floats = np.zeros(at.size)
        for meal in plan.meals:
            if not _felt(meal.at, at):
                continue
            total += body.gain * meal.grams * _surge(at, meal.at, body.peak_minutes, 1.4)
            if meal.bolus_at is not None:
                taken = body.cover * body.gain * meal.grams * meal.dose
                total -= taken * _surge(at, meal.bolus_at, body.peak_minutes + 50, 2.0)
        for dose in plan.corrections:
            if _felt(dose.at, at):
                total -= dose.drop * _surge(at, dose.at, 110, 2.0)
        for bout in plan.bouts:
            if _felt(bout.at, at):
                total -= bout.drop * _surge(at, bout.at, bout.minutes + 40, 1.6)
        return total

    def _heard(self, times: Ints) -> NDArray[np.bool_]:
        heard = np.ones(times.size, dtype=np.bool_)
        if times.size == 0:
            return heard
        silences = [silence for plan in self.plans(int(times[0]), int(times[-1]) + 1) for silence in plan.silences]
        silences += [(epoch(gap.start), epoch(gap.end)) for gap in self.person.gaps]
        for begin, end in silences:
            heard &= (times < begin) | (times >= end)
        return heard

    def _sensed(self, times: Ints, index: Ints, worn: tuple[Session, ...]) -> Floats:
        if times.size == 0:
            return np.zeros(0)
        bias = np.array([session.bias for session in worn])[index]
        sensed: Floats = self.glucose(times) * (1 + bias) + 2.2 * self._wander("sensor", times, 0.6, 0.0)
        at = times.astype(np.float64)
        for plan in self.plans(int(times[0]), int(times[-1]) + 1):
            for compression in plan.compressions:
                sensed = _drawn(sensed, at, compression)
        return sensed


def _felt(at: int, times: Floats) -> bool:
    return bool(at < times[-1] and at + REACH > times[0])


def _surge(times: Floats, at: int, peak_minutes: float, sharpness: float) -> Floats:
    """A gamma shape: 0 until `at`, 1 at its peak, then fading."""
    since = times - at
    x = np.where((since > 0) & (since < REACH), since, 0.0) / (60.0 * peak_minutes)
    shape: Floats = (x * np.exp(1.0 - x)) ** sharpness
    return shape


def _drawn(glucose: Floats, times: Floats, dip: Dip) -> Floats:
    """Glucose drawn to the dip's target with soft flanks; a dip never raises."""
    middle, half = dip.at + dip.minutes * 30, dip.minutes * 30
    if middle + 2 * half < times[0] or middle - 2 * half > times[-1]:
        return glucose
    away = np.abs(times - middle) / half
    weight = np.where(away < 2, np.exp(-((away / 0.95) ** 4)), 0.0)
    drawn: Floats = np.minimum(glucose, glucose * (1 - weight) + dip.target * weight)
    return drawn


def _bend(glucose: Floats) -> Floats:
    """Identity between 80 and 300 mg/dL; beyond, ever flatter towards 30 and 460, with a continuous slope."""
    low = 80 - 50 * (1 - np.exp(-np.maximum(80 - glucose, 0) / 50))
    high = 300 + 160 * (1 - np.exp(-np.maximum(glucose - 300, 0) / 160))
    return np.where(glucose < 80, low, np.where(glucose > 300, high, glucose))


def _rates(times: Ints, sensed: Floats) -> Floats:
    """Slope over the last three steps, in mg/dL/min to one decimal; NaN unless all of them were heard."""
    rates = np.full(times.size, np.nan)
    if times.size > 3:
        whole = times[3:] - times[:-3] == 3 * STEP
        rates[3:][whole] = np.round((sensed[3:] - sensed[:-3])[whole] / 15.0, 1)
    return rates
