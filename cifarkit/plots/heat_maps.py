"""Heat maps over the pictures that a network is most wrong about."""

from __future__ import annotations

import matplotlib
import numpy as np
import torch
from matplotlib.figure import Figure
from torch import nn

from cifarkit.arguments import Count, checked
from cifarkit.data.image_set import ImageSet
from cifarkit.errors import DataError
from cifarkit.evaluation import mistakes
from cifarkit.evaluation.evaluation import Evaluation, Floats, Integers, evaluate
from cifarkit.evaluation.mistakes import ConfusedPair
from cifarkit.evaluation.trained import Trained, network_of
from cifarkit.guidance import explains_arguments
from cifarkit.inspection import grad_cam as inspected
from cifarkit.inspection.layers import PassedLayer, spatial_layer
from cifarkit.plots.answers import Picture, answers_at, check_match, drawn
from cifarkit.plots.colour_key import ColourKey
from cifarkit.plots.picture_grid import Section, Tile, draw_grid

__all__ = ["grad_cam"]

HEAT = matplotlib.colormaps["inferno"]
STRENGTH = 0.55  # of the colours over the picture
BRIGHTNESS = (0.299, 0.587, 0.114)  # of red, green and blue: ITU-R BT.601
COLUMNS = 6  # three pictures with their maps


@explains_arguments("ck.plots.grad_cam")
def grad_cam(
    model: nn.Module | Trained,
    evaluation: Evaluation | None,
    image_set: ImageSet,
    *,
    n: int = 6,
    pair: ConfusedPair | None = None,
    layer: nn.Module | str | None = None,
    seed: int = 0,
    figure: Figure | None = None,
) -> Figure:
    """Draw pictures beside their heat maps: the largest losses, and a pair that is mixed up.

    A map is for the predicted class. It lies over the picture in grey.

    Args:
        model: a network, or a run.
        evaluation: the evaluation of the image set; when None, the set is evaluated.
        image_set: the pictures and their labels.
        n: how many pictures of each kind; all if there are fewer.
        pair: a pair of classes from `ck.confused_pairs`; the most frequent one when None.
        layer: as for `ck.grad_cam`.
        seed: the seed of the choice of pictures of the pair.
        figure: as for `samples`.

    Returns:
        The figure.

    Raises:
        DataError: the evaluation is not of this set, the set is empty, the pair is of other
            classes, or `n` is not a whole number of at least 1.
        ModelContractError: it is not a network, or has no layer for a heat map.
        UnknownAttributeError: the network has no layer of that name.

    >>> from cifarkit.models.registry import create_model
    >>> pictures = ImageSet(torch.zeros(20, 3, 32, 32, dtype=torch.uint8), torch.arange(20) % 10,
    ...                     tuple("abcdefghij"))
    >>> grad_cam(create_model("baseline"), None, pictures, figure=Figure()).get_suptitle()
    'Where the score of the predicted class is sensitive'
    """
    if evaluation is None:
        evaluation = evaluate(model, image_set)
    check_match(evaluation, image_set)
    checked("n", n, Count)
    chosen = spatial_layer(network_of(model, None)[0], layer)
    worst = mistakes.top_losses(evaluation, n)
    which = "The largest loss" if len(worst) == 1 else f"The {len(worst)} largest losses"
    groups = {which: worst}
    for mixed_up in mistakes.confused_pairs(evaluation, 1) if pair is None else [pair]:
        groups[str(mixed_up)] = drawn(_alike(evaluation, mixed_up), n, seed)
    sections = [
        Section(heading, _tiles(model, evaluation, image_set, indices, chosen))
        for heading, indices in groups.items()
        if len(indices)
    ]
    return draw_grid(
        "Where the score of the predicted class is sensitive",
        sections,
        columns=COLUMNS,
        figure=figure,
        together=2,
        note=_note(chosen),
        key=ColourKey(HEAT, "0", "1, the largest of each map"),
    )


def _note(layer: PassedLayer) -> str:
    _, height, width = layer.shape
    return (
        f"Grad-CAM at layer {layer.name}, {height} by {width}, resized. A map shows where the "
        "score is sensitive, not why."
    )


def _alike(evaluation: Evaluation, pair: ConfusedPair) -> Integers:
    """Return the indices of the pictures of one class that were classified as the other."""
    names = evaluation.classes
    if not isinstance(pair, ConfusedPair) or not {pair.true, pair.predicted} <= set(names):
        raise DataError(
            f"pair must be one of ck.confused_pairs(evaluation), found {pair!r}; "
            f"the classes are {', '.join(names)}"
        )
    true, called = names.index(pair.true), names.index(pair.predicted)
    return np.flatnonzero((evaluation.labels == true) & (evaluation.predicted == called))


def _tiles(
    model: nn.Module | Trained,
    evaluation: Evaluation,
    image_set: ImageSet,
    indices: Integers,
    layer: PassedLayer,
) -> list[Tile]:
    """Return two tiles for each picture: the picture, and its map over it."""
    labels = torch.from_numpy(evaluation.predicted[indices])
    shown = image_set.subset(indices.tolist())
    maps = inspected.grad_cam(model, shown, targets=labels, layer=layer.module).numpy()
    tiles = []
    for answer, heat in zip(answers_at(evaluation, image_set, indices), maps, strict=True):
        about = answer.predicted if heat.any() else f"{answer.predicted}:\nnowhere positive"
        tiles.append(Tile(answer.picture, f"{answer}\ntrue: {answer.true}", answer.wrong))
        tiles.append(Tile(_overlay(answer.picture, heat), f"map for {about}"))
    return tiles


def _overlay(picture: Picture, heat: Floats) -> Picture:
    """Lay a map in colours over a picture in grey.

    Args:
        picture: uint8 `32 32 3`.
        heat: float `32 32` in [0, 1].
    """
    grey = picture @ np.array(BRIGHTNESS)
    colours = 255 * HEAT(heat)[..., :3]
    mixed: Picture = ((1 - STRENGTH) * grey[..., None] + STRENGTH * colours).astype(np.uint8)
    return mixed
