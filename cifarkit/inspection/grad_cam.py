"""Where a class score is sensitive: Selvaraju et al. 2017, "Grad-CAM", arXiv 1610.02391."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from cifarkit.data.image_set import IMAGE_SHAPE
from cifarkit.errors import ModelContractError
from cifarkit.evaluation.trained import Trained
from cifarkit.guidance import explains_arguments
from cifarkit.inspection.layers import PassedLayer, hooked, spatial_layer
from cifarkit.inspection.subject import BATCH, float_batches, network_and_pictures, targets_of
from cifarkit.models.contract import logits_of, text_of
from cifarkit.modes import gradients_enabled, in_evaluation

__all__ = ["grad_cam"]


@explains_arguments("ck.grad_cam")
def grad_cam(
    model: nn.Module | Trained,
    images: Any,
    *,
    targets: Any = None,
    layer: nn.Module | str | None = None,
    value_range: tuple[float, float] | None = None,
) -> Tensor:
    """Return a heat map for each picture: where the score of a class is sensitive to the picture.

    Each channel of a layer is weighted by the mean gradient of the class's logit with respect to it
    (equation 1). The map is the positive part of the sum over the channels (equation 2). It shows
    where the score is sensitive, not why. It is as coarse as the layer, and resized to the picture.
    The network and its gradients are left as they were.

    Args:
        model: from `batch 3 32 32` to logits `batch classes`; or a run.
        images: as for `predict`: an `ImageSet`, uint8, or float in [-1, 1], among others.
        targets: the label of the class to explain, or a label for each picture; the class that the
            network predicts when None.
        layer: a layer that gives `batch channels height width`, or its dotted name; the last such
            layer when None. If a layer is called several times, its last output counts.
        value_range: as for `predict`.

    Returns:
        float32 `n 32 32` in [0, 1], on the CPU. The largest number of a map is 1; a map without a
        positive part is 0 throughout.

    Raises:
        DataError: a picture cannot be read, or there is no such class.
        ModelContractError: it is not a network, no layer gives `batch channels height width`, or
            the score does not depend on the layer.
        UnknownAttributeError: the network has no layer of that name.
        NonFiniteLossError: the network gives NaN or infinity for a picture.

    >>> from cifarkit.data.synthetic import load_synthetic
    >>> from cifarkit.models.registry import create_model
    >>> test = load_synthetic(n_train=100, n_test=50, val_size=10).test
    >>> grad_cam(create_model("baseline"), test, targets=test.labels).shape
    torch.Size([50, 32, 32])
    """
    network, pictures = network_and_pictures(model, images, value_range)
    chosen = spatial_layer(network, layer)
    labels = targets_of(network, pictures, targets)
    with in_evaluation(network), gradients_enabled():
        maps = [
            _heat_maps(network, chosen, part, part_labels)
            for part, part_labels in zip(
                float_batches(network, pictures), labels.split(BATCH), strict=True
            )
        ]
    return torch.cat(maps)


def _heat_maps(model: nn.Module, layer: PassedLayer, images: Tensor, labels: Tensor) -> Tensor:
    features, gradients = _features_and_gradients(model, layer, images, labels)
    weights = gradients.mean((2, 3), keepdim=True)  # equation 1: batch channels 1 1
    heat = F.relu((weights * features).sum(1, keepdim=True))  # equation 2: batch 1 height width
    maps = F.interpolate(heat, size=IMAGE_SHAPE[1:], mode="bilinear")[:, 0]
    largest = maps.amax((1, 2), keepdim=True)
    return (maps / largest.clamp_min(torch.finfo(maps.dtype).tiny)).cpu()


def _features_and_gradients(
    model: nn.Module, layer: PassedLayer, images: Tensor, labels: Tensor
) -> tuple[Tensor, Tensor]:
    """Return a layer's output, and the gradient of the scores with respect to it, as float32."""
    outputs: list[Tensor] = []

    def begin_graph(_layer: nn.Module, _inputs: Any, output: Tensor) -> Tensor:
        # The graph begins here, even if all weights are frozen.
        outputs.append(output.detach().requires_grad_())
        return outputs[-1].clone()  # a layer behind it may change its input in place

    with hooked(layer.module, begin_graph):
        logits = logits_of(model, images)
        features = outputs[-1]
        scores = logits[torch.arange(len(labels)), labels.tolist()].sum()
        try:
            (gradient,) = torch.autograd.grad(scores, features)
        except RuntimeError as error:
            raise ModelContractError(
                f"no gradient of the scores reaches the layer {layer}: {text_of(error)}. Choose "
                "another layer, or leave torch.no_grad() and detach() out of forward"
            ) from error
    return features.detach().float(), gradient.float()
