"""What can go wrong, grouped by what the caller must do about it.

    GlucoflowError
    ├── Retryable        the other side may answer later: wait (`retry_after` seconds if it said so), then try again
    │   └── AnswerLost       it may have been carried out, but the answer did not arrive
    ├── Reauthorize      the person's consent is gone: stop this connection and ask them to connect again
    │   ├── OtherAccount     another account than before: stop before anything of it is written
    │   └── LoginRefused     what the person typed is refused: ask them at once, trying again may lock the account
    ├── Unreadable       a part of a connection's data is refused (a kind, a window): remember it, go on with the rest
    ├── Rejected         one record cannot be understood or stored: keep it with its reason and go on
    ├── UnreadableFile   what a person handed in is no file that is known here: say so, nothing was changed
    │   └── LeftOpen         it is, and leaves open what the person can say: ask them
    └── Fatal            nobody but the operator can help: stop loudly
        ├── Misconfigured    a setting or key is missing or wrong
        └── Unavailable      a part that this machine must provide (Elasticsearch, the store, Java) is not usable

Every message says what happened and what it means; `remedy` says what to do. Neither carries a token, a reading or
a URL with a query.
"""

from typing import Literal


class GlucoflowError(Exception):
    """Base of all. `str(error)` is for the person; `remedy` is the next thing they should do; `exit_code` the CLI's."""

    exit_code = 1

    def __init__(self, message: str, *, remedy: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.remedy = remedy

    def __str__(self) -> str:
        return f"{self.message} {self.remedy}".strip()


class Retryable(GlucoflowError):
    """Transient: overload, outage, time-out. `retry_after` is what the other side asked for, in seconds."""

    exit_code = 75  # EX_TEMPFAIL

    def __init__(self, message: str, *, remedy: str = "", retry_after: float | None = None) -> None:
        super().__init__(message, remedy=remedy)
        self.retry_after = retry_after


class AnswerLost(Retryable):
    """What was asked for may have been carried out, but its answer did not arrive: a time-out, a broken connection.

    For a renewal this means that a refresh token may be spent: it is tried once more later, never at once.
    """


class Reauthorize(GlucoflowError):
    """The provider no longer accepts this connection's credentials; only its person can renew the consent."""

    exit_code = 77  # EX_NOPERM


class Unreadable(GlucoflowError):
    """The provider refuses a part of a connection's data. `narrower`: a shorter window of it may be given."""

    exit_code = 76  # EX_PROTOCOL

    def __init__(self, message: str, *, remedy: str = "", narrower: bool = False) -> None:
        super().__init__(message, remedy=remedy)
        self.narrower = narrower


class OtherAccount(Reauthorize):
    """Good credentials, but of another account than the connection's, or of one that is somebody else's."""


class LoginRefused(Reauthorize):
    """A password or token that a person typed is refused. Believed at the first time, and never tried again as it is:
    providers lock accounts after a few tries."""


class Rejected(GlucoflowError):
    """One record is rejected: `field` names what was wrong with it."""

    exit_code = 65  # EX_DATAERR

    def __init__(self, field: str, reason: str) -> None:
        super().__init__(f"{field}: {reason}")
        self.field = field
        self.reason = reason


class UnreadableFile(GlucoflowError):
    """A file that a person hands in is none that is known here, or holds nothing to go on with."""

    exit_code = 65  # EX_DATAERR


Question = Literal["columns", "order", "unit", "who", "whose"]
"""What a file can leave open: which columns; day or month first; the unit; which of several people; whether it is
theirs although it names somebody else."""


class LeftOpen(UnreadableFile):
    """The file leaves open what a person can say. `about` names it; `headings` are those to choose columns from, and
    `names` those of the people in the file. The remedy says how a command is told; a page asks in its own words."""

    def __init__(
        self,
        message: str,
        *,
        about: Question,
        remedy: str = "",
        headings: tuple[str, ...] = (),
        names: tuple[str, ...] = (),
    ) -> None:
        super().__init__(message, remedy=remedy)
        self.about: Question = about
        self.headings = headings
        self.names = names


class Fatal(GlucoflowError):
    """Needs the operator; nothing is retried."""

    exit_code = 70  # EX_SOFTWARE


class Misconfigured(Fatal):
    """A setting, key or credential is missing or wrong."""

    exit_code = 78  # EX_CONFIG


class Unavailable(Fatal):
    """Elasticsearch, the store, Java or a port cannot be used."""

    exit_code = 69  # EX_UNAVAILABLE
