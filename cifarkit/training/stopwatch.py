"""Read a clock between the parts of a training step, by callbacks and hooks."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from typing import Any

from torch import Tensor, nn
from torch.utils.hooks import RemovableHandle

from cifarkit.runs.run import Run
from cifarkit.training.callback import Callback

__all__ = ["BETWEEN", "LAYER", "Closing", "Opening", "Stopwatch"]

LAYER = "forward: "  # begins the names of layers
BETWEEN = f"{LAYER}between layers"


class Stopwatch:
    """Sums the time of each part of a step; every moment counts for exactly one part.

    Args:
        clock: returns the time in seconds.
        warm_up: how many steps come before the measured ones.
        steps: how many steps to measure.

    >>> watch = Stopwatch(iter([0.0, 2.0, 5.0]).__next__, warm_up=0, steps=1)
    >>> watch.lap("data")
    >>> watch.lap("backward")
    >>> dict(watch.of_steps)
    {'data': 2.0, 'backward': 3.0}
    """

    def __init__(self, clock: Callable[[], float], *, warm_up: int, steps: int) -> None:
        self.clock = clock
        self.warm_up, self.steps = warm_up, steps
        self.steps_made, self.in_step = 0, False
        self.begin()

    def begin(self) -> None:
        """Begin to measure; forget everything before."""
        self.of_steps: dict[str, float] = defaultdict(float)
        self.of_epochs: dict[str, float] = defaultdict(float)
        self.epochs = 0  # ended epochs
        self.last: float = self.clock()

    def lap(self, part: str, parts: dict[str, float] | None = None) -> None:
        """Add the time since the last lap to a part, by default to a part of the steps."""
        now = self.clock()
        (self.of_steps if parts is None else parts)[part] += now - self.last
        self.last = now

    @property
    def steps_measured(self) -> int:
        """How many steps were made after the warm-up."""
        return max(self.steps_made - self.warm_up, 0)


class Opening(Callback):
    """Ends the trainer's parts: it comes before all other callbacks.

    Args:
        watch: the stopwatch.
    """

    def __init__(self, watch: Stopwatch) -> None:
        self.watch = watch
        self._hooks: list[RemovableHandle] = []

    def on_fit_start(self, run: Run) -> None:
        """Register hooks on all layers."""
        for name, layer in run.model.named_modules():
            if not any(layer.children()):
                self._watch(layer, f"{LAYER}{name} {type(layer).__name__}".replace("  ", " "))
        self._hooks.append(run.model.register_forward_pre_hook(self._between))
        self._hooks.append(run.model.register_forward_hook(self._forward_end))

    def on_epoch_start(self, run: Run) -> None:
        """End the work between two epochs."""
        self.watch.lap("validation", self.watch.of_epochs)

    def on_batch_start(self, run: Run) -> None:
        """End the data of a batch."""
        self.watch.lap("data")
        self.watch.in_step = True

    def on_backward_end(self, run: Run) -> None:
        """End the backward pass."""
        self.watch.lap("backward")

    def on_batch_end(self, run: Run) -> None:
        """End the step of the optimiser."""
        self.watch.lap("optimiser")
        self.watch.in_step = False

    def on_epoch_end(self, run: Run) -> None:
        """End the validation."""
        self.watch.lap("validation", self.watch.of_epochs)

    def on_fit_end(self, run: Run) -> None:
        """Remove the hooks."""
        for hook in self._hooks:
            hook.remove()

    def _watch(self, layer: nn.Module, part: str) -> None:
        def end(*_: Any) -> None:
            if self.watch.in_step:  # and not in the validation
                self.watch.lap(part)

        self._hooks.append(layer.register_forward_pre_hook(self._between))
        self._hooks.append(layer.register_forward_hook(end))

    def _between(self, *_: Any) -> None:
        if self.watch.in_step:
            self.watch.lap(BETWEEN)

    def _forward_end(self, _model: nn.Module, _images: Any, logits: Tensor) -> None:
        self._between()
        if self.watch.in_step and logits.requires_grad:
            logits.register_hook(lambda _gradient: self.watch.lap("loss"))


class Closing(Callback):
    """Ends the part of the callbacks: it comes after all other callbacks.

    Args:
        watch: the stopwatch.
    """

    def __init__(self, watch: Stopwatch) -> None:
        self.watch = watch

    def on_epoch_start(self, run: Run) -> None:
        """End the callbacks."""
        self.watch.lap("callbacks", self.watch.of_epochs)

    def on_batch_start(self, run: Run) -> None:
        """End the callbacks."""
        self.watch.lap("callbacks")

    def on_backward_end(self, run: Run) -> None:
        """End the callbacks."""
        self.watch.lap("callbacks")

    def on_batch_end(self, run: Run) -> None:
        """End the step; begin to measure after the warm-up, and stop after the last step."""
        watch = self.watch
        watch.lap("callbacks")
        watch.steps_made += 1
        if watch.steps_made == watch.warm_up:
            watch.begin()
        elif watch.steps_measured == watch.steps:
            run.stop(f"{watch.steps} steps are measured")

    def on_epoch_end(self, run: Run) -> None:
        """End the callbacks and the epoch."""
        self.watch.lap("callbacks", self.watch.of_epochs)
        self.watch.epochs += 1
