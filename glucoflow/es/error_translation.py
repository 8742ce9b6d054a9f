"""What an answer of Elasticsearch means for the caller: its errors as ours (see `glucoflow.model.errors`).

The driver's own messages may carry whole bodies, so ours are made from the status and the error's type only.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from elastic_transport import ConnectionTimeout, SerializationError, TlsError, TransportError
from elasticsearch import ApiError, UnsupportedProductError

from glucoflow.model.errors import Fatal, GlucoflowError, Misconfigured, Retryable

OVERLOADED = frozenset({429, 500, 502, 503, 504})
"""Statuses after which the same request may succeed later."""

DISK_PAUSE_S = 600.0
"""How long to leave Elasticsearch alone when its disk is full: it lifts the block itself once there is room."""


@contextmanager
def translated(doing: str) -> Iterator[None]:
    """Raises whatever the driver raises inside as one of our errors; `doing` says what was tried ("read …")."""
    try:
        yield
    except (ApiError, TransportError, UnsupportedProductError) as error:
        raise as_ours(error, doing) from error


def as_ours(error: ApiError | TransportError | UnsupportedProductError, doing: str) -> GlucoflowError:
    """The error of our tree that says what to do about `error`."""
    if isinstance(error, UnsupportedProductError):
        return Misconfigured(
            "The address of Elasticsearch is answered by something else.",
            remedy="Check ES_ENDPOINT: it must be the address of Elasticsearch itself, with its port.",
        )
    if isinstance(error, ApiError):
        return _of_status(error, doing)
    if isinstance(error, TlsError):
        return Misconfigured(
            "The certificate of Elasticsearch was not accepted.",
            remedy="Point ES_CA_CERTS to the certificate of its authority, or renew the certificate if it expired.",
        )
    if isinstance(error, ConnectionTimeout):
        return Retryable(
            f"Elasticsearch did not answer in time ({doing}).",
            remedy="It may be starting or overloaded; if this lasts, look at its log.",
        )
    if isinstance(error, SerializationError):
        return Retryable(
            f"The answer of Elasticsearch could not be understood ({doing}).",
            remedy="A proxy in between may have answered instead; check ES_ENDPOINT.",
        )
    return Retryable(
        f"Elasticsearch cannot be reached ({doing}).",
        remedy="Check that it runs and that ES_ENDPOINT is its address.",
    )


def _of_status(error: ApiError, doing: str) -> GlucoflowError:
    status, kind = error.meta.status, error_type(error.body)
    if kind == "cluster_block_exception":
        return blocked(reason_of(error.body))
    if kind == "index_closed_exception":
        return index_closed()
    if kind == "validation_exception" and "shards open" in reason_of(error.body):
        return too_many_shards()
    if kind == "snapshot_in_progress_exception":
        return Retryable(
            f"A snapshot of Elasticsearch is taking the documents just now ({doing}).",
            remedy="Try again when it is done.",
        )
    if status == 401:
        return Misconfigured(
            "Elasticsearch refused the user name, password or API key.",
            remedy="Check ES_USER and ES_PASSWORD, or ES_API_KEY.",
        )
    if status == 403:
        return Misconfigured(
            f"The user of Elasticsearch lacks a right ({doing}).",
            remedy="Give it the role that docs describe for the writer, or use another user.",
        )
    if kind == "media_type_header_exception" or (status == 406 and kind is None):
        return Misconfigured("This Elasticsearch is too old for glucoflow.", remedy="Use Elasticsearch 9.0 or later.")
    if status in OVERLOADED:
        return Retryable(
            f"Elasticsearch is overloaded or not ready: status {status} ({doing}).",
            remedy="It is asked again later; if this lasts, look at its log.",
            retry_after=retry_after(error.meta.headers.get("retry-after")),
        )
    return Fatal(
        f"Elasticsearch refused to {doing}: status {status}, {kind or 'no reason given'}.",
        remedy="This is most likely a fault in glucoflow; please report it with this message.",
    )


def index_closed() -> Fatal:
    """The error for an index that somebody closed."""
    return Fatal(
        "The index is closed in Elasticsearch, so nothing can be read from it or written to it.",
        remedy="Open it again (POST <index>/_open). Nothing in it is lost, and what is missing then is fetched.",
    )


def too_many_shards() -> Fatal:
    """The error where one more index would be one too many. Who has an index already is not touched by it."""
    return Fatal(
        "Elasticsearch holds as many shards as its nodes may (cluster.max_shards_per_node), so no index was made.",
        remedy="Raise that setting or add a node; `glucoflow doctor` counts them. What is missing is fetched then.",
    )


def blocked(reason: str) -> Retryable | Fatal:
    """The error for a `cluster_block_exception`, by the number of the block in its reason.

    12 is the flood stage of the disk watermarks (Elasticsearch's `cluster.routing.allocation.disk.watermark`), 8 a
    write block such as our own migration sets for a moment, 4 a closed index, 5 and others somebody's setting.
    """
    if "/4/" in reason:
        return index_closed()
    if "/12/" in reason:
        return Retryable(
            "Elasticsearch takes no more documents: its disk is nearly full, so it made the index read-only.",
            remedy="Free disk space or add some; the block goes by itself. What was not written is fetched again.",
            retry_after=DISK_PAUSE_S,
        )
    if "/8/" in reason:
        return Retryable(
            "The index takes no writes at the moment; it may be moving to a new mapping.",
            remedy="It is tried again. If this lasts, run `glucoflow provision`.",
        )
    if "/1/" in reason or "/2/" in reason:  # no state yet, no master
        return Retryable("Elasticsearch is still starting.", remedy="It is asked again later.")
    return Retryable(
        "The index is set to read-only, so nothing was written.",
        remedy="`glucoflow doctor` names it; take the setting off (index.blocks.read_only) where nobody wants it. What "
        "was not written is fetched again.",
        retry_after=DISK_PAUSE_S,
    )


def error_type(body: object) -> str | None:
    """`error.type` of an answer's body, if it has one."""
    error = body.get("error") if isinstance(body, Mapping) else None
    kind = error.get("type") if isinstance(error, Mapping) else None
    return kind if isinstance(kind, str) else None


def reason_of(body: object) -> str:
    """`error.reason` of an answer's body, or nothing. May hold values from a document: not for people's eyes."""
    error: Any = body.get("error") if isinstance(body, Mapping) else None
    return str(error.get("reason", "")) if isinstance(error, Mapping) else ""


def retry_after(header: str | None) -> float | None:
    """Seconds of a Retry-After header in its number form; Elasticsearch itself sends none, proxies do."""
    return float(header) if header and header.isdecimal() else None
