"""What an epoch adds up to, at once on the CPU and at its end elsewhere."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import nn

import cifarkit as ck
from cifarkit.training.engine.distributed import DistributedContext
from cifarkit.training.engine.engine import count_correct
from cifarkit.training.metrics import EpochMetrics
from cifarkit.training.weight_average import WeightAverage

CPU, ELSEWHERE = torch.device("cpu"), torch.device("cuda")  # the tensors stay on the CPU


def standing(model: nn.Module, step: int = 0) -> Any:
    """Stand for a run in its third epoch."""
    optimizer = SimpleNamespace(param_groups=[{"lr": 0.5 - step / 8}])
    state = SimpleNamespace(epoch=2, step=step, steps_per_epoch=9, optimizer=optimizer)
    return SimpleNamespace(model=model, state=state)


def made(model: nn.Module, device: torch.device) -> EpochMetrics:
    return EpochMetrics(standing(model), device, WeightAverage(model, 0.5))


def at(metrics: EpochMetrics, step: int) -> EpochMetrics:
    metrics.run = standing(metrics.model, step)
    return metrics


def fed(metrics: EpochMetrics, losses: list[float], model: nn.Linear) -> None:
    """Count batches in, and after each move the weights, as a step would."""
    for step, loss in enumerate(losses):
        logits, targets = torch.eye(9)[: step + 1], torch.zeros(step + 1, dtype=torch.int64)
        at(metrics, step).check_finite(torch.tensor(loss))
        metrics.add(torch.tensor(loss), count_correct(logits, targets), step + 1)
        nn.init.constant_(model.weight, float(step + 1))
    at(metrics, 0)


@pytest.mark.parametrize("device", [CPU, ELSEWHERE], ids=str)
def test_means_are_over_images_wherever_training_runs(device: torch.device) -> None:
    model = nn.Linear(1, 1)
    sums = made(model, device)
    fed(sums, [3.0, 1.0, 2.0], model)
    means = sums.means(DistributedContext())
    assert means["train_loss"] == pytest.approx((3.0 + 2 * 1.0 + 3 * 2.0) / 6)
    assert means["train_accuracy"] == 3 / 6  # the first image of each batch


@pytest.mark.parametrize("wrong", [float("nan"), float("inf"), -float("inf")])
def test_elsewhere_a_loss_that_is_no_number_is_found_at_the_end_and_the_weights_go_back(
    wrong: float,
) -> None:
    model = nn.Linear(1, 1)
    nn.init.constant_(model.weight, -7.0)
    sums = made(model, ELSEWHERE)
    fed(sums, [3.0, 1.0, wrong, 2.0], model)
    sums.average.update()
    with pytest.raises(
        ck.NonFiniteLossError,
        match=rf"became {wrong} in epoch 3, step 3 of 9, at learning rate 0.25 \(losses before: "
        r"3, 1\). The weights are those with which the epoch began here",
    ):
        sums.means(DistributedContext())
    assert model.weight.item() == -7.0
    assert not sums.average.has_begun  # what it had seen is taken back


def test_a_rate_is_that_of_its_step_when_an_epoch_was_taken_up_in_its_middle() -> None:
    model = nn.Linear(1, 1)
    first, second = made(model, ELSEWHERE), made(model, ELSEWHERE)
    fed(first, [3.0, 1.0], model)
    second.device = CPU  # where the tensors are
    second.load_state_dict(first.state_dict(DistributedContext()), DistributedContext())
    for step, loss in ((2, float("nan")), (3, 2.0)):
        at(second, step).add(torch.tensor(loss), torch.tensor(1), 1)
    with pytest.raises(ck.NonFiniteLossError, match=r"step 3 of 9, at learning rate 0.25 "):
        second.check()


class Pair(DistributedContext):
    """The first of two processes, of which the other has seen as much, with a loss of 5."""

    def sum(self, numbers: torch.Tensor) -> torch.Tensor:
        _, hits, counts = numbers
        return numbers + torch.stack([5.0 * counts, hits, counts])


def test_what_several_processes_have_seen_is_kept_once() -> None:
    model = nn.Linear(1, 1)
    sums = made(model, CPU)
    fed(sums, [3.0, 1.0], model)
    alone = sums.state_dict(DistributedContext())
    assert torch.equal(alone["losses"], torch.tensor([3.0, 1.0]))
    assert (alone["hits"].tolist(), alone["counts"]) == ([1, 1], [1, 2])
    both = sums.state_dict(Pair(0, 2))
    assert both["losses"].tolist() == [4.0, 3.0]
    assert (both["hits"].tolist(), both["counts"]) == ([2, 2], [2, 4])
    first, second = (made(model, CPU) for _ in range(2))
    first.load_state_dict(both, Pair(0, 2))
    second.load_state_dict(both, Pair(1, 2))
    assert (first.counts, [hit.item() for hit in first.correct]) == ([2, 4], [2, 2])
    assert (second.counts, [hit.item() for hit in second.correct]) == ([0, 0], [0, 0])
    assert first.means(DistributedContext())["train_loss"] == pytest.approx((2 * 4.0 + 4 * 3.0) / 6)


def test_on_the_cpu_it_is_found_before_the_step() -> None:
    model = nn.Linear(1, 1)
    with pytest.raises(ck.NonFiniteLossError, match=r"step 3 of 9.*those before this step"):
        fed(made(model, CPU), [3.0, 1.0, float("nan"), 2.0], model)
    assert model.weight.item() == 2.0  # after the second step


def test_weights_that_are_an_average_are_called_so() -> None:
    model = nn.Linear(1, 1)
    metrics = made(model, CPU)
    metrics.average.update()
    with pytest.raises(ck.NonFiniteLossError, match="those before this step, their running aver"):
        metrics.check_finite(torch.tensor(float("nan")))


def test_a_run_elsewhere_would_give_the_weights_of_the_epochs_start_back(
    tiny: ck.Splits, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The trainer itself, with its losses looked at late, as on a GPU."""
    late = EpochMetrics.__init__

    def looks_late(
        self: EpochMetrics, run: ck.Run, device: torch.device, average: WeightAverage
    ) -> None:
        late(self, run, ELSEWHERE, average)

    monkeypatch.setattr(EpochMetrics, "__init__", looks_late)
    recipe = ck.Recipe(epochs=2, batch_size=32, precision="float32")
    plain = ck.Trainer(recipe, device="cpu").fit(_linear(), tiny)
    monkeypatch.undo()
    at_once = ck.Trainer(recipe, device="cpu").fit(_linear(), tiny)
    assert torch.equal(plain.model[1].weight, at_once.model[1].weight)
    for column in ("train_loss", "train_accuracy", "val_loss"):
        assert plain.history.column(column) == at_once.history.column(column)


def _linear() -> nn.Sequential:
    with ck.seeded("weights", 0):
        return nn.Sequential(nn.Flatten(), nn.Linear(3072, 10))
