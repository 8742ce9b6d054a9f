"""Documents as a partner gets them: Tidepool records with every field of its guide's tables."""

from typing import Any

import msgspec

from glucoflow.model.documents import Document
from glucoflow.model.records import NO_PAYLOAD, Device
from glucoflow.model.units import Unit
from glucoflow.tidepool import tidepool_record
from glucoflow.tidepool.cgm_settings.schema import CgmSettings
from glucoflow.tidepool.wire import TidepoolRecord

UNKNOWN = "unknown"
"""For what the guide asks of every device and nobody told us."""

SharedRecord = TidepoolRecord | CgmSettings


def shared_record(document: Document, units: Unit | None = None) -> SharedRecord | None:
    """The record of a document, without what its provider sent beside it. None for what has no form there."""
    source = document.source
    record = tidepool_record(
        msgspec.structs.replace(document, source=msgspec.structs.replace(source, payload=NO_PAYLOAD)), units
    )
    if record is None or isinstance(record, CgmSettings):
        return record
    return msgspec.structs.replace(record, **_device(source.device or Device(), source.event.provider))


def _device(device: Device, provider: str) -> dict[str, Any]:
    """A display name is put together from maker and model where there is none, as the guide says."""
    maker, model = device.manufacturer or UNKNOWN, device.model or device.name or UNKNOWN
    together = " ".join(part for part in (device.manufacturer, device.model) if part)
    return {
        "device_id": device.id or device.transmitter_id or f"{provider}-{UNKNOWN}",
        "device_manufacturer": maker,
        "device_model": model,
        "device_name": device.name or together or UNKNOWN,
        "device_serial_number": device.serial_number or device.transmitter_id or UNKNOWN,
    }
