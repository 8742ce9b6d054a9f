"""One strict fake cloud a provider, with made-up people. Nothing here imports a connector."""

from pathlib import Path
from pkgutil import iter_modules

DEMO = "dexcom"
"""The provider whose cloud holds the demo's people."""
DEMO_CLOUDS = (DEMO, "dexcom_share", "librelinkup")
FAMILY = "family"
"""All clouds that the demo needs, as one (`family.py`)."""


def demo_doubles(url: str) -> dict[str, str]:
    """Where each of the demo's providers is, once the family's clouds run at `url`."""
    return dict.fromkeys(DEMO_CLOUDS, url)


def doubles() -> list[str]:
    """The providers that there is a fake cloud of: the packages of this folder."""
    return sorted(module.name for module in iter_modules([str(Path(__file__).parent)]) if module.ispkg)
