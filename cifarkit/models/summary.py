"""A table of a network: its layers, the shapes between them, and what each costs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from cifarkit.models.contract import check_network, show_grey
from cifarkit.models.registry import create_model
from cifarkit.tables import Block, Readable, Table

__all__ = ["LayerSummary", "ModelSummary", "summary"]


@dataclass(frozen=True)
class LayerSummary:
    """One layer.

    Args:
        name: its path in the network.
        kind: the name of its class.
        output: the shape that comes out for one image, without the batch; of several outputs,
            that of the first.
        parameters: trainable numbers, of this layer alone.
        multiply_adds: multiplications paired with additions for one image, as the layer is
            defined (`WinogradConv2d` makes do with fewer); convolutions and linear layers only.

    >>> LayerSummary("0", "Linear", (10,), 7_690, 7_680).output
    (10,)
    """

    name: str
    kind: str
    output: tuple[int, ...]
    parameters: int
    multiply_adds: int


@dataclass(frozen=True, repr=False)
class ModelSummary(Readable):
    """A network's layers in the order they are used; `str()` is a table.

    Args:
        layers: one entry for each layer that holds no others.
        parameters: trainable numbers in all, shared ones counted once.

    >>> print(ModelSummary((LayerSummary("0", "Linear", (10,), 7_690, 7_680),), 7_690))
    layer        output  parameters  multiply-adds
    ----------------------------------------------
    0  Linear  batch 10       7,690          7,680
    ----------------------------------------------
    total                     7,690          7,680
    """

    layers: tuple[LayerSummary, ...]
    parameters: int

    @property
    def multiply_adds(self) -> int:
        """Multiplications paired with additions for one image."""
        return sum(layer.multiply_adds for layer in self.layers)

    def __repr__(self) -> str:
        return str(self)

    def blocks(self) -> Sequence[Block]:
        """Return the table."""
        rows = [
            (
                layer.name,
                layer.kind,
                " ".join(["batch", *map(str, layer.output)]),
                f"{layer.parameters:,}" if layer.parameters else "-",
                f"{layer.multiply_adds:,}" if layer.multiply_adds else "-",
            )
            for layer in self.layers
        ]
        head = ("layer", "kind", "output", "parameters", "multiply-adds")
        total = ("total", "", "", f"{self.parameters:,}", f"{self.multiply_adds:,}")
        return [Table(head, rows, total, words=3)]

    def __str__(self) -> str:
        width = max((len(layer.name) for layer in self.layers), default=0)
        rows = [
            (
                f"{layer.name:<{width}}  {layer.kind}",
                " ".join(["batch", *map(str, layer.output)]),
                f"{layer.parameters:,}" if layer.parameters else "-",
                f"{layer.multiply_adds:,}" if layer.multiply_adds else "-",
            )
            for layer in self.layers
        ]
        head = ("layer", "output", "parameters", "multiply-adds")
        total = ("total", "", f"{self.parameters:,}", f"{self.multiply_adds:,}")
        widths = [max(map(len, column)) for column in zip(head, *rows, total, strict=True)]
        rule = "-" * (sum(widths) + 2 * (len(widths) - 1))
        lines = [_line(row, widths) for row in (head, *rows, total)]
        return "\n".join([lines[0], rule, *lines[1:-1], rule, lines[-1]])


def summary(model: nn.Module | str) -> ModelSummary:
    """Summarise a network by showing it grey images.

    Args:
        model: a network from `batch 3 32 32` to logits, or a registered name. It is left as it
            was.

    Raises:
        UnknownModelError: no variant has that name.
        ModelContractError: it is no network, or takes no images.

    >>> table = summary("baseline")
    >>> table.parameters, table.multiply_adds
    (2122186, 7705600)
    """
    network = create_model(model) if isinstance(model, str) else model
    check_network(network)
    layers: list[LayerSummary] = []
    hooks = [
        module.register_forward_hook(_recorder(name, layers))
        for name, module in network.named_modules()
        if not any(module.children())
    ]
    try:
        show_grey(network, "the model")
    finally:
        for hook in hooks:
            hook.remove()
    return ModelSummary(tuple(layers), _trainable(network))


def _recorder(name: str, layers: list[LayerSummary]) -> Any:
    def record(module: nn.Module, _inputs: tuple[Tensor, ...], output: Any) -> None:
        if isinstance(output, tuple | list) and output:  # a recurrent layer gives its state too
            output = output[0]
        shape = tuple(output.shape[1:]) if isinstance(output, Tensor) else ()
        cost = _multiply_adds(module, shape)
        layers.append(LayerSummary(name, type(module).__name__, shape, _trainable(module), cost))

    return record


def _trainable(module: nn.Module) -> int:
    return sum(weight.numel() for weight in module.parameters() if weight.requires_grad)


def _multiply_adds(module: nn.Module, output: tuple[int, ...]) -> int:
    """Each output number of these layers is one row of weights times the input."""
    if isinstance(module, nn.Conv1d | nn.Conv2d | nn.Conv3d | nn.Linear):
        row = module.weight[0].numel()
        return row * torch.Size(output).numel()
    return 0


def _line(row: tuple[str, ...], widths: list[int]) -> str:
    name, *numbers = row
    cells = [f"{name:<{widths[0]}}"]
    cells += [f"{cell:>{width}}" for cell, width in zip(numbers, widths[1:], strict=True)]
    return "  ".join(cells)
