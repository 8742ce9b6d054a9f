"""`glucoflow init`: a complete .env with secrets that nobody can guess, and one password to remember."""

import os
import re
import secrets
import string
from pathlib import Path

from cryptography.fernet import Fernet

from glucoflow.backup.passphrases import SHORTEST
from glucoflow.installed import installed
from glucoflow.model.errors import Misconfigured, Rejected, Unavailable
from glucoflow.provider import OAuth
from glucoflow.store.keys import KEY_FILE, Keys

MADE_UP = {
    "ELASTIC_PASSWORD": 32,
    "ES_PASSWORD": 32,
    "KIBANA_PASSWORD": 32,
    "KIBANA_PROVISION_PASSWORD": 32,
    "KIBANA_KEY": 40,
    "POSTGRES_PASSWORD": 32,
    "STORE_PASSWORD": 32,
    "PREFECT_STORE_PASSWORD": 32,
    "PREFECT_PASSWORD": 32,
}
"""What programs ask of one another, and how many letters and digits it has."""

_HOST = re.compile(r"[A-Za-z0-9][A-Za-z0-9.-]*")
_ALPHABET = string.ascii_letters + string.digits

_TEXT = """\
# Written by `glucoflow init`. Every other setting: .env.example. Keep a copy: data and backups need what is in here.

# The one to remember: it opens the pages, and backups.
WEB_PASSWORD='{password}'
BACKUP_PASSPHRASE='{password}'

# Made up, for the programs among themselves.
{made_up}
GLUCOFLOW_TOKEN_KEY={key}
"""
_APP = """
# Your own app at {title}, if you use that.
{prefix}CLIENT_ID=
{prefix}CLIENT_SECRET=
"""
_BEHIND_A_PROXY = """
# Behind a reverse proxy on this machine (docs/operations.md): its name, and from where it comes.
WEB_ALLOWED_HOSTS={host},localhost,127.0.0.1
WEB_ADDRESS=https://{host}
FORWARDED_ALLOW_IPS=127.0.0.1,172.16.0.0/12
"""


def new_password() -> str:
    """Four groups of five letters and digits: 119 bits."""
    return "-".join(_letters(5) for _ in range(4))


def write_settings(file: Path, password: str, host: str | None, data_dir: Path) -> None:
    """Write the file, for its owner only; the key of a store that is in `data_dir` already goes on to be the key.

    Raises Misconfigured where the file is there, Rejected for a password or host name that cannot be used, Unavailable
    where it cannot be written.
    """
    if len(password) < SHORTEST or "'" in password or "\\" in password or not password.isprintable():
        raise Rejected("password", f"has {SHORTEST} characters or more, and neither ' nor \\ in it")
    if host is not None and not _HOST.fullmatch(host):
        raise Rejected("host", "is a name such as glucose.example.org, without https:// and without a path")
    made_up = "\n".join(f"{name}={_letters(length)}" for name, length in MADE_UP.items())
    text = _TEXT.format(password=password, made_up=made_up, key=_key(data_dir))
    apps = [one for one in installed().providers.values() if isinstance(one.auth, OAuth)]
    text += "".join(_APP.format(title=one.title, prefix=one.prefix) for one in apps)
    if host:
        text += _BEHIND_A_PROXY.format(host=host)
        text += "".join(f"{one.prefix}REDIRECT_URI=https://{host}/oauth/callback\n" for one in apps)
    try:
        _write_new(file, text)
    except FileExistsError:
        raise Misconfigured(
            f"{file.resolve()} is there already, and stays as it is.",
            remedy="Move it away to begin anew, and keep it for as long as its data; or add to it by hand what is "
            "missing (.env.example).",
        ) from None
    except OSError as error:
        raise Unavailable(
            f"{file.resolve()} cannot be written ({error.strerror}).",
            remedy="Make room, or go to a folder that you may write to. Nothing was left.",
        ) from None


def _write_new(file: Path, text: str) -> None:
    """All of it or nothing, for its owner only."""
    descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as handle:
            handle.write(text)
    except OSError:
        file.unlink()
        raise


def _letters(length: int) -> str:
    return "".join(secrets.choice(_ALPHABET) for _ in range(length))


def _key(data_dir: Path) -> str:
    if (data_dir / KEY_FILE).exists():
        return Keys(None, data_dir).secret().get_secret_value()
    return Fernet.generate_key().decode()
