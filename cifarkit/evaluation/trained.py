"""What can be evaluated: a network, or a run with a network."""

from __future__ import annotations

from typing import Any, Protocol, runtime_checkable

from torch import nn

from cifarkit.data.splits import Splits
from cifarkit.data.views import TestTimeAugmentation
from cifarkit.errors import DataError
from cifarkit.recipes.recipe import Recipe

__all__ = ["Trained", "check_not_splits", "network_of"]


def check_not_splits(images: Any) -> None:
    """Refuse all splits of the data where one image set is needed.

    Raises:
        DataError: the message names the splits.
    """
    if isinstance(images, Splits):
        raise DataError(
            "found all splits in place of an image set; pass data.val to choose by, or data.test "
            "at the end"
        )


@runtime_checkable
class Trained(Protocol):
    """Anything with a network, its recipe and its classes, such as a run."""

    @property
    def model(self) -> nn.Module:
        """The network."""

    recipe: Recipe
    classes: tuple[str, ...]


def network_of(
    model: nn.Module | Trained, test_time: TestTimeAugmentation | None
) -> tuple[nn.Module, TestTimeAugmentation | None]:
    """Return the network, and the test-time views: given ones, or those of a run's recipe."""
    if isinstance(model, nn.Module) or not isinstance(model, Trained):
        return model, test_time
    return model.model, test_time if test_time is not None else model.recipe.test_time
