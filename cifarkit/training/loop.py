"""The training loop, whole.

In float32 it leaves the weights bit-identical to a bare PyTorch loop over the same batches at the
same seed: `tests/training/test_trainer.py` holds it to that.
"""

from __future__ import annotations

from torch import Tensor

from cifarkit.data.batches import Batch
from cifarkit.runs.run import Run
from cifarkit.training.callback import Callbacks
from cifarkit.training.engine.engine import Engine
from cifarkit.training.epoch_batches import epoch_batches
from cifarkit.training.learning_rate import set_learning_rates
from cifarkit.training.ledger import Ledger
from cifarkit.training.weight_average import WeightAverage

__all__ = ["Loop"]


class Loop:
    """Train a run from its current state to its end.

    Args:
        run: the run, with network, recipe and `run.state`.
        engine: computes: it knows the device, the precision and the processes.
        ledger: counts, records, and writes checkpoints.
        average: the average of the weights, if the recipe has an `ema_decay`.
        callbacks: the callbacks, whose hooks are called.
    """

    def __init__(
        self,
        run: Run,
        engine: Engine,
        ledger: Ledger,
        average: WeightAverage,
        callbacks: Callbacks,
    ) -> None:
        self.run, self.engine, self.ledger = run, engine, ledger
        self.average, self.callbacks = average, callbacks

    def train(self) -> None:
        """Train for the remaining epochs."""
        run, state, first_epoch = self.run, self.run.state, self.run.state.epoch
        for state.epoch in range(first_epoch, run.recipe.epochs):
            self.train_epoch()
            if self.engine.interrupted and not run.stopped:
                self.ledger.checkpoint(state.epoch, state.step + 1)
                return
            self.end_epoch()
            if self.engine.must_end(run):
                return

    def train_epoch(self) -> None:
        """Train once on all training images, or on the rest of them after a resume."""
        run, state = self.run, self.run.state
        first_step = self.ledger.open_epoch()
        if first_step == 0:
            self.engine.begin_epoch(run)
            self.callbacks.notify("on_epoch_start", run)
        step = self.engine.captured_or_eager(self.step, run, self.callbacks)
        for state.step, state.batch in enumerate(epoch_batches(run, first_step), first_step):
            set_learning_rates(run)
            self.callbacks.notify("on_batch_start", run)
            self.engine.seed_step(run)
            state.loss, correct = step(state.batch)
            self.ledger.count(state.loss, correct)
            self.average.update()
            self.callbacks.notify("on_batch_end", run)
            if self.engine.must_end(run):
                return
            self.ledger.checkpoint_if_asked()

    def step(self, batch: Batch) -> tuple[Tensor, Tensor]:
        """Make one step; return its mean loss, and how many images are classified correctly."""
        run, optimizer = self.run, self.run.state.optimizer
        loss, run.state.loss, correct = self.engine.loss(batch)
        self.ledger.check_finite(run.state.loss)
        optimizer.zero_grad()
        loss.backward()
        self.callbacks.notify("on_backward_end", run)
        self.engine.clip_gradients(run.model)
        optimizer.step()
        return run.state.loss, correct

    def end_epoch(self) -> None:
        """Evaluate the network after an epoch, and record the numbers."""
        run, state = self.run, self.run.state
        record = self.ledger.close_epoch()
        with self.average.in_place():
            record |= self.engine.measure(run)
            self.ledger.append(record)
            self.callbacks.notify("on_epoch_end", run)
        self.ledger.checkpoint(state.epoch + 1, 0)
