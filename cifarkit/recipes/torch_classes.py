"""Read torch optimisers in any form: a class, its name, a `partial`, or an object with weights."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple

from cifarkit.annotations import Mismatch, Range

if TYPE_CHECKING:  # recipes are listed without torch
    import torch

__all__ = ["GivenOptimizer", "TorchClass", "given_optimizer", "hint_like", "settings_of"]

# Classes of torch.optim that the loop cannot train a whole network with.
REFUSED = {
    "LBFGS": "another optimiser, such as ck.Adam(): LBFGS computes the loss several times a step, "
    "through a closure, and the loop does so once",
    "SparseAdam": "ck.Adam(): SparseAdam takes only sparse gradients, and a network for pictures "
    "has dense ones",
    "Muon": "ck.Muon(): torch's Muon takes only matrices, and networks have filters and biases too",
}
# Settings of how torch makes its steps; the loop does not support them.
NOT_TAKEN = ("capturable", "differentiable")
Number = Annotated[float, Range(-1e12, 1e12)]


class TorchClass:
    """Annotation of a field that takes a class of `torch.optim`, or its name."""

    @classmethod
    def taken_from(cls, found: Any) -> type[torch.optim.Optimizer]:
        """Return the class.

        Raises:
            Mismatch: it is not a class of `torch.optim`, or one that the loop cannot use.

        >>> TorchClass.taken_from("RAdam")
        <class 'torch.optim.radam.RAdam'>
        """
        known = _classes()
        kind: Any = known.get(found.lower()) if isinstance(found, str) else found
        if not any(kind is one for one in known.values()):
            raise Mismatch(
                "a class of torch.optim, such as torch.optim.RAdam; for any other, write your own "
                "ck.Optimizer, a frozen dataclass whose build(self, parameters) returns it"
            )
        if kind.__name__ in REFUSED:
            raise Mismatch(REFUSED[kind.__name__])
        taken: type[torch.optim.Optimizer] = kind
        return taken


class GivenOptimizer(NamedTuple):
    """A torch optimiser: its class, the chosen settings, and whether it has weights."""

    kind: type
    chosen: dict[str, Any]
    is_bound: bool


def given_optimizer(found: Any) -> GivenOptimizer | None:
    """Return the class and the settings of a torch optimiser; None for anything else.

    Settings do not include `fused` and `foreach`, which say how torch computes a step.

    Args:
        found: a class, a `partial` of one, an object, or the name of a class of `torch.optim`.

    >>> import torch
    >>> given_optimizer(partial(torch.optim.RAdam, lr=0.1, eps=1e-8)).chosen
    {'lr': 0.1}
    """
    kind, settings = found, {}
    if isinstance(found, str):
        kind = _classes().get(found.lower())
    elif isinstance(found, partial) and not found.args:
        kind, settings = found.func, found.keywords
    elif not isinstance(found, type):
        kind, settings = type(found), getattr(found, "defaults", {})
    if not isinstance(kind, type) or not any(
        (base.__module__, base.__name__) == ("torch.optim.optimizer", "Optimizer")
        for base in kind.__mro__
    ):
        return None
    defaults, is_bound = settings_of(kind), kind is type(found)
    if is_bound:  # torch lists more than the user gave
        settings = {name: value for name, value in settings.items() if name in defaults}
    chosen = {
        name: value
        for name, value in settings.items()
        if value != defaults.get(name, ...) and name not in ("fused", "foreach")
    }
    return GivenOptimizer(kind, chosen, is_bound)


def settings_of(kind: type) -> Mapping[str, Any]:
    """Return the settings of an optimiser's class, with their defaults.

    >>> import torch
    >>> settings_of(torch.optim.RAdam)["betas"]
    (0.9, 0.999)
    """
    _weights, *settings = inspect.signature(kind).parameters.values()
    return {one.name: one.default for one in settings if one.name not in NOT_TAKEN}


def hint_like(default: Any) -> Any:
    """Return the annotation of a setting, by its default; a whole number allows any number.

    >>> hint_like(False), hint_like("auto")
    (<class 'bool'>, <class 'str'>)
    """
    if default is None:
        return Number | bool | str | None
    if isinstance(default, tuple):
        return tuple[tuple(map(hint_like, default))]  # type: ignore[misc]
    return type(default) if isinstance(default, bool | str) else Number


@functools.cache
def _classes() -> dict[str, type]:
    """Return the classes of `torch.optim` by their names in small letters."""
    import torch

    base = torch.optim.Optimizer
    found = [one for one in vars(torch.optim).values() if isinstance(one, type)]
    return {
        kind.__name__.lower(): kind for kind in found if issubclass(kind, base) and kind is not base
    }
