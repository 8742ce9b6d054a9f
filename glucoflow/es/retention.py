"""Forgetting what is older than a person wants to keep. Needs no delete-by-query, which the bare node lacks."""

from datetime import datetime
from itertools import islice
from typing import Any

from elasticsearch import Elasticsearch

from glucoflow.es.names import Names
from glucoflow.es.scan import scan
from glucoflow.es.sink import ElasticsearchSink
from glucoflow.model.localtime import epoch_ms

_AT_A_TIME = 5_000


def older_than(before: datetime) -> dict[str, Any]:
    """The query for documents of that age."""
    return {"range": {"@timestamp": {"lt": epoch_ms(before), "format": "epoch_millis"}}}


def delete_before(client: Elasticsearch, names: Names, user_id: str, before: datetime, now: datetime) -> int:
    """Delete a person's documents of any kind with a time before `before`; returns how many went."""
    sink = ElasticsearchSink(client, names, user_id)
    old = scan(client, names.alias(user_id), older_than(before), source=False)
    deleted = 0
    while part := [hit.id for hit in islice(old, _AT_A_TIME)]:
        deleted += sink.write([], part, now).deleted
    return deleted
