"""What a person's dashboards depend on, and the words and numbers that fill the templates."""

import json
from collections.abc import Mapping
from typing import Any, Final

import msgspec

from glucoflow.languages import ENGLISH_TAG, language
from glucoflow.model import target_bands
from glucoflow.model.errors import Misconfigured
from glucoflow.model.glycemia import ExcludedSpan
from glucoflow.model.person_id import why_not
from glucoflow.model.said import said, told
from glucoflow.model.targets import Targets
from glucoflow.model.units import MG_DL, Unit, decimals_of


class KibanaPerson(msgspec.Struct, frozen=True, kw_only=True):
    """A person as their dashboards see them. `index_alias` is the name under which their documents are read.

    `language` is a tag such as `de`.

    `exclusions` are the spans whose readings the person does not want counted; `zone` is for writing them down.
    `delays` says for each of their sources how many minutes old its newest reading usually is.
    Raises Misconfigured when `user_id` cannot be part of a space id.
    """

    user_id: str
    display_name: str
    unit: Unit = MG_DL
    targets: Targets = Targets()
    index_alias: str
    zone: str = "UTC"
    language: str = ENGLISH_TAG
    exclusions: tuple[ExcludedSpan, ...] = ()
    delays: Mapping[str, int] = {}

    def __post_init__(self) -> None:
        if reason := why_not(self.user_id):
            raise cannot_be(self.user_id, reason)


def cannot_be(user_id: str, reason: str) -> Misconfigured:
    """The error for an id that Kibana's objects cannot have, the operator's among them."""
    return Misconfigured(
        f"The person id {user_id!r} cannot be used in Kibana: {reason}.",
        remedy="Add the person anew under another id, import their export, and delete this one.",
    )


COMPARED: Final = {
    "before_days": -14,
    "this_span": said("Last %(n)s days", n=14),
    "span_before": said("The 14 days before"),
    "before_short": said("the %(n)s days before", n=14),
}
"""What is compared: the panels have a time range of their own, so that this holds whatever is chosen."""


def words_for(person: KibanaPerson) -> dict[str, Any]:
    """The placeholders of the compiled dashboards and charts, and what they stand for in the person's language."""
    mg_dl = person.unit == MG_DL
    words = {
        **target_bands.words_for(person.targets, person.unit),
        **COMPARED,
        "key": person.user_id,
        "name": person.display_name,
        "glucose": "glucose.mg_dl" if mg_dl else "glucose.mmol_l",
        "extreme": "episode.extreme_mg_dl" if mg_dl else "episode.extreme_mmol_l",
        "decimals": decimals_of(person.unit),
        "delays": json.dumps(person.delays, sort_keys=True),
        "index": person.index_alias,
    }
    return told(words, language(person.language))
