"""The part of a step that can be compiled. torch compiles with a C++ compiler on the CPU."""

from __future__ import annotations

import shutil
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import Tensor, nn

import cifarkit as ck
from cifarkit.training.engine.forward import (
    CompiledForward,
    can_trace,
    choose_forward,
    forward,
)

needs_compiler = pytest.mark.skipif(
    shutil.which("g++") is None and shutil.which("clang++") is None,
    reason="compiling on the CPU needs a C++ compiler",
)
needs_tracer = pytest.mark.skipif(not can_trace(), reason="compile='on' needs torch 2.7")
STRICT = ck.Recipe(epochs=2, batch_size=32, precision="float32")


@needs_tracer
def test_auto_does_not_compile() -> None:
    assert choose_forward("auto") is choose_forward("off") is forward
    assert choose_forward("on") is not forward


@pytest.mark.parametrize("wrong", [True, "yes", None])
def test_another_word_is_refused(wrong: object) -> None:
    with pytest.raises(ck.TrainingError, match="'auto', 'on' or 'off'"):
        ck.Trainer(compile=wrong)


@needs_compiler
@needs_tracer
@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of the compiler's own
def test_compiled_training_learns_the_same_and_reports_its_warm_up(tiny: ck.Splits) -> None:
    def trained(compile: str) -> ck.Run:
        with ck.seeded("weights", 0):
            model = ck.create_model("mlp", width=16)
        return ck.Trainer(STRICT, compile=compile, device="cpu").fit(model, tiny)

    plain, compiled = trained("off"), trained("on")
    assert plain.facts["warm_up_seconds"] == 0
    assert compiled.facts["warm_up_seconds"] > 0
    losses = compiled.history.column("train_loss")
    assert losses == pytest.approx(plain.history.column("train_loss"), rel=1e-3)
    assert compiled.model.state_dict().keys() == plain.model.state_dict().keys()


@needs_tracer
def test_the_step_is_compiled_for_mixed_batches_where_the_recipe_mixes(
    tiny: ck.Splits, monkeypatch: pytest.MonkeyPatch
) -> None:
    warmed: list[object] = []
    seen: list[object] = []

    class Look(ck.Callback):
        def on_batch_start(self, run: ck.Run) -> None:
            seen.append(run.state.batch.signature)

    def noted(self: CompiledForward, model: nn.Module, batch: ck.Batch, loss: ck.Loss) -> None:
        warmed.append(batch.signature)

    monkeypatch.setattr(CompiledForward, "warm_up", noted)
    recipe = STRICT.replace(epochs=1, mix=ck.CutMix())
    trainer = ck.Trainer(recipe, compile="on", device="cpu", callbacks=[Look()])
    trainer.fit(ck.create_model("linear"), tiny)
    assert warmed == seen[:1]


@needs_compiler
@needs_tracer
@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of the compiler's own
def test_weights_that_thaw_are_compiled_for_between_steps(tiny: ck.Splits) -> None:
    class Counts(ck.Callback):
        def on_fit_start(self, run: ck.Run) -> None:
            self.graphs = list[int]()

        def on_batch_end(self, run: ck.Run) -> None:
            self.graphs.append(torch._dynamo.utils.counters["stats"]["unique_graphs"])

    def trained(compile: str, *callbacks: ck.Callback) -> ck.Run:
        groups = ck.Group("0.*", frozen_epochs=1), ck.Group("1.*", frozen_epochs="all")
        recipe = STRICT.replace(batch_size=40, groups=groups)
        with ck.seeded("weights", 0):
            norm = nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.Flatten()
            model = nn.Sequential(*norm, nn.Linear(3600, 10))
        return ck.Trainer(recipe, compile=compile, device="cpu", callbacks=callbacks).fit(
            model, tiny
        )

    counts = Counts()
    plain, compiled = trained("off"), trained("on", counts)
    losses = compiled.history.column("train_loss")
    assert losses == pytest.approx(plain.history.column("train_loss"), rel=1e-3)
    first, second = counts.graphs[:5], counts.graphs[5:]
    assert len({*first}) == len({*second}) == 1
    assert first[0] < second[0]


@needs_compiler
@needs_tracer
@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of the compiler's own
def test_a_batch_of_another_form_goes_the_plain_way(
    tiny: ck.Splits, monkeypatch: pytest.MonkeyPatch
) -> None:
    model, compiled = ck.create_model("linear"), CompiledForward()
    whole = ck.Batch(ck.to_floats(tiny.train.images[:9]), tiny.train.labels[:9])
    compiled.warm_up(model, whole, ck.CrossEntropy())
    calls: list[ck.Batch] = []

    def noted(model: nn.Module, batch: ck.Batch, loss: ck.Loss) -> tuple[Tensor, Tensor]:
        calls.append(batch)
        return forward(model, batch, loss)

    monkeypatch.setattr(compiled, "compiled", noted)
    shares = nn.functional.one_hot(whole.targets, 10).float()  # as of a mix
    for batch in (whole, ck.Batch(*(part[:8] for part in whole)), whole._replace(targets=shares)):
        compiled(model, batch, ck.CrossEntropy())
    assert [batch is whole for batch in calls] == [True]


class Keeps(nn.Module):
    """A network that keeps what it has computed, with the graph of it, so it cannot be copied."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(3072, 10)

    def forward(self, images: Tensor) -> Tensor:
        logits: Tensor = self.layer(images.flatten(1))
        if self.training and torch.is_grad_enabled():
            self.kept = logits
        return logits


@needs_tracer
def test_a_network_that_cannot_be_copied_is_not_compiled_and_may_be_averaged(
    tiny: ck.Splits,
) -> None:
    with pytest.raises(ck.TrainingError, match=r"could not be compiled \(.*compile='auto'"):
        ck.Trainer(STRICT, compile="on", device="cpu").fit(Keeps(), tiny)
    run = ck.Trainer(STRICT.replace(ema_decay=0.9), device="cpu").fit(Keeps(), tiny)
    assert len(run.history) == 2


@needs_tracer
def test_memory_that_runs_out_is_not_taken_for_a_fault_of_the_network(
    tiny: ck.Splits, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*arguments: object) -> object:
        raise MemoryError

    monkeypatch.setattr("cifarkit.training.engine.forward.copy", SimpleNamespace(deepcopy=full))
    with pytest.raises(ck.OutOfMemoryError):
        ck.Trainer(STRICT, compile="on", device="cpu").fit(ck.create_model("linear"), tiny)


def test_an_old_torch_is_told_before_it_compiles(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch._dynamo, "config", SimpleNamespace())  # as in torch 2.6
    with pytest.raises(ck.TrainingError, match=r"compile='on' needs torch 2\.7, and this is 2"):
        ck.Trainer(compile="on")
    assert ck.Trainer(compile="auto").compile == "auto"


def test_the_loss_is_the_mean_over_the_batch(tiny: ck.Splits) -> None:
    model = ck.create_model("linear")
    batch = ck.Batch(ck.to_floats(tiny.train.images[:9]), tiny.train.labels[:9])
    loss, logits = forward(model, batch, ck.CrossEntropy(label_smoothing=0.1))
    oracle = torch.nn.CrossEntropyLoss(label_smoothing=0.1)
    assert torch.equal(loss, oracle(model(batch.images), batch.targets))
    assert logits.shape == (9, 10)


@needs_compiler
@needs_tracer
@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of the compiler's own
def test_compiled_bfloat16_rounds_as_it_does_uncompiled(tiny: ck.Splits) -> None:
    """A maximum that is looked for by its value on the way back has to be found there."""

    class Peaks(nn.Sequential):
        def forward(self, images: Tensor) -> Tensor:
            return self[1](nn.functional.gelu(self[0](images)).amax((2, 3)))

    def trained(forward: Any) -> tuple[float, Tensor]:
        with ck.seeded("weights", 0):
            model = Peaks(nn.Conv2d(3, 8, 3), nn.Linear(8, 10))
        with torch.autocast("cpu", torch.bfloat16):
            if isinstance(forward, CompiledForward):
                forward.warm_up(model, batch, ck.CrossEntropy())
            loss, _ = forward(model, batch, ck.CrossEntropy())
        loss.backward()
        return loss.item(), model[0].weight.grad

    batch = ck.Batch(ck.to_floats(tiny.train.images[:9]), tiny.train.labels[:9])
    loss, gradient = trained(forward)
    compiled_loss, compiled_gradient = trained(choose_forward("on"))
    assert compiled_loss == pytest.approx(loss, rel=1e-4)
    torch.testing.assert_close(compiled_gradient, gradient, rtol=0.05, atol=1e-3)
