"""A table of a network: its layers, the shapes between them, and what each costs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from torch import nn

from cifarkit.blocks import Block, Readable, as_text
from cifarkit.guidance import explains_arguments
from cifarkit.models.contract import check_network, check_tensor, show_grey
from cifarkit.models.registry import create_model
from cifarkit.models.variant import Variant
from cifarkit.models.visits import Visit, uncompiled, visits_of
from cifarkit.tables import Table

if TYPE_CHECKING:
    from cifarkit.models.variant import Builder

__all__ = ["LayerSummary", "ModelSummary", "summary"]


@dataclass(frozen=True)
class LayerSummary:
    """One layer.

    Args:
        name: its path in the network.
        kind: the name of its class.
        output: the shape of the output for one image, without the batch; of several outputs, the
            first one's shape.
        parameters: how many trainable numbers the layer itself has; a layer that is called again
            has them only in its first row.
        multiply_adds: multiplications paired with additions for one image, as the layer is
            defined (`WinogradConv2d` needs fewer). Convolutions and products of matrices
            count, as `torch.utils.flop_counter` counts them.

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
        layers: one entry for each call of a layer. A module also has one if it has weights or work
            that belong to no layer in it, such as a class token or the products of attention.
        parameters: how many trainable numbers there are; shared ones are counted once.

    >>> print(ModelSummary((LayerSummary("0", "Linear", (10,), 7_690, 7_680),), 7_690))
    layer            output  parameters  multiply-adds
    --------------------------------------------------
    0      Linear  batch 10       7,690          7,680
    --------------------------------------------------
    total                         7,690          7,680
    """

    layers: tuple[LayerSummary, ...]
    parameters: int

    @property
    def multiply_adds(self) -> int:
        """Multiplications paired with additions for one image."""
        return sum(layer.multiply_adds for layer in self.layers)

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
        head = ("layer", "", "output", "parameters", "multiply-adds")
        total = ("total", "", "", f"{self.parameters:,}", f"{self.multiply_adds:,}")
        return [Table(head, rows, total, align="llr")]

    def __str__(self) -> str:
        return as_text(*self.blocks())

    __repr__ = __str__


@explains_arguments("ck.summary")
def summary(model: nn.Module | str | Variant | Builder) -> ModelSummary:
    """Summarise a network by showing it grey images.

    Args:
        model: a network from `batch 3 32 32` to logits, which is left as it was; or a registered
            name, a variant or a builder.

    Raises:
        UnknownModelError: no variant has that name.
        ModelContractError: it is not a network, or does not take images.

    >>> table = summary("baseline")
    >>> table.parameters, table.multiply_adds
    (2122186, 7705600)
    """
    network: Any = model
    if isinstance(model, str | Variant) or (callable(model) and not isinstance(model, nn.Module)):
        network = create_model(model)
    check_network(network)
    with uncompiled():
        check_tensor(show_grey(network, "the model"), 2, "the model")
        with visits_of(network) as visits:
            show_grey(network, "the model", n=1)
    parameters = _owned(network, visits)
    layers = [
        LayerSummary(visit.name, visit.kind, visit.output, parameters[visit], visit.multiply_adds)
        for visit in visits
        if visit.is_layer or parameters[visit] or visit.multiply_adds
    ]
    return ModelSummary(tuple(layers), parameters.total())


def _owned(model: nn.Module, visits: list[Visit]) -> Counter[Visit]:
    """Count the trainable numbers of each visited module, at its first visit; shared ones once.

    The numbers of a module that is never called count for the nearest called module around it.
    Attention, for example, uses the weights of its output layer without calling the layer.
    """
    first: dict[str, Visit] = {}
    for visit in visits:
        first.setdefault(visit.name, visit)
    owned: Counter[Visit] = Counter()
    for name, weight in model.named_parameters():
        path = name.rpartition(".")[0]
        while path and path not in first:
            path = path.rpartition(".")[0]
        if weight.requires_grad:
            owned[first.get(path) or visits[0]] += weight.numel()
    return owned
