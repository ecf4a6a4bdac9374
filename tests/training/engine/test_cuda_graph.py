"""Steps that are recorded once and played again. A plain call stands for a replay here."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from typing import Any

import pytest
import torch
from torch import Tensor, nn

import cifarkit as ck
from cifarkit.training.engine import cuda_graph
from cifarkit.training.engine.cuda_graph import CUDAGraphStep, capture_cuda_graph

BATCH = ck.Batch(torch.zeros(4, 3, 32, 32), torch.tensor([0, 1, 2, 3]))


class Desk:
    """Counts what is made by hand, recorded and played again."""

    def __init__(
        self, monkeypatch: pytest.MonkeyPatch, refuses: RuntimeError | None = None
    ) -> None:
        self.model = nn.Sequential(nn.Flatten(), nn.Linear(3072, 10))
        self.optimizer = ck.Muon().build(self.model.parameters())
        self.refuses = refuses
        self.log: list[str] = []
        self.rates: list[Any] = []
        monkeypatch.setattr(cuda_graph, "capture_cuda_graph", self.record)
        self.recorded = CUDAGraphStep(
            self.step, self.optimizer, torch.device("cpu"), lambda: self.log.append("told")
        )

    def step(self, batch: ck.Batch) -> tuple[Tensor, Tensor]:
        self.log.append("by hand")
        self.rates = [group["lr"] for group in self.optimizer.param_groups]
        return batch.images.mean(), batch.targets.sum()

    def record(self, step: Callable[[], tuple[Tensor, Tensor]], device: torch.device) -> Any:
        if self.refuses:
            raise self.refuses
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
    assert made == [["by hand"], ["recorded", "told", "played"], ["played"], ["played"]]


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


def test_the_state_of_a_checkpoint_is_moved_to_the_device() -> None:
    """torch leaves some counts of steps on the CPU, where a graph cannot reach them."""
    layer = nn.Linear(2, 2)
    optimizer = torch.optim.NAdam(layer.parameters())
    layer(torch.ones(1, 2)).sum().backward()
    optimizer.step()
    device = torch.device("meta")
    CUDAGraphStep(lambda batch: (torch.zeros(()), torch.zeros(())), optimizer, device, list)
    parts = [part for state in optimizer.state.values() for part in state.values()]
    assert len(parts) == 8
    assert {part.device for part in parts} == {device}


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
    again = ["recorded", "told", "played"]
    assert [desk.made(batch) for _ in range(3)] == [["by hand"], again, ["played"]]
    assert [desk.made() for _ in range(2)] == [["by hand"], again]


def test_what_cannot_be_recorded_is_said_with_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    desk = Desk(monkeypatch, refuses=RuntimeError("not permitted when stream is capturing"))
    assert desk.made() == ["by hand"]
    with pytest.raises(ck.TrainingError, match=r"\(not permitted when.*with compile='off'"):
        desk.made()
    assert all(isinstance(group["lr"], float) for group in desk.optimizer.param_groups)


@pytest.mark.parametrize(
    "shortage",
    [torch.OutOfMemoryError("CUDA out of memory"), RuntimeError("CUBLAS_STATUS_ALLOC_FAILED")],
)
def test_memory_that_runs_out_is_left_to_those_who_know(
    shortage: RuntimeError, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk = Desk(monkeypatch, refuses=shortage)
    desk.made()
    with pytest.raises(type(shortage), match=str(shortage)):
        desk.made()


def test_a_recording_that_fails_leaves_the_stream_as_it_was(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    current = ["usual"]

    @contextmanager
    def stream(chosen: str) -> Iterator[None]:
        before, current[0] = current[0], chosen
        try:
            yield
        finally:
            current[0] = before

    @contextmanager
    def graph(it: object, stream: str) -> Iterator[None]:  # torch's own does so
        current[0] = stream
        yield
        raise RuntimeError("the recording was found wrong at its end")

    monkeypatch.setattr(torch.cuda, "CUDAGraph", object)
    monkeypatch.setattr(torch.cuda, "Stream", lambda device: "the recording's")
    monkeypatch.setattr(torch.cuda, "current_stream", lambda device: current[0])
    monkeypatch.setattr(torch.cuda, "device", lambda device: nullcontext())
    monkeypatch.setattr(torch.cuda, "stream", stream)
    monkeypatch.setattr(torch.cuda, "graph", graph)
    with pytest.raises(RuntimeError, match="found wrong"):
        capture_cuda_graph(lambda: (torch.zeros(()), torch.zeros(())), torch.device("cpu", 1))
    assert current == ["usual"]


def test_a_recording_that_fails_says_why_and_not_how_it_ended(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    @contextmanager
    def graph(it: object, stream: object) -> Iterator[None]:
        try:
            yield
        finally:
            raise RuntimeError("the recording was found wrong at its end")

    monkeypatch.setattr(torch.cuda, "CUDAGraph", object)
    monkeypatch.setattr(torch.cuda, "graph", graph)
    for name in ("Stream", "current_stream", "stream", "device"):
        monkeypatch.setattr(torch.cuda, name, lambda device: nullcontext())

    def step() -> tuple[Tensor, Tensor]:
        raise ZeroDivisionError("why")

    with pytest.raises(ZeroDivisionError, match="why"):
        capture_cuda_graph(step, torch.device("cpu", 2))
    try:
        raise ValueError("what went wrong before is not why")
    except ValueError:
        with pytest.raises(RuntimeError, match="found wrong"):
            capture_cuda_graph(lambda: (torch.zeros(()), torch.zeros(())), torch.device("cpu", 2))


def test_a_rate_is_sent_only_when_it_has_changed(monkeypatch: pytest.MonkeyPatch) -> None:
    desk, filled = Desk(monkeypatch), []

    class Counts(torch.utils._python_dispatch.TorchDispatchMode):
        def __torch_dispatch__(
            self, operation: Any, types: Any, args: Any = (), kwargs: Any = None
        ) -> Any:
            filled.extend(args[1:] if operation is torch.ops.aten.fill_.Scalar else ())
            return operation(*args, **(kwargs or {}))

    for rate in (0.5, 0.5, 0.25, 0.25, 0.5):
        for group in desk.optimizer.param_groups:
            group["lr"] = rate
        with Counts():
            desk.made()
    groups = len(desk.optimizer.param_groups)
    assert filled == [0.5] * groups + [0.25] * groups + [0.5] * groups


def test_answers_are_kept_when_the_next_step_is_played(cuda_graphs: None) -> None:
    images = torch.zeros(4)
    replay = capture_cuda_graph(lambda: (images.mean(), images.sum()), torch.device("cpu"))
    answers = []
    for number in (1.0, 2.0):
        images.fill_(number)
        answers.append(replay())
    assert [(float(mean), float(total)) for mean, total in answers] == [(1.0, 4.0), (2.0, 8.0)]
