"""What an epoch adds up to, at once on the CPU and at its end elsewhere."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import nn

import cifarkit as ck
from cifarkit.training.processes import Processes
from cifarkit.training.running_sums import RunningSums, count_hits
from cifarkit.training.weight_average import WeightAverage

CPU, ELSEWHERE = torch.device("cpu"), torch.device("cuda")  # the tensors stay on the CPU


def moment(step: int = 0) -> Any:
    optimizer = SimpleNamespace(param_groups=[{"lr": 0.5 - step / 8}])
    return SimpleNamespace(
        epoch=2,
        step=step,
        steps_per_epoch=9,
        optimizer=optimizer,
        processes=Processes(),
        average=WeightAverage(nn.Linear(1, 1), 0.5),
    )


def fed(sums: RunningSums, losses: list[float], model: nn.Linear) -> None:
    """Count batches in, and after each move the weights, as a step would."""
    for step, loss in enumerate(losses):
        logits, targets = torch.eye(9)[: step + 1], torch.zeros(step + 1, dtype=torch.int64)
        sums.look(moment(step), torch.tensor(loss))
        sums.add(moment(step), torch.tensor(loss), count_hits(logits, targets), step + 1)
        nn.init.constant_(model.weight, float(step + 1))


@pytest.mark.parametrize("device", [CPU, ELSEWHERE], ids=str)
def test_means_are_over_images_wherever_training_runs(device: torch.device) -> None:
    model = nn.Linear(1, 1)
    sums = RunningSums(model, device)
    fed(sums, [3.0, 1.0, 2.0], model)
    means = sums.means(moment())
    assert means["train_loss"] == pytest.approx((3.0 + 2 * 1.0 + 3 * 2.0) / 6)
    assert means["train_accuracy"] == 3 / 6  # the first image of each batch


@pytest.mark.parametrize("wrong", [float("nan"), float("inf"), -float("inf")])
def test_elsewhere_a_loss_that_is_no_number_is_found_at_the_end_and_the_weights_go_back(
    wrong: float,
) -> None:
    model = nn.Linear(1, 1)
    nn.init.constant_(model.weight, -7.0)
    sums = RunningSums(model, ELSEWHERE)
    fed(sums, [3.0, 1.0, wrong, 2.0], model)
    now = moment()
    now.average.update()
    with pytest.raises(
        ck.NonFiniteLossError,
        match=rf"became {wrong} in epoch 3, step 3 of 9, at learning rate 0.25 \(losses before: "
        r"3, 1\). The weights are those with which the epoch began here",
    ):
        sums.means(now)
    assert model.weight.item() == -7.0
    assert not now.average.has_begun  # what it had seen is taken back


def test_a_rate_is_that_of_its_step_when_an_epoch_was_taken_up_in_its_middle() -> None:
    model = nn.Linear(1, 1)
    first, second = RunningSums(model, ELSEWHERE), RunningSums(model, ELSEWHERE)
    fed(first, [3.0, 1.0], model)
    second.device = CPU  # where the tensors are
    second.load_state_dict(first.state_dict(Processes()), Processes())
    for step, loss in ((2, float("nan")), (3, 2.0)):
        second.add(moment(step), torch.tensor(loss), torch.tensor(1), 1)
    with pytest.raises(ck.NonFiniteLossError, match=r"step 3 of 9, at learning rate 0.25 "):
        second.check(moment(3))


class Pair(Processes):
    """The first of two processes, of which the other has seen as much, with a loss of 5."""

    def sum(self, numbers: torch.Tensor) -> torch.Tensor:
        _, hits, counts = numbers
        return numbers + torch.stack([5.0 * counts, hits, counts])


def test_what_several_processes_have_seen_is_kept_once() -> None:
    model = nn.Linear(1, 1)
    sums = RunningSums(model, CPU)
    fed(sums, [3.0, 1.0], model)
    alone = sums.state_dict(Processes())
    assert torch.equal(alone["losses"], torch.tensor([3.0, 1.0]))
    assert (alone["hits"].tolist(), alone["counts"]) == ([1, 1], [1, 2])
    both = sums.state_dict(Pair(0, 2))
    assert both["losses"].tolist() == [4.0, 3.0]
    assert (both["hits"].tolist(), both["counts"]) == ([2, 2], [2, 4])
    first, second = (RunningSums(model, CPU) for _ in range(2))
    first.load_state_dict(both, Pair(0, 2))
    second.load_state_dict(both, Pair(1, 2))
    assert (first.counts, [hit.item() for hit in first.hits]) == ([2, 4], [2, 2])
    assert (second.counts, [hit.item() for hit in second.hits]) == ([0, 0], [0, 0])
    assert first.means(moment())["train_loss"] == pytest.approx((2 * 4.0 + 4 * 3.0) / 6)


def test_on_the_cpu_it_is_found_before_the_step() -> None:
    model = nn.Linear(1, 1)
    with pytest.raises(ck.NonFiniteLossError, match=r"step 3 of 9.*those before this step"):
        fed(RunningSums(model, CPU), [3.0, 1.0, float("nan"), 2.0], model)
    assert model.weight.item() == 2.0  # after the second step


def test_weights_that_are_an_average_are_called_so() -> None:
    model = nn.Linear(1, 1)
    now = moment()
    now.average.update()
    with pytest.raises(ck.NonFiniteLossError, match="those before this step, their running aver"):
        RunningSums(model, CPU).look(now, torch.tensor(float("nan")))


def test_a_run_elsewhere_would_give_the_weights_of_the_epochs_start_back(
    tiny: ck.Splits, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The trainer itself, with its losses looked at late, as on a GPU."""
    late = RunningSums.__init__

    def looks_late(self: RunningSums, model: nn.Module, device: torch.device) -> None:
        late(self, model, ELSEWHERE)

    monkeypatch.setattr(RunningSums, "__init__", looks_late)
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
