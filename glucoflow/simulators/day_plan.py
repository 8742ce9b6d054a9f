"""What a person does on one local day: meals, doses, exercise, lows, and the little failures of the sensor."""

from dataclasses import dataclass
from datetime import date

import numpy as np

from glucoflow.simulators.chance import dice
from glucoflow.simulators.scenario import Habits, SimulatedPerson
from glucoflow.simulators.wallclock import at_wall


@dataclass(frozen=True)
class Eating:
    """A meal at `at`; its bolus at `bolus_at`, or None if forgotten. `dose` 1.0 is the right dose."""

    at: int
    grams: int
    bolus_at: int | None
    units: float
    dose: float
    logged: bool


@dataclass(frozen=True)
class Bout:
    """Exercise of `minutes` from `at`; `intensity` light, medium or heavy; `drop` in mg/dL."""

    at: int
    minutes: int
    intensity: str
    drop: float


@dataclass(frozen=True)
class Dip:
    """Glucose (or, for a compression, only the sensor) is drawn to `target` within [at, at + minutes)."""

    at: int
    minutes: int
    target: float


@dataclass(frozen=True)
class Correction:
    """A dose against a high."""

    at: int
    units: float
    drop: float


@dataclass(frozen=True)
class Plan:
    """One local day."""

    level: float
    noon: int
    meals: tuple[Eating, ...]
    corrections: tuple[Correction, ...]
    bouts: tuple[Bout, ...]
    lows: tuple[Dip, ...]
    compressions: tuple[Dip, ...]
    silences: tuple[tuple[int, int], ...]
    basal: tuple[int, float] | None
    fingersticks: tuple[int, ...]
    health: tuple[tuple[int, str], ...]
    notes: tuple[tuple[int, str], ...]


def plan_day(person: SimulatedPerson, seed: int, day: date) -> Plan:
    """The plan of one local day; depends on nothing but its arguments."""
    rng = dice(seed, person.id, "plan", day.toordinal())
    habits, body = person.habits, person.body
    meals = _meals(person, day, rng)
    lows = _lows(person, day, rng)
    return Plan(
        level=float(rng.normal(0, body.day_sd)),
        noon=at_wall(person, day, 720),
        meals=meals,
        corrections=_corrections(meals, habits, body.gain, rng),
        bouts=_bouts(person, day, rng),
        lows=lows,
        compressions=_compressions(person, day, rng),
        silences=_silences(person, day, rng),
        basal=(at_wall(person, day, float(rng.normal(1320, 12))), habits.basal_units) if habits.basal_units else None,
        fingersticks=tuple(at_wall(person, day, float(rng.uniform(420, 1290))) for _ in range(int(rng.poisson(0.6)))),
        health=_health(person, day, lows, rng),
        notes=_notes(person, day, rng),
    )


def _meals(person: SimulatedPerson, day: date, rng: np.random.Generator) -> tuple[Eating, ...]:
    habits = person.habits
    late = 40.0 if day.isoweekday() > 5 else 0.0
    eaten = []
    for meal in habits.meals:
        skipped, missed, logged = rng.random(3)
        minute, size = float(rng.normal(meal.hour * 60 + late, 22)), float(rng.normal(1, 0.22))
        dose, early = float(rng.normal(1, person.body.dose_sd)), float(rng.uniform(-15, 12))
        if skipped < meal.skipped:
            continue
        at, grams = at_wall(person, day, minute), max(8, round(size * meal.grams))
        eaten.append(
            Eating(
                at=at,
                grams=grams,
                bolus_at=None if missed < habits.missed_boluses else at + int(early * 60),
                units=max(0.5, round(grams / habits.grams_per_unit * max(0.4, dose) * 2) / 2),
                dose=max(0.4, dose),
                logged=bool(logged < habits.logged),
            )
        )
    return tuple(eaten)


def _corrections(
    meals: tuple[Eating, ...], habits: Habits, gain: float, rng: np.random.Generator
) -> tuple[Correction, ...]:
    """A forgotten bolus is often noticed about two and a half hours later."""
    found = []
    for meal in meals:
        noticed, wait = rng.random() < 0.7, int(rng.normal(150, 20) * 60)
        if meal.bolus_at is None and noticed:
            units = max(0.5, round(meal.grams / habits.grams_per_unit) / 2)
            found.append(Correction(at=meal.at + wait, units=units, drop=0.3 * gain * meal.grams))
    return tuple(found)


def _bouts(person: SimulatedPerson, day: date, rng: np.random.Generator) -> tuple[Bout, ...]:
    minute, minutes = float(rng.normal(person.habits.exercise_hour * 60, 35)), 5 * int(rng.integers(5, 16))
    strength = int(rng.integers(3))
    if rng.random() >= person.habits.exercise:
        return ()
    drop = (14.0, 26.0, 38.0)[strength] * minutes / 45
    return (Bout(at_wall(person, day, minute), minutes, ("light", "medium", "heavy")[strength], drop),)


def _lows(person: SimulatedPerson, day: date, rng: np.random.Generator) -> tuple[Dip, ...]:
    night, afternoon = rng.random(2) < (person.body.night_lows, person.body.day_lows)
    minute, length, target = float(rng.uniform(105, 135)), int(rng.integers(75, 130)), float(rng.uniform(46, 63))
    later, short, mild = float(rng.uniform(900, 1110)), int(rng.integers(45, 80)), float(rng.uniform(50, 67))
    deep = rng.random() < 0.05
    found = []
    if night:
        found.append(Dip(at_wall(person, day, minute), length, 34.0 if deep else target))
    if afternoon:
        found.append(Dip(at_wall(person, day, later), short, mild))
    return tuple(found)


def _compressions(person: SimulatedPerson, day: date, rng: np.random.Generator) -> tuple[Dip, ...]:
    minute, length, target = float(rng.uniform(270, 390)), int(rng.integers(20, 40)), float(rng.uniform(48, 66))
    return (Dip(at_wall(person, day, minute), length, target),) if rng.random() < person.body.compressions else ()


def _silences(person: SimulatedPerson, day: date, rng: np.random.Generator) -> tuple[tuple[int, int], ...]:
    """Short losses of signal whose readings never come: the phone left behind, the Bluetooth gone."""
    found = []
    for _ in range(int(rng.poisson(0.25))):
        at = at_wall(person, day, float(rng.uniform(0, 1440)))
        found.append((at, at + int(min(150.0, 16 + rng.exponential(28)) * 60)))
    return tuple(found)


def _health(
    person: SimulatedPerson, day: date, lows: tuple[Dip, ...], rng: np.random.Generator
) -> tuple[tuple[int, str], ...]:
    found = [(low.at + low.minutes * 33, "lowSymptoms") for low in lows if rng.random() < 0.5]
    if rng.random() < 0.05:
        kind = ("stress", "illness", "highSymptoms", "alcohol")[int(rng.integers(4))]
        found.append((at_wall(person, day, float(rng.uniform(540, 1290))), kind))
    return tuple(found)


def _notes(person: SimulatedPerson, day: date, rng: np.random.Generator) -> tuple[tuple[int, str], ...]:
    if rng.random() >= 0.08:
        return ()
    texts = ("Pizza with friends", "New insulin pen", "Long meeting, sat all day", "Slept badly", "Birthday cake")
    return ((at_wall(person, day, float(rng.uniform(600, 1290))), texts[int(rng.integers(len(texts)))]),)
