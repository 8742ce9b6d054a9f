"""What goes wrong in a flow is a sentence on its run, with what to do: no traceback for somebody who mistyped a day."""

import functools
import inspect
import logging
from collections.abc import Callable
from typing import Any, ParamSpec, TypeVar, cast

from prefect.client.schemas.objects import State
from prefect.states import Failed
from pydantic import ValidationError, validate_call

from glucoflow.model.errors import GlucoflowError

P = ParamSpec("P")
R = TypeVar("R")

log = logging.getLogger(__name__)


def plainly(work: Callable[P, R]) -> Callable[P, R | State[Any]]:
    """Put it between `flow(validate_parameters=False)` and the function: parameters are checked here, in words.

    Errors of ours, and values that no parameter takes, end the run as Failed with one sentence. Whatever else is raised
    is a fault of ours, and keeps its traceback.
    """
    names = list(inspect.signature(work).parameters)

    @functools.wraps(work)
    def plain(*args: P.args, **kwargs: P.kwargs) -> R | State[Any]:
        # Made here: what `validate_call` makes is pickled, and cannot be read again by the process of a run.
        checked: Callable[P, R] = cast("Any", validate_call)(work)
        try:
            return checked(*args, **kwargs)
        except ValidationError as error:
            if error.title != work.__name__:
                raise
            return _failed("; ".join(_words(one, names) for one in error.errors()))
        except GlucoflowError as error:
            return _failed(str(error))

    return plain


def _words(problem: Any, names: list[str]) -> str:
    """Prefect hands parameters over by their place."""
    first, *rest = problem["loc"]
    place = ".".join(str(part) for part in (names[first] if isinstance(first, int) else first, *rest))
    return f"{place}: {problem['msg'][:1].lower()}{problem['msg'][1:]}"


def _failed(message: str) -> State[Any]:
    log.error("%s", message)
    return Failed(message=message)
