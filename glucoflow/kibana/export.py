"""The import files: everything of a person, or of the operator, as NDJSON that Kibana 8.12 and later take.

Ids end with the person's key, since Kibana gives an id that another space already holds a new random one.
"""

from glucoflow.kibana import template, views
from glucoflow.kibana.excluded import without
from glucoflow.kibana.person import KibanaPerson, words_for
from glucoflow.kibana.placeholders import filled
from glucoflow.kibana.template import Json
from glucoflow.kibana.texts import dashboard_in
from glucoflow.languages import language
from glucoflow.model.target_bands import params_for

OPERATOR = "operator"


def export_person(person: KibanaPerson) -> bytes:
    """The person's data view, tag, saved lists and seven dashboards, one object a line, what others need first.

    The same person always gives the same bytes. Raises Misconfigured when the dashboard files are missing.
    """
    return _lines(person_objects(person))


def export_operator(*, runs_index: str = "glucoflow-runs", code: str = "en") -> bytes:
    """The operator's data view, tag, list and dashboard, in the language of a code."""
    return _lines(operator_objects(runs_index=runs_index, code=code))


def person_objects(person: KibanaPerson) -> list[Json]:
    """What `export_person` writes, as values."""
    words, params, key = words_for(person), params_for(person.targets, person.unit), person.user_id
    spoken = language(person.language)
    lists: list[Json] = filled(views.lists(key, views.LISTS, f"cgm-view-{key}", spoken), words)
    made = [without(filled(dashboard_in(one, spoken), words), person) for one in template.dashboards("person")]
    view = views.person_view(person)
    objects = [view, *lists, *(template.closed(one, params, words, spoken) for one in made)]
    return [views.tag(key, objects), *objects]


def operator_objects(*, runs_index: str = "glucoflow-runs", code: str = "en") -> list[Json]:
    """What `export_operator` writes, as values."""
    words, spoken = {"key": OPERATOR, "name": "glucoflow", "index": runs_index}, language(code)
    runs = views.runs_view(OPERATOR, runs_index, spoken)
    lists: list[Json] = filled(views.lists(OPERATOR, views.OPERATOR_LISTS, runs["id"], spoken), words)
    made = [filled(dashboard_in(one, spoken), words) for one in template.dashboards("operator")]
    objects = [runs, *lists, *(template.closed(one, {}, words, spoken) for one in made)]
    return [views.tag(OPERATOR, objects), *objects]


def _lines(objects: list[Json]) -> bytes:
    return "".join(template.text(one) + "\n" for one in objects).encode()
