"""What is asked: a network, or a run that has one."""

from __future__ import annotations

from typing import Any, Protocol, runtime_checkable

from torch import nn

from cifarkit.data.splits import Splits
from cifarkit.data.views import TestTimeAugmentation
from cifarkit.errors import DataError
from cifarkit.recipes.recipe import Recipe

__all__ = ["Trained", "check_not_splits", "network_of"]


def check_not_splits(images: Any) -> None:
    """Refuse all splits of the data where one of them is meant.

    Raises:
        DataError: naming those there are.
    """
    if isinstance(images, Splits):
        raise DataError(
            "these are all splits, and one image set is meant: data.val to choose by, data.test at "
            "the end"
        )


@runtime_checkable
class Trained(Protocol):
    """What has a network, the recipe it was trained by and its classes, as a run has."""

    @property
    def model(self) -> nn.Module:
        """The network."""

    recipe: Recipe
    classes: tuple[str, ...]


def network_of(
    model: nn.Module | Trained, test_time: TestTimeAugmentation | None
) -> tuple[nn.Module, TestTimeAugmentation | None]:
    """Return the network to ask and the views to show it, which a run's recipe names."""
    if isinstance(model, nn.Module) or not isinstance(model, Trained):
        return model, test_time
    return model.model, test_time if test_time is not None else model.recipe.test_time
