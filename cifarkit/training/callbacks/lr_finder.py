"""Find a learning rate by trying all: Smith 2017, "Cyclical Learning Rates", section 3.3."""

from __future__ import annotations

from torch import Tensor

from cifarkit.errors import TrainingError
from cifarkit.training.callback import Callback
from cifarkit.training.run import Run

__all__ = ["LRFinder"]


class LRFinder(Callback):
    """Raise the rate with every step until the loss runs away, then put the weights back.

    It looks at training losses alone. After the run, `rates` and `losses` hold the curve and
    `suggestion` the rate where the smoothed loss fell most steeply.

    Args:
        start: the first rate.
        end: the last rate.
        steps: how many steps to go from one to the other, by equal factors.

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

    RUNAWAY = 4.0  # a loss so many times the best one has run away
    SMOOTHING = 0.9

    def __init__(self, start: float = 1e-6, end: float = 1.0, steps: int = 100) -> None:
        if not 0 < start < end < float("inf"):
            raise TrainingError(f"rates must be 0 < start < end, found {start!r} and {end!r}")
        if isinstance(steps, bool) or not isinstance(steps, int) or steps < 10:
            raise TrainingError(f"steps must be a whole number from 10 on, found {steps!r}")
        self.start, self.end, self.steps = start, end, steps
        self._begin_anew()

    def _begin_anew(self) -> None:
        self.rates: list[float] = []
        self.losses: list[float] = []
        self._smooth = 0.0
        self._first_weights: dict[str, Tensor] = {}

    @property
    def suggestion(self) -> float:
        """The rate at which the smoothed loss fell most steeply over the logarithm of the rate.

        Raises:
            TrainingError: there are fewer than three steps to judge by.
        """
        if len(self.losses) < 3:
            raise TrainingError("LRFinder has seen fewer than three steps; train with it first")
        falls = [
            after - before for before, after in zip(self.losses, self.losses[2:], strict=False)
        ]
        return self.rates[falls.index(min(falls)) + 1]

    def on_fit_start(self, run: Run) -> None:
        """Keep the weights, to put them back."""
        self._begin_anew()
        state = run.model.state_dict()
        self._first_weights = {name: tensor.clone() for name, tensor in state.items()}

    def on_batch_start(self, run: Run) -> None:
        """Set the next rate."""
        share = len(self.rates) / (self.steps - 1)
        rate = self.start * (self.end / self.start) ** share
        for group in run.now.optimizer.param_groups:
            group["lr"] = rate
        self.rates.append(rate)

    def on_batch_end(self, run: Run) -> None:
        """Note the loss, smoothed without the bias of its first values."""
        if run.now.loss is None:
            return
        self._smooth = self.SMOOTHING * self._smooth + (1 - self.SMOOTHING) * run.now.loss.item()
        seen = len(self.losses) + 1
        self.losses.append(self._smooth / (1 - self.SMOOTHING**seen))
        if self.losses[-1] > self.RUNAWAY * min(self.losses) or seen == self.steps:
            run.stop(f"LRFinder has seen the rates up to {self.rates[-1]:.3g}")

    def on_fit_end(self, run: Run) -> None:
        """Put the weights back."""
        run.model.load_state_dict(self._first_weights)
