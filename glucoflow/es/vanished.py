"""Which documents are of records that their provider does not have any more, as far as one page can tell."""

from collections import Counter
from collections.abc import Collection, Mapping
from datetime import datetime, timedelta

from glucoflow.es.held import Stored
from glucoflow.model.localtime import epoch_ms

SETTLED = timedelta(hours=3)
"""What is younger may be missing because another of the provider's machines answered: it is left alone."""

_DAY_MS = 24 * 60 * 60 * 1000


def vanished(held: Mapping[str, Stored], standing: Collection[str], kept: Collection[str], now: datetime) -> list[str]:
    """Ids of what is held of a window, and was not in it when it was read again whole.

    `standing` are the ids that came again, `kept` the provider's ids of records that came and were rejected. A UTC day
    of which more is missing than stands is left as it is: then it is the answer that lacks something.
    """
    until = epoch_ms(now - SETTLED)
    stands = Counter(one.time_ms // _DAY_MS for key, one in held.items() if key in standing)
    missing = {key: one for key, one in held.items() if key not in standing and one.record_id not in kept}
    lacks = Counter(one.time_ms // _DAY_MS for one in missing.values())
    return [
        key
        for key, one in missing.items()
        if one.time_ms < until and lacks[one.time_ms // _DAY_MS] <= stands[one.time_ms // _DAY_MS]
    ]
