"""Checks of exercises: they take any answer, and say in one sentence what is still missing.

Tutorials use these. A check raises `NotYet`, which says what is wrong, or returns a sentence on
what is right. The decorator `exercise` prints both, and any other error that an answer raises.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Callable, Iterator
from functools import wraps
from linecache import getline
from numbers import Number
from types import CodeType, TracebackType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import torch

__all__ = [
    "NotYet",
    "as_number",
    "as_numbers",
    "as_tensor",
    "exercise",
    "is_close",
    "judge",
    "location",
    "stopped_by",
]

LONGEST = 200  # characters of an error's message


class NotYet(Exception):  # noqa: N818 - not an error, but a check's message
    """An answer is not right yet; the text says in a sentence what is missing."""


def exercise(check: Callable[..., str]) -> Callable[..., None]:
    """Let a check print what it finds, for any answer.

    Args:
        check: takes answers; returns a sentence on what is right, or raises `NotYet`.

    Returns:
        The check, which prints and raises nothing.

    >>> @exercise
    ... def check_double(double):
    ...     if not is_close(as_number(double(4)), 8):
    ...         raise NotYet(f"twice 4 is 8, yours says {double(4)}")
    ...     return "Right"
    >>> check_double(lambda number: number * 2)
    Right
    >>> check_double(lambda number: number + 2)
    Not yet: twice 4 is 8, yours says 6
    >>> check_double(lambda number: None)
    Not yet: a number is expected, and yours is None; does your function return its result?
    >>> check_double("double")
    Not yet: your code stops with TypeError: 'str' object is not callable
    """

    @wraps(check)
    def printed(*answers: Any) -> None:
        _, text = judge(check, *answers)
        sys.stdout.write(f"{text}\n")

    return printed


def judge(check: Callable[..., str], *answers: Any) -> tuple[bool, str]:
    """Return whether answers are right, and what a check says of them in one line.

    >>> judge(lambda answer: "Right", 8), judge(lambda answer: "Right", None)
    ((True, 'Right'), (False, 'Not yet: there is no answer, only None'))
    """
    try:
        if any(answer is None for answer in answers):
            raise NotYet("there is no answer, only None")
        return True, check(*answers)
    except NotYet as lack:
        return False, f"Not yet: {lack}"
    except (Exception, SystemExit) as error:  # noqa: BLE001 - anything can be wrong with an answer
        names = getattr(check, "__globals__", {})
        return False, stopped_by(error, names, besides=getattr(check, "__code__", None))


def as_number(answer: Any) -> float:
    """Return an answer as a float, from a number of Python or NumPy, or a tensor of one number.

    Raises:
        NotYet: it is something else.

    >>> import numpy as np
    >>> as_number(np.float32(0.5)), as_number([7])
    (0.5, 7.0)
    """
    (number,) = as_numbers(answer, 1)
    return number


def as_numbers(answer: Any, count: int) -> list[float]:
    """Return an answer as `count` floats, from a list, a tuple, an array or a tensor of any shape.

    Raises:
        NotYet: the answer does not hold numbers, or holds more or fewer of them.

    >>> import torch
    >>> as_numbers((torch.tensor(0.5), 1), 2)
    [0.5, 1.0]
    """
    numbers = [_as_float(leaf, count) for leaf in _leaves(answer)]
    if len(numbers) != count:
        raise NotYet(f"{_expected(count)}, and yours has {len(numbers)}")
    return numbers


def as_tensor(answer: Any, like: torch.Tensor) -> torch.Tensor:
    """Return an answer as a tensor on the CPU, from a tensor, an array or lists.

    Args:
        answer: the answer, of any dtype.
        like: a tensor of the shape that it must have.

    Raises:
        NotYet: it is something else, or of another shape.

    >>> import torch
    >>> as_tensor([1.0, 2.0], torch.zeros(2))
    tensor([1., 2.])
    """
    import torch

    try:
        tensor = torch.as_tensor(answer).detach().cpu()
    except (TypeError, ValueError, RuntimeError):
        raise NotYet(f"a tensor is expected, and yours is {_named(answer)}") from None
    if tensor.shape != like.shape:
        raise NotYet(f"the shape should be {tuple(like.shape)}, yours is {tuple(tensor.shape)}")
    return tensor


def is_close(found: float, wanted: float) -> bool:
    """Return whether two numbers are equal up to rounding in float32; NaN equals nothing.

    >>> is_close(0.9600000381, 0.96), is_close(0.9601, 0.96), is_close(float("nan"), 0.0)
    (True, False, False)
    """
    return math.isclose(found, wanted, rel_tol=1e-5, abs_tol=1e-6)


def _leaves(answer: Any) -> Iterator[Any]:
    """Yield the items of nested lists, arrays and tensors, one by one."""
    answer = answer.tolist() if hasattr(answer, "tolist") else answer
    if isinstance(answer, list | tuple | range | Iterator):
        for part in answer:
            yield from _leaves(part)
    else:
        yield answer


def _as_float(leaf: Any, count: int) -> float:
    if not isinstance(leaf, Number) or isinstance(leaf, bool | complex):
        raise NotYet(f"{_expected(count)}, and yours is {_named(leaf)}")
    return float(leaf)  # type: ignore[arg-type]  # Number has no methods


def _expected(count: int) -> str:
    return "a number is expected" if count == 1 else f"{count} numbers are expected"


def _named(answer: Any) -> str:
    if answer is None:
        return "None; does your function return its result?"
    return f"of type {type(answer).__name__}"


def stopped_by(
    error: BaseException, names: dict[str, Any], *, besides: CodeType | None = None
) -> str:
    """Say in one line with which error an answer stops, and where.

    Args:
        error: what it raised.
        names: the globals of the notebook or script that the answer is in.
        besides: the code of the check, which is not the answer's.
    """
    where = location(error.__traceback__, names, besides=besides)
    return f"Not yet: {where} stops with {_described(error)}"


def location(
    traceback: TracebackType | None, names: dict[str, Any], *, besides: CodeType | None = None
) -> str:
    """Name the deepest line of a notebook or script that a traceback leads to."""
    deepest = "your code"
    while traceback:
        frame = traceback.tb_frame
        if frame.f_globals is names and frame.f_code is not besides:
            line = getline(frame.f_code.co_filename, traceback.tb_lineno, names).strip()
            name = frame.f_code.co_name if frame.f_code.co_name != "<module>" else "your code"
            deepest = f"{name}, at `{line}`," if line else deepest
        traceback = traceback.tb_next
    return deepest


def _described(error: BaseException) -> str:
    """Return an error in one line."""
    try:
        text = " ".join(str(error).split())
    except Exception:  # noqa: BLE001 - an answer may raise an error of its own, with a broken text
        text = ""
    text = text if len(text) <= LONGEST else f"{text[:LONGEST]}…"
    return f"{type(error).__name__}: {text}" if text else type(error).__name__
