"""Stop when the validation numbers no longer improve: Prechelt 1998, "Early Stopping"."""

from __future__ import annotations

from typing import Any

from torch import Tensor

from cifarkit.annotations import Range
from cifarkit.arguments import Count, checked
from cifarkit.errors import TrainingError
from cifarkit.models.state import restore_state
from cifarkit.runs.run import Run
from cifarkit.training.callback import Callback
from cifarkit.training.selection import check_column

__all__ = ["EarlyStopping"]


class EarlyStopping(Callback):
    """Stop after `patience` epochs without a better number, and restore the best weights.

    The best weights are restored however the run ends: by this callback, the last epoch, an error
    or Ctrl-C.

    Args:
        column: what to watch; lower is better for a name that ends in `loss`, else higher is.
            Columns of test are refused.
        patience: epochs to wait for a better number.
        min_delta: a number counts as better only when it is better by more than this.
        restore: whether to restore the best weights at the end.

    Raises:
        TrainingError: `column` is not a name, `patience` or `min_delta` is out of range, or
            `restore` is neither True nor False.
        SelectionError: at the start of training, if the column will not be there or is a column of
            test.

    >>> EarlyStopping("val_accuracy", patience=3)
    EarlyStopping('val_accuracy', patience=3, min_delta=0.0, restore=True)
    """

    fields = ("column", "patience", "min_delta", "restore")

    def __init__(
        self,
        column: str = "val_loss",
        *,
        patience: int = 5,
        min_delta: float = 0.0,
        restore: bool = True,
    ) -> None:
        if not isinstance(column, str):
            raise TrainingError(
                f"EarlyStopping watches a column, found {column!r}; "
                "write EarlyStopping('val_loss', patience=5)"
            )
        self.column = column
        self.patience = checked("patience", patience, Count, error=TrainingError)
        self.min_delta: float = checked("min_delta", min_delta, Range(0, 1e9), error=TrainingError)
        self.restore = checked("restore", restore, bool, error=TrainingError)
        self._begin_anew()

    def __repr__(self) -> str:
        return (
            f"EarlyStopping({self.column!r}, patience={self.patience}, "
            f"min_delta={self.min_delta}, restore={self.restore})"
        )

    def _begin_anew(self) -> None:
        self.best: float | None = None
        self.best_epoch = 0
        self.waited = 0
        self._best_weights: dict[str, Tensor] = {}

    def on_fit_start(self, run: Run) -> None:
        """Check that the column will be there."""
        check_column(self.column, run)
        self._begin_anew()

    def on_epoch_end(self, run: Run) -> None:
        """Keep the weights when they are the best so far; count the wait when they are not.

        Raises:
            TrainingError: the column was not logged in this epoch.
        """
        if self.column not in run.history[-1]:
            raise TrainingError(
                f"{self.column!r} was not logged when this epoch ended; put the callback that logs "
                "it before EarlyStopping"
            )
        number = run.history[-1][self.column]
        if self._is_better(number):
            self.best, self.best_epoch, self.waited = number, run.state.epoch + 1, 0
            if self.restore:
                state = run.model.state_dict()
                self._best_weights = {name: tensor.clone() for name, tensor in state.items()}
            return
        self.waited += 1
        if self.waited >= self.patience:
            run.stop(f"{self.column} has not improved for {self.patience} epochs")

    def on_fit_end(self, run: Run) -> None:
        """Restore the best weights."""
        if self._best_weights:
            restore_state(run.model, self._best_weights)
            run.facts.weights_of_epoch = self.best_epoch
            run.facts.weights_chosen_by = self.column

    def state_dict(self) -> dict[str, Any]:
        """Return the best number, its epoch and weights, and the number of epochs since."""
        return {
            "best": self.best,
            "best_epoch": self.best_epoch,
            "waited": self.waited,
            "best_weights": self._best_weights,
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Restore what `state_dict` returned."""
        self.best = state["best"]
        self.best_epoch = state["best_epoch"]
        self.waited = state["waited"]
        self._best_weights = state["best_weights"]

    def _is_better(self, number: float) -> bool:
        if number != number:  # NaN is never best
            return False
        if self.best is None:
            return True
        gain = self.best - number if self.column.endswith("loss") else number - self.best
        return gain > self.min_delta
