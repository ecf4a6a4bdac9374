"""Figures: all that is drawn. Who asks for one gives the axes, or a blank figure.

Single plots take `ax=None` and return `Axes`, grids take `figure=None` and return a `Figure`.
Nothing is shown and no global style is touched; pyplot makes a figure only where none is given.
What a figure says, its numbers and its title, comes from functions that know no matplotlib.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cifarkit.errors import UnknownAttributeError
from cifarkit.guidance import lacking
from cifarkit.plots.class_scores import per_class
from cifarkit.plots.confidence_bins import reliability
from cifarkit.plots.confusion_grid import confusion
from cifarkit.plots.epoch_curves import curves
from cifarkit.plots.picture_samples import predictions, samples
from cifarkit.plots.seed_dots import comparison, differences
from cifarkit.plots.worst_pictures import confused, top_losses

__all__ = [
    "comparison",
    "confused",
    "confusion",
    "curves",
    "differences",
    "per_class",
    "predictions",
    "reliability",
    "samples",
    "top_losses",
]


def __dir__() -> list[str]:
    return __all__


if not TYPE_CHECKING:  # type checkers go on telling what is there

    def __getattr__(name: str) -> Any:
        raise UnknownAttributeError(lacking("ck.plots", name, __all__))
