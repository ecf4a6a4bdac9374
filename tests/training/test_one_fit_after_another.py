"""Whatever a trainer went through before, its next fit is that of a fresh one."""

from __future__ import annotations

import dataclasses
import hashlib
import signal
from contextlib import suppress
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule
from hypothesis.stateful import run_state_machine_as_test as run_machine
from torch import nn

import cifarkit as ck
from cifarkit.training.callback import HOOKS

DATA = ck.load_synthetic(n_train=60, n_test=10, val_size=20)
RECIPE = ck.Recipe(
    epochs=3, batch_size=20, augment=(ck.AlternatingFlip(), ck.Crop()), ema_decay=0.5
)
VARIANT = dataclasses.replace(
    ck.get_variant("batchnorm"), options={"batch_norm": True, "widths": (2, 4)}
)
PLACES = st.tuples(st.sampled_from(HOOKS), st.integers(0, 4))


def network() -> nn.Module:
    with ck.seeded("weights"):
        model = VARIANT.build()
    return nn.Sequential(model, ck.Dropout(0.2))


class Troublemaker(ck.Callback):
    """Does something in one hook, at one of its calls; nothing in all other fits."""

    def __init__(self) -> None:
        self.hook, self.left, self.trouble = "", 0, lambda run: None

    def expect(self, place: tuple[str, int], trouble: Any) -> None:
        self.hook, self.left, self.trouble = *place, trouble

    def _heard(self, hook: str, run: ck.Run) -> None:
        if hook == self.hook:
            if self.left == 0:
                self.trouble(run)
            self.left -= 1


def _listening(hook: str) -> Any:
    return lambda self, run: self._heard(hook, run)


for _hook in HOOKS:
    setattr(Troublemaker, _hook, _listening(_hook))


class Grudge(ck.Callback):
    """The negative control: remembers in one fit what it saw in another."""

    steps = 0

    def on_backward_end(self, run: ck.Run) -> None:
        self.steps += 1
        for weight in run.model.parameters():
            weight.grad.mul_(1 + self.steps / 100)


def callbacks() -> dict[str, list[ck.Callback]]:
    return {
        "all that learn": [ck.EarlyStopping(patience=1), ck.GradientClip(0.5)],
        "the search": [ck.LRFinder(steps=10, end=10.0)],
        "a grudge": [Grudge()],
    }


def result(trainer: ck.Trainer) -> tuple[Any, ...]:
    """Return all that a fit leaves, but for the clock."""
    run = trainer.fit(network(), DATA)
    history = [{k: v for k, v in record.items() if k != "seconds"} for record in run.history]
    # Digests, not numbers: when they differ, nobody wants to be told in which of ten thousand.
    weights = [
        hashlib.sha256(tensor.numpy().tobytes()).hexdigest()[:8]
        for tensor in run.model.state_dict().values()
    ]
    return run.status, run.stopped, history, weights, run.facts.get("weights_of_epoch")


class OneAfterAnother(RuleBasedStateMachine):
    """One trainer, used and misused in any order."""

    kinds = ("all that learn", "the search")

    @initialize(data=st.data())
    def begin(self, data: st.DataObject) -> None:
        self.kind = data.draw(st.sampled_from(self.kinds))
        self.troublemaker = Troublemaker()
        self.trainer = self.made(self.troublemaker)
        self.fresh = result(self.made(Troublemaker()))
        self.around = self.surroundings()

    def made(self, troublemaker: ck.Callback) -> ck.Trainer:
        listening = [*callbacks()[self.kind], troublemaker]
        return ck.Trainer(RECIPE, seed=2, callbacks=listening, device="cpu")

    def surroundings(self) -> tuple[Any, ...]:
        handlers = [signal.getsignal(one) for one in (signal.SIGINT, signal.SIGTERM)]
        generators = torch.get_rng_state().tolist(), str(np.random.get_state())
        return handlers, generators, torch.is_grad_enabled(), torch.get_num_threads()

    @invariant()
    def all_around_is_as_it_was(self) -> None:
        if hasattr(self, "around"):
            assert self.surroundings() == self.around

    @rule()
    def fit(self) -> None:
        assert result(self.trainer) == self.fresh

    @rule(place=PLACES)
    def fit_and_fail(self, place: tuple[str, int]) -> None:
        self.troublemaker.expect(place, lambda run: 1 / 0)
        with suppress(ck.CallbackError):  # none, where the hook is called less often than that
            self.trainer.fit(network(), DATA)
        self.troublemaker.expect(place, lambda run: None)

    @rule(place=PLACES)
    def fit_and_be_interrupted(self, place: tuple[str, int]) -> None:
        def interrupt(run: ck.Run) -> None:
            run.interrupt()

        self.troublemaker.expect(place, interrupt)
        with suppress(KeyboardInterrupt):
            self.trainer.fit(network(), DATA)
        self.troublemaker.expect(place, lambda run: None)

    @rule(wrong=st.sampled_from([nn.Linear(3072, 9), nn.Flatten()]))
    def fit_what_is_refused(self, wrong: nn.Module) -> None:
        with pytest.raises(ck.ModelContractError):
            self.trainer.fit(wrong, DATA)

    @rule(place=PLACES)
    def fit_another_network_in_a_hook(self, place: tuple[str, int]) -> None:
        """By a trainer of its own; by the same one it is refused, and neither leaves a trace."""
        inner = []

        def another(run: ck.Run) -> None:
            inner.append(result(self.made(Troublemaker())))
            with pytest.raises(ck.TrainingError, match="is training already"):
                self.trainer.fit(network(), DATA)

        self.troublemaker.expect(place, another)
        assert result(self.trainer) == self.fresh
        assert inner in ([], [self.fresh])


FEW = settings(max_examples=10, stateful_step_count=6, deadline=None, database=None)


def test_a_fit_after_any_other_equals_a_fresh_one() -> None:
    run_machine(OneAfterAnother, settings=FEW)


def test_a_callback_that_bears_a_grudge_would_be_found() -> None:
    class WithGrudge(OneAfterAnother):
        kinds = ("a grudge",)

    found = settings(FEW, phases=[Phase.generate], report_multiple_bugs=False, derandomize=True)
    with pytest.raises(AssertionError):
        run_machine(WithGrudge, settings=found)
