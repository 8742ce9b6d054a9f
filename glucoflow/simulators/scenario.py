"""A scenario, written down before it is played: people, their habits, their phones, and what changes when.

All of it is plain frozen values. What a record looks like follows from (seed, person, absolute time) alone; when it
can be seen follows from the phone (`Offline`, `upload_delay`) and from the changes, compared with the clock.
"""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Literal

from glucoflow.model.units import MG_DL, Unit

Generation = Literal["g6", "g7"]
DisplayDevice = Literal["iOS", "android", "receiver"]


@dataclass(frozen=True)
class Physiology:
    """How one person's glucose moves. Glucose in mg/dL, times in minutes, shares from 0 to 1."""

    base: float = 120.0
    circadian: float = 8.0
    """Amplitude of the daily wave, highest in the late afternoon."""
    dawn: float = 15.0
    """Rise in the early morning, highest at 07:00."""
    gain: float = 2.0
    """Rise by one gram of carbohydrate, were there no insulin."""
    peak_minutes: float = 60.0
    cover: float = 0.7
    """Share of that rise that a right bolus takes away."""
    dose_sd: float = 0.15
    """How far the doses miss, as a share of the right dose."""
    drift_sd: float = 14.0
    """Slow wandering within hours."""
    day_sd: float = 8.0
    """How much whole days differ."""
    night_lows: float = 0.03
    """Share of nights with a low between 02:00 and 04:00."""
    day_lows: float = 0.05
    """Share of afternoons with a low."""
    compressions: float = 0.06
    """Share of nights in which lying on the sensor shows a low that is none."""


@dataclass(frozen=True)
class Meal:
    """A meal of every day: its usual local hour and size, and how often it is left out."""

    hour: float
    grams: float
    skipped: float = 0.05


@dataclass(frozen=True)
class Habits:
    """What a person does in a day."""

    meals: tuple[Meal, ...] = (Meal(7.5, 45), Meal(12.75, 60), Meal(16.0, 18, 0.5), Meal(19.25, 65))
    grams_per_unit: float = 10.0
    missed_boluses: float = 0.05
    basal_units: float = 18.0
    """Long-acting insulin a day, at 22:00; 0 for a pump, whose basal this cloud does not know."""
    exercise: float = 0.35
    """Share of days with exercise."""
    exercise_hour: float = 17.75
    logged: float = 0.9
    """Share of meals and doses that are written into the app."""


@dataclass(frozen=True)
class AlertSettings:
    """The phone's alert settings from `since` on. Levels in mg/dL, rates in mg/dL/min, times in minutes."""

    since: datetime
    low: int = 70
    high: int = 250
    rise: int | None = None
    """None: switched off."""
    fall: int = 3
    urgent_low: int = 55
    out_of_range_minutes: int = 20
    snooze_low: int = 30
    snooze_high: int = 120


@dataclass(frozen=True)
class Gap:
    """Half-open span of time, used for sensor gaps (nothing measured)."""

    start: datetime
    end: datetime


@dataclass(frozen=True)
class Offline:
    """The phone has no network: what it measures from `start` on is uploaded at `end`, all at once."""

    start: datetime
    end: datetime


@dataclass(frozen=True)
class Journey:
    """The person lives by the clock of another zone for a while."""

    start: datetime
    end: datetime
    zone: str


@dataclass(frozen=True)
class ReviseReadings:
    """At `at` the cloud changes the readings of [start, end) by `by` mg/dL."""

    at: datetime
    start: datetime
    end: datetime
    by: int = 7


@dataclass(frozen=True)
class UpdateEvents:
    """At `at` the person corrects the numbers of the events of [start, end): status `updated`, value times `factor`."""

    at: datetime
    start: datetime
    end: datetime
    factor: float = 2.0
    kinds: tuple[str, ...] = ("insulin", "carbs", "exercise")


@dataclass(frozen=True)
class DeleteEvents:
    """At `at` the person deletes the events of [start, end): eventStatus `deleted`, same recordId."""

    at: datetime
    start: datetime
    end: datetime
    kinds: tuple[str, ...] = ("insulin", "carbs", "exercise", "health", "bloodGlucose", "notes")


@dataclass(frozen=True)
class AddEvent:
    """At `at` the person enters an event that took place at `time`."""

    at: datetime
    time: datetime
    kind: str
    value: str | None
    unit: str | None
    subtype: str | None = None


Change = ReviseReadings | UpdateEvents | DeleteEvents | AddEvent


@dataclass(frozen=True)
class SimulatedPerson:
    """One account. `since`: nothing is known before; `unit` is what the person reads, the cloud speaks mg/dL."""

    id: str
    name: str
    zone: str
    since: datetime
    unit: Unit = MG_DL
    generation: Generation = "g7"
    display_device: DisplayDevice = "iOS"
    body: Physiology = Physiology()
    habits: Habits = Habits()
    settings: tuple[AlertSettings, ...] = ()
    gaps: tuple[Gap, ...] = ()
    offline: tuple[Offline, ...] = ()
    journeys: tuple[Journey, ...] = ()
    changes: tuple[Change, ...] = ()


@dataclass(frozen=True)
class Scenario:
    """Everybody there is. `upload_delay`: how long after the measurement a record can be seen (Dexcom: 1 to 3 h)."""

    people: tuple[SimulatedPerson, ...]
    seed: int = 0
    upload_delay: timedelta = timedelta(0)

    def person(self, person_id: str) -> SimulatedPerson:
        """The person of that id. Raises KeyError."""
        return {person.id: person for person in self.people}[person_id]


@dataclass(frozen=True)
class Client:
    """A registered app: what `client_id`, `client_secret` and `redirect_uri` must be."""

    id: str = "glucoflow-demo"
    secret: str = field(default="not-a-secret", repr=False)
    redirect_uris: tuple[str, ...] = ("http://localhost:8321/oauth/callback", "http://127.0.0.1:8321/oauth/callback")
