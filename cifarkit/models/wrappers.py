"""Hints: how to wrap a network that takes other images, or does not give logits."""

from __future__ import annotations

import dataclasses
import inspect
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from typing import Any

import torch
from torch import Tensor, nn

from cifarkit.randomness import fork_rng

__all__ = ["input_hint", "output_hint", "shape_hint"]

SIDES = (224, 64, 96, 128, 256, 299, 384)  # sides of the images that public networks take
WRAPPER = """, so wrap it:
class Logits(nn.Module):
    def __init__(self, network): super().__init__(); self.network = network
    def forward(self, x): {body}"""


def output_hint(
    output: Any, n: int, num_classes: int | None = None, *, in_training: bool = False
) -> str:
    """Return how to get logits from a network's output; an empty text if it has none.

    Args:
        output: such as a dict, a tuple, or an object with tensors.
        n: for how many images.
        num_classes: how many logits there must be for each, if that is known.
        in_training: whether it is in training mode, and gave logits in evaluation mode.

    >>> print(output_hint({"out": torch.zeros(2, 10)}, 2))
    , so wrap it:
    class Logits(nn.Module):
        def __init__(self, network): super().__init__(); self.network = network
        def forward(self, x): return self.network(x)["out"]
    """
    if output is None:
        return "; return the logits at the end of forward"
    if isinstance(output, Tensor):
        if output.is_complex():
            return "; return logits.abs() or logits.real"
        is_label = output.dtype in (torch.int64, torch.int32)
        return "; leave argmax out, and return its input" if is_label else ""
    tensors = {
        name: part
        for name, part in _parts(output)
        if isinstance(part, Tensor) and part.is_floating_point() and part.ndim > 0
    }
    if not tensors:
        return ""

    def likeliness(name: str) -> tuple[bool, bool, bool, bool]:
        shape = tuple(tensors[name].shape)
        is_table = len(shape) == 2 and shape[0] == n
        return shape == (n, num_classes), "logits" in name, is_table, "out" in name

    part = max(tensors, key=likeliness)
    if in_training:
        body = f"y = self.network(x); return y{part} if self.training else y"
    else:
        body = f"return self.network(x){part}"
    return WRAPPER.format(body=body)


def shape_hint(shape: Sequence[int], num_classes: int | None) -> str:
    """Return what to change in a network that does not give one logit per picture and class.

    Args:
        shape: the shape of the output.
        num_classes: how many logits there must be for each picture, if that is known.

    >>> shape_hint((2, 4, 30, 10), 10)
    'Put nn.Flatten() before its first nn.Linear'
    """
    if len(shape) == 4 and shape[1] == num_classes:
        return "End it with nn.AdaptiveAvgPool2d(1), nn.Flatten()"
    if len(shape) > 2:
        return "Put nn.Flatten() before its first nn.Linear"
    return "Is the last layer's width num_classes?"


def _parts(output: Any) -> Iterator[tuple[str, Any]]:
    """Yield the parts of an output, each with the code that reads it."""
    if isinstance(output, Mapping):
        for name, part in output.items():
            by_name = getattr(output, str(name), None) is part  # such as Hugging Face's outputs
            yield f".{name}" if by_name else f"[{name!r}]".replace("'", '"'), part
    elif isinstance(output, tuple | list):
        names = getattr(output, "_fields", range(len(output)))
        for name, part in zip(names, output, strict=True):
            yield f".{name}" if isinstance(name, str) else f"[{name}]", part
    elif dataclasses.is_dataclass(output) or hasattr(output, "__dict__"):
        for name, part in vars(output).items():
            yield f".{name}", part


def input_hint(model: nn.Module, images: Tensor) -> str:
    """Return what to change in a network that does not take images, or an empty text.

    It checks arguments and types, then tries other shapes of images, and names the first shape for
    which the network gives a vector for each image.

    Args:
        model: the network, which raised an error for these images.
        images: `batch 3 height width`.

    >>> input_hint(nn.Linear(3072, 10), torch.zeros(2, 3, 32, 32))
    '; it takes batch 3072: write nn.Sequential(nn.Flatten(), network)'
    """
    if hint := _call_hint(model, images):
        return hint
    n, side = len(images), images.shape[-1]
    shapes: dict[tuple[int, ...], str]
    if side != 32:
        shapes = {(3, 32, 32): "leave out windows of another size, or pool before the end"}
    else:
        write = "write nn.Sequential(nn.{}, network)"
        shapes = {(3 * side * side,): write.format("Flatten()")}
        shapes |= {(3, size, size): write.format(f"Upsample({size})") for size in SIDES}
        shapes[1, 32, 32] = "give its first layer 3 channels"
        shapes[1, 28, 28] = (
            "give its first layer 3 channels, and write nn.Sequential(nn.Upsample(28), network)"
        )
        shapes[side, side, 3] = "let forward begin with x = x.permute(0, 2, 3, 1)"
    with fork_rng(), torch.no_grad():
        whole = ((images + 1) * 127.5).round()
        if _passes(model, whole.long()) or _passes(model, whole.byte()):
            return (
                "; it takes whole numbers: let forward begin with "
                "x = ((x + 1) * 127.5).round().long()"
            )
        for shape, hint in shapes.items():
            if _passes(model, images.new_zeros(n, *shape)):
                return f"; it takes batch {' '.join(map(str, shape))}: {hint}"
    return ""


def _call_hint(model: nn.Module, images: Tensor) -> str:
    with suppress(ValueError):  # a scripted network has no signature
        try:
            inspect.signature(model.forward).bind(images)
        except TypeError:
            return "; forward gets only the pictures: give its other arguments a default"
    types = {weight.dtype for weight in model.parameters() if weight.is_floating_point()}
    if len(types) > 1:
        names = sorted(str(dtype).removeprefix("torch.") for dtype in types)
        return f"; its weights are of {' and '.join(names)}: end the builder with network.float()"
    return ""


def _passes(model: nn.Module, images: Tensor) -> bool:
    try:
        output = model(images)
    except Exception:  # noqa: BLE001 - a network may raise any error
        return False
    return not isinstance(output, Tensor) or (output.ndim == 2 and len(output) == len(images))
