"""What each run of the pipeline did, for the operator's dashboard. The store stays the ledger; this is a copy."""

from datetime import datetime
from typing import Literal

import msgspec
from elasticsearch import Elasticsearch

from glucoflow.connector import Counts
from glucoflow.es.faults import translated
from glucoflow.es.names import Names
from glucoflow.es.provision import ensure_runs


class Span(msgspec.Struct, frozen=True, kw_only=True):
    start: datetime
    end: datetime


class RunFields(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """`run.*`. `kind` is a stream of one connection; `lag_ms` how far its newest record is behind the run's start.

    `error` is the name of our error's class, `message` and `remedy` its words: no readings, no names, no tokens.
    """

    id: str
    flow: str
    state: Literal["running", "completed", "failed", "interrupted"]
    kind: str | None = None
    started: datetime | None = None
    finished: datetime | None = None
    duration_ms: int | None = None
    lag_ms: int | None = None
    window: Span | None = None
    counts: Counts | None = None
    error: str | None = None
    message: str | None = None
    remedy: str | None = None


class _Id(msgspec.Struct, frozen=True):
    id: str


class _Provider(msgspec.Struct, frozen=True):
    provider: str


class RunDocument(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, rename={"timestamp": "@timestamp"}):
    """One document of the runs' index."""

    timestamp: datetime
    run: RunFields
    user: _Id | None = None
    connection: _Id | None = None
    event: _Provider | None = None


def record_run(
    client: Elasticsearch,
    names: Names,
    run: RunFields,
    at: datetime,
    user_id: str | None = None,
    connection_id: str | None = None,
    provider: str | None = None,
) -> None:
    """Write a run, replacing what was written of the same run and kind. Raises our errors; the caller may go on."""
    alias = ensure_runs(client, names)
    document = RunDocument(
        timestamp=at,
        run=run,
        user=_Id(user_id) if user_id else None,
        connection=_Id(connection_id) if connection_id else None,
        event=_Provider(provider) if provider else None,
    )
    key = "-".join(part for part in (run.id, connection_id, run.kind) if part)
    with translated("write a run"):
        client.index(index=alias, id=key, document=msgspec.to_builtins(document), require_alias=True)
