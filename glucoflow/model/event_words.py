"""What a person did, in one line with its amounts and units: `Bolus 5.5 U`, `Food 54 g`, `Activity medium, 45 min`."""

from glucoflow.model import records as r

LONGEST = 200
"""Letters of a note in a line; the note itself is kept whole."""


def said(record: r.Record) -> str | None:
    """The line of an entry; None for what is no entry (a reading, a calibration, an alert, settings)."""
    match record:
        case r.Bolus():
            return f"Bolus {' and '.join(_bolus(record))}".rstrip()
        case r.Basal():
            return _basal(record)
        case r.Food():
            return "Food" if record.carbs_g is None else f"Food {record.carbs_g:g} g"
        case r.Exercise():
            parts = [record.intensity or "", _minutes(record.duration_ms)]
            return ", ".join(part for part in (f"Activity {parts[0]}".strip(), parts[1]) if part)
        case r.Health():
            return f"Health: {record.kind}"
        case r.Note():
            text = " ".join((record.text or "").split())
            return f"Note: {text[: LONGEST - 1]}…" if len(text) > LONGEST else f"Note: {text}"
    return None


def _bolus(record: r.Bolus) -> list[str]:
    parts = [] if record.normal is None else [f"{record.normal:g} U"]
    if record.extended is not None:
        over = _minutes(record.duration_ms)
        parts.append(f"{record.extended:g} U" + (f" over {over}" if over else " extended"))
    return parts


def _basal(record: r.Basal) -> str:
    if record.amount is not None:
        return f"Long-acting {record.amount:g} U" if record.action == "long" else f"Basal {record.amount:g} U"
    rate = "" if record.rate is None else f" {record.rate:g} U/h"
    over = _minutes(record.duration_ms)
    return f"Basal{rate}" + (f" for {over}" if over else "")


def _minutes(duration_ms: int | None) -> str:
    return "" if duration_ms is None else f"{duration_ms / 60_000:.0f} min"
