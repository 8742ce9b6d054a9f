"""The providers there are: those whose descriptions installed packages name, and those that cannot be loaded."""

from collections.abc import Mapping
from importlib.metadata import entry_points
from typing import Any

import msgspec

from glucoflow.model.errors import Misconfigured
from glucoflow.provider import Provider

GROUP = "glucoflow.connectors"


class Installed(msgspec.Struct, frozen=True, kw_only=True):
    """The providers there are, by name, and those that cannot be loaded, with the reason."""

    providers: Mapping[str, Provider[Any]]
    broken: Mapping[str, str] = {}

    def get(self, name: str) -> Provider[Any]:
        """Raises Misconfigured for a name that none has."""
        if name in self.providers:
            return self.providers[name]
        if name in self.broken:
            raise Misconfigured(
                f"The provider {name!r} cannot be loaded: {self.broken[name]}",
                remedy="Install its package again, or remove it.",
            )
        known = ", ".join(self.providers) or "none; install glucoflow again"
        raise Misconfigured(f"There is no provider called {name!r}.", remedy=f"Known: {known}.")


def installed() -> Installed:
    """Every description that an installed package names. One that cannot be loaded stops nobody else's."""
    providers: dict[str, Provider[Any]] = {}
    broken: dict[str, str] = {}
    for point in sorted(entry_points(group=GROUP), key=lambda point: point.name):
        try:
            found = point.load()
        except Exception as error:  # noqa: BLE001 – whatever another package's code raises when it is imported
            broken[point.name] = f"{type(error).__name__}: {error}"
            continue
        if not isinstance(found, Provider) or found.name != point.name:
            broken[point.name] = f"{point.value} is not the description of a provider of that name"
        else:
            providers[point.name] = found
    return Installed(providers=providers, broken=broken)
