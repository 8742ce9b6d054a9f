"""What a database says when it cannot serve, in words: `Unavailable` or `Misconfigured`, each with its cure.

Codes: sqlite.org/rescode.html; PostgreSQL manual, appendix A.
"""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from sqlalchemy import exc

from glucoflow.model.errors import GlucoflowError, Misconfigured, Unavailable

if TYPE_CHECKING:
    import psycopg

_BUSY = ("The database stayed locked by another process.", "Look for a hung glucoflow process or a backup, then retry.")
_FULL = ("The disk of the database is full.", "Free some space; work goes on from the last checkpoint.")
_FULL_POSTGRES = (
    "The disk of PostgreSQL's server is full.",
    "Free some space there (or let its volume grow); work goes on from the last checkpoint.",
)
_READ_ONLY = ("The database is read-only.", "Give the account that runs glucoflow write access to its data folder.")
_CORRUPT = (
    "The database file is damaged.",
    (
        "Stop glucoflow and restore the last backup. Older checkpoints do no harm; a person whose token is outdated "
        "will be asked to connect again."
    ),
)
_DISK = ("The disk of the database reports an error.", "Check the disk and the system's log before going on.")
_SHARED = (
    "The disk of the database is full, or cannot share SQLite's -shm file between processes.",
    "Free some space; work goes on from the last checkpoint. A network drive cannot hold the data folder.",
)
_CANNOT_OPEN = ("The database file cannot be opened.", "Check that the data folder exists and who may write to it.")
_DOWN = ("PostgreSQL cannot be reached.", "Start it, or correct GLUCOFLOW_DATABASE_URL; work goes on by itself then.")
_CROWDED = ("PostgreSQL has no free connection.", "Raise its max_connections, or run fewer workers.")
_SLOW = ("PostgreSQL did not answer in time.", "Check its load and its locks (pg_stat_activity).")

_SQLITE = {
    "SQLITE_BUSY": _BUSY,
    "SQLITE_LOCKED": _BUSY,
    "SQLITE_FULL": _FULL,
    "SQLITE_READONLY": _READ_ONLY,
    "SQLITE_CORRUPT": _CORRUPT,
    "SQLITE_NOTADB": _CORRUPT,
    "SQLITE_IOERR_SHM": _SHARED,
    "SQLITE_IOERR": _DISK,
    "SQLITE_CANTOPEN": _CANNOT_OPEN,
    "SQLITE_PERM": _READ_ONLY,
    "SQLITE_AUTH": _READ_ONLY,
}
_POSTGRES = {
    "53100": _FULL_POSTGRES,
    "53300": _CROWDED,
    "55P03": _BUSY,
    "25006": _READ_ONLY,
    "57014": _SLOW,
    "40P01": _BUSY,
    "40001": _BUSY,
    "XX001": _CORRUPT,
    "XX002": _CORRUPT,
    "58030": _DISK,
    "25P03": _SLOW,
}
_SAID = {
    "No space left on device": _FULL_POSTGRES,
    "could not extend file": _FULL_POSTGRES,
    "too many clients": _CROWDED,
    "remaining connection slots": _CROWDED,
}
"""libpq gives no code for what a server says when it turns a connection away, only its text."""

_TLS = (
    "certificate verify failed", "SSL error", "server does not support SSL", "root certificate file",
    "does not match host name", "sslmode", "SSL connection is required", "no encryption", "certificate has expired",
    "sslcert", "private key file",
)  # fmt: skip
_REFUSED = {"28P01": "the password", "28000": "the user", "3D000": "the database name", "42501": "the user's rights"}


@contextmanager
def explained() -> Iterator[None]:
    """Turn what SQLAlchemy and SQLite raise about the database itself into our errors; our mistakes pass as such."""
    try:
        yield
    except exc.TimeoutError:
        raise Unavailable(_CROWDED[0], remedy=_CROWDED[1]) from None
    except (exc.DBAPIError, sqlite3.Error) as error:
        known = explain(error.orig if isinstance(error, exc.DBAPIError) else error)
        if known is None:
            raise
        raise known from None  # the driver's text can hold a row's values


def explain(error: BaseException | None) -> GlucoflowError | None:
    """Our error for a driver's, or None if it is a mistake of ours rather than a fault of the database."""
    if isinstance(error, sqlite3.Error):
        return _explain_sqlite(error)
    import psycopg  # with SQLite a start does without it

    if isinstance(error, psycopg.Error):
        return _explain_postgres(error)
    return None


def _explain_sqlite(error: sqlite3.Error) -> Unavailable | None:
    name = getattr(error, "sqlite_errorname", "") or ""
    for prefix, (what, remedy) in _SQLITE.items():
        if name.startswith(prefix):
            return Unavailable(what, remedy=remedy)
    return None


def _explain_postgres(error: "psycopg.Error") -> GlucoflowError | None:
    code = error.sqlstate or ""
    text = str(error)
    if tls := _about_tls(code, text):
        return tls
    if code.startswith("53") or not code:
        for sign, (what, remedy) in _SAID.items():
            if sign in text:
                return Unavailable(what, remedy=remedy)
    for refused, what in _REFUSED.items():
        # libpq gives no code for a connection that the server turned away, only its text
        if code == refused or (not code and _turned_away(refused, text)):
            return Misconfigured(
                f"PostgreSQL refused {what}.", remedy="Correct GLUCOFLOW_DATABASE_URL, or the server's roles."
            )
    if code in _POSTGRES:
        what, remedy = _POSTGRES[code]
        return Unavailable(what, remedy=remedy)
    import psycopg

    if code.startswith(("08", "57P")) or (not code and isinstance(error, psycopg.OperationalError)):
        return Unavailable(_DOWN[0], remedy=_DOWN[1])
    return None


def _about_tls(code: str, text: str) -> Misconfigured | None:
    """The operator's: no waiting mends a certificate or an address that wants another kind of connection."""
    if code not in ("", "28000", "08001", "08006") or not any(sign in text for sign in _TLS):
        return None
    if "closed unexpectedly" in text or "SYSCALL error" in text or "unexpected eof" in text:
        return None  # a TLS connection that broke is an outage like any other
    return Misconfigured(
        "PostgreSQL's TLS does not fit: its certificate, or the kind of connection that was asked for.",
        remedy="Look at the server's certificate (expired? issued for this name?) and at sslmode and sslrootcert in "
        "GLUCOFLOW_DATABASE_URL. Nothing is lost meanwhile.",
    )


def _turned_away(code: str, text: str) -> bool:
    signs = {"28P01": "password authentication failed", "28000": "role ", "3D000": 'database "'}
    return "FATAL" in text and code in signs and signs[code] in text
