"""What the node of our own reads at its start: its settings, its heap, and the one user it lets in."""

import base64
import hashlib
import json
import os
import re
import secrets
import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Self

import msgspec
from pydantic import SecretStr

from glucoflow.model.errors import Misconfigured

USERNAME = "glucoflow"
ROLE = "glucoflow"
"""Of that user: what docker compose gives it too, and no superuser's."""

SNAPSHOTS = ("cluster:admin/snapshot/*", "cluster:admin/repository/*")
"""What else it may on a node of its own where there is a place for snapshots."""

_LOGGING = "log4j2.properties"
_COPIED = ("jvm.options", _LOGGING)
# A log of the garbage collector may grow to 2 GB, and a dump of the heap has readings in it.
_LEFT_OUT = ("-Xlog:gc", "-XX:+HeapDump")
# Only the quick compiler: measured on two busy cores with 9.5.0 it halves the CPU time of a start (13 s to 7 s) and of
# the first 100,000 documents (11 s to 6 s), and costs a fifth more per aggregation once all is warm.
_FOR_A_LAPTOP = "-XX:TieredStopAtLevel=1\n-XX:-AlwaysPreTouch\n"


class NodeSettings(msgspec.Struct, frozen=True, kw_only=True):
    """How to run it. `heap` like `1g`, None for one fitted to the machine; `home` the user's own Elasticsearch.

    `role`: what its one user is; with ours, everything with these `indices`, and nothing with others. `snapshots`: a
    folder in which it may keep snapshots.
    """

    port: int
    transport_port: int
    heap: str | None = None
    home: Path | None = None
    role: str = ROLE
    indices: tuple[str, ...] = ("*",)
    snapshots: Path | None = None


class NodeFiles(msgspec.Struct, frozen=True, kw_only=True):
    """Where a node's own things are."""

    config: Path
    data: Path
    logs: Path
    temporary: Path

    @property
    def ports(self) -> Path:
        """Where the node writes its addresses, once it listens there. Nobody but its user and root can."""
        return self.logs / "http.ports"

    @classmethod
    def below(cls, place: Path) -> Self:
        """All in one folder."""
        return cls(config=place / "config", data=place / "data", logs=place / "logs", temporary=place / "tmp")

    def environment(self) -> dict[str, str]:
        """What Elasticsearch's start script wants to know."""
        found = {
            "ES_PATH_CONF": str(self.config),
            "ES_TMPDIR": str(self.temporary),
            "HOME": str(self.temporary),
        }
        if not any(character.isspace() for character in str(self.temporary)):  # the script splits this one at spaces
            found["CLI_JAVA_OPTS"] = f"-Djava.io.tmpdir={self.temporary}"
        return found


def configure(distribution: Path, files: NodeFiles, settings: NodeSettings, password: SecretStr) -> None:
    """Write the config folder afresh, and empty the temporary one.

    Raises Misconfigured where the distribution has no config folder of its own to copy from.
    """
    files.ports.unlink(missing_ok=True)
    for folder in (files.config, files.temporary):
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(mode=0o700)
    try:
        for name in _COPIED:
            shutil.copyfile(distribution / "config" / name, files.config / name)
    except OSError as error:
        raise Misconfigured(
            f"The Elasticsearch in {distribution} cannot be used: {error.strerror}, {error.filename}.",
            remedy="Point ES_HOME at an Elasticsearch unpacked from its archive (.tar.gz), or remove it.",
        ) from error
    logging = files.config / _LOGGING
    logging.write_text(_OF_LOGS + "".join(_quieted(logging.read_text())))
    for pattern in _LOGS_OF_BEFORE:
        for path in files.logs.glob(pattern):
            path.unlink(missing_ok=True)
    options = files.config / "jvm.options"
    kept = [line for line in options.read_text().splitlines() if not line.startswith(_LEFT_OUT)]
    options.write_text("\n".join(kept) + "\n")
    heap = settings.heap or fitting_heap(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"))
    (files.config / "jvm.options.d").mkdir()
    (files.config / "jvm.options.d" / "own.options").write_text(f"-Xms{heap}\n-Xmx{heap}\n{_FOR_A_LAPTOP}")
    (files.config / "elasticsearch.yml").write_text(_yaml(distribution, files, settings))
    (files.config / "users").write_text(f"{USERNAME}:{hashed(password, secrets.token_bytes(32))}\n")
    (files.config / "users_roles").write_text(f"{settings.role}:{USERNAME}\n")
    (files.config / "roles.yml").write_text(roles(settings.indices, snapshots=settings.snapshots is not None))


# What Elasticsearch ships keeps the server's log twice, up to 2 GB, and five others of up to 5 GB each. What it says
# goes to its output, which `supervise` keeps short, and to three files in all, the older two packed.
_OF_LOGS = """\
status = error
appender.console.type = Console
appender.console.name = console
appender.console.layout.type = PatternLayout
appender.console.layout.pattern = [%d{ISO8601}][%-5p][%-25c{1.}] [%node_name]%marker %m%consoleException%n
appender.rolling.type = RollingFile
appender.rolling.name = rolling
appender.rolling.fileName = ${sys:es.logs.base_path}${sys:file.separator}${sys:es.logs.cluster_name}.log
appender.rolling.filePattern = ${sys:es.logs.base_path}${sys:file.separator}${sys:es.logs.cluster_name}-%i.log.gz
appender.rolling.layout.type = PatternLayout
appender.rolling.layout.pattern = [%d{ISO8601}][%-5p][%-25c{1.}] [%node_name]%marker %m%n
appender.rolling.policies.type = Policies
appender.rolling.policies.size.type = SizeBasedTriggeringPolicy
appender.rolling.policies.size.size = 10MB
appender.rolling.strategy.type = DefaultRolloverStrategy
appender.rolling.strategy.max = 2
rootLogger.level = info
rootLogger.appenderRef.console.ref = console
rootLogger.appenderRef.rolling.ref = rolling
appender.header_warning.type = HeaderWarningAppender
appender.header_warning.name = header_warning
logger.deprecation.name = org.elasticsearch.deprecation
logger.deprecation.level = WARN
logger.deprecation.appenderRef.rolling.ref = rolling
logger.deprecation.appenderRef.header_warning.ref = header_warning
logger.deprecation.additivity = false
"""
_LOGS_OF_BEFORE = ("glucoflow_*.json*", "glucoflow-*-*-*-*.gz")
"""What it wrote as Elasticsearch ships it."""
_OF_A_LOGGER = re.compile(r"logger\.(\w+)\.(\w+)\s*=")


def _quieted(shipped: str) -> Iterator[str]:
    """The lines of what Elasticsearch ships that make loud parts quiet: loggers with a name and a level only."""
    lines = shipped.splitlines(keepends=True)
    elsewhere = set(re.findall(r"^logger\.(\w+)\.appenderRef", shipped, re.MULTILINE))
    for line in lines:
        found = _OF_A_LOGGER.match(line)
        if found and found[1] not in elsewhere:
            yield line


def roles(indices: Sequence[str], *, snapshots: bool = False) -> str:
    """What glucoflow's user may, as YAML that is JSON: everything with these indices, and look after the node.

    With `snapshots` also say where they are kept, take them and bring them back.
    """
    of_indices = [{"names": list(indices), "privileges": ["all"]}]
    cluster = ["monitor", "manage_index_templates", *(SNAPSHOTS if snapshots else ())]
    return json.dumps({ROLE: {"cluster": cluster, "indices": of_indices}})


def fitting_heap(memory_bytes: int) -> str:
    """An eighth of the memory, between 512 MB and 1 GB: a family's readings need no more."""
    return f"{min(1024, max(512, memory_bytes // 8 // 2**20))}m"


def hashed(password: SecretStr, salt: bytes) -> str:
    """The password as Elasticsearch's file realm stores it: PBKDF2-HMAC-SHA512, 10,000 rounds, 256 bits."""
    digest = hashlib.pbkdf2_hmac("sha512", password.get_secret_value().encode(), salt, 10_000, 32)
    return f"{{PBKDF2}}10000${base64.b64encode(salt).decode()}${base64.b64encode(digest).decode()}"


MOST_SHARDS = 3_000
"""An index a person is one shard, and Elasticsearch counts two while it makes one: room for a thousand people."""

# Watermarks in bytes: percentages would stop a node on a laptop whose large disk is nine tenths full.
_YAML = """\
cluster.name: glucoflow
node.name: glucoflow
node.portsfile: true
path.data: {data}
path.logs: {logs}
network.host: 127.0.0.1
http.port: {settings.port}
transport.port: {settings.transport_port}
discovery.type: single-node
cluster.routing.allocation.disk.watermark.low: 3gb
cluster.routing.allocation.disk.watermark.high: 2gb
cluster.routing.allocation.disk.watermark.flood_stage: 1gb
cluster.max_shards_per_node: {most_shards}
xpack.security.enabled: true
xpack.security.autoconfiguration.enabled: false
xpack.security.http.ssl.enabled: false
xpack.security.transport.ssl.enabled: false
xpack.security.authc.realms.file.file1.order: 0
"""

# Parts of a full distribution that we do not use, one of which goes to the network. Without the module that it belongs
# to, a setting is unknown and keeps the node from starting.
_OF_A_MODULE = {
    "x-pack-ml": "xpack.ml.enabled: false\n",
    "ingest-geoip": "ingest.geoip.downloader.enabled: false\n",
}


def _yaml(distribution: Path, files: NodeFiles, settings: NodeSettings) -> str:
    # A JSON string is a YAML string: paths may hold spaces, colons and hashes.
    text = _YAML.format(
        data=json.dumps(str(files.data)), logs=json.dumps(str(files.logs)), settings=settings, most_shards=MOST_SHARDS
    )
    if settings.snapshots is not None:
        text += f"path.repo: {json.dumps([str(settings.snapshots)])}\n"
    for module, line in _OF_A_MODULE.items():
        if (distribution / "modules" / module).exists():
            text += line
    return text
