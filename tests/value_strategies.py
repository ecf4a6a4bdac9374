"""Every kind of value, drawn by its annotations: what is added is found, and needs no list."""

from __future__ import annotations

import dataclasses
import inspect
import math
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin, get_type_hints

from hypothesis import strategies as st

import cifarkit as ck
from cifarkit.annotations import Range, all_subclasses
from cifarkit.runs import run as _run  # noqa: F401 - all kinds of values are defined by now
from cifarkit.tuning import space as _space  # noqa: F401 - and those of searches
from cifarkit.values import Value

KINDS = sorted(
    {
        kind
        for kind in all_subclasses(Value)
        if kind.__module__.startswith("cifarkit.") and not inspect.isabstract(kind)
    },
    key=lambda kind: kind.__name__,
)


def numbers_in(kind: type, allowed: Range) -> st.SearchStrategy[Any]:
    if kind is int:
        return st.integers(math.ceil(allowed.least), math.floor(allowed.most))
    return st.floats(
        allowed.least,
        allowed.most,
        exclude_min="(" in allowed.open,
        exclude_max=")" in allowed.open,
    )


def good(hint: Any) -> st.SearchStrategy[Any]:
    """Draw what a field of this annotation takes."""
    origin, arguments = get_origin(hint), get_args(hint)
    if origin is Annotated:
        return numbers_in(*arguments)
    if origin is Literal:
        return st.sampled_from(arguments)
    if origin is tuple and arguments[-1] is Ellipsis:
        return st.lists(good(arguments[0]), max_size=3).map(tuple)
    if origin is tuple:
        return st.tuples(*map(good, arguments))
    if origin in (Union, UnionType):
        return st.one_of(*map(good, arguments))
    if hint is NoneType:
        return st.none()
    if hint is bool:
        return st.booleans()
    if hint is str:
        return st.text(min_size=1, max_size=9)
    if hint is Any:  # torchvision's transforms, as a record holds them
        return st.sampled_from(["[v2.RandomHorizontalFlip(p=0.5)]", "[v2.RandomGrayscale(p=0.2)]"])
    return st.sampled_from([kind for kind in KINDS if issubclass(kind, hint)]).flatmap(values_of)


TORCHS = Literal["Adadelta", "Adamax", "ASGD", "RAdam"]


def hints_of(kind: type[Value]) -> dict[str, Any]:
    if kind is ck.TorchOptimizer:  # made of settings, not of its fields
        return {"lr": Annotated[float, Range(0, 1_000, open="(")], "maximize": bool}
    hints = get_type_hints(kind, include_extras=True)
    return {field.name: hints[field.name] for field in dataclasses.fields(kind)}


def values_of(kind: type[Value]) -> st.SearchStrategy[Value]:
    torchs = {"torch_class": good(TORCHS), "foreach": good(bool | None)}
    fields = torchs if kind is ck.TorchOptimizer else {}
    fields |= {name: good(hint) for name, hint in hints_of(kind).items()}
    if kind is ck.Choice:
        fields["values"] = fields["values"].filter(bool)
    if kind in (ck.LogRange, ck.LinearRange):
        ends = st.lists(fields["low"], min_size=2, max_size=2, unique=True).map(sorted)
        return ends.map(lambda both: kind(*both))
    if kind is not ck.Recipe:
        return st.builds(kind, **fields)
    taking_shares = fields["loss"].filter(lambda loss: loss.soft_targets)
    mixed = st.builds(kind, **fields | {"loss": taking_shares})
    return mixed | st.builds(kind, **fields | {"mix": st.none()})
