"""Answering a call that does not fit, or a name that is not there, with what to write."""

from __future__ import annotations

import functools
import inspect
from abc import ABCMeta
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar

from cifarkit.errors import UnknownArgumentError, UnknownAttributeError
from cifarkit.foreign_words import PLACES, SYNONYMS, lacking, way_for

__all__ = ["CheckedConstruction", "Guided", "check_call", "explains_arguments"]

P = ParamSpec("P")
R = TypeVar("R")


def check_call(
    callee: str,
    function: Callable[..., Any],
    arguments: tuple[Any, ...],
    keywords: Mapping[str, Any],
    *,
    error: type[UnknownArgumentError] = UnknownArgumentError,
) -> None:
    """Refuse a call that does not fit a signature, and say what to write.

    Args:
        callee: what was called, for the message.
        function: whose signature it is.
        arguments: those without a name.
        keywords: those with one.
        error: what to raise.

    >>> check_call("ck.seeded", lambda seed: None, (), {"random_state": 3})
    Traceback (most recent call last):
    ...
    cifarkit.errors.UnknownArgumentError: ck.seeded takes no random_state=: write seed=3
    """
    signature = inspect.signature(function)
    try:
        signature.bind(*arguments, **keywords)
    except TypeError as problem:
        reason = str(problem)
    else:
        return
    parameters = [one for one in signature.parameters.values() if one.name != "self"]
    known = [
        one.name for one in parameters if one.kind not in (one.VAR_POSITIONAL, one.VAR_KEYWORD)
    ]
    unknown = [word for word in keywords if word not in known]
    if any(one.kind is one.VAR_KEYWORD for one in parameters):  # then others may be meant
        unknown = [word for word in unknown if SYNONYMS.get(word) in known]
    if unknown:
        ways = [
            f"{callee} takes no {word}=: {way_for(callee, word, keywords[word], known)}"
            for word in unknown
        ]
        raise error("\n  ".join(ways)) from None
    by_place = [one.name for one in parameters if one.kind is one.POSITIONAL_OR_KEYWORD]
    if reason.startswith("too many"):
        by_name = [f"{name}=" for name in known if name not in by_place]
        way = PLACES.get(callee) or f"by place it takes {', '.join(by_place) or 'nothing'}" + (
            f"; {', '.join(by_name)} have names" if by_name else ""
        )
        raise error(f"{callee} was given too much: {way}") from None
    needed = [one.name for one in parameters if one.default is one.empty and one.name in known]
    raise error(f"{callee} needs {', '.join(needed)}: {reason}") from None


class CheckedConstruction(ABCMeta):
    """Metaclass whose classes answer a wrong call before their `__init__` would, with no way on.

    What is copied or unpickled was called rightly once, and is made without a call.
    """

    def __call__(cls, *arguments: Any, **keywords: Any) -> Any:
        """Make one, once `check_construction` has found nothing."""
        cls.check_construction(arguments, keywords)
        return super().__call__(*arguments, **keywords)

    def check_construction(
        cls,
        arguments: tuple[Any, ...],
        keywords: Mapping[str, Any],
        *,
        error: type[UnknownArgumentError] = UnknownArgumentError,
    ) -> None:
        """Refuse what the class's `__init__` does not take, as `check_call` does."""
        maker = next(one for one in cls.__mro__ if "__init__" in vars(one))
        first: Any = vars(maker)["__init__"]
        function = object if maker is object else functools.partial(first, None)
        check_call(cls.__name__, function, arguments, keywords, error=error)


class Guided(metaclass=CheckedConstruction):
    """Base of classes that answer a wrong call, or a name they lack, with what to write.

    >>> class Lamp(Guided):
    ...     is_lit = True
    >>> Lamp().is_lid
    Traceback (most recent call last):
    ...
    cifarkit.errors.UnknownAttributeError: Lamp has no is_lid: did you mean is_lit?
    """

    if not TYPE_CHECKING:  # type checkers go on telling what is there

        def __getattr__(self, name: str) -> Any:
            raise UnknownAttributeError(lacking(type(self).__name__, name, dir(self)))


def explains_arguments(callee: str) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Return a decorator for functions whose wrong calls `check_call` answers.

    >>> @explains_arguments("halve")
    ... def halve(number):
    ...     return number / 2
    >>> halve(number=3)
    1.5
    """

    def decorate(function: Callable[P, R]) -> Callable[P, R]:
        @functools.wraps(function)
        def explained(*arguments: P.args, **keywords: P.kwargs) -> R:
            check_call(callee, function, arguments, keywords)
            return function(*arguments, **keywords)

        return explained

    return decorate
