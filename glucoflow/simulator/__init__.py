"""A strict fake of Dexcom's cloud: OAuth, API v3, four made-up people, and every fault a test may ask for.

In a test: `with running_simulator(demo_world(now), clock=clock) as sim`, then `sim.base_url`, `sim.truth(...)`,
`sim.faults.add(Fault("status", path="egvs", status=429))`.
"""

from glucoflow.simulator.app import create_app
from glucoflow.simulator.clock import SettableClock
from glucoflow.simulator.faults import Fault, Faults
from glucoflow.simulator.people import demo_world
from glucoflow.simulator.server import Simulator, run, running_simulator
from glucoflow.simulator.world import (
    AddEvent,
    AlertSettings,
    Body,
    Change,
    Client,
    DeleteEvents,
    Habits,
    Journey,
    Meal,
    Offline,
    Person,
    ReviseReadings,
    Span,
    UpdateEvents,
    World,
)

__all__ = [
    "AddEvent",
    "AlertSettings",
    "Body",
    "Change",
    "Client",
    "DeleteEvents",
    "Fault",
    "Faults",
    "Habits",
    "Journey",
    "Meal",
    "Offline",
    "Person",
    "ReviseReadings",
    "SettableClock",
    "Simulator",
    "Span",
    "UpdateEvents",
    "World",
    "create_app",
    "demo_world",
    "run",
    "running_simulator",
]
