"""A strict fake of Dexcom's cloud: OAuth, API v3, four made-up people, and every fault a test may ask for.

In a test: `with running_simulator(demo_world(now), clock=clock) as sim`, then `sim.base_url`, `sim.truth(...)`,
`sim.faults.add(Fault("status", path="egvs", status=429))`.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from glucoflow.simulator.clock import SettableClock
from glucoflow.simulator.faults import Fault, Faults
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

if TYPE_CHECKING:
    from glucoflow.simulator.app import create_app
    from glucoflow.simulator.people import demo_world
    from glucoflow.simulator.server import Simulator, run, running_simulator

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

_LATER = {
    "create_app": "app", "demo_world": "people", "Simulator": "server", "run": "server", "running_simulator": "server",
}  # fmt: skip


def __getattr__(name: str) -> Any:
    """What makes and serves data is loaded when first asked for: it takes a second that no other command needs."""
    if name not in _LATER:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_LATER[name]}"), name)
