"""Measure the parts of a training step."""

from __future__ import annotations

import copy
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from time import perf_counter
from typing import TYPE_CHECKING

import torch
from torch import nn

from cifarkit.arguments import Count, checked
from cifarkit.blocks import Block, Readable, as_text
from cifarkit.data.batches import count_batches
from cifarkit.data.splits import Splits, check_splits
from cifarkit.errors import TrainingError
from cifarkit.guidance import Guided, explains_arguments
from cifarkit.models.registry import get_variant
from cifarkit.models.variant import Variant
from cifarkit.modes import gradients_enabled
from cifarkit.randomness import seeded
from cifarkit.recipes.recipe import Recipe, checked_recipe
from cifarkit.tables import Table, percent
from cifarkit.training.callback import Callback, check_callbacks
from cifarkit.training.engine.device import choose_device
from cifarkit.training.former_callbacks import moved_to_recipe
from cifarkit.training.stopwatch import BETWEEN, LAYER, Closing, Opening, Stopwatch
from cifarkit.training.trainer import Trainer

if TYPE_CHECKING:
    from cifarkit.models.variant import Builder

__all__ = ["Profile", "profile"]

WARM_UP = 5  # steps, in which memory is allocated and libraries choose their algorithms
FORWARD = "forward"
PARTS = ("data", FORWARD, "loss", "backward", "optimiser", "callbacks", "validation")
MOST_LAYERS = 8  # with rows of their own; the quicker ones share a row


@dataclass(frozen=True, eq=False, repr=False)
class Profile(Guided, Readable):
    """The parts of a training step, each with its mean time over some steps.

    Args:
        name: the name of the model.
        parts: the seconds of each part, by name, in the order of a step. The validation of an epoch
            is divided by the number of its steps.
        layers: the seconds of each layer in `parts["forward"]`, and of what lies between layers.
        steps: how many steps were measured.
        batch_size: images a step.
        device: the device that trained.

    >>> parts = {"data": 0.001, "forward": 0.002, "backward": 0.005}
    >>> layers = {"0 Flatten": 0.00001, "1 Linear": 0.00199}
    >>> print(Profile("linear", parts, layers, steps=50, batch_size=64, device="cpu"))
    linear on cpu: 8.00 ms a step of 64 images, 8,000 images a second; mean of 50 steps
    part         ms a step   share
    ------------------------------
    data              1.00  12.5 %
    forward           2.00  25.0 %
      0 Flatten       0.01   0.1 %
      1 Linear        1.99  24.9 %
    backward          5.00  62.5 %
    ------------------------------
    step              8.00   100 %
    """

    name: str
    parts: dict[str, float]
    layers: dict[str, float]
    steps: int
    batch_size: int
    device: str

    @property
    def seconds(self) -> float:
        """The time of one step, with its share of the validation."""
        return sum(self.parts.values())

    def rows(self) -> list[tuple[str, float, bool]]:
        """Return the parts and layers with their seconds, and whether each is a layer.

        The eight slowest layers have a row each, and the others share one.
        """
        quick = sorted(self.layers, key=self.layers.__getitem__)[:-MOST_LAYERS]
        layers = [(name, part, True) for name, part in self.layers.items() if name not in quick]
        if quick:
            rest = sum(self.layers[name] for name in quick)
            layers.append((f"others ({len(quick)} layers)", rest, True))
        rows = []
        for name, part in self.parts.items():
            rows += [(name, part, False), *(layers if name == FORWARD else [])]
        return rows

    def blocks(self) -> Sequence[Block]:
        """Return a sentence and the table of parts."""
        rows = [
            ("  " * is_layer + name, f"{1e3 * part:.2f}", percent(part / self.seconds))
            for name, part, is_layer in self.rows()
        ]
        total = ("step", f"{1e3 * self.seconds:.2f}", "100 %")
        return [self._sentence(), Table(("part", "ms a step", "share"), rows, total)]

    def _sentence(self) -> str:
        return (
            f"{self.name} on {self.device}: {1e3 * self.seconds:.2f} ms a step of "
            f"{self.batch_size} images, {self.batch_size / self.seconds:,.0f} images a second; "
            f"mean of {self.steps} steps"
        )

    def __str__(self) -> str:
        return as_text(*self.blocks())

    def __repr__(self) -> str:
        return f"Profile({self.name!r}, {1e3 * self.seconds:.2f} ms a step, {self.steps} steps)"


@explains_arguments("ck.profile")
def profile(
    model: str | Variant | Builder | nn.Module,
    splits: Splits,
    *,
    recipe: Recipe | None = None,
    steps: int = 50,
    seed: int = 0,
    device: str | torch.device = "auto",
    callbacks: Iterable[Callback] = (),
) -> Profile:
    """Train for some steps, and measure where the time of a step goes.

    A real training is measured, with a clock that is read between the parts. The first 5 steps are
    left out. On a GPU each reading waits until the GPU has finished, so that each part has its own
    time. Without these waits parts overlap, and a step is shorter.

    Not measured is what happens once, such as loading the data and compiling. Nothing is written,
    so there are no checkpoints. CUDA graphs and `compile="on"` are switched off, because they have
    no parts. And these are the first steps: growing windows are still small, and weights that a
    `Group` freezes at first have no gradient. The parts are:

    - `data`: choose the images, augment them, scale them, set the learning rate
    - `forward`: each layer without sublayers, and what is computed between layers
    - `loss`: the loss, the number of correct images, and the gradient of the logits
    - `backward`: the gradients of all weights
    - `optimiser`: clip gradients, make the step, count the loss, average the weights
    - `callbacks`: your callbacks
    - `validation`: measure on val and record the epoch, divided by the steps of an epoch

    Args:
        model: a registered name, a variant or a builder; or a network, of which a copy is trained.
        splits: the data.
        recipe: the recipe; when None, the variant's own, or the default recipe for a network.
        steps: how many steps to measure.
        seed: the seed of first weights, order, augmentation and dropout.
        device: `"auto"` (CUDA, else MPS, else the CPU) or a torch device.
        callbacks: callbacks to measure, too.

    Returns:
        The parts; `print` shows a table, `ck.plots.profile` a figure.

    Raises:
        TrainingError: `steps` is not a whole number from 1 on, or the training has fewer steps.

    And as `ck.train` raises.

    >>> from cifarkit.data.synthetic import load_synthetic
    >>> data = load_synthetic(n_train=200, n_test=50, val_size=20)
    >>> list(profile("mlp", data, steps=3).parts)
    ['data', 'forward', 'loss', 'backward', 'optimiser', 'callbacks', 'validation']
    """
    check_splits(splits)
    checked("steps", steps, Count, error=TrainingError)
    if isinstance(model, nn.Module):
        network, variant = copy.deepcopy(model), None
        name, recipe = type(model).__name__, checked_recipe(recipe)
    else:
        variant = get_variant(model)
        name, recipe = variant.name, checked_recipe(recipe or variant.recipe)
        with gradients_enabled(), seeded("weights", seed):
            network = variant.build(num_classes=len(splits.classes))
    callbacks, moved = moved_to_recipe(callbacks, {}, [recipe])
    recipe = recipe.replace(**moved)
    where = choose_device(device)
    watch = Stopwatch(partial(_now, where), warm_up=WARM_UP, steps=steps)
    listeners = [Opening(watch), *check_callbacks(callbacks), Closing(watch)]
    trainer = Trainer(
        recipe,
        seed=seed,
        device=where,
        callbacks=listeners,
        compile="off",
        show_progress=False,
    )
    trainer.fit(network, splits, variant=variant)
    if watch.steps_measured < steps:
        raise TrainingError(
            f"the training ended after {watch.steps_made} steps, and {WARM_UP} warm up before "
            f"{steps} are measured; give the recipe more epochs, or write a smaller steps="
        )
    return _profile(name, watch, recipe, len(splits.train), where)


def _now(device: torch.device) -> float:
    """Wait until the device has finished its work; return the time in seconds."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    elif device.type == "mps":
        torch.mps.synchronize()
    return perf_counter()


def _profile(
    name: str, watch: Stopwatch, recipe: Recipe, images: int, device: torch.device
) -> Profile:
    steps_of_epochs = watch.epochs * count_batches(images, recipe.batch_size)
    means = {part: seconds / watch.steps_measured for part, seconds in watch.of_steps.items()}
    for part, seconds in watch.of_epochs.items():
        means[part] = means.get(part, 0.0) + seconds / steps_of_epochs
    layers = {part: means.pop(part) for part in list(means) if part.startswith(LAYER)}
    layers[BETWEEN] = layers.pop(BETWEEN)  # last
    means[FORWARD] = sum(layers.values())
    return Profile(
        name,
        {part: means[part] for part in PARTS},
        {part.removeprefix(LAYER): seconds for part, seconds in layers.items()},
        steps=watch.steps_measured,
        batch_size=recipe.batch_size,
        device=str(device),
    )
