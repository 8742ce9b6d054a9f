"""Logging: one JSON object a line on standard error, or text for eyes; secrets are masked before anything is written.

The core logs through `logging.getLogger(__name__)`; Prefect picks the same loggers up by its extra-loggers setting.
"""

import logging
import re
from typing import TextIO

from pythonjsonlogger.json import JsonFormatter

from glucoflow.settings import LogSettings

_SECRET = re.compile(
    r"""(?ix)
    ( (?:bearer|basic) \s+                                                     # an Authorization header
    | ["']? \b (?:access_token|refresh_token|client_secret|password|api[_-]?key|code|token) \b ["']? \s* [=:] \s* ["']?
    ) ( [^\s"'&,;@}]+ )
    """
)
_PASSWORD_IN_ADDRESS = re.compile(r"(://[^/\s:@]+:)[^/\s@]+(?=@)")
MASK = "•••"


def mask(text: str) -> str:
    """`text` with the values of tokens, passwords, codes and Authorization headers replaced by •••."""
    return _PASSWORD_IN_ADDRESS.sub(rf"\1{MASK}", _SECRET.sub(rf"\1{MASK}", text))


class MaskingJsonFormatter(JsonFormatter):
    """python-json-logger's formatter, with `mask` over the finished line: message, extras and traceback alike."""

    def format(self, record: logging.LogRecord) -> str:
        return mask(super().format(record))


class MaskingTextFormatter(logging.Formatter):
    """Time, level, logger and message, masked."""

    def format(self, record: logging.LogRecord) -> str:
        return mask(super().format(record))


def json_formatter() -> logging.Formatter:
    """The formatter of a JSON line: timestamp, level, logger, message and whatever `extra` carried."""
    return MaskingJsonFormatter(
        "%(asctime)s %(levelname)s %(name)s %(message)s",
        rename_fields={"asctime": "@timestamp", "levelname": "log.level", "name": "log.logger"},
        datefmt="%Y-%m-%dT%H:%M:%S%z",
    )


def configure(settings: LogSettings, stream: TextIO | None = None) -> None:
    """Send every logger's lines to `stream`, or standard error. Call once, from the program's entry."""
    handler = logging.StreamHandler(stream)
    text = MaskingTextFormatter("%(asctime)s %(levelname)-7s %(name)s: %(message)s", datefmt="%H:%M:%S")
    handler.setFormatter(json_formatter() if settings.format == "json" else text)
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(settings.level)
    for chatty in ("urllib3", "httpx", "httpcore", "alembic", "uvicorn.access"):
        logging.getLogger(chatty).setLevel(logging.WARNING)
    # It warns with a traceback for each failed call; we retry, and say ourselves what failed.
    logging.getLogger("elastic_transport").setLevel(logging.ERROR)
