"""Where a step's time goes: by a clock that moves only where the test lets time pass."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest
import torch
from torch import Tensor, nn

import cifarkit as ck
from cifarkit.training import profiling

STEPS, WARM_UP = 7, 5
BATCH = 25  # 8 steps an epoch of 200 images
VAL_BATCHES = 1


class Clock:
    """Says how much time has passed; nothing else moves it."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def __call__(self) -> float:
        return self.seconds

    def __deepcopy__(self, _memo: Any) -> Clock:
        return self


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock()
    monkeypatch.setattr(profiling, "perf_counter", made)
    return made


class Passing(torch.autograd.Function):
    """Lets time pass on the way forward and on the way back."""

    @staticmethod
    def forward(context: Any, signal: Tensor, clock: Clock, there: float, back: float) -> Tensor:
        context.clock, context.back = clock, back
        clock.seconds += there
        return signal.clone()

    @staticmethod
    def backward(context: Any, gradient: Tensor) -> tuple[Tensor, None, None, None]:  # type: ignore[override]
        context.clock.seconds += context.back
        return gradient, None, None, None


class Slow(nn.Module):
    """A layer that takes some seconds there and back."""

    def __init__(self, clock: Clock, there: float, back: float) -> None:
        super().__init__()
        self.clock, self.there, self.back = clock, there, back

    def forward(self, signal: Tensor) -> Tensor:
        return Passing.apply(signal, self.clock, self.there, self.back)  # type: ignore[no-any-return]


class Network(nn.Module):
    """Two slow layers, with something slow between them."""

    def __init__(self, clock: Clock) -> None:
        super().__init__()
        self.linear = nn.Linear(3072, 10)
        self.first, self.second = Slow(clock, 2.0, 10.0), Slow(clock, 3.0, 20.0)
        self.clock = clock

    def forward(self, images: Tensor) -> Tensor:
        signal = self.first(self.linear(images.flatten(1)))
        self.clock.seconds += 0.5
        return self.second(signal)  # type: ignore[no-any-return]


def slow_parts(clock: Clock) -> tuple[ck.Recipe, ck.Callback]:
    """Return a recipe and a callback in which time passes, too."""

    @dataclass(frozen=True)
    class SlowCopy(ck.Augmentation):
        def __call__(self, images: Tensor, generator: Any) -> Tensor:
            clock.seconds += 100.0
            return images.clone()

    @dataclass(frozen=True)
    class SlowLoss(ck.CrossEntropy):
        def mean(self, logits: Tensor, targets: Tensor) -> Tensor:
            clock.seconds += 200.0
            return super().mean(logits, targets)

    class SlowWatch(ck.Callback):
        def on_batch_start(self, run: ck.Run) -> None:
            clock.seconds += 1000.0

        def on_backward_end(self, run: ck.Run) -> None:
            clock.seconds += 2000.0

        def on_batch_end(self, run: ck.Run) -> None:
            clock.seconds += 3000.0
            if run.state.epoch == 0 and run.state.step < WARM_UP:
                clock.seconds += 1e9  # which nobody should see

        def on_epoch_end(self, run: ck.Run) -> None:
            clock.seconds += 8000.0

    recipe = ck.Recipe(epochs=9, batch_size=BATCH, augment=(SlowCopy(),), loss=SlowLoss())
    return recipe, SlowWatch()


def test_each_part_gets_its_own_time(
    clock: Clock, tiny: ck.Splits, monkeypatch: pytest.MonkeyPatch
) -> None:
    recipe, watch = slow_parts(clock)
    step = torch.optim.Adam.step

    def slow_step(self: Any, *arguments: Any) -> Any:
        clock.seconds += 400.0
        return step(self, *arguments)

    monkeypatch.setattr(torch.optim.Adam, "step", slow_step)
    found = ck.profile(Network(clock), tiny, recipe=recipe, steps=STEPS, callbacks=[watch])
    assert found.steps == STEPS
    validation = VAL_BATCHES * (2.0 + 0.5 + 3.0) / 8  # spread over the steps of an epoch
    assert found.parts == pytest.approx(
        {
            **{"data": 100.0, "forward": 5.5, "loss": 200.0, "backward": 30.0},
            **{"optimiser": 400.0, "callbacks": 6000.0 + 8000.0 / 8, "validation": validation},
        }
    )
    assert found.layers == pytest.approx(
        {"linear Linear": 0.0, "first Slow": 2.0, "second Slow": 3.0, "between layers": 0.5}
    )
    assert found.seconds == pytest.approx(sum(found.parts.values()))


def test_the_parts_are_all_of_the_time_between_two_steps(clock: Clock, tiny: ck.Splits) -> None:
    ends = []

    class Ends(ck.Callback):
        def on_batch_end(self, run: ck.Run) -> None:
            ends.append(clock.seconds)

    recipe, watch = slow_parts(clock)
    found = ck.profile(Network(clock), tiny, recipe=recipe, steps=3, callbacks=[watch, Ends()])
    at_the_end_of_an_epoch = found.parts["validation"] + 8000.0 / 8
    step = (ends[7] - ends[4]) / 3  # the epoch has 8
    assert found.seconds - at_the_end_of_an_epoch == pytest.approx(step, rel=0.05)


def test_the_training_is_the_real_one(tiny: ck.Splits) -> None:
    weights: list[Tensor] = []

    class Keep(ck.Callback):
        def on_batch_end(self, run: ck.Run) -> None:
            weights.append(run.model[1].weight.detach().clone())

    ck.profile("mlp", tiny, steps=2, seed=3, callbacks=[Keep()])
    ck.train("mlp", tiny, epochs=2, seed=3, callbacks=[Keep()])
    measured, trained = weights[: WARM_UP + 2], weights[WARM_UP + 2 :]
    assert all(map(torch.equal, measured, trained))
    assert not torch.equal(measured[0], trained[1])


def test_a_network_is_left_as_it_was(tiny: ck.Splits) -> None:
    network = ck.create_model("mlp")
    before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    found = ck.profile(network, tiny, steps=2)
    assert (found.name, found.batch_size, found.device) == ("Sequential", 64, "cpu")
    after = network.state_dict()
    assert all(torch.equal(tensor, after[name]) for name, tensor in before.items())
    assert not any(layer._forward_hooks or layer._forward_pre_hooks for layer in network.modules())


@pytest.mark.parametrize("name", ck.list_models())
def test_every_model_can_be_measured(name: str, tiny: ck.Splits) -> None:
    found = ck.profile(
        name, tiny, recipe=ck.get_variant(name).recipe.replace(batch_size=20), steps=2
    )
    layers = [f"{at} {type(layer).__name__}".strip() for at, layer in leaves(ck.create_model(name))]
    assert set(found.layers) == {*layers, "between layers"}
    assert sum(found.layers.values()) == pytest.approx(found.parts["forward"])


def leaves(network: nn.Module) -> list[tuple[str, nn.Module]]:
    return [(name, m) for name, m in network.named_modules() if not list(m.children())]


def test_what_cannot_be_measured_is_refused(tiny: ck.Splits) -> None:
    with pytest.raises(ck.TrainingError, match=r"ended after 4 steps, and 5 warm up before 50 are"):
        ck.profile("linear", tiny, recipe=ck.Recipe(epochs=1))
    with pytest.raises(ck.TrainingError, match="steps must be"):
        ck.profile("linear", tiny, steps=0)
    swapped: Any = ("linear", "linear")
    with pytest.raises(ck.DataError):
        ck.profile(*swapped)
