"""The running average of the weights, against one kept by hand."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn
from torch.utils._python_dispatch import TorchDispatchMode

import cifarkit as ck
from cifarkit.training.weight_average import WeightAverage

RECIPE = ck.Recipe(epochs=2, batch_size=32, precision="float32")


class KeepWeights(ck.Callback):
    """Note the weights after every step, and those that epochs are measured with."""

    def __init__(self) -> None:
        self.steps: list[dict[str, torch.Tensor]] = []
        self.epochs: list[dict[str, torch.Tensor]] = []

    def on_batch_end(self, run: ck.Run) -> None:
        self.steps.append(state(run.model))

    def on_epoch_end(self, run: ck.Run) -> None:
        self.epochs.append(state(run.model))


def state(model: nn.Module) -> dict[str, torch.Tensor]:
    return {name: tensor.clone() for name, tensor in model.state_dict().items()}


def by_hand(steps: list[dict[str, torch.Tensor]], decay: float) -> dict[str, torch.Tensor]:
    average = {name: tensor.double() for name, tensor in steps[0].items()}
    for step in steps[1:]:
        for name, tensor in step.items():
            average[name] = decay * average[name] + (1 - decay) * tensor.double()
    return average


def close(one: dict[str, torch.Tensor], other: dict[str, torch.Tensor]) -> bool:
    floats = [name for name in one if one[name].is_floating_point()]
    return all(
        torch.allclose(one[name].double(), other[name].double(), rtol=1e-4, atol=1e-6)
        for name in floats
    )


@pytest.mark.parametrize("name", ["linear", "batchnorm"])
def test_the_average_is_what_is_measured_and_what_is_left(name: str, tiny: ck.Splits) -> None:
    keep = KeepWeights()
    run = ck.train(name, tiny, callbacks=[keep], ema_decay=0.8, **_fields(RECIPE))
    half = len(keep.steps) // 2
    assert close(keep.epochs[0], by_hand(keep.steps[:half], 0.8))
    assert close(state(run.model), by_hand(keep.steps, 0.8))
    assert not close(state(run.model), keep.steps[-1])
    assert run.history[-1]["val_loss"] == ck.evaluate(run.model, tiny.val).loss


def test_averaging_does_not_change_the_steps(tiny: ck.Splits) -> None:
    plain, averaged = KeepWeights(), KeepWeights()
    ck.train("baseline", tiny, callbacks=[plain], **_fields(RECIPE))
    ck.train("baseline", tiny, callbacks=[averaged], ema_decay=0.9, **_fields(RECIPE))
    for one, other in zip(plain.steps, averaged.steps, strict=True):
        assert all(torch.equal(one[name], other[name]) for name in one)


def test_early_stopping_gives_the_best_average_back(tiny: ck.Splits) -> None:
    keep = KeepWeights()
    stopper = ck.EarlyStopping("val_accuracy", patience=1)
    recipe = RECIPE.replace(epochs=8, optimizer=ck.Adam(lr=0.01))
    run = ck.train("mlp", tiny, callbacks=[stopper, keep], ema_decay=0.5, **_fields(recipe))
    best = keep.epochs[stopper.best_epoch - 1]
    assert all(torch.equal(best[name], tensor) for name, tensor in state(run.model).items())


@settings(deadline=None, max_examples=25)
@given(
    values=st.lists(st.floats(-100, 100, width=32), min_size=1, max_size=8),
    decay=st.floats(0.01, 0.99),
)
def test_an_average_lies_between_the_least_and_the_most(values: list[float], decay: float) -> None:
    layer = nn.Linear(1, 1, bias=False)
    average = WeightAverage(layer, decay)
    for value in values:
        nn.init.constant_(layer.weight, value)
        average.update()
    with average.in_place():
        assert min(values) - 1e-3 <= layer.weight.item() <= max(values) + 1e-3
    assert layer.weight.item() == values[-1]


def test_without_a_decay_nothing_is_kept() -> None:
    layer = nn.Linear(2, 2)
    before = layer.weight.clone()
    average = WeightAverage(layer, 0.0)
    average.update()
    with average.at_the_end():
        pass
    assert not average.has_begun
    assert average.state_dict() == {}
    assert torch.equal(layer.weight, before)


def counted_in_twice(average: WeightAverage | AveragedModel) -> list[torch.device]:
    """Return the devices that tensors come from which are sent to another one meanwhile."""
    sent = []

    class Watch(TorchDispatchMode):
        def __torch_dispatch__(
            self, function: Any, types: Any, args: Any = (), kwargs: Any = None
        ) -> Any:
            answer = function(*args, **(kwargs or {}))
            if isinstance(answer, torch.Tensor):
                tensors = [one for one in args if isinstance(one, torch.Tensor)]
                sent.extend(one.device for one in tensors if one.device != answer.device)
            return answer

    with Watch():
        for _ in range(2):
            if isinstance(average, AveragedModel):
                average.update_parameters(nn.Linear(2, 2, device="meta"))
            else:
                average.update()
    return sent


def test_nothing_is_sent_to_the_device_at_a_step() -> None:
    layer = nn.Linear(2, 2, device="meta")  # a GPU would be waited for
    assert counted_in_twice(WeightAverage(layer, 0.5)) == []
    torchs = AveragedModel(layer, multi_avg_fn=get_ema_multi_avg_fn(0.5), use_buffers=True)
    assert counted_in_twice(torchs) == [torch.device("cpu")]  # the count


def test_whole_numbers_and_numbers_with_a_fraction_go_together() -> None:
    layer = nn.BatchNorm1d(2)
    average = WeightAverage(layer, 0.5)
    for step in range(3):
        layer.num_batches_tracked.fill_(step)
        nn.init.constant_(layer.running_mean, float(step))
        average.update()
    assert average.averages["num_batches_tracked"] == 2
    assert average.averages["running_mean"].tolist() == [1.25, 1.25]


def test_what_a_state_holds_is_taken_up_with_the_layout_of_the_weights() -> None:
    layer = nn.Conv2d(2, 3, 3).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    first = WeightAverage(layer, 0.5)
    first.update()
    nn.init.zeros_(layer.weight)
    first.update()
    second = WeightAverage(layer, 0.5)
    second.load_state_dict({name: kept.contiguous() for name, kept in first.state_dict().items()})
    second.update()
    first.update()
    assert second.averages["weight"].stride() == layer.weight.stride()
    for name, kept in first.state_dict().items():
        assert torch.equal(kept, second.state_dict()[name])
    second.load_state_dict({})
    assert not second.has_begun


def _fields(recipe: ck.Recipe) -> dict[str, object]:
    kept = ("epochs", "batch_size", "precision", "optimizer")
    return {name: getattr(recipe, name) for name in kept}


class Shuffled(nn.Module):
    """A linear layer on pixels in an order that it keeps in a buffer."""

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("order", torch.randperm(3072))
        self.layer = nn.Linear(3072, 10)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        logits: torch.Tensor = self.layer(images.flatten(1)[:, self.order])
        return logits


@pytest.mark.parametrize("decay", [0.9, 0.95])
def test_whole_numbers_are_not_averaged(decay: float, tiny: ck.Splits) -> None:
    model = Shuffled()
    order = model.order.clone()
    ck.Trainer(ck.Recipe(epochs=1, ema_decay=decay)).fit(model, tiny)
    assert torch.equal(model.order, order)
    # Torch's own way would have cut some of them to the number below.
    assert not torch.equal((order * decay + order * (1 - decay)).long(), order)
