"""The law of the trainer, and everything that can go wrong around it."""

from __future__ import annotations

import dataclasses
import json
import random
import warnings
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

import cifarkit as ck
from cifarkit.errors import CifarkitWarning

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

STRICT = ck.Recipe(epochs=2, batch_size=32, precision="float32")
RECIPES = {
    "the assignment's": STRICT,
    "augmented": STRICT.replace(augment=(ck.Flip(), ck.Crop(), ck.Cutout())),
    "smoothed": STRICT.replace(loss=ck.CrossEntropy(label_smoothing=0.1)),
    "focal, balanced": STRICT.replace(loss=ck.FocalLoss(gamma=1.5, class_weights="balanced")),
    "margins": STRICT.replace(loss=ck.MultiMargin(margin=0.5)),
    "clipped": STRICT.replace(clip_norm=0.5),
    "balanced": STRICT.replace(sampling=ck.Balanced()),
    "mixed": STRICT.replace(mix=ck.Mixup(alpha=0.5), loss=ck.CrossEntropy(label_smoothing=0.1)),
    "cut and mixed": STRICT.replace(mix=ck.CutMix(), augment=(ck.Flip(), ck.Crop())),
    "scheduled": STRICT.replace(
        optimizer=ck.SGD(lr=0.05, momentum=0.9, nesterov=True, weight_decay=5e-4),
        schedule=ck.OneCycle(peak=0.1),
    ),
    "warmed up": STRICT.replace(optimizer=ck.AdamW(), schedule=ck.Cosine(warmup=0.5)),
    "RMSprop": STRICT.replace(
        optimizer=ck.RMSprop(lr=1e-3, momentum=0.5, centered=True),
        schedule=ck.MultiStep(milestones=(0.5, 1), factor=0.5),
    ),
    "Adagrad": STRICT.replace(optimizer=ck.Adagrad(lr_decay=0.1), schedule=ck.Linear()),
    "NAdam": STRICT.replace(optimizer=ck.NAdam(weight_decay=0.1, decoupled_weight_decay=True)),
    "torch's": STRICT.replace(
        optimizer=ck.TorchOptimizer(torch.optim.ASGD, lr=0.05, t0=5), schedule=ck.Step(every=1)
    ),
}
# What a student would write, with torch's own names.
BY_TORCH: dict[str, tuple[ck.Optimizer, Callable[..., torch.optim.Optimizer]]] = {
    "RMSprop": (
        ck.RMSprop(lr=1e-3, momentum=0.5),
        partial(torch.optim.RMSprop, lr=1e-3, momentum=0.5),
    ),
    "Adagrad": (ck.Adagrad(lr=0.02), partial(torch.optim.Adagrad, lr=0.02, fused=True)),
    "NAdam": (ck.NAdam(betas=(0.8, 0.9)), partial(torch.optim.NAdam, betas=(0.8, 0.9))),
    **{
        name: (ck.TorchOptimizer(name, maximize=False), getattr(torch.optim, name))
        for name in ("Adadelta", "Adafactor", "Adamax", "ASGD", "RAdam", "Rprop")
    },
}


def loss_by_hand(
    loss: ck.Loss, logits: torch.Tensor, labels: torch.Tensor, train_labels: torch.Tensor
) -> torch.Tensor:
    """Compute a recipe's loss as a student would, with torch alone."""
    if isinstance(loss, ck.CrossEntropy):
        return F.cross_entropy(logits, labels, label_smoothing=loss.label_smoothing)
    if isinstance(loss, ck.MultiMargin):
        return F.multi_margin_loss(logits, labels, margin=loss.margin, reduction="none").mean()
    assert isinstance(loss, ck.FocalLoss)
    weights = (len(train_labels) / (10 * train_labels.bincount().double())).float()
    logs, wanted = F.log_softmax(logits, 1), F.one_hot(labels, 10)
    doubts = (-torch.expm1(logs)).clamp_min(torch.finfo(logs.dtype).tiny)  # 1 - p
    return (-wanted * doubts**loss.gamma * logs * weights).sum(1).mean()


def bare_loop(
    model: nn.Module,
    splits: ck.Splits,
    recipe: ck.Recipe,
    seed: int,
    make: Callable[..., torch.optim.Optimizer] | None = None,
) -> None:
    """Train as a student would by hand, without the trainer."""
    if recipe.clip_norm is not None:  # a norm adds up in the order of memory
        model.to(memory_format=torch.channels_last)
    optimizer = (make or recipe.optimizer.build)(model.parameters())
    model.train()
    for epoch in range(recipe.epochs):
        batches = list(
            ck.training_batches(
                splits.train,
                recipe.batch_size,
                seed=seed,
                epoch=epoch,
                augment=recipe.augment,
                sampling=recipe.sampling,
                mix=recipe.mix,
            )
        )
        for step, (images, labels) in enumerate(batches):
            place = epoch + step / len(batches)
            rate = recipe.schedule.rate(place, recipe.epochs, recipe.optimizer.lr)
            optimizer.param_groups[0]["lr"] = rate
            torch.manual_seed(ck.seed_for("dropout", seed, epoch, step))
            loss = loss_by_hand(recipe.loss, model(images), labels, splits.train.labels)
            optimizer.zero_grad()
            loss.backward()
            if recipe.clip_norm is not None:
                nn.utils.clip_grad_norm_(model.parameters(), recipe.clip_norm)
            optimizer.step()


def built(name: str, seed: int = 0) -> nn.Module:
    with ck.seeded("weights", seed):
        return ck.create_model(name)


def same_bits(one: nn.Module, other: nn.Module) -> bool:
    pairs = zip(one.state_dict().values(), other.state_dict().values(), strict=True)
    return all(torch.equal(left, right) for left, right in pairs)


@pytest.mark.parametrize("name", ["mlp", "baseline", "batchnorm", "resnet20"])
def test_fit_equals_a_bare_loop_bit_for_bit(name: str, tiny: ck.Splits) -> None:
    ours, theirs = built(name), built(name)
    ck.Trainer(STRICT, seed=3, device="cpu").fit(ours, tiny)
    with ck.seeded("anything"):
        bare_loop(theirs, tiny, STRICT, seed=3)
    assert same_bits(ours, theirs)


@pytest.mark.parametrize("recipe", RECIPES.values(), ids=RECIPES.keys())
def test_the_law_holds_for_every_part_of_a_recipe(recipe: ck.Recipe, tiny: ck.Splits) -> None:
    ours, theirs = built("baseline"), built("baseline")
    ck.Trainer(recipe, seed=1, device="cpu").fit(ours, tiny)
    with ck.seeded("anything"):
        bare_loop(theirs, tiny, recipe, seed=1)
    assert same_bits(ours, theirs)


@pytest.mark.parametrize("name", BY_TORCH)
def test_the_law_holds_for_optimizers_as_torch_makes_them(name: str, tiny: ck.Splits) -> None:
    optimizer, make = BY_TORCH[name]
    recipe, ours, theirs = STRICT.replace(optimizer=optimizer), built("mlp"), built("mlp")
    ck.Trainer(recipe, seed=1, device="cpu").fit(ours, tiny)
    bare_loop(theirs, tiny, recipe, seed=1, make=make)
    assert same_bits(ours, theirs)
    slower, other = recipe.replace(optimizer=optimizer.replace(lr=optimizer.lr / 2)), built("mlp")
    bare_loop(other, tiny, slower, seed=1)
    assert not same_bits(ours, other)


def bare_loop_on_plateau(
    model: nn.Module, splits: ck.Splits, epochs: int, **settings: float
) -> list[float]:
    """Train as torch's manual does with `ReduceLROnPlateau`; return the rate of each epoch."""
    assert splits.val is not None
    optimizer = torch.optim.SGD(model.parameters(), lr=0.5, fused=True)
    scheduler = torch.optim.lr_scheduler.ReduceLROnPlateau(
        optimizer, threshold_mode="abs", factor=0.5, **settings
    )
    rates = []
    for epoch in range(epochs):
        model.train()
        rates.append(optimizer.param_groups[0]["lr"])
        for images, labels in ck.training_batches(splits.train, 32, seed=1, epoch=epoch):
            optimizer.zero_grad()
            F.cross_entropy(model(images), labels).backward()
            optimizer.step()
        scheduler.step(ck.evaluate(model, splits.val).loss)
    return rates


@pytest.mark.parametrize("patience", [0, 1])
def test_the_law_holds_for_a_rate_that_falls_when_val_does_not(
    patience: int, tiny: ck.Splits
) -> None:
    recipe = STRICT.replace(
        epochs=6,
        optimizer=ck.SGD(lr=0.5),
        schedule=ck.Plateau(factor=0.5, patience=patience, min_delta=0.05),
    )
    ours, theirs = built("linear"), built("linear")
    run = ck.Trainer(recipe, seed=1, device="cpu").fit(ours, tiny)
    rates = bare_loop_on_plateau(theirs, tiny, 6, patience=patience, threshold=0.05)
    assert same_bits(ours, theirs)
    assert run.history.column("lr") == rates
    assert 1 < len(set(rates)) < 6
    other = built("linear")
    bare_loop_on_plateau(other, tiny, 6, patience=patience + 1, threshold=0.05)
    assert not same_bits(ours, other)


def relabelled(images: ck.ImageSet) -> ck.ImageSet:
    return dataclasses.replace(images, labels=(images.labels + 1) % 10)


def test_a_plateau_never_goes_by_test(tiny: ck.Splits) -> None:
    """Other labels of test change no rate; another val set does."""
    assert tiny.val is not None
    settings = {"epochs": 5, "schedule": ck.Plateau(factor=0.5, patience=0), "track_test": True}
    runs = [
        ck.train("linear", data, optimizer=ck.SGD(lr=0.003), **settings)
        for data in (
            tiny,
            dataclasses.replace(tiny, test=relabelled(tiny.test)),
            dataclasses.replace(tiny, val=tiny.train),
        )
    ]
    plain, other_test, other_val = (run.history for run in runs)
    assert plain["test_loss"] != other_test["test_loss"]
    assert plain["lr"] == other_test["lr"]
    assert same_bits(runs[0].model, runs[1].model)
    assert plain["lr"] != other_val["lr"]  # a control


def test_a_plateau_without_val_says_what_to_do() -> None:
    data = ck.load_synthetic(n_train=100, n_test=20, val_size=0)
    with pytest.raises(ck.SelectionError, match=r"Plateau\(.* val_size=0; load it with a val set"):
        ck.train("linear", data, epochs=1, schedule=ck.Plateau())


def test_another_seed_gives_other_bits(tiny: ck.Splits) -> None:
    ours, theirs = built("mlp"), built("mlp")
    ck.Trainer(STRICT, seed=0, device="cpu").fit(ours, tiny)
    ck.Trainer(STRICT, seed=1, device="cpu").fit(theirs, tiny)
    assert not same_bits(ours, theirs)


def test_callbacks_that_only_observe_change_no_bit(tiny: ck.Splits) -> None:
    class Noisy(ck.Callback):
        """Draws numbers wherever it may, as a careless callback would."""

        def on_batch_start(self, run: ck.Run) -> None:
            torch.rand(7), np.random.rand(), random.random()

        on_epoch_start = on_batch_end = on_backward_end = on_epoch_end = on_batch_start

    alone = ck.train("baseline", tiny, epochs=2, precision="float32")
    watched = ck.train("baseline", tiny, epochs=2, precision="float32", callbacks=[Noisy()])
    assert same_bits(alone.model, watched.model)


def test_the_global_generator_is_left_as_it_was_found(tiny: ck.Splits) -> None:
    torch.manual_seed(5)
    before = torch.get_rng_state()
    ck.train("baseline", tiny, epochs=1)
    assert torch.equal(torch.get_rng_state(), before)


def test_a_second_fit_equals_a_fresh_one(tiny: ck.Splits) -> None:
    stopper = ck.EarlyStopping(patience=1)
    trainer = ck.Trainer(STRICT, callbacks=[stopper, ck.GradientClip(0.1)])
    trainer.fit(built("mlp"), tiny)
    again = trainer.fit(built("mlp"), tiny)
    fresh = ck.Trainer(STRICT, callbacks=[ck.EarlyStopping(patience=1), ck.GradientClip(0.1)])
    assert same_bits(again.model, fresh.fit(built("mlp"), tiny).model)


def test_train_numbers_are_sums_over_images_and_not_means_of_batches(tiny: ck.Splits) -> None:
    """At a rate of almost nothing the weights stand still, so the mean is known."""
    recipe = ck.Recipe(epochs=1, batch_size=64, optimizer=ck.SGD(lr=1e-30), precision="float32")
    assert len(tiny.train) % recipe.batch_size not in (0, 1)  # the last batch is a small one
    run = ck.Trainer(recipe, device="cpu").fit(built("mlp"), tiny)
    evaluation = ck.evaluate(run.model, tiny.train)
    assert run.history[0]["train_loss"] == pytest.approx(evaluation.loss, rel=1e-6)
    assert run.history[0]["train_accuracy"] == evaluation.accuracy


def test_the_record_of_an_epoch_has_its_columns(tiny: ck.Splits) -> None:
    run = ck.train("linear", tiny, epochs=2)
    assert run.history.columns == [
        *("epoch", "train_loss", "train_accuracy", "val_loss", "val_accuracy", "lr", "seconds"),
    ]
    assert run.history.column("epoch") == [1, 2]
    last = ck.evaluate(run.model, tiny.val)
    assert run.history[-1]["val_accuracy"] == last.accuracy
    assert run.history[-1]["val_loss"] == last.loss


def test_test_is_recorded_only_when_asked_for(tiny: ck.Splits) -> None:
    run = ck.train("linear", tiny, epochs=1, track_test=True)
    assert run.history[0]["test_accuracy"] == ck.evaluate(run.model, tiny.test).accuracy
    assert "test_loss" not in ck.train("linear", tiny, epochs=1).history.columns


def test_without_val_there_are_no_val_columns() -> None:
    data = ck.load_synthetic(n_train=100, n_test=20, val_size=0)
    assert "val_loss" not in ck.train("linear", data, epochs=1).history.columns


def test_the_learning_rate_in_the_record_is_the_last_steps(tiny: ck.Splits) -> None:
    run = ck.train("linear", tiny, epochs=2, batch_size=50, schedule=ck.Step(every=1))
    assert run.history.column("lr") == pytest.approx([1e-3, 1e-4])


@pytest.mark.parametrize("n", [1, 2, 31, 32, 33, 34])
def test_any_number_of_images_can_be_trained_on(n: int) -> None:
    """Also the one image over, which batch norm could not learn from by itself."""
    data = ck.load_synthetic(n_train=n, n_test=3, val_size=0)
    run = ck.train("batchnorm", data, epochs=1, batch_size=32)
    assert np.isfinite(run.history[0]["train_loss"])


def poisoned(tiny: ck.Splits) -> nn.Module:
    """A network that turns out NaN from its third batch on."""

    class Poisoned(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layer, self.seen = nn.Linear(3072, 10), 0

        def forward(self, images: torch.Tensor) -> torch.Tensor:
            self.seen += self.training and torch.is_grad_enabled()
            logits = self.layer(images.flatten(1))
            return logits * float("nan") if self.seen > 4 else logits  # two looks come first

    return Poisoned()


@pytest.mark.filterwarnings("ignore:.*outside of state_dict")  # it counts its batches there
def test_a_loss_that_is_nan_stops_before_the_step(tiny: ck.Splits, tmp_path: Path) -> None:
    model = poisoned(tiny)
    steps: list[dict[str, torch.Tensor]] = []

    class Keep(ck.Callback):
        def on_batch_end(self, run: ck.Run) -> None:
            steps.append({k: v.clone() for k, v in run.model.state_dict().items()})

    trainer = ck.Trainer(STRICT, callbacks=[Keep()], run_dir=tmp_path / "run")
    with pytest.raises(ck.NonFiniteLossError, match=r"nan in epoch 1, step 3 of 7.*losses before"):
        trainer.fit(model, tiny)
    assert all(torch.equal(steps[-1][key], value) for key, value in model.state_dict().items())
    assert json.loads((tmp_path / "run" / "run.json").read_text())["facts"]["status"] == "failed"


def test_a_rate_far_too_high_stops_with_finite_weights(tiny: ck.Splits) -> None:
    recipe = STRICT.replace(optimizer=ck.SGD(lr=1000.0, momentum=0.99), epochs=50)
    model = built("baseline")
    with pytest.raises(ck.NonFiniteLossError, match="lower learning rate"):
        ck.Trainer(recipe, device="cpu").fit(model, tiny)
    assert all(parameter.isfinite().all() for parameter in model.parameters())


def test_a_network_of_the_wrong_width_is_refused_before_training(tiny: ck.Splits) -> None:
    with pytest.raises(ck.ModelContractError, match=r"here 2 10; found 2 12"):
        ck.Trainer().fit(nn.Sequential(nn.Flatten(), nn.Linear(3072, 12)), tiny)


def test_a_network_without_parameters_is_refused(tiny: ck.Splits) -> None:
    class Constant(nn.Module):
        def forward(self, images: torch.Tensor) -> torch.Tensor:
            return torch.zeros(len(images), 10)

    with pytest.raises(ck.ModelContractError, match="no trainable parameters"):
        ck.Trainer().fit(Constant(), tiny)


def test_frozen_parameters_stay_as_they_are(tiny: ck.Splits) -> None:
    model = built("mlp")
    model[1].weight.requires_grad_(False)
    before = model[1].weight.clone()
    ck.Trainer(STRICT).fit(model, tiny)
    assert torch.equal(model[1].weight, before)


@pytest.mark.parametrize("seed", [-1, 1.5, "0", True, None, 2**63])
def test_a_seed_that_is_none_is_refused(seed: object) -> None:
    with pytest.raises(ck.DataError, match="seed must be a whole number"):
        ck.Trainer(seed=seed)


@pytest.mark.parametrize("callbacks", [None, ck.Progress(), [ck.Progress], ["progress"]])
def test_what_is_no_list_of_callbacks_is_a_type_error(callbacks: object) -> None:
    with pytest.raises(TypeError, match=r"callback"):
        ck.Trainer(callbacks=callbacks)


def test_train_takes_changes_of_the_recipe(tiny: ck.Splits) -> None:
    run = ck.train("augmented", tiny, epochs=1, batch_size=50)
    assert run.recipe == ck.get_variant("augmented").recipe.replace(epochs=1, batch_size=50)
    assert run.variant.recipe == run.recipe
    with pytest.raises(ck.RecipeError, match="takes no epoch=: write epochs=1"):
        ck.train("linear", tiny, epoch=1)


def test_train_takes_a_variant_and_builds_for_the_classes_of_the_data() -> None:
    arrays = np.random.default_rng(0).integers(0, 256, (30, 32, 32, 3), np.uint8)
    labels = np.arange(30) % 3
    data = ck.load_arrays(arrays, labels, 255 - arrays, labels, classes=("a", "b", "c"), val_size=3)
    variant = dataclasses.replace(ck.get_variant("baseline"), options={"widths": (4, 8)})
    run = ck.train(variant, data, epochs=1)
    assert run.model[-1].out_features == 3
    assert run.model[0].out_channels == 4


@pytest.mark.parametrize(
    ("model", "splits", "error", "text"),
    [
        (nn.Linear(2, 2), None, ck.DataError, "training takes Splits"),
        ("linear", "synthetic", ck.DataError, "training takes Splits.*found str"),
        (nn.Linear(2, 2), "tiny", ck.ModelContractError, "ck.Trainer"),
    ],
)
def test_arguments_of_the_wrong_kind_say_what_to_write(
    model: object, splits: object, error: type[Exception], text: str, tiny: ck.Splits
) -> None:
    with pytest.raises(error, match=text):
        ck.train(model, tiny if splits == "tiny" else splits)


def test_a_recipe_that_is_none_is_refused_by_the_trainer() -> None:
    with pytest.raises(ck.RecipeError, match=r"found \{'epochs': 1\}"):
        ck.Trainer({"epochs": 1})


def test_bfloat16_trains_and_is_recorded(tiny: ck.Splits) -> None:
    run = ck.train("baseline", tiny, epochs=1, precision="bfloat16", device="cpu")
    assert run.facts["precision"] == "bfloat16"
    assert next(run.model.parameters()).dtype == torch.float32


@pytest.mark.parametrize("precision", ["auto", "bfloat16", "float32"])
def test_a_network_of_float64_is_trained_in_it_and_the_record_says_so(
    precision: str, tiny: ck.Splits
) -> None:
    recipe = ck.Recipe(epochs=1, precision=precision)
    run = ck.Trainer(recipe, device="cpu").fit(ck.create_model("linear").double(), tiny)
    assert run.facts["precision"] == "float64"
    assert next(run.model.parameters()).dtype == torch.float64


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 2**63 - 1))
def test_the_same_seed_gives_the_same_run(seed: int) -> None:
    data = ck.load_synthetic(n_train=40, n_test=10, val_size=10)
    one, other = (ck.train("linear", data, epochs=1, batch_size=10, seed=seed) for _ in range(2))
    assert same_bits(one.model, other.model)
    different = ck.train("linear", data, epochs=1, batch_size=10, seed=(seed + 1) % 2**63)
    assert not same_bits(one.model, different.model)


@pytest.mark.parametrize(
    ("end", "symptom"),
    [
        (nn.Softmax(1), "the network gives probabilities where the loss expects logits"),
        (nn.Threshold(1e9, 0.0), "every picture gets the same logits"),
    ],
)
def test_a_students_bug_is_named_before_the_first_step(
    end: nn.Module, symptom: str, tiny: ck.Splits
) -> None:
    model = nn.Sequential(nn.Flatten(), nn.Linear(3072, 10), end)
    heard: list[str] = []

    class Listen(ck.Callback):
        def on_fit_start(self, run: ck.Run) -> None:
            heard.extend(str(one.message) for one in told)

    with pytest.warns(CifarkitWarning, match=symptom) as told:
        ck.Trainer(STRICT, callbacks=[Listen()]).fit(model, tiny)
    assert any(symptom in text for text in heard)


class Helped(torch.nn.Module):
    """A network that gives the logits of an auxiliary head too, in training."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(3072, 10))

    def forward(self, images: torch.Tensor) -> object:
        logits = self.layers(images)
        return (logits, logits) if self.training else logits


def test_what_fails_in_training_mode_alone_is_told_before_the_first_step(tiny: ck.Splits) -> None:
    one = ck.Recipe(epochs=1, batch_size=1)
    norm = torch.nn.Sequential(
        torch.nn.Flatten(), torch.nn.BatchNorm1d(3072), torch.nn.Linear(3072, 10)
    )
    alone = "cannot be trained on .*1 images: ValueError: Expected more than 1 value per channel"
    for model, recipe, said in (
        (Helped(), ck.Recipe(epochs=1), "in training mode the network must give .* found tuple"),
        (norm, one, alone),
    ):
        with pytest.raises(ck.ModelContractError, match=said):
            ck.Trainer(recipe).fit(model, tiny)


class Remembers(torch.nn.Module):
    """A network that makes a tensor when it is evaluated, and uses it when it is trained."""

    def __init__(self) -> None:
        super().__init__()
        self.layer, self.scale = torch.nn.Linear(3072, 10), torch.ones(())

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        if not self.training:
            self.scale = torch.ones(())
        logits: torch.Tensor = self.scale * self.layer(images.flatten(1))
        return logits


def test_what_a_network_keeps_from_an_evaluation_it_can_be_trained_with(tiny: ck.Splits) -> None:
    run = ck.Trainer(ck.Recipe(epochs=2)).fit(Remembers(), tiny)
    assert run.status == "finished"


def test_a_scripted_network_is_trained(tiny: ck.Splits) -> None:
    plain = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(3072, 10))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch leaves scripting behind
        model = torch.jit.script(plain)
    assert ck.Trainer(ck.Recipe(epochs=1)).fit(model, tiny).status == "finished"


def test_a_field_of_a_part_of_the_recipe_is_said_where_it_belongs(tiny: ck.Splits) -> None:
    with pytest.raises(ck.RecipeError, match=r"lr=: write optimizer=ck\.Adam\(lr=0\.01\)"):
        ck.train("linear", tiny, lr=0.01)


def test_a_run_is_evaluated_by_its_network_and_a_network_has_no_test_score(tiny: ck.Splits) -> None:
    run = ck.train("linear", tiny, epochs=1)
    by_run, by_network = ck.evaluate(run, tiny.test), ck.evaluate(run.model, tiny.test)
    np.testing.assert_array_equal(by_run.logits, by_network.logits)
    with pytest.raises(ck.TrainingError, match=r"what is scored is a run, .* found Sequential"):
        ck.score_on_test(run.model, tiny)  # type: ignore[arg-type]


@pytest.mark.parametrize("dtype", [torch.float64, torch.bfloat16])
def test_a_network_of_another_float_type_is_trained_in_its_own(
    dtype: torch.dtype, tiny: ck.Splits
) -> None:
    model = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(3072, 10)).to(dtype)
    first = model[1].weight.detach().clone()
    run = ck.Trainer(ck.Recipe(epochs=1, precision="float32")).fit(model, tiny)
    assert model[1].weight.dtype == dtype
    assert not torch.equal(model[1].weight, first)
    assert run.history[0]["val_loss"] == pytest.approx(ck.evaluate(model, tiny.val).loss)  # type: ignore[arg-type]


def test_a_schedule_that_ends_below_nothing_is_refused_before_the_first_step(
    tiny: ck.Splits, tmp_path: Path
) -> None:
    @dataclasses.dataclass(frozen=True, kw_only=True)
    class TooFar(ck.Schedule):
        def shape(self, epoch: float, epochs: float, lr: float) -> float:
            return lr * (1 - epoch / (epochs - 1))  # below 0 in the last epoch alone

    folder = tmp_path / "run"
    with pytest.raises(ck.RecipeError, match=r"TooFar.*gives the learning rate -"):
        ck.train("linear", tiny, epochs=3, schedule=TooFar(), run_dir=folder)
    assert not (folder / "run.json").exists()
