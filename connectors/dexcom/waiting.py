"""How long a server asked to be left alone: `Retry-After` in seconds or as an HTTP date (RFC 9110, 10.2.3)."""

from datetime import datetime, timedelta
from email.utils import parsedate_to_datetime

import requests

LONGEST = timedelta(hours=1)
"""A longer wait than this is taken as this: the next poll will ask again anyway."""


def retry_after_seconds(response: requests.Response) -> float | None:
    """Seconds to wait by the server's own clock (its `Date` header); None if it said nothing that can be used."""
    said = response.headers.get("Retry-After", "").strip()
    if said.isascii() and said.isdigit():
        return min(float(said[:9]), LONGEST.total_seconds())
    until, sent = _date(said), _date(response.headers.get("Date", ""))
    if until is None or sent is None:
        return None
    wait = until - sent
    return min(max(wait, timedelta()), LONGEST).total_seconds() if wait < timedelta(days=1) else None


def _date(text: str) -> datetime | None:
    try:
        date = parsedate_to_datetime(text)
    except (ValueError, TypeError, IndexError):
        return None
    return date if date.tzinfo else None
