"""Limit the length of single steps: Pascanu et al. 2013, section 3.2."""

from __future__ import annotations

from torch.nn.utils import clip_grad_norm_

from cifarkit.annotations import Range
from cifarkit.arguments import checked
from cifarkit.errors import TrainingError
from cifarkit.runs.run import Run
from cifarkit.training.callback import Callback

__all__ = ["GradientClip"]


class GradientClip(Callback):
    """Clip the norm of the gradient over all weights together.

    Logs `gradient_norm`, the mean over the epoch's steps before clipping. The recipe's `clip_norm`
    clips alike, without that column; `differs_from` names it, and on a GPU its steps are captured.

    Args:
        max_norm: the largest Euclidean norm.

    Raises:
        TrainingError: `max_norm` is not above 0, or is far too large.

    >>> GradientClip(1.0).columns
    ('gradient_norm',)
    """

    columns = ("gradient_norm",)
    fields = ("max_norm",)

    def __init__(self, max_norm: float = 1.0) -> None:
        self.max_norm = checked("max_norm", max_norm, Range(0, 1e9, open="("), error=TrainingError)

    def __repr__(self) -> str:
        return f"GradientClip({self.max_norm})"

    def on_backward_end(self, run: Run) -> None:
        """Clip the gradient."""
        run.log("gradient_norm", clip_grad_norm_(run.model.parameters(), self.max_norm))
