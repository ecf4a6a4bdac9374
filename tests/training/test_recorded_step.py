"""Steps that are recorded once and played again. Without a GPU a plain call stands for a replay."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn

import cifarkit as ck
from cifarkit.training import recorded_step
from cifarkit.training.recorded_step import RecordedStep

needs_cuda = pytest.mark.skipif(not torch.cuda.is_available(), reason="CUDA graphs need CUDA")
BATCH = ck.Batch(torch.zeros(4, 3, 32, 32), torch.tensor([0, 1, 2, 3]))


class Desk:
    """Counts what is made by hand, recorded and played again."""

    def __init__(self, refuses: bool = False) -> None:
        self.model = nn.Sequential(nn.Flatten(), nn.Linear(3072, 10), nn.BatchNorm1d(10))
        self.optimizer = ck.Muon().build(self.model.parameters())
        self.refuses = refuses
        self.log: list[str] = []
        self.rates: list[Any] = []
        self.recorded = RecordedStep(self.step, self.model, self.optimizer, self.record)

    def step(self, batch: ck.Batch) -> tuple[Tensor, Tensor]:
        self.log.append("by hand")
        self.rates = [group["lr"] for group in self.optimizer.param_groups]
        return batch.images.mean(), batch.targets.sum()

    def record(self, step: Callable[[], tuple[Tensor, Tensor]]) -> Any:
        if self.refuses:
            raise RuntimeError("operation not permitted when stream is capturing")
        step()
        self.log[-1] = "recorded"

        def replay() -> tuple[Tensor, Tensor]:
            answers = step()
            self.log[-1] = "played"
            return answers

        return replay

    def made(self, batch: ck.Batch = BATCH) -> list[str]:
        before = len(self.log)
        self.recorded(batch)
        return self.log[before:]


def test_a_step_is_made_by_hand_then_recorded_then_played() -> None:
    desk = Desk()
    made = [desk.made() for _ in range(4)]
    assert made == [["by hand"], ["recorded", "played"], ["played"], ["played"]]


def test_a_replay_is_given_the_batch_and_the_rates_of_now() -> None:
    desk = Desk()
    for number in range(1, 5):
        for group in desk.optimizer.param_groups:
            group["lr"] = number / 8
        images = torch.full((4, 3, 32, 32), float(number))
        mean, total = desk.recorded(ck.Batch(images, torch.full((4,), number)))
        assert (mean.item(), total.item()) == (number, 4 * number)
        assert [float(rate) for rate in desk.rates] == [number / 8] * len(desk.rates)


def test_the_optimizer_is_as_it_was_after_a_recording() -> None:
    desk = Desk()
    before = [dict(group) for group in desk.optimizer.param_groups]
    desk.made(), desk.made()
    assert desk.log[-1] == "played"
    assert [dict(group) for group in desk.optimizer.param_groups] == before
    assert all(isinstance(group["lr"], float) for group in desk.optimizer.param_groups)


def thaw(desk: Desk) -> None:
    desk.model[1].requires_grad_(not desk.model[1].weight.requires_grad)


def settle(desk: Desk) -> None:
    desk.model[2].train(not desk.model[2].training)


def soften(desk: Desk) -> None:
    desk.optimizer.param_groups[0]["momentum"] += 0.125


def move(desk: Desk) -> None:
    desk.model[1].weight.data = desk.model[1].weight.data.clone()


@pytest.mark.parametrize("change", [thaw, settle, soften, move])
def test_what_a_recording_takes_for_granted_is_looked_at(change: Callable[[Desk], None]) -> None:
    desk = Desk()
    assert [desk.made()[-1] for _ in range(3)] == ["by hand", "played", "played"]
    change(desk)
    assert [desk.made()[-1] for _ in range(3)] == ["by hand", "played", "played"]


@pytest.mark.parametrize(
    "batch",
    [
        ck.Batch(BATCH.images[:3], BATCH.targets[:3]),
        ck.Batch(BATCH.images[..., :24, :24], BATCH.targets),
        ck.Batch(BATCH.images, torch.zeros(4, 10)),
    ],
    ids=["a smaller last one", "windows that grew", "shares for labels"],
)
def test_another_kind_of_batch_has_a_recording_of_its_own(batch: ck.Batch) -> None:
    desk = Desk()
    assert [desk.made()[-1] for _ in range(3)] == ["by hand", "played", "played"]
    assert [desk.made(batch)[-1] for _ in range(3)] == ["by hand", "played", "played"]
    assert desk.made() == ["played"]


def test_what_cannot_be_recorded_is_made_by_hand_ever_after() -> None:
    desk = Desk(refuses=True)
    assert [desk.made() for _ in range(4)] == [["by hand"]] * 4
    assert not desk.recorded.can_record


# Through the trainer -----------------------------------------------------------------------------


RECIPE = ck.Recipe(epochs=3, batch_size=32, precision="float32", optimizer=ck.Muon(lr=0.02))


def called(step: Callable[[], tuple[Tensor, Tensor]]) -> Callable[[], tuple[Tensor, Tensor]]:
    return step


class Watch(ck.Callback):
    """Keeps what made the last step, and its losses."""

    def __init__(self) -> None:
        self.losses: list[float] = []
        self.made_by: object = None

    def on_batch_end(self, run: ck.Run) -> None:
        self.made_by = run.now.make_step
        assert run.now.loss is not None
        self.losses.append(run.now.loss.item())


def digest(model: nn.Module | None) -> str:
    assert model is not None
    tensors = [tensor.float().cpu().numpy().tobytes() for tensor in model.state_dict().values()]
    return hashlib.sha256(b"".join(tensors)).hexdigest()


def trained(
    tiny: ck.Splits,
    *others: ck.Callback,
    recipe: ck.Recipe = RECIPE,
    records: bool = True,
    device: str = "cpu",
) -> tuple[str, Watch, ck.Run]:
    with ck.seeded("weights", 0):
        model = nn.Sequential(
            *(nn.Conv2d(3, 8, 3), nn.BatchNorm2d(8), nn.ReLU(), nn.Dropout(0.2)),
            *(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(8, 10)),
        )
    watch = Watch()
    trainer = ck.Trainer(recipe, device=device, callbacks=[*others, watch])
    trainer.may_record = records
    run = trainer.fit(model, tiny)
    return digest(run.model), watch, run


def test_a_training_of_recorded_steps_is_the_training(
    tiny: ck.Splits, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recorded_step, "record_cuda_graph", called)
    by_hand, hand, plain = trained(tiny, records=False)
    recorded, tape, run = trained(tiny)
    assert not isinstance(hand.made_by, RecordedStep)
    assert isinstance(tape.made_by, RecordedStep)
    assert tape.made_by.recordings  # else nothing was played
    assert recorded == by_hand
    assert tape.losses == hand.losses
    assert run.history.column("train_accuracy") == plain.history.column("train_accuracy")
    assert run.facts["warm_up_seconds"] > 0 == plain.facts["warm_up_seconds"]
    other, *_ = trained(tiny, recipe=RECIPE.replace(optimizer=ck.Muon(lr=0.03)))
    assert other != recorded  # a rate that stayed in a recording would go unseen above


class Half(ck.Callback):
    """Halves every gradient by giving the weights new ones."""

    def on_backward_end(self, run: ck.Run) -> None:
        for weight in run.model.parameters():
            weight.grad = None if weight.grad is None else weight.grad * 0.5


class Chance(nn.Module):
    def forward(self, signal: Tensor) -> Tensor:
        return signal * 0.5 if torch.rand(1) < 0.5 else signal


@pytest.mark.filterwarnings("ignore::UserWarning")  # torch's tracer on what it cannot follow
def test_where_python_has_a_say_no_step_is_recorded(
    tiny: ck.Splits, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recorded_step, "record_cuda_graph", called)
    assert not isinstance(trained(tiny, Half())[1].made_by, RecordedStep)
    with monkeypatch.context() as patch:
        patch.setattr(ck.Muon, "recordable", False)
        assert not isinstance(trained(tiny)[1].made_by, RecordedStep)
    watch = Watch()
    trainer = ck.Trainer(RECIPE, device="cpu", callbacks=[watch])
    trainer.may_record = True
    trainer.fit(nn.Sequential(Chance(), nn.Flatten(), nn.Linear(3072, 10)), tiny)
    assert not isinstance(watch.made_by, RecordedStep)


@needs_cuda
@pytest.mark.parametrize("optimizer", [ck.Adam(), ck.AdamW(), ck.SGD(), ck.Muon()], ids=repr)
def test_on_cuda_a_recorded_training_is_the_training(
    optimizer: ck.Optimizer, tiny: ck.Splits
) -> None:
    recipe = RECIPE.replace(optimizer=optimizer, precision="bfloat16")
    _, _, plain = trained(tiny, recipe=recipe, records=False, device="cuda")
    _, tape, run = trained(tiny, recipe=recipe, device="cuda")
    assert isinstance(tape.made_by, RecordedStep)
    assert tape.made_by.recordings
    assert run.history.column("train_loss") == pytest.approx(
        plain.history.column("train_loss"), rel=1e-3
    )


@needs_cuda
def test_on_cuda_a_network_that_waits_for_the_gpu_is_trained_by_hand(tiny: ck.Splits) -> None:
    class Trip(nn.Module):
        def forward(self, signal: Tensor) -> Tensor:
            return signal.cpu().to(signal.device)

    watch = Watch()
    trainer = ck.Trainer(RECIPE, device="cuda", callbacks=[watch])
    trainer.may_record = True
    trainer.fit(nn.Sequential(Trip(), nn.Flatten(), nn.Linear(3072, 10)), tiny)
    assert isinstance(watch.made_by, RecordedStep)
    assert not watch.made_by.can_record
