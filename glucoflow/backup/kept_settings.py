"""Settings as a backup takes them along, and as they are laid down where it is restored."""

import logging
from collections.abc import Mapping
from io import StringIO
from pathlib import Path

from dotenv.parser import parse_stream
from pydantic_settings import BaseSettings

from glucoflow.files import private
from glucoflow.installed import installed
from glucoflow.provider import ENV_FILE
from glucoflow.settings import Settings

log = logging.getLogger(__name__)

LATER = "settings-of-backup.env"

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


def lay_down(text: str, env_file: Path, data_dir: Path) -> Path | None:
    """Write settings to `env_file`, or beside the data where one is there or it cannot be written; where they are then.

    None, and a warning, where they can be written nowhere: all else is in its place by then, and stays.
    """
    for to, mode in ((env_file, "x"), (data_dir / LATER, "w")):
        if _written(to, mode, text):
            return to
    log.warning("the settings of the backup could be written nowhere; `age -d FILE | tar xz settings.env` has them")
    return None


def _written(to: Path, mode: str, text: str) -> bool:
    """False where it is there, or cannot be written: in a container nobody may write beside the program."""
    try:
        file = open(to, mode, opener=private, encoding="utf-8")  # noqa: SIM115 – what fails later leaves half of it
    except OSError:
        return False
    try:
        with file:
            file.write(text)
    except OSError:
        to.unlink(missing_ok=True)
        return False
    return True
