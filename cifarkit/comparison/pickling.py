"""Sending a student's own code along with the jobs that need it."""

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
    """Pickle code from the user's own files whole for a block, not by the name of its module.

    A worker is a fresh process, perhaps on another machine: it cannot import a file that was
    loaded with `--import`, and must not run a script again. Executors that pickle by cloudpickle
    (loky, Dask, Ray) honour it.

    Args:
        things: functions, classes, or instances of classes.
    """
    definitions = filter(is_user_code, map(_definition, things))
    homes = {one.__module__ for one in definitions} & sys.modules.keys()
    modules = [sys.modules[home] for home in sorted(homes - {"__main__"})]  # which always is
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
    """Refuse what cannot be taken to another process.

    Args:
        things: variants and callbacks.

    Raises:
        ComparisonError: one holds an open file, a lock, a connection or the like.
    """
    for thing in things:
        try:
            cloudpickle.dumps(thing)
        except Exception as error:  # what pickling raises is up to what is pickled
            raise ComparisonError(
                f"{thing!r} cannot be sent to another process ({error}); let it open files and "
                "the like when training begins, in on_fit_start, or train in this process: "
                "executor=ThreadPoolExecutor(1)"
            ) from error


def _definition(thing: Any) -> Callable[..., Any]:
    """Return the function or class that a builder, or a callback, is made of."""
    plain = inspect.unwrap(thing) if callable(thing) else type(thing)
    found: Callable[..., Any] = plain.func if isinstance(plain, functools.partial) else plain
    return found
