"""The output of a layer for one picture, channel by channel."""

from __future__ import annotations

from typing import Any

import matplotlib
import numpy as np
from matplotlib.figure import Figure
from torch import Tensor, nn

from cifarkit.arguments import Count, checked
from cifarkit.data.image_set import to_bytes
from cifarkit.errors import DataError
from cifarkit.evaluation.evaluation import Floats
from cifarkit.evaluation.trained import Trained
from cifarkit.guidance import explains_arguments
from cifarkit.inspection import activations as inspected
from cifarkit.inspection.layers import spatial_layer
from cifarkit.inspection.subject import network_and_pictures
from cifarkit.plots.answers import Picture
from cifarkit.plots.colour_key import ColourKey
from cifarkit.plots.picture_grid import Section, Tile, draw_grid, square_columns

__all__ = ["activations"]

SIGNED = matplotlib.colormaps["RdBu_r"]  # blue is negative, white 0, red positive
NOTE = (
    "Strongest: with the largest mean absolute value. A map shows where a channel is active, not "
    "what it stands for."
)


@explains_arguments("ck.plots.activations")
def activations(
    model: nn.Module | Trained,
    image: Any,
    layer: nn.Module | str,
    *,
    n: int = 15,
    figure: Figure | None = None,
) -> Figure:
    """Draw a picture, and the output of the strongest channels of a layer for it.

    All channels share one scale. Blue is negative, white is 0, red is positive.

    Args:
        model: a network, or a run.
        image: one picture, such as `data.val[0][0]`, or what `predict` takes with one picture.
        layer: a layer that gives `batch channels height width`, or its dotted name.
        n: how many channels, those with the largest mean absolute value first; all if there are
            fewer.
        figure: as for `samples`.

    Returns:
        The figure.

    Raises:
        DataError: it is not one picture, or `n` is not a whole number of at least 1.
        ModelContractError: it is not a network, or the layer gives something else.
        UnknownAttributeError: the network has no layer of that name.

    >>> import torch
    >>> from cifarkit.models.registry import create_model
    >>> picture = torch.zeros(3, 32, 32, dtype=torch.uint8)
    >>> activations(create_model("baseline"), picture, "3", figure=Figure()).get_suptitle()
    'The 15 strongest of 64 channels of layer 3, 16 by 16'
    """
    checked("n", n, Count)
    batch = image[None] if isinstance(image, Tensor) and image.ndim == 3 else image
    network, pictures = network_and_pictures(model, batch, None)
    if len(pictures) > 1:
        raise DataError(
            f"image must be one picture, found {len(pictures)}; write data.val.images[0]"
        )
    chosen = spatial_layer(network, layer)
    maps = inspected.activations(network, pictures, chosen.module)[0].numpy()
    strength = np.abs(maps).mean(axis=(1, 2))
    strongest = np.argsort(-strength, kind="stable")[:n]
    largest = float(np.abs(maps[strongest]).max())
    channels, height, width = maps.shape
    tiles = [Tile(_shown(pictures[0]), "the picture")]
    tiles += [
        Tile(_coloured(maps[channel], largest), f"channel {channel}") for channel in strongest
    ]
    return draw_grid(
        f"The {len(strongest)} strongest of {channels} channels of layer {chosen.name}, "
        f"{height} by {width}",
        [Section("", tiles)],
        columns=square_columns(len(tiles)),
        figure=figure,
        note=NOTE,
        key=ColourKey(SIGNED, f"{-largest:.2g}", f"{largest:.2g}"),
    )


def _shown(picture: Tensor) -> Picture:
    """Return a picture as uint8 `32 32 3`."""
    bytes_ = to_bytes(picture) if picture.is_floating_point() else picture
    shown: Picture = bytes_.permute(1, 2, 0).cpu().numpy()
    return shown


def _coloured(channel: Floats, largest: float) -> Picture:
    """Return a map as uint8 `height width 3`, with 0 as white."""
    shares = 0.5 + 0.5 * channel / (largest or 1.0)
    coloured: Picture = np.rint(255 * SIGNED(shares)[..., :3]).astype(np.uint8)
    return coloured
