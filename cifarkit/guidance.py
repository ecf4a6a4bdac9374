"""Errors for a wrong call or an unknown name, which say what to write."""

from __future__ import annotations

import ast
import difflib
import functools
import inspect
from abc import ABCMeta
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar

from cifarkit.errors import UnknownArgumentError, UnknownAttributeError
from cifarkit.foreign_names import ATTRIBUTES
from cifarkit.foreign_words import CALLS, WAYS
from cifarkit.synonyms import EXAMPLES, SYNONYMS, VALUES

__all__ = [
    "CheckedConstruction",
    "Guided",
    "as_written",
    "check_call",
    "explains_arguments",
    "lacking",
    "nearest",
    "way_for",
]

# Callables that share rows in `WAYS`, and how the keys of these rows begin.
FAMILIES = {"ck.load_": "ck.load.", "ck.plots.": "ck.plots."}
# Arguments whose text has another meaning in other libraries, such as accelerator="gpu".
CHOICES = ("compile", "device", "precision")
MOST_NAMES = 40  # that a message lists
EITHER_WAY = inspect.Parameter.POSITIONAL_OR_KEYWORD
VARIADIC = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)

P = ParamSpec("P")
R = TypeVar("R")


def nearest(word: str, known: Iterable[str], *, cutoff: float = 0.6) -> str | None:
    """Return the known word with the most similar spelling, if one is near.

    >>> nearest("epohcs", ["epochs", "batch_size"])
    'epochs'
    """
    by_small = {name.lower(): name for name in known}
    matches = difflib.get_close_matches(word.lower(), by_small, n=1, cutoff=cutoff)
    return by_small[matches[0]] if matches else None


def as_written(name: str, value: Any) -> str:
    """Return how a script would write the value of an argument, or an example of a value.

    >>> as_written("ema_decay", 0.99), as_written("ema_decay", True)
    ('0.99', '0.999')
    >>> as_written("device", "gpu"), as_written("schedule", "step")
    ("'cuda'", 'ck.Step(every=30, factor=0.1)')
    """
    if meant := VALUES.get(name, {}).get(_letters_of(value)):
        return meant
    if name == "column" and isinstance(value, str):
        value = SYNONYMS.get(value, value)
    text = repr(value) if isinstance(value, str | int | float | None) else "…"
    text = text if len(text) <= 40 else "…"
    example = EXAMPLES.get(name, text)
    try:
        kind = type(ast.literal_eval(example))
    except (SyntaxError, ValueError):  # a call
        return example
    if kind is bool and isinstance(value, int):  # such as Keras's verbose=2
        return str(bool(value))
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    fits = is_number if kind in (int, float) else isinstance(value, kind)
    return text if fits and text != "…" and name not in CHOICES else example


def _letters_of(value: Any) -> str:
    """Return the letters and digits of a value, such as True or torch.float32, or a class."""
    kind = value if isinstance(value, type) else type(value)
    is_word = isinstance(value, str | int | None) or kind.__name__ == "dtype"
    text = str(value) if is_word else kind.__name__
    return "".join(letter for letter in text.lower() if letter.isalnum())


def way_for(callee: str, word: str, value: Any, known: Iterable[str]) -> str:
    """Return what to write instead of an unknown argument.

    Args:
        callee: what was called.
        word: the argument's name.
        value: what was given; `...` where it does not matter.
        known: the names that the call takes.

    >>> way_for("Recipe", "bs", 64, ["epochs", "batch_size"])
    'write batch_size=64'
    >>> way_for("Recipe", "num_workers", 4, ["epochs"])
    'pictures lie in memory and batches are cut there, so there are no workers; leave it out'
    """
    known = list(known)
    ours = SYNONYMS.get(word.lower(), word)
    shown = as_written(ours, value)
    kin = [rows for family, rows in FAMILIES.items() if callee.startswith(family)]
    prefixes = [f"{callee}.", *kin, ""]
    keys = [prefix + name for prefix in prefixes for name in (word, ours)]
    ways = [WAYS[key] for key in keys if key in WAYS]
    if ours in known:
        return f"write {ours}={shown}"
    if ways:
        return ways[0].format(word=ours, value=shown)
    if close := nearest(word, known, cutoff=0.75):
        return f"did you mean {close}={as_written(close, value)}?"
    return f"it takes {', '.join(f'{name}=' for name in known)}" if known else "it takes nothing"


def lacking(owner: str, name: str, known: Iterable[str]) -> str:
    """Return the message for an unknown attribute.

    >>> lacking("Run", "predict", [])
    'Run has no predict: write ck.predict(run, images)'
    """
    public = [attribute for attribute in known if not attribute.startswith("_")]
    way = ATTRIBUTES.get(f"{owner}.{name}")
    if way is None and (close := nearest(name, public)):
        way = f"did you mean {close}?"
    if way is None and len(public) > MOST_NAMES:
        way = f"dir({owner}) lists its names"
    return f"{owner} has no {name}: {way or 'it has ' + ', '.join(public)}"


def check_call(
    callee: str,
    function: Callable[..., Any],
    arguments: tuple[Any, ...],
    keywords: Mapping[str, Any],
    *,
    error: type[UnknownArgumentError] = UnknownArgumentError,
) -> None:
    """Refuse a call that does not fit a signature, and suggest what to write.

    Args:
        callee: what was called, for the message.
        function: whose signature it is.
        arguments: given by position.
        keywords: given by name.
        error: the class of the error to raise.

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
    parameters = {name: each for name, each in signature.parameters.items() if name != "self"}
    known = [name for name, parameter in parameters.items() if parameter.kind not in VARIADIC]
    unknown = [word for word in keywords if word not in known]
    if any(each.kind is each.VAR_KEYWORD for each in parameters.values()):  # any name is allowed
        unknown = [word for word in unknown if SYNONYMS.get(word) in known]
    if unknown:
        ways = [
            f"{callee} takes no {word}=: {way_for(callee, word, keywords[word], known)}"
            for word in unknown
        ]
        raise error("\n  ".join(ways)) from None
    by_position = [name for name in known if parameters[name].kind is EITHER_WAY]
    by_name = [f"{name}=" for name in known if name not in by_position]
    way = CALLS.get(callee) or f"by position it takes {', '.join(by_position) or 'nothing'}" + (
        f"; by name {', '.join(by_name)}" if by_name else ""
    )
    twice = [name for name in by_position[: len(arguments)] if name in keywords]
    lack = [name for name in known if parameters[name].default is inspect.Parameter.empty]
    lack = [name for name in lack if name not in (*by_position[: len(arguments)], *keywords)]
    message = f"was given {', '.join(twice)} twice" if twice else "was given too much"
    message = f"needs {', '.join(lack)}" if reason.startswith("missing") else message
    raise error(f"{callee} {message}: {way}") from None


class CheckedConstruction(ABCMeta):
    """Metaclass that checks the call of a class before its `__init__`, and refuses it with advice.

    Copying and unpickling make an object without a call, so they are not checked.
    """

    def __call__(cls, *arguments: Any, **keywords: Any) -> Any:
        """Create an instance, after `check_construction` has accepted the call."""
        cls.check_construction(arguments, keywords)
        return super().__call__(*arguments, **keywords)

    @property
    def __signature__(cls) -> inspect.Signature:
        """The parameters of `__init__`, which `help` and notebooks show for a class."""
        _self, *parameters = inspect.signature(_init_of(cls)).parameters.values()
        return inspect.Signature(parameters)

    def check_construction(
        cls,
        arguments: tuple[Any, ...],
        keywords: Mapping[str, Any],
        *,
        error: type[UnknownArgumentError] = UnknownArgumentError,
    ) -> None:
        """Refuse what the class's `__init__` does not take, as `check_call` does."""
        first = _init_of(cls)
        function = object if first is object.__init__ else functools.partial(first, None)
        check_call(cls.__name__, function, arguments, keywords, error=error)


def _init_of(kind: type) -> Any:
    return next(vars(parent)["__init__"] for parent in kind.__mro__ if "__init__" in vars(parent))


class Guided(metaclass=CheckedConstruction):
    """Base of classes whose errors for a wrong call or an unknown name say what to write.

    >>> class Lamp(Guided):
    ...     is_lit = True
    >>> Lamp().is_lid
    Traceback (most recent call last):
    ...
    cifarkit.errors.UnknownAttributeError: Lamp has no is_lid: did you mean is_lit?
    """

    if not TYPE_CHECKING:  # type checkers still see only the real attributes

        def __getattr__(self, name: str) -> Any:
            if name.startswith("__"):  # programs ask often, and read no message
                raise AttributeError(f"{type(self).__name__} has no {name}")
            raise UnknownAttributeError(lacking(type(self).__name__, name, dir(self)))


def explains_arguments(callee: str) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Return a decorator that lets `check_call` check the calls of a function.

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
