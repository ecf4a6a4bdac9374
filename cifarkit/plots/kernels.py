"""The kernels of the first convolution, as small pictures."""

from __future__ import annotations

import numpy as np
from matplotlib.figure import Figure
from torch import Tensor, nn

from cifarkit.arguments import Count, checked
from cifarkit.errors import ModelContractError
from cifarkit.evaluation.trained import Trained, network_of
from cifarkit.guidance import explains_arguments
from cifarkit.inspection.layers import layer_at, layers_of
from cifarkit.models.contract import check_network
from cifarkit.plots.answers import Picture
from cifarkit.plots.picture_grid import Section, Tile, draw_grid, square_columns

__all__ = ["filters"]

NOTE = (
    "Grey is 0. Each kernel has its own scale, written above it, so brightness cannot be "
    "compared between kernels."
)


@explains_arguments("ck.plots.filters")
def filters(
    model: nn.Module | Trained,
    layer: nn.Module | str | None = None,
    *,
    n: int = 64,
    figure: Figure | None = None,
) -> Figure:
    """Draw the kernels of a convolution on pictures, in red, green and blue.

    Grey is 0. The brightest or darkest colour of a kernel is its largest weight, positive or
    negative, which is written above it.

    Args:
        model: a network, or a run.
        layer: a convolution with three input channels, or its dotted name; the first when None.
        n: how many kernels; all if there are fewer.
        figure: as for `samples`.

    Returns:
        The figure.

    Raises:
        DataError: `n` is not a whole number of at least 1.
        ModelContractError: it is not a network, or has no such convolution.
        UnknownAttributeError: the network has no layer of that name.

    >>> from cifarkit.models.registry import create_model
    >>> filters(create_model("baseline"), figure=Figure()).get_suptitle()
    'The 32 kernels of layer 0, 3 by 3 by 3'
    """
    checked("n", n, Count)
    network, _ = network_of(model, None)
    check_network(network)
    name, kernels = _kernels(network, layer)
    shown = kernels[:n]
    scales = shown.abs().amax((1, 2, 3)).tolist()
    tiles = [
        Tile(_picture(kernel, scale), f"{index}: ±{scale:#.2g}")
        for index, (kernel, scale) in enumerate(zip(shown, scales, strict=True))
    ]
    which = f"{len(shown)}" if len(shown) == len(kernels) else f"first {n} of {len(kernels)}"
    size = " by ".join(map(str, kernels.shape[1:]))
    return draw_grid(
        f"The {which} kernels of layer {name}, {size}",
        [Section("", tiles)],
        columns=square_columns(len(tiles)),
        figure=figure,
        note=NOTE,
    )


def _kernels(model: nn.Module, layer: nn.Module | str | None) -> tuple[str, Tensor]:
    """Return the name of a layer, and its weights as float32 `kernels 3 height width`."""
    candidates = [layer_at(model, layer)] if layer is not None else layers_of(model)
    for candidate in candidates:
        weight = getattr(candidate.module, "weight", None)
        if isinstance(weight, Tensor) and weight.ndim == 4 and weight.shape[1] == 3:
            return candidate.name, weight.detach().float().cpu()
    found = candidates[0] if layer is not None else "a network without one"
    raise ModelContractError(
        "kernels are drawn in red, green and blue, so they need a convolution with three input "
        f"channels; found {found}"
    )


def _picture(kernel: Tensor, scale: float) -> Picture:
    """Return a kernel as uint8 `height width 3`, with 0 as grey."""
    shares = kernel.permute(1, 2, 0).numpy() / (scale or 1.0)
    picture: Picture = np.rint(127.5 + 127.5 * shares).astype(np.uint8)
    return picture
