"""The people of the demo. Made up: any likeness is chance."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from glucoflow.model.units import MMOL_L
from glucoflow.simulators.chance import DAY, dice
from glucoflow.simulators.scenario import AlertSettings, Gap, Habits, Meal, Physiology, Scenario, SimulatedPerson
from glucoflow.simulators.wallclock import epoch, moment

GAP_EVERY = 45 * DAY
ZONES = ("Europe/Rome", "America/Chicago", "Pacific/Auckland", "America/Santiago", "Africa/Cairo", "Africa/Casablanca")
"""Zones that change their clocks on different days; between them, most 90-day spans of a year hold a change."""


def demo_scenario(now: datetime, days: int = 90, seed: int = 0, upload_delay: timedelta = timedelta(0)) -> Scenario:
    """Four people whose data begin `days` before the UTC midnight of `now` and go on for as long as the clock runs."""
    since = datetime.combine(now.astimezone(UTC).date(), datetime.min.time(), UTC) - timedelta(days=days)
    people = (alma(since), bruno(since), chiara(since), dario(since, now, seed))
    return Scenario(people, seed=seed, upload_delay=upload_delay)


def demo_family(now: datetime, days: int = 90, seed: int = 0) -> Scenario:
    """The four, and two whose readings come on other ways (`family.SIGNED_IN`), the one of them for a fortnight."""
    scenario = demo_scenario(now, days, seed)
    since = scenario.people[0].since
    return replace(scenario, people=(*scenario.people, emil(since), frida(since + timedelta(days=max(0, days - 14)))))


def emil(since: datetime) -> SimulatedPerson:
    """An adult who wears a sensor of another maker; about 70 % in range."""
    return SimulatedPerson(
        id="emil",
        name="Emil",
        zone="Europe/Vienna",
        since=since,
        generation="g7",
        display_device="android",
        body=Physiology(base=148, gain=2.7, cover=0.57, dose_sd=0.18, drift_sd=25, day_sd=14, dawn=18, day_lows=0.1),
        settings=_settings(since, high=240),
    )


def frida(since: datetime) -> SimulatedPerson:
    """A student whose readings arrive on two ways at once: at once from one cloud, later from another."""
    return SimulatedPerson(
        id="frida",
        name="Frida",
        zone="Europe/Stockholm",
        since=since,
        generation="g7",
        display_device="iOS",
        body=Physiology(base=144, gain=2.6, cover=0.6, dose_sd=0.16, drift_sd=22, day_sd=12, dawn=16, day_lows=0.08),
        settings=_settings(since, high=250),
    )


def alma(since: datetime) -> SimulatedPerson:
    """An adult in good control: about 80 % of the time in range."""
    return SimulatedPerson(
        id="alma",
        name="Alma",
        zone="Europe/Berlin",
        since=since,
        generation="g7",
        display_device="iOS",
        body=Physiology(base=141, gain=2.5, cover=0.6, dose_sd=0.14, drift_sd=23, day_sd=12, dawn=14, day_lows=0.10),
        settings=_settings(since, high=220),
    )


def bruno(since: datetime) -> SimulatedPerson:
    """An adult with lows between 02:00 and 04:00 in a third of the nights; about 65 % in range."""
    return SimulatedPerson(
        id="bruno",
        name="Bruno",
        zone="America/New_York",
        since=since,
        generation="g6",
        display_device="android",
        body=Physiology(
            base=150,
            gain=2.9,
            cover=0.55,
            dose_sd=0.22,
            drift_sd=24,
            day_sd=15,
            dawn=22,
            night_lows=1 / 3,
            day_lows=0.12,
        ),
        habits=Habits(missed_boluses=0.12, basal_units=24, grams_per_unit=9, exercise=0.25),
        settings=_settings(since, high=260),
    )


def chiara(since: datetime) -> SimulatedPerson:
    """A child who reads mmol/L, with a pump; about 58 % in range."""
    meals = (Meal(7.25, 35), Meal(10.5, 16, 0.2), Meal(12.5, 40), Meal(15.75, 25, 0.2), Meal(18.25, 45))
    return SimulatedPerson(
        id="chiara",
        name="Chiara",
        zone="Australia/Sydney",
        since=since,
        unit=MMOL_L,
        generation="g7",
        display_device="iOS",
        body=Physiology(
            base=166, gain=4.8, cover=0.6, dose_sd=0.25, drift_sd=28, day_sd=16, dawn=18, day_lows=0.3, night_lows=0.08
        ),
        habits=Habits(
            meals=meals,
            missed_boluses=0.1,
            basal_units=0,
            grams_per_unit=18,
            exercise=0.55,
            exercise_hour=15.5,
            logged=0.8,
        ),
        settings=_settings(since, high=240, rise=3),
    )


def dario(since: datetime, now: datetime, seed: int) -> SimulatedPerson:
    """A teenager who forgets doses, whose sensor falls off for days, and whose clocks change; about 50 % in range."""
    meals = (
        Meal(7.0, 50, 0.35),
        Meal(10.75, 30, 0.3),
        Meal(13.5, 80),
        Meal(17.0, 40, 0.3),
        Meal(20.25, 95),
        Meal(22.75, 35, 0.6),
    )
    return SimulatedPerson(
        id="dario",
        name="Dario",
        zone=zone_with_change(since, now),
        since=since,
        generation="g7",
        display_device="android",
        body=Physiology(
            base=156, gain=2.5, cover=0.5, dose_sd=0.3, drift_sd=34, day_sd=22, dawn=28, day_lows=0.25, night_lows=0.06
        ),
        habits=Habits(
            meals=meals,
            missed_boluses=0.3,
            basal_units=28,
            grams_per_unit=8,
            exercise=0.4,
            exercise_hour=18.5,
            logged=0.6,
        ),
        settings=_settings(since, high=300),
        gaps=sensor_gaps(since, now, seed),
    )


def zone_with_change(since: datetime, now: datetime) -> str:
    """The first of `ZONES` whose clocks change well inside [since, now), else one that changes in it at all."""
    for margin in (timedelta(days=7), timedelta(0)):
        for name in ZONES:
            zone = ZoneInfo(name)
            begin, end = (since + margin).astimezone(zone), (now - margin).astimezone(zone)
            dates = [begin + timedelta(days=days) for days in range(max(0, (end - begin).days) + 1)]
            if len({date.utcoffset() for date in (*dates, end)}) > 1:
                return name
    return ZONES[0]


def sensor_gaps(since: datetime, now: datetime, seed: int) -> tuple[Gap, ...]:
    """Three to four and a half days without a sensor in each 45, none of them in the last three days before `now`."""
    spans = []
    for block in range(epoch(since) // GAP_EVERY, epoch(now) // GAP_EVERY + 20):
        rng = dice(seed, "dario", "gap", block)
        start = block * GAP_EVERY + int(rng.integers(3 * DAY, 30 * DAY))
        end = start + int(rng.integers(3 * DAY, 4 * DAY + DAY // 2))
        if end < epoch(now) - 3 * DAY or start > epoch(now) + 3 * DAY:
            spans.append(Gap(moment(start), moment(end)))
    return tuple(spans)


def _settings(since: datetime, high: int, rise: int | None = None) -> tuple[AlertSettings, ...]:
    """The low alert rises from 70 to 75 mg/dL 60 days after the data begin."""
    first = AlertSettings(since=since, high=high, rise=rise)
    return (first, replace(first, since=since + timedelta(days=60), low=75))
