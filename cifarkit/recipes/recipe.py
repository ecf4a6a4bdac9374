"""The recipe: how a network is trained, without the network itself, as one frozen value."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, Literal

from cifarkit.annotations import Range
from cifarkit.data.augmentations import Augmentation
from cifarkit.data.mixing import Mix
from cifarkit.data.sampling import Sampling, Shuffled
from cifarkit.data.views import TestTimeAugmentation
from cifarkit.errors import RecipeError
from cifarkit.recipes.groups import Group
from cifarkit.recipes.initializations import Initialization
from cifarkit.recipes.losses import CrossEntropy, Loss
from cifarkit.recipes.optimizers import Adam, Optimizer
from cifarkit.recipes.schedules import Constant, Schedule
from cifarkit.values import Value

__all__ = ["Recipe", "checked_recipe"]


@dataclass(frozen=True, kw_only=True)
class Recipe(Value):
    """How a network is trained. The default is the assignment's.

    `repr(recipe)` pasted into a script is the recipe.

    Args:
        epochs: how often to go through the training images.
        batch_size: images a step.
        optimizer: it turns gradients into steps.
        schedule: how the learning rate changes.
        augment: augmentations of the training images, in this order; val and test never change.
        sampling: which training images an epoch shows, and in which order.
        mix: mixes the images of each training batch, and their labels; None leaves them as they
            are.
        loss: what training makes small; val and test are always measured by plain cross-entropy.
        clip_norm: the largest Euclidean norm of the gradient of all weights together; a longer one
            is shortened (Pascanu et al. 2013, section 3.2). None leaves it as it is.
        groups: weights, by name, with a share of the rate, or frozen in the first epochs.
        initialization: computes first weights from the training images; None keeps those
            that the network was built with.
        ema_decay: how much of the running average of the weights each step keeps; the network is
            measured, and returned, with the average. 0 takes the weights themselves (Polyak and
            Juditsky 1992; the decaying form of Tarvainen and Valpola 2017, section 2).
        test_time: the views that are averaged when the trained network is evaluated on test, and
            when `cifarkit predict` uses it; train and val are measured on each image unchanged.
        precision: of the arithmetic in training. `"auto"` is bfloat16 autocast where the hardware
            is faster with it (CUDA cards that multiply it, CPUs with AMX, AMD's from Zen 4 on),
            and float32 elsewhere. `"float32"` is strict: its bits are those of a bare loop.

    Raises:
        RecipeError: a field does not fit; the message lists every such field. Or the loss cannot
            take what `mix` gives.

    >>> Recipe(epochs=0, ema_decay=2)
    Traceback (most recent call last):
    ...
    cifarkit.errors.RecipeError: Recipe cannot be made of these values:
      epochs=0: allowed is a whole number, 1 <= value <= 100000
      ema_decay=2: allowed is a number, 0 <= value < 1
    >>> Recipe().replace(epochs=20).differs_from(Recipe())
    {'epochs': (10, 20)}
    """

    epochs: Annotated[int, Range(1, 100_000)] = 10
    batch_size: Annotated[int, Range(1, 1_000_000)] = 64
    optimizer: Optimizer = Adam(lr=1e-3)
    schedule: Schedule = Constant()
    augment: tuple[Augmentation, ...] = ()
    sampling: Sampling = Shuffled()
    mix: Mix | None = None
    loss: Loss = CrossEntropy()
    clip_norm: Annotated[float, Range(0, 1e9, open="(")] | None = None
    groups: tuple[Group, ...] = ()
    initialization: Initialization | None = None
    ema_decay: Annotated[float, Range(0, 1, open=")")] = 0.0
    test_time: TestTimeAugmentation | None = None
    precision: Literal["auto", "float32", "bfloat16"] = "auto"

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.mix is not None and not self.loss.soft_targets:
            raise RecipeError(
                f"{self.mix!r} makes shares of classes, and {self.loss!r} takes labels: write "
                "loss=ck.CrossEntropy(), or set soft_targets = True in a loss of your own"
            )


def checked_recipe(recipe: Any) -> Recipe:
    """Return a recipe; for None, the default recipe.

    Raises:
        RecipeError: it is not a recipe.

    >>> checked_recipe(None).epochs
    10
    """
    if recipe is None:
        return Recipe()
    if not isinstance(recipe, Recipe):
        kind = type(recipe).__name__ if callable(recipe) else repr(recipe)
        raise RecipeError(
            f"recipe must be a Recipe, found {kind}; a network goes to fit: "
            "ck.Trainer(ck.Recipe(epochs=3)).fit(network, data)"
        )
    return recipe
