"""What became of a file's rows, in words and as JSON: read, merged and unread add up."""

from collections.abc import Mapping
from typing import Any

from glucoflow.file_reading.contents import Contents, RowCounts
from glucoflow.model.words import count

SHOWN = 3
"""Unread rows that are shown; all are counted."""


def rows_json(rows: RowCounts) -> dict[str, Any]:
    """The counts of one person's rows. `rows` = `read` + `merged` + `unread`; reasons are there where there are any."""
    answer: dict[str, Any] = {
        "rows": rows.rows,
        "read": rows.read,
        "merged": rows.n_merged,
        "unread": rows.n_unread,
    }
    if rows.second_sensor:
        answer["second_sensor"] = rows.second_sensor
    reasons = {"merged_because": rows.merged, "unread_because": rows.unread, "other_rows": rows.other}
    return answer | {name: why for name, why in reasons.items() if why}


def file_json(contents: Contents) -> dict[str, Any]:
    """What the file is, and what was decided on it."""
    answer: dict[str, Any] = {"format": contents.format.name, "title": contents.format.title, **contents.decisions}
    if contents.notes:
        answer["notes"] = list(contents.notes)
    if contents.unread:
        answer["first_unread"] = [
            {"line": one.line, "why": one.why, "text": one.text} for one in contents.unread[:SHOWN]
        ]
    return answer


def rows_words(rows: RowCounts) -> str:
    """One sentence: `105 rows: 100 read, 3 merged, 2 unread`."""
    counts = f"{rows.read:,} read, {rows.n_merged:,} merged, {rows.n_unread:,} unread"
    return f"{count(rows.rows, 'row')} with readings: {counts}"


def rows_lines(contents: Contents, rows: RowCounts) -> list[str]:
    """The same with every reason, a line each."""
    lines = [rows_words(rows)]
    lines += [f"merged, {number:,}: {why}" for why, number in rows.merged.items()]
    lines += [f"unread, {number:,}: {why}" for why, number in rows.unread.items()]
    if rows.second_sensor:
        lines.append(f"of those read, {rows.second_sensor:,} are of a second sensor worn at once and do not count")
    if rows.other:
        lines.append(f"other rows: {_listed(rows.other)}")
    lines += [f"line {one.line}: {one.why}: {one.text!r}" for one in contents.unread[:SHOWN]]
    return lines


def decision_lines(contents: Contents) -> list[str]:
    """What was decided on the file, and what should be known of it."""
    return [f"{name}: {said}" for name, said in contents.decisions.items()] + list(contents.notes)


def _listed(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{number:,} {what}" for what, number in counts.items())
