"""The layers that a picture passes in a network, and how to find one of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from torch import Tensor, nn
from torch.nn.modules.module import register_module_forward_hook

from cifarkit.errors import ModelContractError, UnknownAttributeError
from cifarkit.guidance import nearest
from cifarkit.models.contract import show_grey
from cifarkit.models.visits import uncompiled

__all__ = ["PassedLayer", "first_tensor", "hooked", "layer_at", "layers_of", "spatial_layer"]

MOST_LAYERS = 12  # that a message lists


@dataclass(frozen=True, eq=False)
class PassedLayer:
    """A layer, or a block of layers, that a picture passes.

    Args:
        name: its path in the network.
        module: the layer.
        shape: the shape of the output for one picture, without the batch. If the layer has several
            outputs, it is the first one's; if it is called several times, the last one's.
    """

    name: str
    module: nn.Module
    shape: tuple[int, ...]

    @property
    def is_spatial(self) -> bool:
        """Whether its output is a feature map, `batch channels height width`."""
        return len(self.shape) == 3 and min(self.shape[1:]) > 1

    def __str__(self) -> str:
        """Return name, kind and output: `0 (Conv2d) batch 32 32 32`."""
        shape = " ".join(["batch", *map(str, self.shape)])
        return f"{self.name} ({type(self.module).__name__}) {shape}"


def layers_of(model: nn.Module) -> list[PassedLayer]:
    """Return the layers that a picture passes, in the order in which they finish.

    A block finishes after the layers in it. The network is left as it was.

    Raises:
        ModelContractError: it does not take images.

    >>> layers = layers_of(nn.Sequential(nn.Conv2d(3, 4, 3), nn.Flatten(), nn.Linear(3600, 10)))
    >>> print(*layers, sep=", ")
    0 (Conv2d) batch 4 30 30, 1 (Flatten) batch 3600, 2 (Linear) batch 10
    """
    names = {id(module): name for name, module in model.named_modules() if name}
    passed: dict[str, PassedLayer] = {}

    def note(module: nn.Module, _inputs: Any, output: Any) -> None:
        if id(module) in names and (tensor := first_tensor(output)) is not None:
            name = names[id(module)]
            passed.pop(name, None)  # a layer that is called again finishes again
            passed[name] = PassedLayer(name, module, tuple(tensor.shape[1:]))

    hook = register_module_forward_hook(note)
    try:
        with uncompiled():
            show_grey(model, "the model")
    finally:
        hook.remove()
    return list(passed.values())


def layer_at(model: nn.Module, layer: Any) -> PassedLayer:
    """Return one of the layers that a picture passes.

    Args:
        model: the network.
        layer: a module of the network, or its dotted name.

    Raises:
        UnknownAttributeError: the network has no layer of that name.
        ModelContractError: it is something else, or pictures do not pass it.

    >>> layer_at(nn.Sequential(nn.Flatten(), nn.Linear(3072, 10)), "2")
    Traceback (most recent call last):
    ...
    cifarkit.errors.UnknownAttributeError: the network has no layer '2'; it has 0, 1
    """
    if not isinstance(layer, str | nn.Module):
        raise ModelContractError(
            f"layer must be a layer of the network or its name, found {layer!r}; "
            f"write the name as text, such as layer={str(layer)!r}"
        )
    passed = layers_of(model)
    for candidate in passed:
        if layer in (candidate.name, candidate.module):
            return candidate
    modules = dict(model.named_modules())
    names = [candidate.name for candidate in passed]
    if isinstance(layer, str) and layer not in modules:
        close = nearest(layer, names)
        guess = f": did you mean {close!r}?" if close else f"; it has {_listed(names)}"
        raise UnknownAttributeError(f"the network has no layer {layer!r}{guess}")
    found = repr(layer) if isinstance(layer, str) else type(layer).__name__
    is_inside = isinstance(layer, str) or any(layer is module for module in modules.values())
    fault = "gives no tensor for a picture" if is_inside else "is not in this network"
    raise ModelContractError(f"the layer {found} {fault}; its pictures pass {_listed(names)}")


def spatial_layer(model: nn.Module, layer: Any) -> PassedLayer:
    """Return a layer whose output is a feature map, `batch channels height width`.

    Args:
        model: the network.
        layer: a module of the network, or its dotted name; the last such layer when None.

    Raises:
        UnknownAttributeError: the network has no layer of that name.
        ModelContractError: the layer gives something else, or no layer gives a feature map.

    >>> network = nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(), nn.Flatten(), nn.Linear(3600, 10))
    >>> print(spatial_layer(network, None))
    1 (ReLU) batch 4 30 30
    """
    passed = layers_of(model)
    spatial = [candidate for candidate in passed if candidate.is_spatial]
    if not spatial:
        raise ModelContractError(
            "a heat map needs a layer that gives batch channels height width, with several rows "
            f"and columns. This network has none: its layers are {_listed(passed)}. "
            "ck.occlusion works with any network"
        )
    if layer is None:
        return spatial[-1]
    chosen = layer_at(model, layer)
    if not chosen.is_spatial:
        raise ModelContractError(
            f"a map needs batch channels height width, and the layer is {chosen}; "
            f"choose one of {_listed([candidate.name for candidate in reversed(spatial)])}"
        )
    return chosen


@contextmanager
def hooked(layer: nn.Module, hook: Callable[[nn.Module, Any, Any], Any]) -> Iterator[None]:
    """Call a hook with each output of a layer in a block; the hook's result replaces the output."""
    handle = layer.register_forward_hook(hook)
    try:
        with uncompiled():
            yield
    finally:
        handle.remove()


def first_tensor(output: Any) -> Tensor | None:
    """Return a tensor, or the first of several; None where there is none."""
    if isinstance(output, tuple | list) and output:  # a recurrent layer gives its state too
        output = output[0]
    return output if isinstance(output, Tensor) else None


def _listed(things: Sequence[object]) -> str:
    rest = len(things) - MOST_LAYERS
    more = f" and {rest} more" if rest > 0 else ""
    return ", ".join(map(str, things[:MOST_LAYERS])) + more
