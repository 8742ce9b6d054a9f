"""The passphrase of backups: from a file or a setting, never from a command line. Whoever watches types it."""

import logging
from collections.abc import Callable
from pathlib import Path

from pydantic import SecretStr

from glucoflow.model.errors import Misconfigured
from glucoflow.settings import BackupSettings

log = logging.getLogger(__name__)

SHORTEST = 12
"""Characters. A stolen backup can be tried against for years, at two guesses a second and core."""


def passphrase_of(
    settings: BackupSettings, file: Path | None, prompt: Callable[[], str] | None, *, new: bool
) -> SecretStr:
    """From `file`, else from the settings, else typed at `prompt`, if there is somebody to type.

    Raises Misconfigured where there is none, and, where it is for a `new` backup, for one that is too short.
    """
    found = _given(settings, file)
    if found is None and prompt is not None:
        found = SecretStr(prompt())
    if found is None or not found.get_secret_value():
        raise Misconfigured(
            "There is no passphrase for backups.",
            remedy="Set BACKUP_PASSPHRASE or BACKUP_PASSPHRASE_FILE in .env, name a file with --passphrase-file, or "
            "run the command in a terminal, where it asks. Keep the passphrase somewhere else, too.",
        )
    if new and len(found.get_secret_value()) < SHORTEST:
        raise Misconfigured(
            f"The passphrase for backups has {len(found.get_secret_value())} characters.",
            remedy=f"Use at least {SHORTEST}; a sentence of your own is a good one.",
        )
    return found


def _given(settings: BackupSettings, file: Path | None) -> SecretStr | None:
    file = file or settings.passphrase_file
    if file is None:
        return settings.passphrase
    try:
        text, mode = file.read_text(encoding="utf-8"), file.stat().st_mode
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is not text"
        raise Misconfigured(
            f"The file with the passphrase, {file}, cannot be read ({why}).",
            remedy="Correct BACKUP_PASSPHRASE_FILE or --passphrase-file, or who may read it.",
        ) from None
    if mode & 0o077:
        log.warning("the file with the passphrase of backups, %s, can be read by others", file)
    return SecretStr(text.strip("\r\n"))
