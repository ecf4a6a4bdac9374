"""Figures of evaluations, networks, runs and comparisons, on axes or a figure that you pass.

Single plots take `ax=None` and return `Axes`, grids take `figure=None` and return a `Figure`.
Nothing is shown and no global style is changed; pyplot makes a figure only if none is given. The
numbers and the title of a figure come from functions without matplotlib.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cifarkit.errors import UnknownAttributeError
from cifarkit.guidance import lacking
from cifarkit.plots.alike_pictures import near_duplicates
from cifarkit.plots.augmented_pictures import augmented
from cifarkit.plots.class_scores import per_class
from cifarkit.plots.confidence_bins import reliability
from cifarkit.plots.confusion_grid import confusion
from cifarkit.plots.epoch_curves import curves
from cifarkit.plots.feature_maps import activations
from cifarkit.plots.heat_maps import grad_cam
from cifarkit.plots.kernels import filters
from cifarkit.plots.picture_samples import predictions, samples
from cifarkit.plots.rate_curve import lr_finder
from cifarkit.plots.robustness_curves import robustness
from cifarkit.plots.seed_dots import comparison, differences
from cifarkit.plots.step_parts import profile
from cifarkit.plots.trial_dots import search
from cifarkit.plots.worst_pictures import confused, top_losses

__all__ = [
    "activations",
    "augmented",
    "comparison",
    "confused",
    "confusion",
    "curves",
    "differences",
    "filters",
    "grad_cam",
    "lr_finder",
    "near_duplicates",
    "per_class",
    "predictions",
    "profile",
    "reliability",
    "robustness",
    "samples",
    "search",
    "top_losses",
]


def __dir__() -> list[str]:
    return __all__


if not TYPE_CHECKING:  # type checkers still find misspelt names

    def __getattr__(name: str) -> Any:
        raise UnknownAttributeError(lacking("ck.plots", name, __all__))
