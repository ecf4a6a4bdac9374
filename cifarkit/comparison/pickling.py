"""Send a user's code to the workers, together with the jobs that need it."""

from __future__ import annotations

import functools
import inspect
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import cloudpickle

from cifarkit.errors import ComparisonError
from cifarkit.models.user_code import is_user_code

__all__ = ["check_sendable", "pickled_by_value"]


@contextmanager
def pickled_by_value(things: Iterable[Any]) -> Iterator[None]:
    """Pickle code from the user's files by value in a block, not by the name of its module.

    A worker is a new process, perhaps on another machine: it cannot import a file that was loaded
    with `--import`, and must not run a script again. It works with executors that pickle by
    cloudpickle (loky, Dask, Ray).

    Args:
        things: functions, classes, or instances of classes.
    """
    definitions = filter(is_user_code, map(_definition, things))
    homes = {definition.__module__ for definition in definitions} & sys.modules.keys()
    modules = [sys.modules[home] for home in sorted(homes - {"__main__"})]  # always by value
    known = cloudpickle.list_registry_pickle_by_value()
    added = [module for module in modules if module.__name__ not in known]
    for module in added:
        cloudpickle.register_pickle_by_value(module)
    try:
        yield
    finally:
        for module in added:
            cloudpickle.unregister_pickle_by_value(module)


def check_sendable(things: Iterable[Any]) -> None:
    """Refuse what cannot be sent to another process.

    Args:
        things: variants and callbacks.

    Raises:
        ComparisonError: one of them holds an open file, a lock or a connection, for example.
    """
    for thing in things:
        try:
            cloudpickle.dumps(thing)
        except Exception as error:  # pickling can raise any error
            raise ComparisonError(
                f"{thing!r} cannot be sent to another process ({error}); open files and the like "
                "only when training begins, in on_fit_start, or train in this process: "
                "executor=ThreadPoolExecutor(1)"
            ) from error


def _definition(thing: Any) -> Callable[..., Any]:
    """Return the function of a builder, or the class of a callback."""
    plain = inspect.unwrap(thing) if callable(thing) else type(thing)
    definition: Callable[..., Any] = plain.func if isinstance(plain, functools.partial) else plain
    return definition
