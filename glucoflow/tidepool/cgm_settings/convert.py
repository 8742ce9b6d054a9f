"""Our `DeviceSettings` and Tidepool's cgmSettings, each from the other."""

from glucoflow.model.errors import Rejected
from glucoflow.model.records import Device, DeviceSettings, LevelAlert, OutOfRangeAlert, RateAlert
from glucoflow.model.units import MG_DL
from glucoflow.tidepool.cgm_settings.schema import CgmSettings, Level, Rate, Rates, SignalLoss, in_units


def of_record(record: DeviceSettings) -> CgmSettings:
    """The cgmSettings of a device's settings. Alerts that v1 does not know (urgent low) have no place in it."""
    device = record.device or Device()
    settings = CgmSettings(
        time=record.time,
        timezone=record.zone,
        timezone_offset=record.offset_min,
        device_id=device.id,
        annotations=record.annotations,
        payload=record.payload,
        firmware_version=record.firmware_version,
        hardware_version=record.hardware_version,
        software_version=record.software_version,
        manufacturers=record.manufacturers,
        model=device.model,
        name=device.name,
        serial_number=device.serial_number,
        transmitter_id=device.transmitter_id,
        high_alerts=_level(record.high_alert),
        low_alerts=_level(record.low_alert),
        out_of_range_alerts=_signal_loss(record.out_of_range_alert),
        rate_of_change_alert=_rates(record.fall_alert, record.rise_alert),
    )
    return in_units(settings, record.units)


def _level(alert: LevelAlert | None) -> Level | None:
    """v1 demands level and snooze: an alert without a level is left out, no snooze is 0."""
    if alert is None or alert.level_mg_dl is None:
        return None
    return Level(enabled=alert.enabled, level=alert.level_mg_dl, snooze=alert.snooze_ms or 0)


def _signal_loss(alert: OutOfRangeAlert | None) -> SignalLoss | None:
    return SignalLoss(enabled=alert.enabled, snooze=alert.threshold_ms or 0) if alert else None


def _rates(fall: RateAlert | None, rise: RateAlert | None) -> Rates | None:
    """v1 demands both rates: one that is not known is switched off."""
    if fall is None and rise is None:
        return None
    off = RateAlert(enabled=False)
    return Rates(fall_rate=_rate(fall or off), rise_rate=_rate(rise or off))


def _rate(alert: RateAlert) -> Rate:
    return Rate(enabled=alert.enabled, rate=alert.rate_mg_dl_min)


def to_record(settings: CgmSettings, key: str) -> DeviceSettings:
    """Our record of it; glucose in mg/dL. Raises Rejected without a time."""
    if settings.time is None:
        raise Rejected("time", "missing")
    wanted = in_units(settings, MG_DL)
    rates = wanted.rate_of_change_alert
    loss = wanted.out_of_range_alerts
    return DeviceSettings(
        time=settings.time,
        key=key,
        record_id=settings.id,
        offset_min=settings.timezone_offset,
        zone=settings.timezone,
        annotations=settings.annotations,
        payload=settings.payload,
        device=Device(
            id=settings.device_id,
            model=settings.model,
            manufacturer=settings.manufacturers[0] if settings.manufacturers else None,
            name=settings.name,
            serial_number=settings.serial_number,
            transmitter_id=settings.transmitter_id,
        ),
        units=settings.units,
        manufacturers=settings.manufacturers,
        firmware_version=settings.firmware_version,
        hardware_version=settings.hardware_version,
        software_version=settings.software_version,
        high_alert=_our_level(wanted.high_alerts),
        low_alert=_our_level(wanted.low_alerts),
        out_of_range_alert=OutOfRangeAlert(enabled=loss.enabled, threshold_ms=round(loss.snooze)) if loss else None,
        fall_alert=_our_rate(rates.fall_rate) if rates else None,
        rise_alert=_our_rate(rates.rise_rate) if rates else None,
    )


def _our_level(alert: Level | None) -> LevelAlert | None:
    return LevelAlert(enabled=alert.enabled, level_mg_dl=alert.level, snooze_ms=alert.snooze) if alert else None


def _our_rate(rate: Rate) -> RateAlert:
    return RateAlert(enabled=bool(rate.enabled), rate_mg_dl_min=rate.rate)
