"""The connection to Elasticsearch, and whether it can be worked with."""

from copy import copy
from pathlib import Path
from typing import Any

import msgspec
from elastic_transport import Serializer, SerializerCollection
from elasticsearch import ApiError, Elasticsearch, OrjsonSerializer
from pydantic import SecretStr

from glucoflow.es.error_translation import translated
from glucoflow.model.errors import Misconfigured, Retryable, Unavailable

OLDEST = (9, 0)
"""The driver speaks the wire format of version 9, which older servers refuse."""

NEARLY = 0.9
"""The share of the shards that may be at which `doctor` warns."""

_ANSWERS = (b'{"took"', b'{"pit_id"')
"""How Elasticsearch begins the answer to a search; nothing else that it says begins so."""


class _Undecoded(OrjsonSerializer):
    """JSON by orjson, but answers to searches stay bytes."""

    def json_loads(self, data: bytes) -> Any:
        return data if data.startswith(_ANSWERS) else super().json_loads(data)


_HEALTH = "status,number_of_data_nodes,active_shards,initializing_shards,unassigned_shards"


class Health(msgspec.Struct, frozen=True, kw_only=True):
    """What `check` found. `version` is None where the user may not ask for it."""

    version: str | None
    status: str | None
    disk_free_percent: float | None = None
    flooded: tuple[str, ...] = ()
    """Indices that Elasticsearch made read-only, since its disk is nearly full."""
    read_only: tuple[str, ...] = ()
    """Indices that somebody made read-only."""
    shards: int = 0
    most_shards: int | None = None
    """How many shards there are, and how many there may be; the latter is None where our user may not ask."""

    @property
    def nearly_too_many_shards(self) -> bool:
        """Whether the limit is near, at which no index can be made."""
        return self.most_shards is not None and self.shards >= NEARLY * self.most_shards


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
            serializers=by_mimetype(OrjsonSerializer),
            **more,
        )
    except ValueError as error:
        raise Misconfigured(
            "The address of Elasticsearch cannot be used.",
            remedy="Set ES_ENDPOINT to an address with http or https, a host and a port, such as http://localhost:9200.",
        ) from error


def undecoded(client: Elasticsearch) -> Elasticsearch:
    """The same client, over the same connections, whose answers to searches stay bytes.

    Whoever decodes hits straight into typed values keeps a document's payload as it was sent, byte for byte, and takes
    a fraction of the time and memory of dictionaries.
    """
    transport = copy(client.transport)
    transport.serializers = SerializerCollection(by_mimetype(_Undecoded))
    found = client.options()
    found._transport = transport
    return found


def by_mimetype(kind: type[OrjsonSerializer]) -> dict[str, Serializer]:
    """What Elasticsearch calls JSON in its answers."""
    compatible = kind()
    compatible.mimetype = "application/vnd.elasticsearch+json"  # type: ignore[misc]  # a class has one
    return {each.mimetype: each for each in (kind(), compatible)}


def check(client: Elasticsearch, indices: str = "*") -> Health:
    """Whether Elasticsearch answers, accepts us and is new enough; its health, and which of `indices` are read-only.

    Raises Unavailable if it cannot be reached, Misconfigured for a wrong password, address, certificate or version.
    """
    try:
        with translated("ask for its health"):
            cluster = client.cluster.health(filter_path=_HEALTH).body
            version = oldest_version(client)
    except Retryable as error:
        raise Unavailable(error.message, remedy=error.remedy) from error
    if version is not None and tuple(int(part) for part in version.split(".")[:2]) < OLDEST:
        raise Misconfigured(
            f"Elasticsearch {version} is too old for glucoflow.", remedy="Use Elasticsearch 9.0 or later."
        )
    return Health(
        version=version,
        status=cluster.get("status"),
        shards=sum(count for name, count in cluster.items() if name.endswith("_shards")),
        most_shards=_most_shards(client, cluster.get("number_of_data_nodes", 1)),
        **_disk(client, indices),
    )


def oldest_version(client: Elasticsearch) -> str | None:
    """The oldest node's version; None where our user may not ask.

    `GET /` is missing in the bare distribution, so the nodes are asked.
    """
    try:
        nodes = client.nodes.info(filter_path="nodes.*.version").body.get("nodes", {})
    except ApiError as error:
        if error.meta.status == 403:
            return None
        raise
    versions = [str(node["version"]) for node in nodes.values()]
    return min(versions, key=lambda text: [int(part) for part in text.split("-")[0].split(".")], default=None)


def cluster_id(client: Elasticsearch) -> str:
    """What tells this cluster from every other. Raises the driver's errors."""
    return str(client.cluster.state(metric="version", filter_path="cluster_uuid")["cluster_uuid"])


def _most_shards(client: Elasticsearch, nodes: int) -> int | None:
    try:
        answer = client.cluster.get_settings(
            include_defaults=True, flat_settings=False, filter_path="*.cluster.max_shards_per_node"
        ).body
    except ApiError as error:
        if error.meta.status == 403:
            return None
        raise
    for level in ("transient", "persistent", "defaults"):
        found = answer.get(level, {}).get("cluster", {}).get("max_shards_per_node")
        if isinstance(found, str):
            return int(found) * nodes
    return None


def disks(client: Elasticsearch) -> list[dict[str, Any]]:
    """Each node's disks together: `available_in_bytes` and `total_in_bytes`. Raises the driver's errors."""
    stats = client.nodes.stats(metric="fs", filter_path="nodes.*.fs.total").body
    return [node["fs"]["total"] for node in stats.get("nodes", {}).values() if "fs" in node]


def _disk(client: Elasticsearch, indices: str) -> dict[str, Any]:
    """Least free share of a node's disk and the read-only indices; nothing where the user may not ask."""
    try:
        totals = disks(client)
        settings = client.indices.get_settings(index=indices, name="index.blocks.*", expand_wildcards="all").body
    except ApiError:
        return {}
    free = [100 * t["available_in_bytes"] / t["total_in_bytes"] for t in totals if t.get("total_in_bytes")]
    blocks = {index: entry["settings"]["index"]["blocks"] for index, entry in settings.items() if "settings" in entry}
    flooded = {index for index, block in blocks.items() if block.get("read_only_allow_delete") == "true"}
    set_by_hand = {index for index, block in blocks.items() if "true" in block.values()} - flooded
    return {
        "disk_free_percent": min(free, default=None),
        "flooded": tuple(sorted(flooded)),
        "read_only": tuple(sorted(set_by_hand)),
    }
