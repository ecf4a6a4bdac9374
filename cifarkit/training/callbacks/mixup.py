"""Train on mixtures of images: Zhang et al. 2018, "mixup: Beyond Empirical Risk Minimization"."""

from __future__ import annotations

import torch
import torch.nn.functional as F

from cifarkit.annotations import Range
from cifarkit.arguments import checked
from cifarkit.data.batches import Batch
from cifarkit.data.transfer import to_device
from cifarkit.errors import TrainingError
from cifarkit.randomness import generator_for
from cifarkit.runs.run import Run
from cifarkit.training.callback import Callback

__all__ = ["Mixup"]


class Mixup(Callback):
    """Replace each batch by a mixture of it with itself in another order, labels and all.

    The share is drawn from Beta(alpha, alpha) once a batch (section 2). The train accuracy in
    the history then counts the larger half of each mixture.

    Args:
        alpha: how evenly to mix: small values leave most batches almost as they are.

    Raises:
        TrainingError: `alpha` is not above 0 and at most 100.

    >>> Mixup(alpha=0.2).alpha
    0.2
    """

    fields = ("alpha",)

    def __init__(self, alpha: float = 0.2) -> None:
        self.alpha = checked("alpha", alpha, Range(0, 100, open="("), error=TrainingError)

    def __repr__(self) -> str:
        return f"Mixup(alpha={self.alpha})"

    def on_batch_start(self, run: Run) -> None:
        """Mix the batch."""
        state = run.state
        generator = generator_for("mixup", run.seed, state.epoch, state.step)
        # Two Gamma(alpha) draws make a Beta(alpha, alpha) share.
        alphas = torch.full((2,), self.alpha)
        one, other = torch._standard_gamma(alphas, generator=generator).tolist()
        share = one / (one + other) if one + other > 0 else 1.0
        images, labels = state.batch
        order = to_device(torch.randperm(len(images), generator=generator), images.device)
        targets = F.one_hot(labels, len(run.classes)).to(images.dtype)  # batch classes
        state.batch = Batch(
            images.lerp(images[order], 1 - share), targets.lerp(targets[order], 1 - share)
        )
