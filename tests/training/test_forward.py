"""The part of a step that can be compiled. torch compiles with a C++ compiler on the CPU."""

from __future__ import annotations

import shutil

import pytest
import torch

import cifarkit as ck
from cifarkit.training.forward import choose_forward, forward

needs_compiler = pytest.mark.skipif(
    shutil.which("g++") is None and shutil.which("clang++") is None,
    reason="compiling on the CPU needs a C++ compiler",
)
STRICT = ck.Recipe(epochs=2, batch_size=32, precision="float32")


@pytest.mark.parametrize(
    ("device", "precision"),
    [("cpu", torch.bfloat16), ("cpu", torch.float32), ("cuda", torch.float32)],
)
def test_auto_leaves_the_cpu_and_strict_float32_alone(device: str, precision: torch.dtype) -> None:
    assert choose_forward("auto", torch.device(device), precision) is forward


def test_auto_compiles_on_cuda() -> None:
    assert choose_forward("auto", torch.device("cuda"), torch.bfloat16) is not forward
    assert choose_forward("off", torch.device("cuda"), torch.bfloat16) is forward


@pytest.mark.parametrize("wrong", [True, "yes", None])
def test_another_word_is_refused(wrong: object) -> None:
    with pytest.raises(ck.TrainingError, match="'auto', 'on' or 'off'"):
        ck.Trainer(compile=wrong)


@needs_compiler
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


def test_the_loss_is_the_mean_over_the_batch(tiny: ck.Splits) -> None:
    model = ck.create_model("linear")
    batch = ck.Batch(ck.to_floats(tiny.train.images[:9]), tiny.train.labels[:9])
    loss, logits = forward(model, batch, 0.1)
    oracle = torch.nn.CrossEntropyLoss(label_smoothing=0.1)
    assert torch.equal(loss, oracle(model(batch.images), batch.targets))
    assert logits.shape == (9, 10)
