"""What a person's dashboards depend on, and the words and numbers that fill the templates."""

from typing import Any, Final

import msgspec

from glucoflow.model import target_bands
from glucoflow.model.errors import Misconfigured
from glucoflow.model.glycemia import ExcludedSpan
from glucoflow.model.person_id import why_not
from glucoflow.model.targets import CV_GOAL, Targets
from glucoflow.model.units import MG_DL, Unit, decimals_of, glucose

NOT_FOR_DOSING = (
    "**Not for dosing.** Data from a provider's cloud are 1 to 3 hours old. "
    "All times are those of the wearer's own clock."
)


class KibanaPerson(msgspec.Struct, frozen=True, kw_only=True):
    """A person as their dashboards see them. `index_alias` is the name under which their documents are read.

    `exclusions` are the spans whose readings the person does not want counted; `zone` is for writing them down.
    Raises Misconfigured when `user_id` cannot be part of a space id.
    """

    user_id: str
    display_name: str
    unit: Unit = MG_DL
    targets: Targets = Targets()
    index_alias: str
    zone: str = "UTC"
    exclusions: tuple[ExcludedSpan, ...] = ()

    def __post_init__(self) -> None:
        if reason := why_not(self.user_id):
            raise cannot_be(self.user_id, reason)


def cannot_be(user_id: str, reason: str) -> Misconfigured:
    """The error for an id that Kibana's objects cannot have, the operator's among them."""
    return Misconfigured(
        f"The person id {user_id!r} cannot be used in Kibana: {reason}.",
        remedy="Add the person anew under another id, import their export, and delete this one.",
    )


COMPARED: Final = {"before_days": -14, "this_span": "Last 14 days", "span_before": "The 14 days before"}
"""What `profile_compare` compares: its panel has a time range of its own, so that this holds whatever is chosen."""


def words_for(person: KibanaPerson) -> dict[str, Any]:
    """The placeholders of the compiled dashboards and charts, and what they stand for."""
    mg_dl = person.unit == MG_DL
    return {
        **target_bands.words_for(person.targets, person.unit),
        **COMPARED,
        "key": person.user_id,
        "name": person.display_name,
        "glucose": "glucose.mg_dl" if mg_dl else "glucose.mmol_l",
        "extreme": "episode.extreme_mg_dl" if mg_dl else "episode.extreme_mmol_l",
        "decimals": decimals_of(person.unit),
        "goals": goals_for(person),
        "index": person.index_alias,
    }


def goals_for(person: KibanaPerson) -> str:
    """The person's goals as a table, after the 2019 consensus (Diabetes Care 42:1593) or their own range."""
    t, unit = person.targets, person.unit
    low, high = glucose(t.low, unit), glucose(t.high, unit)
    rows = (
        (f"In range, {low}–{high} {unit}", "more than", t.goal_in_range),
        (f"Below {low} {unit}", "less than", t.goal_below),
        (f"Below {glucose(t.very_low, unit)} {unit}", "less than", t.goal_very_low),
        (f"Above {high} {unit}", "less than", t.goal_above),
        (f"Above {glucose(t.very_high, unit)} {unit}", "less than", t.goal_very_high),
    )
    lines = [f"| {what} | {word} {goal:g} % |" for what, word, goal in rows if goal is not None]
    if not lines:
        lines = ["| Shares | no goal is set for this profile |"]
    lines.append(f"| CV | up to {CV_GOAL:g} % is stable |")
    return "\n".join(["| goal | of readings |", "|---|---|", *lines, "", NOT_FOR_DOSING])
