"""Nightscout's API v2: tokens, and the properties that watch faces and menu bars show. Also Pebble's one address.

Nothing is made up: insulin and carbohydrates on board are left out, since no loop's word is passed on as ours.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from glucoflow.api.exchange import Answer, Asked, as_json
from glucoflow.api.held import Found
from glucoflow.api.site import Site, reader
from glucoflow.model.localtime import HOUR_MS, epoch_ms
from glucoflow.model.units import MMOL_L, to_mmol_l
from glucoflow.nightscout.criteria import Condition, Criteria
from glucoflow.nightscout.directions import ARROWS, NUMBERS
from glucoflow.nightscout.moments import utc_text
from glucoflow.store import App

BUCKET_MS = 300_000
BUCKETS = 4


def token(site: Site, asked: Asked, given: str) -> Answer:
    """A token for a secret. A cached one would be expired, and lock AndroidAPS out, so nobody keeps it."""
    app = site.access.app_by([given], asked.address)
    return as_json(site.access.token(app), headers={"Cache-Control": "no-store", "Pragma": "no-cache"})


def properties(site: Site, asked: Asked, app: App | None, names: Sequence[str]) -> Answer:
    """The named ones, or all; a name that is not known has none."""
    person = site.person(reader(app))
    in_mmol = (asked.first("units") or person.unit).startswith("mmol")
    every = _properties(site, app, epoch_ms(site.clock()), in_mmol)
    wanted = [name for part in names for name in part.split(",") if name]
    body = {name: value for name, value in every.items() if not wanted or name in wanted}
    return as_json(body)


def pebble(site: Site, asked: Asked, app: App | None) -> Answer:
    """The newest readings as Pebble watches had them: glucose as text, and its change."""
    person = site.person(reader(app))
    now = epoch_ms(site.clock())
    said = (asked.first("count") or "1").strip()
    count = min(max(int(said) if said.isdigit() else 1, 1), 1_000)
    in_mmol = (asked.first("units") or ("mmol" if person.unit == MMOL_L else "")).startswith("mmol")
    rows = list(site.held(reader(app)).search("entries", limit=count + 1, every_type=False))
    bgs = [_pebble_row(one, rows[at + 1 : at + 2], in_mmol) for at, one in enumerate(rows[:count])]
    return as_json({"status": [{"now": now}], "bgs": bgs, "cals": []})


def _pebble_row(one: Found, before: Sequence[Found], in_mmol: bool) -> dict[str, Any]:
    document = one.document
    near = [other for other in before if one.ms - other.ms <= 3 * BUCKET_MS]
    delta = document["sgv"] - near[0].document["sgv"] if near else 0
    return {
        "sgv": f"{to_mmol_l(document['sgv']):.1f}" if in_mmol else str(round(document["sgv"])),
        "trend": NUMBERS[document["direction"]],
        "direction": document["direction"],
        "datetime": one.ms,
        "bgdelta": f"{to_mmol_l(delta):.1f}" if in_mmol else round(delta),
    }


def _properties(site: Site, app: App | None, now: int, in_mmol: bool) -> Mapping[str, Any]:
    lately = Criteria((Condition("date", "gte", (str(now - HOUR_MS),)),))
    held = site.held(reader(app))
    rows = list(held.search("entries", lately, every_type=False))
    rows = rows or list(held.search("entries", limit=1, every_type=False))
    if not rows:
        return {}
    buckets = _buckets(rows, in_mmol)
    found: dict[str, Any] = {"bgnow": buckets[0], "buckets": buckets}
    word = rows[0].document["direction"]
    found["direction"] = {"display": ARROWS[word], "value": word, "label": ARROWS[word], "entity": ""}
    if delta := _delta(buckets, in_mmol):
        found["delta"] = delta
    return found


def _buckets(rows: Sequence[Found], in_mmol: bool) -> list[dict[str, Any]]:
    """The newest reading's five minutes, and the three before them."""
    newest = rows[0].ms
    made = []
    for at in range(BUCKETS):
        last, first = newest - at * BUCKET_MS, newest - (at + 1) * BUCKET_MS
        inside = [one for one in rows if first < one.ms <= last]
        mills = inside[0].ms if inside else last
        bucket: dict[str, Any] = {"mills": mills, "fromMills": first, "toMills": last, "index": at, "sgvs": []}
        if inside:
            values = [one.document["sgv"] for one in inside]
            mean = sum(values) / len(values)
            bucket |= {
                "mean": round(mean, 2),
                "last": round(values[0]),
                "sgvs": [_sgv(one, in_mmol) for one in inside],
            }
        else:
            bucket["isEmpty"] = True
        made.append(bucket)
    return made


def _sgv(one: Found, in_mmol: bool) -> dict[str, Any]:
    document = one.document
    value = round(document["sgv"])
    return {
        "_id": document["_id"],
        "mgdl": value,
        "scaled": round(to_mmol_l(value), 1) if in_mmol else value,
        "mills": one.ms,
        "device": document.get("device"),
        "direction": document["direction"],
        "type": "sgv",
        "date": utc_text(one.ms),
    }


def _delta(buckets: Sequence[Mapping[str, Any]], in_mmol: bool) -> dict[str, Any] | None:
    """From the bucket before to the newest; over more than nine minutes it is told for five."""
    recent = buckets[0]
    previous = next((one for one in buckets[1:] if one["sgvs"]), None)
    if previous is None:
        return None
    minutes = (recent["mills"] - previous["mills"]) / 60_000
    absolute = recent["mean"] - previous["mean"]
    interpolated = minutes > 9
    mgdl = round(absolute / minutes * 5) if interpolated else round(absolute)
    scaled = round(to_mmol_l(mgdl), 1) if in_mmol else mgdl
    return {
        "absolute": round(absolute, 2),
        "elapsedMins": round(minutes, 2),
        "interpolated": interpolated,
        "mean5MinsAgo": round(recent["mean"] - mgdl, 2),
        "times": {"recent": recent["mills"], "previous": previous["mills"]},
        "mgdl": mgdl,
        "scaled": scaled,
        "display": f"{'+' if scaled >= 0 else ''}{scaled}",
        "previous": previous,
    }
