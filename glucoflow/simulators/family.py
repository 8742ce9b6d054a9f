"""All clouds that the demo's people need, at one address: each has paths of its own, so that they stay apart."""

from dataclasses import dataclass
from importlib import import_module

from starlette.types import ASGIApp, Receive, Scope, Send

from glucoflow.simulators import DEMO, DEMO_CLOUDS
from glucoflow.simulators.scenario import Scenario
from glucoflow.simulators.serving import AppOptions

_PATHS = {"ShareWebServices": "dexcom_share", "llu": "librelinkup"}


@dataclass(frozen=True)
class SignedIn:
    """What one of the people types into a provider's form."""

    person: str
    provider: str
    values: dict[str, str]


SIGNED_IN = (
    SignedIn("emil", "librelinkup", {"email": "emil@example.org", "password": "emil-libre"}),
    SignedIn("frida", "dexcom_share", {"user": "frida@example.org", "password": "frida-share"}),
)
ONLY_SIGNED_IN = ("emil",)
"""Those who have no other connection."""


def demo_app(scenario: Scenario, options: AppOptions) -> ASGIApp:
    """Each request to the cloud whose path it has; all others to the demo's main one."""
    apps = {name: import_module(f"glucoflow.simulators.{name}").demo_app(scenario, options) for name in DEMO_CLOUDS}

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        first = scope.get("path", "").strip("/").partition("/")[0]
        await apps[_PATHS.get(first, DEMO)](scope, receive, send)

    return app
