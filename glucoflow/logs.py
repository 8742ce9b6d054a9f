"""Logging: one JSON object a line on standard error, or text for eyes; secrets are masked before anything is written.

The core logs through `logging.getLogger(__name__)`; Prefect picks the same loggers up by its extra-loggers setting.
Names are ECS's (by ecs-logging), the JSON is python-json-logger's. What a line is `about` (run, person, connection) is
in each line that is logged meanwhile, whoever logs it.
"""

import logging
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from types import MappingProxyType
from typing import Any, TextIO

from ecs_logging import StdlibFormatter
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


_ABOUT: ContextVar[Mapping[str, str]] = ContextVar("about", default=MappingProxyType({}))

NAMES = {"user_id": "user.id", "run_id": "glucoflow.run.id", "connection_id": "glucoflow.connection.id"}
"""Extras that have a name of their own; Prefect's go below `prefect`, all others below `glucoflow`."""
_PREFECT = re.compile(r"(flow|task)(_run)?_(id|name|count)|worker_(id|name)|work_(pool|queue)_\w+|deployment_\w+")
_STANDARD = {*vars(logging.makeLogRecord({})), "message", "asctime", "taskName"}


@contextmanager
def about(**extras: str) -> Iterator[None]:
    """Lines that are logged in the block, also by libraries and in threads that are given this context, carry these."""
    token = _ABOUT.set({**_ABOUT.get(), **extras})
    try:
        yield
    finally:
        _ABOUT.reset(token)


class MaskingJsonFormatter(JsonFormatter):
    """ECS's fields as JSON, with `mask` over the finished line: message, extras and traceback alike."""

    def __init__(self) -> None:
        super().__init__()
        self._ecs = StdlibFormatter(exclude_fields=["log.original", "process.thread.id"])

    def format(self, record: logging.LogRecord) -> str:
        bare = logging.makeLogRecord({name: value for name, value in vars(record).items() if name in _STANDARD})
        fields = self._ecs.format_to_ecs(bare)
        own = {name: value for name, value in vars(record).items() if name not in _STANDARD}
        for name, value in {**_ABOUT.get(), **own}.items():
            _put(fields, _name(name), value)
        return mask(self.jsonify_log_record(fields))


def _name(extra: str) -> str:
    return NAMES.get(extra) or f"{'prefect' if _PREFECT.fullmatch(extra) else 'glucoflow'}.{extra}"


def _put(fields: dict[str, Any], name: str, value: object) -> None:
    *parents, last = name.split(".")
    for parent in parents:
        below = fields.setdefault(parent, {})
        fields = below if isinstance(below, dict) else {}
    fields[last] = value


class MaskingTextFormatter(logging.Formatter):
    """Time, level, logger and message, masked."""

    def format(self, record: logging.LogRecord) -> str:
        return mask(super().format(record))


def json_formatter() -> logging.Formatter:
    """The formatter of a JSON line: ECS's fields, what it is about, and whatever `extra` carried."""
    return MaskingJsonFormatter()


def text_formatter() -> logging.Formatter:
    """The formatter of a line for eyes."""
    return MaskingTextFormatter("%(asctime)s %(levelname)-7s %(name)s: %(message)s", datefmt="%H:%M:%S")


def configure(settings: LogSettings, stream: TextIO | None = None) -> None:
    """Send every logger's lines to `stream`, or standard error. Call once, from the program's entry."""
    handler = logging.StreamHandler(stream)
    handler.setFormatter(json_formatter() if settings.format == "json" else text_formatter())
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(settings.level)
    for chatty in ("urllib3", "httpx", "httpcore", "alembic", "uvicorn.access"):
        logging.getLogger(chatty).setLevel(logging.WARNING)
    # It warns with a traceback for each failed call; we retry, and say ourselves what failed.
    logging.getLogger("elastic_transport").setLevel(logging.ERROR)
