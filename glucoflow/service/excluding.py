"""What the pages read of a person's index: everything but the readings of excluded spans."""

from collections.abc import Mapping, Sequence
from typing import Any

from glucoflow.es.queries import Queries
from glucoflow.store import Exclusion, Store


class ExcludingQueries:
    """Aggregations over the index, less the store's exclusions. Excluded readings stay where they are."""

    def __init__(self, queries: Queries, store: Store) -> None:
        self._queries = queries
        self._store = store

    def aggregate(self, user_id: str, body: Mapping[str, Any]) -> Mapping[str, Any]:
        """The raw answer to a search body; without `aggregations` where there is no index yet."""
        spans = self._store.exclusions.list(user_id)
        if not spans:
            return self._queries.aggregate(user_id, body)
        asked = [body["query"]] if "query" in body else []
        return self._queries.aggregate(user_id, {**body, "query": _without(spans, asked)})


def _without(spans: Sequence[Exclusion], asked: list[Any]) -> dict[str, Any]:
    ranges = [{"range": {"@timestamp": {"gte": one.start.isoformat(), "lt": one.end.isoformat()}}} for one in spans]
    inside = {"bool": {"should": ranges, "minimum_should_match": 1}}
    excluded = {"bool": {"filter": [{"term": {"event.dataset": "cgm.reading"}}, inside]}}
    return {"bool": {"filter": asked, "must_not": [excluded]}}
