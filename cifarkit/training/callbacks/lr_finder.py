"""Find a learning rate by a range test: Smith 2017, "Cyclical Learning Rates", section 3.3."""

from __future__ import annotations

import math
from typing import Annotated, Any

from torch import Tensor

from cifarkit.annotations import Range
from cifarkit.arguments import checked
from cifarkit.errors import TrainingError
from cifarkit.models.state import restore_state
from cifarkit.runs.run import Run
from cifarkit.training.callback import Callback
from cifarkit.training.learning_rate import unscaled

__all__ = ["LRFinder"]


class LRFinder(Callback):
    """Raise the rate with every step until the loss diverges, then restore the weights.

    It uses only training losses. After the run, `rates` and `losses` hold the curve and
    `suggestion` a rate to train with. The numbers in the history belong to weights that are not
    kept.

    Args:
        start: the first rate.
        end: the last rate.
        steps: how many steps lead from the first to the last rate, by equal factors.

    Raises:
        TrainingError: the rates or the steps are out of range.

    >>> from cifarkit.data.synthetic import load_synthetic
    >>> from cifarkit.training.train import train
    >>> finder = LRFinder(steps=20)
    >>> data = load_synthetic(n_train=2000, n_test=50, val_size=50)
    >>> run = train("linear", data, callbacks=[finder])
    >>> len(finder.rates) == len(finder.losses) <= 20
    True
    """

    fields = ("start", "end", "steps")
    RUNAWAY = 4.0  # a loss above this many times the best has diverged
    SMOOTHING = 0.9

    def __init__(self, start: float = 1e-6, end: float = 1.0, steps: int = 100) -> None:
        self.start = checked("start", start, Range(0, 1e9, open="()"), error=TrainingError)
        self.end = checked("end", end, Range(self.start, 1e9, open="("), error=TrainingError)
        self.steps = checked(
            "steps", steps, Annotated[int, Range(10, math.inf)], error=TrainingError
        )
        self._begin_anew()

    def __repr__(self) -> str:
        return f"LRFinder(start={self.start}, end={self.end}, steps={self.steps})"

    def _begin_anew(self) -> None:
        self.rates: list[float] = []
        self.losses: list[float] = []
        self._smooth = 0.0
        self._usual: list[float] = []  # what the schedule says
        self._first_weights: dict[str, Tensor] = {}

    @property
    def suggestion(self) -> float:
        """A tenth of the rate at which the smoothed loss was lowest.

        The loss is lowest just before it diverges; a tenth of that rate is a usual choice
        (https://docs.fast.ai/callback.schedule.html, "minimum").

        Raises:
            TrainingError: the loss never fell below where it began.
        """
        begin = len(self.losses) // 10  # the mean of the first few losses is mostly noise
        lowest = min(range(begin, len(self.losses)), key=self.losses.__getitem__, default=begin)
        if lowest == begin:
            raise TrainingError(
                f"in {len(self.losses)} steps the loss never fell below where it began, so no rate "
                "can be suggested; take more steps, or look for a mistake in the network"
            )
        return self.rates[lowest] / 10

    def on_fit_start(self, run: Run) -> None:
        """Keep a copy of the weights, to restore them."""
        self._begin_anew()
        state = run.model.state_dict()
        self._first_weights = {name: tensor.clone() for name, tensor in state.items()}

    def on_batch_start(self, run: Run) -> None:
        """Set the next rate."""
        share = len(self.rates) / (self.steps - 1)
        rate = self.start * (self.end / self.start) ** share
        groups = run.state.optimizer.param_groups
        self._usual = [group["lr"] for group in groups]
        for group in groups:  # several rates keep their proportions
            group["lr"] = rate * group["initial_lr"] / unscaled(groups[0])
        self.rates.append(rate)

    def on_batch_end(self, run: Run) -> None:
        """Record the loss, smoothed without the bias of its first values; restore the rates."""
        for group, rate in zip(run.state.optimizer.param_groups, self._usual, strict=True):
            group["lr"] = rate
        if run.state.loss is None:
            return
        self._smooth = self.SMOOTHING * self._smooth + (1 - self.SMOOTHING) * run.state.loss.item()
        seen = len(self.losses) + 1
        self.losses.append(self._smooth / (1 - self.SMOOTHING**seen))
        if self.losses[-1] > self.RUNAWAY * min(self.losses) or seen == self.steps:
            run.stop(f"LRFinder has seen the rates up to {self.rates[-1]:.3g}")

    def state_dict(self) -> dict[str, Any]:
        """Return the curve so far, and the weights to restore."""
        return {
            "rates": self.rates,
            "losses": self.losses,
            "smooth": self._smooth,
            "first_weights": self._first_weights,
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Restore what `state_dict` returned."""
        self.rates = state["rates"]
        self.losses = state["losses"]
        self._smooth = state["smooth"]
        self._first_weights = state["first_weights"]

    def on_fit_end(self, run: Run) -> None:
        """Restore the weights."""
        restore_state(run.model, self._first_weights)
        run.facts.weights_of_epoch = 0
