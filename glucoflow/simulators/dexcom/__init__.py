"""A strict fake of Dexcom's cloud: OAuth, API v3, four made-up people, and every fault a test may ask for.

In a test: `with running_simulator(demo_scenario(now), clock=clock) as sim`, then `sim.base_url`, `sim.truth(...)`,
`sim.faults.add(Fault("status", path="egvs", status=429))`.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from glucoflow.simulators.fault_injection import Fault, Faults
from glucoflow.simulators.scenario import (
    AddEvent,
    AlertSettings,
    Change,
    Client,
    DeleteEvents,
    Gap,
    Habits,
    Journey,
    Meal,
    Offline,
    Physiology,
    ReviseReadings,
    Scenario,
    SimulatedPerson,
    UpdateEvents,
)
from glucoflow.simulators.settable_clock import SettableClock

if TYPE_CHECKING:
    from glucoflow.simulators.dexcom.app import create_app
    from glucoflow.simulators.dexcom.server import Simulator, demo_app, running_simulator
    from glucoflow.simulators.people import demo_scenario

__all__ = [
    "AddEvent",
    "AlertSettings",
    "Change",
    "Client",
    "DeleteEvents",
    "Fault",
    "Faults",
    "Gap",
    "Habits",
    "Journey",
    "Meal",
    "Offline",
    "Physiology",
    "ReviseReadings",
    "Scenario",
    "SettableClock",
    "SimulatedPerson",
    "Simulator",
    "UpdateEvents",
    "create_app",
    "demo_app",
    "demo_scenario",
    "running_simulator",
]

_LATER = {
    "create_app": "dexcom.app",
    "demo_scenario": "people",
    "Simulator": "dexcom.server",
    "demo_app": "dexcom.server",
    "running_simulator": "dexcom.server",
}


def __getattr__(name: str) -> Any:
    """What makes and serves data is loaded when first asked for: it takes a second that no other command needs."""
    if name not in _LATER:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"glucoflow.simulators.{_LATER[name]}"), name)
