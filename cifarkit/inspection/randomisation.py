"""Whether a heat map depends on what was learnt: Adebayo et al. 2018, arXiv 1810.03292."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from scipy import stats
from torch import Tensor, nn

from cifarkit.arguments import Seed, checked
from cifarkit.errors import DataError
from cifarkit.evaluation.evaluation import Floats
from cifarkit.evaluation.trained import Trained
from cifarkit.guidance import explains_arguments
from cifarkit.inspection.subject import network_and_pictures, targets_of
from cifarkit.randomness import generator_for

__all__ = ["randomised_similarity"]


@explains_arguments("ck.randomised_similarity")
def randomised_similarity(
    method: Callable[..., Tensor],
    model: nn.Module | Trained,
    images: Any,
    *,
    targets: Any = None,
    seed: int = 0,
) -> Tensor:
    """Return how similar heat maps are before and after the weights of a network are randomised.

    This is the model parameter randomisation test, on all layers at once (section 3). A map that
    stays similar ignores what the network has learnt, however convincing it looks. In a copy of the
    network each tensor of weights is drawn from a normal distribution around 0, with the root mean
    square that it had. So the layers keep their scale.

    Args:
        method: `ck.grad_cam`, `ck.occlusion`, or your own function of a network, pictures and
            `targets=` that returns maps `n height width`.
        model: from `batch 3 32 32` to logits `batch classes`; or a run.
        images: as for `predict`: an `ImageSet`, uint8, or float in [-1, 1], among others.
        targets: the label of the class that both maps explain, or a label for each picture; the
            class that the network predicts before its weights are randomised when None.
        seed: the seed of the new weights.

    Returns:
        float64 `n`, Spearman's rank correlation of the two maps of each picture, in [-1, 1]. It is
        NaN if the first map is constant, and 0 if only the second is. Coarse maps can be similar by
        chance, so take the mean over many pictures, `nanmean()`.

    Raises:
        DataError: a picture cannot be read, there is no such class, or the method does not return
            a map for each picture.
        ModelContractError: it is not a network.
        NonFiniteLossError: the network gives NaN or infinity for a picture.

    >>> from cifarkit.models.registry import create_model
    >>> def brightness(model, images, *, targets):
    ...     return images.float().mean(1)
    >>> pictures = torch.randint(256, (4, 3, 32, 32), dtype=torch.uint8)
    >>> randomised_similarity(brightness, create_model("mlp"), pictures).round()
    tensor([1., 1., 1., 1.], dtype=torch.float64)
    """
    checked("seed", seed, Seed)
    network, pictures = network_and_pictures(model, images, None)
    labels = targets_of(network, pictures, targets)
    before, after = (
        _checked(method(each, pictures, targets=labels), len(pictures))
        for each in (network, _redrawn(network, seed))
    )
    return torch.from_numpy(_rank_correlations(before, after))


def _redrawn(model: nn.Module, seed: int) -> nn.Module:
    """Return a copy of a network with randomised weights."""
    drawn = copy.deepcopy(model)
    with torch.no_grad():
        for name, weight in drawn.named_parameters():
            if weight.is_floating_point():
                noise = torch.randn(weight.shape, generator=generator_for("redrawn", seed, name))
                # Around 0: around a mean below it, a wide layer would never pass its ReLU.
                size = weight.float().square().mean().sqrt()
                weight.copy_(size * noise.to(weight.device))
    return drawn


def _checked(maps: Any, n: int) -> Floats:
    """Return maps as float64 `n pixels`."""
    if not isinstance(maps, Tensor) or maps.ndim != 3 or len(maps) != n:
        found = tuple(maps.shape) if isinstance(maps, Tensor) else type(maps).__name__
        raise DataError(
            f"the method must return a tensor of maps, here {n} height width; found {found}"
        )
    flat: Floats = maps.detach().cpu().double().flatten(1).numpy()
    return flat


def _rank_correlations(first: Floats, second: Floats) -> Floats:
    """Return Spearman's correlation of each row, float64 `n`.

    NaN if the first row is constant, 0 if only the second is.
    """
    ranks = [stats.rankdata(maps, axis=1) for maps in (first, second)]
    a, b = (rank - rank.mean(axis=1, keepdims=True) for rank in ranks)
    spread, other = (a**2).sum(axis=1), (b**2).sum(axis=1)
    scale = np.sqrt(spread * np.where(other == 0, 1, other))
    correlations: Floats = (a * b).sum(axis=1) / np.where(spread == 0, np.nan, scale)
    return correlations
