"""Compute losses and scores: device, precision, compilation, and processes."""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial

import torch
from torch import Tensor, nn
from torch.nn.utils import clip_grad_norm_

from cifarkit.data.batches import Batch
from cifarkit.randomness import fork_rng
from cifarkit.recipes.recipe import Recipe
from cifarkit.runs.history import Record
from cifarkit.runs.run import Run
from cifarkit.training.batch_errors import explained_batch
from cifarkit.training.callback import Callbacks
from cifarkit.training.engine.capture import can_capture, why_eager
from cifarkit.training.engine.cuda_graph import CUDAGraphStep, Step
from cifarkit.training.engine.device import arithmetic, choose_precision
from cifarkit.training.engine.distributed import join_processes
from cifarkit.training.engine.forward import Compile, CompiledForward, choose_forward
from cifarkit.training.epoch_batches import epoch_batches
from cifarkit.training.freezing import Freezing

__all__ = ["Engine", "count_correct"]


def count_correct(logits: Tensor, targets: Tensor) -> Tensor:
    """Count the images that are classified correctly; of shares, the largest is the label.

    >>> count_correct(torch.tensor([[0.1, 0.9], [0.8, 0.2]]), torch.tensor([1, 1]))
    tensor(1)
    """
    labels = targets if targets.ndim == 1 else targets.argmax(1)
    return (logits.argmax(1) == labels).sum()


class Engine:
    """The computations of one training.

    Args:
        recipe: the recipe, with precision and loss.
        device: the device to train on.
        compile: see `Trainer`.
        track_test: whether to measure on test too.
    """

    def __init__(
        self, recipe: Recipe, device: torch.device, compile: Compile, *, track_test: bool
    ) -> None:
        self.recipe, self.device = recipe, device
        self.compile, self.track_test = compile, track_test
        self.precision = choose_precision(recipe, device)
        self.forward = choose_forward(compile)
        self.freezing = Freezing(recipe.groups)
        self.can_capture = can_capture(compile, device, self.precision)
        self.distributed = join_processes(device)
        self.interrupted = False  # the same in all processes
        self.loss_function = recipe.loss  # completed with numbers of the training set later
        self.network: nn.Module  # the model, wrapped if several processes train it
        self._step: Step | None = None
        self._trained: list[object] | None = None  # whether the step trains each weight, and layers

    def arithmetic(self) -> torch.autocast:
        """Return a context manager that sets the precision."""
        return arithmetic(self.device, self.precision)

    @property
    def compiles(self) -> bool:
        """Whether the forward pass and the loss are compiled."""
        return isinstance(self.forward, CompiledForward)

    def warm_up(self, model: nn.Module, batches: Iterable[Batch]) -> None:
        """Compile for the signature of each batch and the weights in training, if asked for."""
        with fork_rng(), self.arithmetic():
            for batch in batches:
                if isinstance(self.forward, CompiledForward):
                    self.forward.warm_up(model, batch, self.loss_function)

    def loss(self, batch: Batch) -> tuple[Tensor, Tensor, Tensor]:
        """Compute the loss of a batch.

        Returns:
            The loss to differentiate, the detached mean loss, and how many images are classified
            correctly.
        """
        share = self.distributed.shard(batch)
        with self.arithmetic():
            loss, logits = self.forward(self.network, share, self.loss_function)
        correct = count_correct(logits, share.targets)
        return self.distributed.rescaled(loss, share, batch), loss.detach(), correct

    def clip_gradients(self, model: nn.Module) -> None:
        """Clip the gradient to the recipe's `clip_norm`, if it has one."""
        if self.recipe.clip_norm is not None:
            clip_grad_norm_(model.parameters(), self.recipe.clip_norm)

    def seed_step(self, run: Run) -> None:
        """Seed the global generators, from which dropout draws, by seed, epoch and step."""
        state = run.state
        self.distributed.seed_step(self.device, run.seed, state.epoch, state.step)

    def measure(self, run: Run) -> Record:
        """Return loss and accuracy on val, and on test if it is tracked."""
        splits, record = run.state.splits, Record()
        if splits.val is not None:
            record |= self.distributed.measure("val", run.model, splits.val)
        if self.track_test:
            record |= self.distributed.measure("test", run.model, splits.test)
        return record

    def must_end(self, run: Run) -> bool:
        """Share the requests of each process with all processes; return whether training ends."""
        asked = run.requests
        stopped, self.interrupted, asked.checkpoint = self.distributed.any(
            run.stopped is not None, asked.interruption, asked.checkpoint
        )
        if stopped:
            run.stop("it was stopped in another process")
        return stopped or self.interrupted

    def begin_epoch(self, run: Run) -> None:
        """Put the network in training mode, except the layers that the recipe's groups freeze."""
        if not run.model.training:  # layers that a callback puts into evaluation mode stay so
            run.model.train()
        self.freezing.follow(run.model, run.state.epoch)

    def captured_or_eager(self, step: Step, run: Run, callbacks: Callbacks) -> Step:
        """Return the function for the steps of the next epoch; its errors name the batch.

        Args:
            step: makes a step eagerly.
            run: the run in training.
            callbacks: its callbacks.
        """
        self.freezing.follow(run.model, run.state.epoch)  # a hook, or a resume, was in between
        self._follow_frozen(run)
        if self._step is None or callbacks.may_change_the_network:
            self._step = None  # first, to free the memory of a graph
            self._step = self._captured(step, run, callbacks) if self.can_capture else step
        chosen, state = self._step, run.state

        def explained(batch: Batch) -> tuple[Tensor, Tensor]:
            self.freezing.evaluate()
            which = f"batch {state.step + 1} of epoch {state.epoch + 1}"
            with explained_batch(run, batch, which):
                return chosen(batch)

        return explained

    def __enter__(self) -> Engine:
        return self

    def __exit__(self, *_: object) -> None:
        """Drop the step, which holds the training, and perhaps a graph with its memory; thaw."""
        self._step = None
        self.freezing.end()

    def _follow_frozen(self, run: Run) -> None:
        """Replace the step if the weights in training, or modes, differ from the epoch before."""
        free = [weight.requires_grad for weight in run.model.parameters()]
        trained = [*free, *self.freezing.evaluated]
        if trained != self._trained:
            self._step, self._trained = None, trained
            self.network = run.model  # first, to free the wrapped network
            if self.distributed.count > 1:
                batch = next(epoch_batches(run))
                self.network = self.distributed.wrap(run.model, batch, self.loss_function)
            if run.recipe.groups and self.compiles:
                self.warm_up(run.model, [next(epoch_batches(run))])

    def _captured(self, step: Step, run: Run, callbacks: Callbacks) -> Step:
        facts, processes = run.facts, self.distributed.count
        facts.eager_because = why_eager(run, callbacks, compile=self.compile, processes=processes)
        if facts.eager_because is not None:
            return step
        noted = partial(setattr, facts, "steps_captured", True)
        return CUDAGraphStep(step, run.state.optimizer, self.device, noted)
