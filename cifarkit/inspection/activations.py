"""The output of a layer."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from cifarkit.errors import ModelContractError
from cifarkit.evaluation.trained import Trained
from cifarkit.guidance import explains_arguments
from cifarkit.inspection.layers import first_tensor, hooked, layer_at
from cifarkit.inspection.subject import float_batches, network_and_pictures
from cifarkit.models.contract import run_network
from cifarkit.modes import in_evaluation

__all__ = ["activations"]


@explains_arguments("ck.activations")
def activations(
    model: nn.Module | Trained,
    images: Any,
    layer: nn.Module | str,
    *,
    value_range: tuple[float, float] | None = None,
) -> Tensor:
    """Return the output of a layer of a network for pictures, in evaluation mode.

    The network is left as it was.

    Args:
        model: from `batch 3 32 32` to logits `batch classes`; or a run.
        images: as for `predict`: an `ImageSet`, uint8, or float in [-1, 1], among others.
        layer: a layer, or its dotted name, as `ck.summary` shows it.
        value_range: as for `predict`.

    Returns:
        float32 `n …`, on the CPU: `n channels height width` for a convolution. If the layer has
        several outputs, it is the first; if it is called several times, the last.

    Raises:
        DataError: a picture cannot be read.
        ModelContractError: it is not a network, or the layer gives no tensor `batch …`.
        UnknownAttributeError: the network has no layer of that name.

    >>> from cifarkit.models.registry import create_model
    >>> pictures = torch.zeros(4, 3, 32, 32, dtype=torch.uint8)
    >>> activations(create_model("baseline"), pictures, "3").shape
    torch.Size([4, 64, 16, 16])
    """
    network, pictures = network_and_pictures(model, images, value_range)
    chosen = layer_at(network, layer)
    parts: list[Tensor] = []
    given: list[Tensor] = []

    def keep(_layer: nn.Module, _inputs: Any, output: Any) -> None:
        tensor = first_tensor(output)
        assert tensor is not None  # `layer_at` has seen one
        given[:] = [tensor.clone()]  # a layer behind it may change its input in place

    with in_evaluation(network), torch.no_grad(), hooked(chosen.module, keep):
        for part in float_batches(network, pictures):
            run_network(network, part, "the network")
            if given[0].ndim == 0 or len(given[0]) != len(part):
                raise ModelContractError(
                    f"the layer {chosen.name!r} gives {' '.join(map(str, given[0].shape))} for "
                    f"{len(part)} pictures; the first axis must be the batch"
                )
            parts.append(given[0].float().cpu())
    return torch.cat(parts)
