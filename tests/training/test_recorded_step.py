"""Steps that are recorded once and played again. Without a GPU a plain call stands for a replay."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn

import cifarkit as ck
from cifarkit.training import recorded_step
from cifarkit.training.recorded_step import RecordedStep

BATCH = ck.Batch(torch.zeros(4, 3, 32, 32), torch.tensor([0, 1, 2, 3]))


class Desk:
    """Counts what is made by hand, recorded and played again."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, refuses: bool = False) -> None:
        self.model = nn.Sequential(nn.Flatten(), nn.Linear(3072, 10))
        self.optimizer = ck.Muon().build(self.model.parameters())
        self.refuses = refuses
        self.log: list[str] = []
        self.rates: list[Any] = []
        monkeypatch.setattr(recorded_step, "record_cuda_graph", self.record)
        self.recorded = RecordedStep(self.step, self.optimizer, torch.device("cpu"))

    def step(self, batch: ck.Batch) -> tuple[Tensor, Tensor]:
        self.log.append("by hand")
        self.rates = [group["lr"] for group in self.optimizer.param_groups]
        return batch.images.mean(), batch.targets.sum()

    def record(self, step: Callable[[], tuple[Tensor, Tensor]], device: torch.device) -> Any:
        if self.refuses:
            raise RuntimeError("operation not permitted when stream is capturing")
        step()
        self.log[-1] = "recorded"
        assert all(group["capturable"] for group in self.optimizer.param_groups)
        rates = self.rates

        def replay() -> tuple[Tensor, Tensor]:
            answers = step()
            self.log[-1], self.rates = "played", rates  # those that were there to be recorded
            return answers

        return replay

    def made(self, batch: ck.Batch = BATCH) -> list[str]:
        before = len(self.log)
        self.recorded(batch)
        return self.log[before:]


def test_a_step_is_made_by_hand_then_recorded_then_played(monkeypatch: pytest.MonkeyPatch) -> None:
    desk = Desk(monkeypatch)
    made = [desk.made() for _ in range(4)]
    assert made == [["by hand"], ["recorded", "played"], ["played"], ["played"]]


def test_a_replay_is_given_the_batch_and_the_rates_of_now(monkeypatch: pytest.MonkeyPatch) -> None:
    desk = Desk(monkeypatch)
    for number in range(1, 5):
        for group in desk.optimizer.param_groups:
            group["lr"] = number / 8
        images = torch.full((4, 3, 32, 32), float(number))
        mean, total = desk.recorded(ck.Batch(images, torch.full((4,), number)))
        assert (mean.item(), total.item()) == (number, 4 * number)
        assert [float(rate) for rate in desk.rates] == [number / 8] * len(desk.rates)


def test_the_optimizer_is_as_it_was_after_each_step(monkeypatch: pytest.MonkeyPatch) -> None:
    desk = Desk(monkeypatch)
    before = [dict(group) for group in desk.optimizer.param_groups]
    for _ in range(3):
        desk.made()
        assert [dict(group) for group in desk.optimizer.param_groups] == before
        assert all(isinstance(group["lr"], float) for group in desk.optimizer.param_groups)


def test_a_smaller_last_batch_is_made_by_hand_and_the_recording_stays(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    desk, last = Desk(monkeypatch), ck.Batch(BATCH.images[:3], BATCH.targets[:3])
    desk.made(), desk.made()
    for _ in range(3):
        assert desk.made(last) == ["by hand"]
        assert desk.made() == ["played"]


@pytest.mark.parametrize(
    "batch",
    [
        ck.Batch(BATCH.images[..., :24, :24], BATCH.targets),
        ck.Batch(BATCH.images, torch.zeros(4, 10)),
    ],
    ids=["windows that grew", "shares for labels"],
)
def test_another_kind_of_batch_is_recorded_in_its_place(
    batch: ck.Batch, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk = Desk(monkeypatch)
    desk.made(), desk.made()
    assert [desk.made(batch) for _ in range(3)] == [["by hand"], ["recorded", "played"], ["played"]]
    assert [desk.made() for _ in range(2)] == [["by hand"], ["recorded", "played"]]


def test_what_cannot_be_recorded_is_made_by_hand_ever_after(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    desk = Desk(monkeypatch, refuses=True)
    assert [desk.made() for _ in range(4)] == [["by hand"]] * 4
    assert not desk.recorded.can_record
