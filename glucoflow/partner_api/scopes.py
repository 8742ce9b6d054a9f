"""What can be shared: each part has a name for programs, words for people, documents of ours and Tidepool's types."""

from collections.abc import Mapping, Sequence

import msgspec

from glucoflow.model.documents import Dataset


class Part(msgspec.Struct, frozen=True):
    """One scope."""

    words: str
    datasets: tuple[Dataset, ...]
    types: tuple[str, ...]


SCOPES: Mapping[str, Part] = {
    "glucose": Part(
        "glucose: sensor readings, finger-sticks and calibrations",
        ("cgm.reading", "glucose.fingerstick", "cgm.calibration"),
        ("cbg", "smbg", "deviceEvent"),
    ),
    "insulin": Part("insulin: boluses and basal", ("insulin.bolus", "insulin.basal"), ("bolus", "basal", "insulin")),
    "food": Part("meals, with their carbohydrate", ("food",), ("food",)),
    "activity": Part("physical activity", ("exercise",), ("physicalActivity",)),
    "health": Part("health entries, and notes as they were written", ("health", "note"), ("reportedState",)),
    "devices": Part(
        "devices: their settings, alerts and uploads",
        ("device.settings", "device.alert", "device.status"),
        ("cgmSettings", "alert", "upload"),
    ),
}


def parts_of(scope: str) -> list[Part]:
    """The parts of a scope, in our order."""
    asked = set(scope.split())
    return [part for name, part in SCOPES.items() if name in asked]


def datasets_of(scope: str, types: Sequence[str]) -> list[Dataset]:
    """What documents hold these types (all, where none is named), as far as the scope goes."""
    wanted = [part for part in parts_of(scope) if not types or set(part.types) & set(types)]
    return [dataset for part in wanted for dataset in part.datasets]
