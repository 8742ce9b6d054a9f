"""The connection to Elasticsearch, and whether it can be worked with."""

from pathlib import Path
from typing import Any

import msgspec
from elasticsearch import ApiError, Elasticsearch, OrjsonSerializer
from pydantic import SecretStr

from glucoflow.es.error_translation import translated
from glucoflow.model.errors import Misconfigured, Retryable, Unavailable

OLDEST = (9, 0)
"""The driver speaks the wire format of version 9, which older servers refuse."""

_PIT_ANSWER = b'{"pit_id"'


class Serializer(OrjsonSerializer):
    """JSON by orjson. Answers to point-in-time searches stay bytes.

    Only `scan` asks those; it decodes hits straight into typed values, which keeps a document's payload as it was
    sent, byte for byte, and takes a fraction of the time and memory of dictionaries.
    """

    def json_loads(self, data: bytes) -> Any:
        return data if data.startswith(_PIT_ANSWER) else super().json_loads(data)


class Health(msgspec.Struct, frozen=True, kw_only=True):
    """What `check` found. `version` is None where the user may not ask for it."""

    version: str | None
    status: str | None
    disk_free_percent: float | None = None
    read_only: tuple[str, ...] = ()


def make_client(
    url: str,
    user: str | None = None,
    password: SecretStr | None = None,
    api_key: SecretStr | None = None,
    ca_certs: Path | None = None,
    timeout_s: float = 30,
    connections: int = 16,
) -> Elasticsearch:
    """A client that connects when it is first used. It retries nothing: whoever calls decides that.

    `connections` bounds the requests under way at a time; more threads than that wait for one another.
    """
    more: dict[str, Any] = {}
    if api_key is not None:
        more["api_key"] = api_key.get_secret_value()
    elif user is not None:
        more["basic_auth"] = (user, password.get_secret_value() if password else "")
    if ca_certs is not None:
        if not ca_certs.is_file():
            raise Misconfigured(f"The CA certificate {ca_certs} is not a file.", remedy="Correct ES_CA_CERTS.")
        more["ca_certs"] = str(ca_certs)
    try:
        return Elasticsearch(
            url.rstrip("/"),
            request_timeout=timeout_s,
            max_retries=0,
            retry_on_timeout=False,
            connections_per_node=connections,
            serializers={"application/json": Serializer(), _Compatible.mimetype: _Compatible()},
            **more,
        )
    except ValueError as error:
        raise Misconfigured(
            "The address of Elasticsearch cannot be used.",
            remedy="Set ES_ENDPOINT to an address with http or https, a host and a port, such as http://localhost:9200.",
        ) from error


class _Compatible(Serializer):
    mimetype = "application/vnd.elasticsearch+json"


def check(client: Elasticsearch) -> Health:
    """Whether Elasticsearch answers, accepts us and is new enough; its health.

    Raises Unavailable if it cannot be reached, Misconfigured for a wrong password, address, certificate or version.
    """
    try:
        with translated("ask for its health"):
            cluster = client.cluster.health(filter_path="status").body
            version = _version(client)
    except Retryable as error:
        raise Unavailable(error.message, remedy=error.remedy) from error
    if version is not None and tuple(int(part) for part in version.split(".")[:2]) < OLDEST:
        raise Misconfigured(
            f"Elasticsearch {version} is too old for glucoflow.", remedy="Use Elasticsearch 9.0 or later."
        )
    return Health(version=version, status=cluster.get("status"), **_disk(client))


def _version(client: Elasticsearch) -> str | None:
    """The oldest node's version. `GET /` is missing in the bare distribution, so the nodes are asked."""
    try:
        nodes = client.nodes.info(filter_path="nodes.*.version").body.get("nodes", {})
    except ApiError as error:
        if error.meta.status == 403:
            return None
        raise
    versions = [str(node["version"]) for node in nodes.values()]
    return min(versions, key=lambda text: [int(part) for part in text.split("-")[0].split(".")], default=None)


def disks(client: Elasticsearch) -> list[dict[str, Any]]:
    """Each node's disks together: `available_in_bytes` and `total_in_bytes`. Raises the driver's errors."""
    stats = client.nodes.stats(metric="fs", filter_path="nodes.*.fs.total").body
    return [node["fs"]["total"] for node in stats.get("nodes", {}).values() if "fs" in node]


def _disk(client: Elasticsearch) -> dict[str, Any]:
    """Least free share of a node's disk and the read-only indices; nothing where the user may not ask."""
    try:
        totals = disks(client)
        blocks = client.indices.get_settings(name="index.blocks.*", expand_wildcards="all").body
    except ApiError:
        return {}
    free = [100 * t["available_in_bytes"] / t["total_in_bytes"] for t in totals if t.get("total_in_bytes")]
    return {"disk_free_percent": min(free, default=None), "read_only": tuple(sorted(blocks))}
