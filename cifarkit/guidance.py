"""Answering a call that does not fit, or a name that is not there, with what to write."""

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

# Callables whose words are told together, and how their rows in `WAYS` begin.
FAMILIES = {"ck.load_": "ck.load.", "ck.plots.": "ck.plots."}
# Where a text of another library means something else, such as accelerator="gpu".
CHOICES = ("compile", "device", "precision")
MOST_NAMES = 40  # that a message lists

P = ParamSpec("P")
R = TypeVar("R")


def nearest(word: str, known: Iterable[str], *, cutoff: float = 0.6) -> str | None:
    """Return the known word that is spelt most like another, if one is near.

    >>> nearest("epohcs", ["epochs", "batch_size"])
    'epochs'
    """
    by_small = {one.lower(): one for one in known}
    found = difflib.get_close_matches(word.lower(), by_small, n=1, cutoff=cutoff)
    return by_small[found[0]] if found else None


def as_written(name: str, value: Any) -> str:
    """Return what a script would write for an argument: the value, or an example in its stead.

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
    if kind is bool and isinstance(value, int):  # Keras counts how much it says
        return str(bool(value))
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    fits = is_number if kind in (int, float) else isinstance(value, kind)
    return text if fits and text != "…" and name not in CHOICES else example


def _letters_of(value: Any) -> str:
    """Return the letters and digits of a word, such as True or torch.float32, or of a class."""
    kind = value if isinstance(value, type) else type(value)
    is_word = isinstance(value, str | int | None) or kind.__name__ == "dtype"
    text = str(value) if is_word else kind.__name__
    return "".join(letter for letter in text.lower() if letter.isalnum())


def way_for(callee: str, word: str, value: Any, known: Iterable[str]) -> str:
    """Say what to write in place of an argument that is not there.

    Args:
        callee: what was called.
        word: the argument's name.
        value: what was given; `...` where it does not matter.
        known: the names that the call would take.

    >>> way_for("Recipe", "bs", 64, ["epochs", "batch_size"])
    'write batch_size=64'
    >>> way_for("Recipe", "num_workers", 4, ["epochs"])
    'pictures lie in memory and batches are cut there, so there are no workers; leave it out'
    """
    known = list(known)
    ours = SYNONYMS.get(word.lower(), word)
    shown = as_written(ours, value)
    kin = [rows for family, rows in FAMILIES.items() if callee.startswith(family)]
    places = [f"{callee}.", *kin, ""]
    keys = [place + name for place in places for name in (word, ours)]
    ways = [WAYS[key] for key in keys if key in WAYS]
    if ours in known:
        return f"write {ours}={shown}"
    if ways:
        return ways[0].format(word=ours, value=shown)
    if close := nearest(word, known, cutoff=0.75):
        return f"did you mean {close}={as_written(close, value)}?"
    return f"it takes {', '.join(f'{one}=' for one in known)}" if known else "it takes nothing"


def lacking(owner: str, name: str, known: Iterable[str]) -> str:
    """Return what is said when something has no attribute of a name.

    >>> lacking("Run", "predict", [])
    'Run has no predict: write ck.predict(run, images)'
    """
    public = [one for one in known if not one.startswith("_")]
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
    by_name = [f"{name}=" for name in known if name not in by_place]
    way = CALLS.get(callee) or f"by place it takes {', '.join(by_place) or 'nothing'}" + (
        f"; {', '.join(by_name)} have names" if by_name else ""
    )
    twice = [name for name in by_place[: len(arguments)] if name in keywords]
    lack = [one.name for one in parameters if one.default is one.empty and one.name in known]
    lack = [name for name in lack if name not in (*by_place[: len(arguments)], *keywords)]
    found = f"was given {', '.join(twice)} twice" if twice else "was given too much"
    found = f"needs {', '.join(lack)}" if reason.startswith("missing") else found
    raise error(f"{callee} {found}: {way}") from None


class CheckedConstruction(ABCMeta):
    """Metaclass whose classes answer a wrong call before their `__init__` would, with no way on.

    What is copied or unpickled was called rightly once, and is made without a call.
    """

    def __call__(cls, *arguments: Any, **keywords: Any) -> Any:
        """Make one, once `check_construction` has found nothing."""
        cls.check_construction(arguments, keywords)
        return super().__call__(*arguments, **keywords)

    @property
    def __signature__(cls) -> inspect.Signature:
        """What `help` and notebooks show of a class: what its `__init__` takes."""
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
    return next(vars(one)["__init__"] for one in kind.__mro__ if "__init__" in vars(one))


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
            if name.startswith("__"):  # programs ask for these, often, and read no message
                raise AttributeError(f"{type(self).__name__} has no {name}")
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
