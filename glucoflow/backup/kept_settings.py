"""Settings as a backup takes them along, and as they are laid down where it is restored."""

from collections.abc import Mapping
from io import StringIO
from pathlib import Path

from dotenv.parser import parse_stream
from pydantic_settings import BaseSettings

from glucoflow.provider import ENV_FILE, installed
from glucoflow.settings import Settings

PLACES = frozenset(
    {
        "GLUCOFLOW_DATA_DIR", "GLUCOFLOW_CACHE_DIR", "GLUCOFLOW_DATABASE_URL", "GLUCOFLOW_TOKEN_KEY", "ES_ENDPOINT",
        "ES_USER", "ES_PASSWORD", "ES_API_KEY", "ES_CA_CERTS", "ES_HOME", "ES_INDEX", "PREFECT_API_URL",
        "PREFECT_API_AUTH_STRING", "KIBANA_URL", "KIBANA_USER", "KIBANA_PASSWORD", "DEMO_SIMULATORS", "BACKUP_DIR",
        "BACKUP_PASSPHRASE_FILE", "BACKUP_SNAPSHOT_REPOSITORY", "ES_SNAPSHOTS",
    }
)  # fmt: skip
"""Where things are on one machine, and the keys of these places: not to be carried to another."""


def variables() -> list[str]:
    """The name of every setting, those of providers included."""
    groups = [one.annotation for name, one in Settings.model_fields.items() if name != "providers"]
    groups += [one.settings for one in installed().providers.values()]
    return [
        f"{group.model_config.get('env_prefix', '')}{name}".upper()
        for group in groups
        if isinstance(group, type) and issubclass(group, BaseSettings)
        for name in group.model_fields
    ]


def kept_settings(environment: Mapping[str, str], file: Path = ENV_FILE) -> str:
    """The file of settings as it is, and what of them the environment has beside it (as in a container)."""
    try:
        text = file.read_text(encoding="utf-8")
    except FileNotFoundError:
        text = ""
    there = {one.key for one in parse_stream(StringIO(text))}
    beside = [name for name in variables() if environment.get(name) and name not in there]
    more = [f"{name}={_quoted(environment[name])}" for name in beside]
    if more:
        text = text.rstrip("\n") + "\n" * bool(text) + "\n".join(["# From the environment:", *more]) + "\n"
    return text


def _quoted(value: str) -> str:
    """As `.env` has it, whatever is in it."""
    escaped = value.replace("\\", "\\\\").replace("'", "\\'")
    return f"'{escaped}'"


def as_restored(text: str) -> str:
    """The same for another machine: what says where things were is there as a comment only."""
    lines = []
    for one in parse_stream(StringIO(text)):
        original = one.original.string
        if one.key in PLACES:
            original = "".join(f"# (before) {line}" for line in original.lstrip("\n").splitlines(keepends=True))
        lines.append(original)
    return "".join(lines)
