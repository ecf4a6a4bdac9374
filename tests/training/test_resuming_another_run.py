"""A run never resumes as another: any two that differ, in network, classes or recipe."""

from __future__ import annotations

import dataclasses
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

import cifarkit as ck
from cifarkit.training import resuming

if TYPE_CHECKING:
    from collections.abc import Callable

NETWORKS: list[tuple[str, dict[str, Any]]] = [
    ("linear", {}),
    ("mlp", {"width": 8}),
    ("mlp", {"width": 9}),
    ("baseline", {"widths": (4, 8)}),
    ("baseline", {"widths": (8, 4)}),
    ("baseline", {"widths": (4, 8), "dropout": 0.5}),
    ("batchnorm", {"widths": (4, 8), "batch_norm": True}),
    ("deeper", {"widths": (4, 8), "depth": 2}),
    ("resnet20", {"blocks": 1}),
]
OPTIMIZERS = [
    ck.Adam(),
    ck.AdamW(),
    ck.SGD(lr=0.1, momentum=0.9, nesterov=True, weight_decay=5e-4),
    ck.SGD(lr=0.02, momentum=0.9, nesterov=True, weight_decay=5e-4),
]
WAYS = st.fixed_dictionaries(
    {
        "network": st.sampled_from(NETWORKS),
        "classes": st.sampled_from([3, 10]),
        "optimizer": st.sampled_from(OPTIMIZERS),
    }
)
SAME = {"network": NETWORKS[3], "classes": 10, "optimizer": ck.Adam()}


class Interrupt(ck.Callback):
    """Asks for an end after the first step, as Ctrl-C does."""

    def on_batch_end(self, run: ck.Run) -> None:
        run.interrupt()


def data_of(classes: int) -> ck.Splits:
    """Return the same pictures and labels, for whatever number of classes."""
    images = np.random.default_rng(0).integers(256, size=(140, 32, 32, 3), dtype=np.uint8)
    labels = np.arange(140) % 3
    names = [f"class {number}" for number in range(classes)]
    cut = 120
    return ck.load_arrays(
        *(images[:cut], labels[:cut], images[cut:], labels[cut:]), classes=names, val_size=40
    )


def model_of(way: dict[str, Any]) -> torch.nn.Module:
    name, options = way["network"]
    torch.manual_seed(0)
    return ck.create_model(name, num_classes=way["classes"], **options)


def fit(
    way: dict[str, Any],
    model: torch.nn.Module,
    folder: Path | None,
    *callbacks: ck.Callback,
    named: bool = False,
) -> ck.Run:
    name, options = way["network"]
    recipe = ck.Recipe(epochs=1, batch_size=40, optimizer=way["optimizer"], precision="float32")
    variant = dataclasses.replace(ck.get_variant(name), options=options, recipe=recipe)
    trainer = ck.Trainer(recipe, callbacks=callbacks, run_dir=folder, device="cpu")
    return trainer.fit(
        model,
        data_of(way["classes"]),
        resume=folder is not None,
        variant=variant if named else None,
    )


def begin(way: dict[str, Any], folder: Path, *, named: bool = False) -> dict[str, bytes]:
    """Cut a run off after its first step; return what is in its folder."""
    with pytest.raises(KeyboardInterrupt, match="all is saved"):
        fit(way, model_of(way), folder, Interrupt(), named=named)
    return contents(folder)


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def copy_of(model: torch.nn.Module) -> dict[str, torch.Tensor]:
    return {name: tensor.clone() for name, tensor in model.state_dict().items()}


def same(one: dict[str, torch.Tensor], other: dict[str, torch.Tensor]) -> bool:
    return one.keys() == other.keys() and all(torch.equal(one[key], other[key]) for key in one)


# Without a name, only layers, classes and recipe tell two networks apart.
@example(there=SAME, here=SAME, named=True)
@example(there=SAME, here=SAME | {"classes": 3}, named=False)
@example(there=SAME, here=SAME | {"optimizer": ck.AdamW()}, named=False)
@example(
    there=SAME, here=SAME | {"network": NETWORKS[5]}, named=False
)  # its weights have the same shapes
@given(there=WAYS, here=WAYS, named=st.booleans())
@settings(max_examples=12, suppress_health_check=[HealthCheck.too_slow])
def test_what_differs_is_refused_before_anything_changes_and_what_does_not_goes_on(
    there: dict[str, Any], here: dict[str, Any], named: bool
) -> None:
    with tempfile.TemporaryDirectory() as parent:
        folder = Path(parent) / "run"
        before = begin(there, folder, named=named)
        if there != here:
            model = model_of(here)
            weights = copy_of(model)
            with pytest.raises(ck.CheckpointError, match="is another run, so it cannot resume"):
                fit(here, model, folder, named=named)
            assert same(copy_of(model), weights)
            assert contents(folder) == before
        # A refusal is no obstacle: the run's own network goes on, which is the control.
        again = fit(there, model_of(there), folder, named=named)
        assert again.facts["resumed"] == ["epoch 1, step 2"]
        assert same(copy_of(again.model), copy_of(fit(there, model_of(there), None).model))


def test_changed_code_under_the_same_name_is_another_run(tiny: ck.Splits, tmp_path: Path) -> None:
    def bent(*, num_classes: int = 10) -> torch.nn.Module:
        return Bent(num_classes, torch.relu)

    def curved(*, num_classes: int = 10) -> torch.nn.Module:
        return Bent(num_classes, torch.tanh)  # no layer tells it from the other

    folder = tmp_path / "run"
    with pytest.raises(KeyboardInterrupt):
        ck.train(ck.Variant("mine", bent), tiny, epochs=3, run_dir=folder, callbacks=[Interrupt()])
    with pytest.raises(ck.CheckpointError, match=r"code: '[0-9a-f]+' there"):
        ck.train(ck.Variant("mine", curved), tiny, epochs=3, run_dir=folder, resume=True)
    again = ck.train(ck.Variant("mine", bent), tiny, epochs=3, run_dir=folder, resume=True)
    assert again.status == "finished"


def test_changed_code_of_an_augmentation_is_warned_of(tiny: ck.Splits, tmp_path: Path) -> None:
    def bright() -> ck.Augmentation:
        class Own(ck.Augmentation):
            def __call__(self, images: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
                return images.clamp(min=9)

        return Own()

    def dark() -> ck.Augmentation:
        class Own(ck.Augmentation):
            def __call__(self, images: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
                return images.clamp(max=9)

        return Own()

    def train(own: ck.Augmentation, **more: Any) -> ck.Run:
        return ck.train("linear", tiny, epochs=3, run_dir=tmp_path / "run", augment=(own,), **more)

    with pytest.raises(KeyboardInterrupt):
        train(bright(), callbacks=[Interrupt()])
    saved = {path.name: path.read_bytes() for path in (tmp_path / "run").iterdir()}
    with pytest.warns(ck.CifarkitWarning, match=r"code [0-9a-f]+ then, [0-9a-f]+ now"):
        assert train(dark(), resume=True).status == "finished"
    for path in (tmp_path / "run").iterdir():
        path.unlink()
    for name, content in saved.items():
        (tmp_path / "run" / name).write_bytes(content)
    assert train(bright(), resume=True).status == "finished"  # without a warning


def test_other_settings_of_a_callback_that_changes_gradients_are_warned_of(
    tiny: ck.Splits, tmp_path: Path
) -> None:
    folder, clip = tmp_path / "run", ck.GradientClip
    with pytest.raises(KeyboardInterrupt):
        ck.train("linear", tiny, epochs=3, run_dir=folder, callbacks=[clip(0.2), Interrupt()])
    with pytest.warns(ck.CifarkitWarning, match=r"Clip.*0\.2.* then,.*Clip.*5\.0.* now"):
        ck.train("linear", tiny, epochs=3, run_dir=folder, callbacks=[clip(5.0)], resume=True)


class Bent(torch.nn.Module):
    def __init__(self, classes: int, bend: Callable[[torch.Tensor], torch.Tensor]) -> None:
        super().__init__()
        self.layer, self.bend = torch.nn.Linear(3072, classes), bend

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        logits: torch.Tensor = self.layer(self.bend(images.flatten(1)))
        return logits


@pytest.mark.parametrize(
    "change", [{"network": NETWORKS[5]}, {"optimizer": ck.AdamW()}], ids=["network", "optimizer"]
)
def test_unchecked_another_run_would_be_gone_on_with(
    change: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The negative control: torch itself takes another recipe's state, and says nothing."""
    begin(SAME, tmp_path / "run")
    monkeypatch.setattr(resuming, "_check_same_run", lambda *arguments: None)
    run = fit(SAME | change, model_of(SAME | change), tmp_path / "run")
    assert run.is_over


def test_groups_that_a_callback_made_in_the_optimiser_cannot_be_taken_up(
    tiny: ck.Splits, tmp_path: Path
) -> None:
    class Adds(ck.Callback):
        def on_fit_start(self, run: ck.Run) -> None:
            bias = run.now.optimizer.param_groups[0]["params"].pop()
            run.now.optimizer.add_param_group({"params": [bias], "lr": 0.1})

    folder = tmp_path / "run"
    with pytest.raises(KeyboardInterrupt):
        ck.train("linear", tiny, epochs=3, run_dir=folder, callbacks=[Adds(), Interrupt()])
    with pytest.raises(ck.CheckpointError, match=r"had 2 groups of weights, here it has 1: groups"):
        ck.train("linear", tiny, epochs=3, run_dir=folder, callbacks=[Adds()], resume=True)
