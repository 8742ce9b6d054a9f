"""Dexcom's times: `systemTime` is UTC by the device's clock, `displayTime` what its owner saw.

Phone apps send `2026-03-08T09:55:03Z` and `2026-03-08T01:55:03-08:00`; receivers send no offsets. Real traffic also
holds missing seconds, single digits, fractions, a blank instead of T, offsets with seconds and strings that break off
(Tidepool platform, dexcom/time.go and commits of BACK-1161, 2020, and 2024-05-30).
"""

import re
from datetime import UTC, datetime, timedelta

_ODD = re.compile(
    r"""\s* (\d{4})-(\d{1,2})-(\d{1,2})
        (?: [Tt] | \s ) \s* (\d{1,2}) : (\d{1,2}) (?: :(\d{1,2}) (?: [.,](\d*) )? )? :?
        \s* ( [Zz] | [+-]\d{1,2} (?: :?\d{2} (?: :?\d{2} )? )? )? \s*""",
    re.VERBOSE,
)
_OFFSET = re.compile(r"([+-])(\d{1,2}):?(\d{2})?:?(\d{2})?")
_QUARTER_HOUR = timedelta(minutes=15)
"""Kathmandu is 5:45 ahead of UTC, Eucla 8:45."""
FURTHEST_WEST_MIN, FURTHEST_EAST_MIN = -12 * 60, 14 * 60


def system_time(text: str) -> datetime:
    """The instant, aware UTC; without a zone it is UTC. Raises ValueError where date or minute cannot be read."""
    if len(text) == 20 and text[10] == "T" and text[19] == "Z":
        return datetime.fromisoformat(text)
    local, offset_s = _parse(text)
    try:
        return (local - timedelta(seconds=offset_s or 0)).replace(tzinfo=UTC)
    except OverflowError:
        raise ValueError("not a time") from None


def offset_min(display: str | None, system: datetime) -> int | None:
    """Minutes that the owner's clock was ahead of UTC; None where the record does not say.

    An offset with seconds (-06:59:58) is rounded to the minute. Without an offset it is displayTime − systemTime to
    the nearest quarter of an hour, whole days taken off (a display whose date is wrong still shows the right zone).
    Equal times say nothing: receivers often show UTC. An unreadable displayTime says nothing either.
    """
    if display is None:
        return None
    try:
        local, offset_s = _parse(display)
    except ValueError:
        return None
    if offset_s:
        return _bounded(round(offset_s / 60))
    if offset_s == 0 and display.rstrip()[-1] not in "Zz":
        return 0
    difference = round((local.replace(tzinfo=UTC) - system) / _QUARTER_HOUR) * 15
    if difference > FURTHEST_EAST_MIN:
        return (difference - FURTHEST_EAST_MIN - 1) % 1440 + FURTHEST_EAST_MIN + 1 - 1440
    if difference < FURTHEST_WEST_MIN:
        return (difference - FURTHEST_WEST_MIN) % 1440 + FURTHEST_WEST_MIN
    return difference or None


def has_zone(display: str) -> bool:
    """Whether a time says its zone, as phones' do and receivers' do not."""
    match = _ODD.fullmatch(display)
    return match is not None and match[8] not in (None, "Z", "z")


def shows_utc(display: str, system: datetime) -> bool:
    """Whether a display without a zone shows UTC: its owner is there, or it was never told where they are."""
    try:
        local, offset_s = _parse(display)
    except ValueError:
        return False
    return not offset_s and not has_zone(display) and round((local.replace(tzinfo=UTC) - system) / _QUARTER_HOUR) == 0


def _bounded(minutes: int) -> int | None:
    return minutes if FURTHEST_WEST_MIN <= minutes <= FURTHEST_EAST_MIN else None


def _parse(text: str) -> tuple[datetime, int | None]:
    """Wall clock and offset in seconds (None if there is none)."""
    match = _ODD.fullmatch(text)
    if match is None:
        raise ValueError("not a time")
    year, month, day, hour, minute, second, fraction, zone = match.groups()
    micros = int((fraction or "").ljust(6, "0")[:6] or 0)
    local = datetime(  # noqa: DTZ001 – a wall clock; the callers know its zone
        int(year), int(month), int(day), int(hour), int(minute), int(second or 0), micros
    )
    return local, _offset_s(zone)


def _offset_s(zone: str | None) -> int | None:
    if zone is None:
        return None
    if zone in "Zz":
        return 0
    match = _OFFSET.fullmatch(zone)
    if match is None:
        raise ValueError("not an offset")
    sign, hours, minutes, seconds = match.groups()
    size = int(hours) * 3600 + int(minutes or 0) * 60 + int(seconds or 0)
    return -size if sign == "-" else size


def request_time(time: datetime) -> str:
    """As Dexcom wants it in a query: UTC, whole seconds, and no zone suffix (one is answered with 400)."""
    return time.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S")
