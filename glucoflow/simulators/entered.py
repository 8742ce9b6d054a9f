"""What a person enters into their app: meals, doses, exercise, notes and finger-sticks, whatever cloud they go to."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from glucoflow.simulators.chance import dice
from glucoflow.simulators.day_plan import Plan
from glucoflow.simulators.patient import PatientModel


@dataclass(frozen=True)
class Entry:
    """One thing entered. `name` tells apart what was entered at the same second."""

    at: int
    kind: str
    subtype: str | None
    value: str | None
    unit: str | None
    name: str = ""


def entered(patient: PatientModel, start: int, end: int) -> Iterator[Entry]:
    """What is entered of the days that [start, end) touches, in no order."""
    for plan in patient.plans(start, end):
        yield from _meals(plan)
        yield from _doses(plan)
        for bout in plan.bouts:
            yield Entry(bout.at, "exercise", bout.intensity, str(bout.minutes), "minutes")
        for low in plan.lows:
            yield Entry(low.at + low.minutes * 36, "carbs", None, "15", "grams", "against a low")
        for at, kind in plan.health:
            yield Entry(at, "health", kind, None, None)
        for at, text in plan.notes:
            yield Entry(at, "notes", None, text, None)
        for at in plan.fingersticks:
            yield Entry(at, "bloodGlucose", None, str(metered(patient, at)), "mg/dL")


def _meals(plan: Plan) -> Iterator[Entry]:
    for number, meal in enumerate(plan.meals):
        if meal.logged:
            yield Entry(meal.at, "carbs", None, str(meal.grams), "grams", f"meal {number}")
            if meal.bolus_at is not None:
                yield Entry(meal.bolus_at, "insulin", "fastActing", f"{meal.units:g}", "units", f"meal {number}")


def _doses(plan: Plan) -> Iterator[Entry]:
    for number, dose in enumerate(plan.corrections):
        yield Entry(dose.at, "insulin", "fastActing", f"{dose.units:g}", "units", f"correction {number}")
    if plan.basal is not None:
        at, units = plan.basal
        yield Entry(at, "insulin", "longActing", f"{units:g}", "units")


def metered(patient: PatientModel, at: int) -> int:
    """What a good meter shows: within a few percent of the blood."""
    error = float(dice(patient.seed, patient.person.id, "meter", at).normal(1, 0.04))
    glucose = float(patient.glucose(np.array([at], dtype=np.int64))[0])
    return round(min(400.0, max(40.0, glucose * error)))
