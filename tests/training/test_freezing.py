"""Groups of weights: that they are trained as bare torch trains them, or not trained at all."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils import parametrizations, spectral_norm
from torchvision.models.resnet import BasicBlock, ResNet

import cifarkit as ck
from cifarkit.annotations import all_subclasses
from cifarkit.training.freezing import weights_to_train

RECIPE = ck.Recipe(epochs=3, batch_size=32, precision="float32")
BACKBONE = ck.Group("backbone.*", lr_scale=0.1, frozen_epochs=1)


class Net(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.backbone = nn.Sequential(
            *(nn.Conv2d(3, 8, 3), nn.BatchNorm2d(8), nn.ReLU(), nn.Dropout(0.1)),
            *(nn.Conv2d(8, 8, 3), nn.BatchNorm2d(8, affine=False), nn.ReLU(), nn.MaxPool2d(7)),
        )
        self.head = nn.Sequential(nn.Flatten(), nn.Linear(128, 10))

    def forward(self, images: Tensor) -> Tensor:
        logits: Tensor = self.head(self.backbone(images))
        return logits


def network(kind: Callable[[], nn.Module] = Net) -> nn.Module:
    with ck.seeded("weights", 0):
        return kind()


def fit(splits: ck.Splits, recipe: ck.Recipe, *callbacks: ck.Callback, **settings: Any) -> ck.Run:
    model = settings.pop("model", None) or network()
    return ck.Trainer(recipe, device="cpu", callbacks=callbacks, **settings).fit(model, splits)


def copied(model: nn.Module) -> dict[str, Tensor]:
    return {name: tensor.clone() for name, tensor in model.state_dict().items()}


def changed(before: dict[str, Tensor], after: dict[str, Tensor]) -> set[str]:
    return {name for name in before if not torch.equal(before[name], after[name])}


def same_bits(one: nn.Module, other: nn.Module) -> bool:
    return not changed(one.state_dict(), other.state_dict())


class Notes(ck.Callback):
    """Keeps the state after each epoch, and the rates of each step."""

    def on_fit_start(self, run: ck.Run) -> None:
        self.states, self.rates = [copied(run.model)], list[list[float]]()
        self.modes = list[list[bool]]()

    def on_batch_end(self, run: ck.Run) -> None:
        self.rates.append([group["lr"] for group in run.state.optimizer.param_groups])
        self.modes.append([layer.training for layer in run.model.modules()])

    def on_epoch_end(self, run: ck.Run) -> None:
        self.states.append(copied(run.model))

    @property
    def changed(self) -> list[set[str]]:
        return [changed(*pair) for pair in zip(self.states, self.states[1:], strict=False)]


# --- as bare torch


def evaluation_of_norms(layers: nn.Module) -> None:
    for layer in layers.modules():
        if isinstance(layer, nn.BatchNorm2d):
            layer.eval()


def bare_loop(
    splits: ck.Splits,
    recipe: ck.Recipe,
    make: Callable[..., torch.optim.Optimizer],
    *,
    scale: float = 0.1,
    frozen: int = 1,
) -> nn.Module:
    """Train as a student would: groups of torch's optimiser, and `requires_grad`."""
    model = network()
    assert isinstance(model, Net)
    optimizer = make([{"params": model.head.parameters()}, {"params": model.backbone.parameters()}])
    for epoch in range(recipe.epochs):
        model.train()
        model.backbone.requires_grad_(epoch >= frozen)
        if epoch < frozen:
            evaluation_of_norms(model.backbone)
        batches = [*ck.training_batches(splits.train, recipe.batch_size, seed=0, epoch=epoch)]
        for step, (images, labels) in enumerate(batches):
            progress = epoch + step / len(batches)
            rate = recipe.schedule.rate(progress, recipe.epochs, recipe.optimizer.lr)
            head, backbone = optimizer.param_groups
            head["lr"], backbone["lr"] = rate, scale * rate
            torch.manual_seed(ck.seed_for("dropout", 0, epoch, step))
            optimizer.zero_grad()
            F.cross_entropy(model(images), labels).backward()
            optimizer.step()
    return model


WAYS: dict[str, tuple[ck.Recipe, Callable[..., torch.optim.Optimizer]]] = {
    "SGD": (
        RECIPE.replace(
            optimizer=ck.SGD(lr=0.05, momentum=0.9, weight_decay=5e-4),
            schedule=ck.OneCycle(peak=0.1),
        ),
        lambda groups: torch.optim.SGD(
            groups, lr=0.05, momentum=0.9, weight_decay=5e-4, fused=True
        ),
    ),
    "Adam": (
        RECIPE.replace(optimizer=ck.Adam(weight_decay=0.01), schedule=ck.Cosine(warmup=0.5)),
        lambda groups: torch.optim.Adam(groups, weight_decay=0.01, fused=True),
    ),
    "torch's Adamax": (
        RECIPE.replace(optimizer=ck.TorchOptimizer("Adamax", lr=0.01), schedule=ck.Step(every=1)),
        lambda groups: torch.optim.Adamax(groups, lr=0.01),
    ),
}


@pytest.mark.parametrize("way", WAYS)
def test_groups_are_those_of_a_bare_torch_loop_bit_for_bit(way: str, tiny: ck.Splits) -> None:
    recipe, make = WAYS[way]
    ours = fit(tiny, recipe.replace(groups=(BACKBONE,))).model
    assert same_bits(ours, bare_loop(tiny, recipe, make))
    assert not same_bits(ours, bare_loop(tiny, recipe, make, scale=0.2))
    assert not same_bits(ours, bare_loop(tiny, recipe, make, frozen=2))


def test_a_group_that_changes_nothing_changes_no_bit(tiny: ck.Splits) -> None:
    plain = fit(tiny, RECIPE).model
    assert same_bits(plain, fit(tiny, RECIPE.replace(groups=(ck.Group("*"),))).model)
    assert not same_bits(plain, fit(tiny, RECIPE.replace(groups=(BACKBONE,))).model)


OPTIMIZERS = [
    kind
    for kind in all_subclasses(ck.Optimizer)
    if kind.__module__.startswith("cifarkit.") and not inspect.isabstract(kind)
]
EVERY: list[ck.Optimizer] = [
    *(kind() for kind in OPTIMIZERS if kind is not ck.TorchOptimizer),
    *map(ck.TorchOptimizer, ("Adadelta", "Adafactor", "Adamax", "ASGD", "RAdam", "Rprop")),
    ck.SGD(lr=0.1, momentum=0.9, nesterov=True),
]


def loop_with_two_optimizers(splits: ck.Splits, optimizer: ck.Optimizer) -> nn.Module:
    """Train the head by an optimiser, and the backbone by one that is made when it thaws."""
    model = network().to(memory_format=torch.channels_last)  # a norm adds up in memory's order
    assert isinstance(model, Net)
    active = [optimizer.build(model.head.parameters())]
    for epoch in range(RECIPE.epochs):
        model.train()
        if epoch == 0:
            model.backbone.requires_grad_(False)
            evaluation_of_norms(model.backbone)
        elif epoch == 1:
            model.backbone.requires_grad_(True)
            active.append(optimizer.build(model.backbone.parameters()))
            for group in active[-1].param_groups:
                group["lr"] *= 0.1
        batches = ck.training_batches(splits.train, RECIPE.batch_size, seed=0, epoch=epoch)
        for step, (images, labels) in enumerate(batches):
            torch.manual_seed(ck.seed_for("dropout", 0, epoch, step))
            model.zero_grad()
            F.cross_entropy(model(images), labels).backward()
            for each in active:
                each.step()
    return model


@pytest.mark.parametrize("optimizer", EVERY, ids=repr)
def test_with_any_optimizer_a_group_begins_afresh_when_it_thaws(
    optimizer: ck.Optimizer, tiny: ck.Splits
) -> None:
    ours = fit(tiny, RECIPE.replace(optimizer=optimizer, groups=(BACKBONE,))).model
    assert same_bits(ours, loop_with_two_optimizers(tiny, optimizer))


def small_resnet() -> nn.Module:
    return ResNet(BasicBlock, [1, 1, 1, 1], num_classes=1000)


def tutorial(splits: ck.Splits, *, evaluate_norms: bool) -> nn.Module:
    """Train as PyTorch's tutorial on transfer learning, "ConvNet as fixed feature extractor".

    https://docs.pytorch.org/tutorials/beginner/transfer_learning_tutorial.html

    Args:
        splits: the data.
        evaluate_norms: as Keras' guide has it, and that tutorial has not.
    """
    model = network(headless).to(memory_format=torch.channels_last)  # sums have an order
    optimizer_conv = torch.optim.SGD(model.fc.parameters(), lr=0.01, momentum=0.9, fused=True)
    exp_lr_scheduler = torch.optim.lr_scheduler.StepLR(optimizer_conv, step_size=1, gamma=0.1)
    for epoch in range(2):
        model.train()
        if evaluate_norms:
            evaluation_of_norms(model)
        for inputs, labels in ck.training_batches(splits.train, 32, seed=0, epoch=epoch):
            optimizer_conv.zero_grad()
            loss = nn.CrossEntropyLoss()(model(inputs), labels)
            loss.backward()
            optimizer_conv.step()
        exp_lr_scheduler.step()
    return model


def headless() -> Any:
    """Return a network whose weights the student has frozen, as in the tutorial."""
    model_conv = small_resnet()
    for param in model_conv.parameters():
        param.requires_grad = False
    model_conv.fc = nn.Linear(512, 10)
    return model_conv


FEATURES = tuple(ck.Group(name, frozen_epochs="all") for name in ("conv1.*", "bn1.*", "layer*"))


def test_fixed_features_are_those_of_pytorchs_tutorial(tiny: ck.Splits) -> None:
    """What a student froze stays so as today, norms in training mode; groups do as Keras does."""
    recipe = RECIPE.replace(
        epochs=2, optimizer=ck.SGD(lr=0.01, momentum=0.9), schedule=ck.Step(every=1)
    )
    by_student = fit(tiny, recipe, model=network(headless)).model
    free = network(headless).requires_grad_(True)
    by_groups = fit(tiny, recipe.replace(groups=FEATURES), model=free).model
    assert same_bits(by_student, tutorial(tiny, evaluate_norms=False))
    assert same_bits(by_groups, tutorial(tiny, evaluate_norms=True))
    assert not same_bits(by_student, by_groups)
    assert all(weight.requires_grad for weight in by_groups.parameters())
    assert [w.requires_grad for w in by_student.parameters()].count(True) == 2
    assert changed(network(headless).state_dict(), by_groups.state_dict()) == {
        *("fc.weight", "fc.bias")
    }


# --- what stays and what moves


@pytest.mark.parametrize(
    "recipe",
    [
        RECIPE.replace(optimizer=ck.SGD(lr=0.1, momentum=0.9, weight_decay=0.1), ema_decay=0.7),
        RECIPE.replace(optimizer=ck.AdamW(weight_decay=0.5), clip_norm=0.1),
        RECIPE.replace(optimizer=ck.Muon(lr=0.02), ema_decay=0.3),
    ],
    ids=repr,
)
def test_what_is_frozen_keeps_every_bit(recipe: ck.Recipe, tiny: ck.Splits) -> None:
    groups = ck.Group("backbone.*", frozen_epochs=2), ck.Group("head.1.bias", frozen_epochs="all")
    notes, free = Notes(), Notes()
    fit(tiny, recipe.replace(groups=groups), notes)
    fit(tiny, recipe, free)
    first, second, third = notes.changed
    assert first == second == {"head.1.weight"}
    assert third == {*notes.states[0]} - {"head.1.bias"}
    assert free.changed == [{*notes.states[0]}] * 3  # a control


def test_norms_of_frozen_weights_evaluate_and_others_train(tiny: ck.Splits) -> None:
    """Where one weight of a layer is free, the layer trains; one without weights goes by name."""
    notes = Notes()
    groups = ck.Group("backbone.[04].*", frozen_epochs=2), ck.Group("*.1.bias", frozen_epochs=1)
    fit(tiny, RECIPE.replace(groups=groups), notes)
    averages = {"backbone.1.running_mean", "backbone.5.running_mean"}
    assert all(averages <= each for each in notes.changed)
    fit(tiny, RECIPE.replace(groups=(ck.Group("backbone.[145].*", frozen_epochs=2),)), notes)
    assert [averages & each for each in notes.changed] == [set(), set(), averages]
    names = [name for name, _ in network().named_modules()]
    evaluated = [
        {names[i] for i, training in enumerate(modes) if not training} for modes in notes.modes
    ]
    assert evaluated == [{"backbone.1", "backbone.5"}] * 14 + [set()] * 7


def test_a_callback_that_evaluates_does_not_wake_frozen_norms(tiny: ck.Splits) -> None:
    class Evaluates(ck.Callback):
        def on_epoch_end(self, run: ck.Run) -> None:
            run.model.eval()

    notes = Notes()
    groups = (ck.Group("backbone.*", frozen_epochs="all"),)
    fit(tiny, RECIPE.replace(groups=groups), notes, Evaluates())
    assert notes.changed == [{"head.1.weight", "head.1.bias"}] * 3


def test_what_can_be_trained_is_given_back(tiny: ck.Splits) -> None:
    """Also when training fails; what the student froze stays frozen, in a thawed group too."""
    for group in (BACKBONE, ck.Group("*.[01].*", frozen_epochs="all")):
        for epochs in (1, 3):
            model = network()
            model.get_parameter("backbone.4.bias").requires_grad_(False)
            fit(tiny, RECIPE.replace(epochs=epochs, groups=(group,)), model=model)
            frozen = [name for name, w in model.named_parameters() if not w.requires_grad]
            assert frozen == ["backbone.4.bias"]
            assert not any(layer.training for layer in model.modules())
            before = network().get_parameter("backbone.4.bias")
            assert torch.equal(model.get_parameter("backbone.4.bias"), before)

    class Fails(ck.Callback):
        def on_batch_end(self, run: ck.Run) -> None:
            raise ValueError

    model = network()
    with pytest.raises(ck.CallbackError):
        fit(tiny, RECIPE.replace(groups=(BACKBONE,)), Fails(), model=model)
    assert all(weight.requires_grad for weight in model.parameters())


def test_weights_that_are_never_trained_are_not_in_the_optimizer(tiny: ck.Splits) -> None:
    groups = (ck.Group("backbone.*", frozen_epochs="all"),)
    assert list(weights_to_train(network(), groups)) == ["head.1.weight", "head.1.bias"]
    assert fit(tiny, RECIPE.replace(epochs=1, groups=groups)).facts.parameters == 1290


def test_a_gradient_that_was_there_before_makes_no_step(tiny: ck.Splits) -> None:
    notes, model = Notes(), network()
    for weight in model.parameters():
        weight.grad = torch.ones_like(weight)
    fit(tiny, RECIPE.replace(groups=(BACKBONE,)), notes, model=model)
    assert notes.changed[0] == {"head.1.weight", "head.1.bias"}


def test_callbacks_freeze_beside_groups(tiny: ck.Splits) -> None:
    """What a callback froze stays so when a group thaws."""

    class Freezes(ck.Callback):
        def on_fit_start(self, run: ck.Run) -> None:
            run.model.head[1].bias.requires_grad_(False)

    notes = Notes()
    run = fit(tiny, RECIPE.replace(groups=(BACKBONE, ck.Group("head.*"))), notes, Freezes())
    assert notes.changed[0] == {"head.1.weight"}
    assert notes.changed[1] == {*notes.states[0]} - {"head.1.bias"}
    assert run.facts.changed_by_callbacks == ["Freezes: which weights are frozen"]


class FreezesInAGroup(ck.Callback):
    """At its start, as the documentation of groups allows: a weight and the mode of a layer."""

    def on_fit_start(self, run: ck.Run) -> None:
        run.model.get_parameter("backbone.4.bias").requires_grad_(False)
        run.model.get_submodule("backbone.5").eval()


class InterruptsAt(ck.Callback):
    def __init__(self, at: tuple[int, int]) -> None:
        self.at = at

    def on_batch_end(self, run: ck.Run) -> None:
        if (run.now.epoch, run.now.step) == self.at:
            run.interrupt()


STAY = {
    *("backbone.4.bias", "backbone.5.running_mean", "backbone.5.running_var"),
    "backbone.5.num_batches_tracked",
}


def test_what_a_callback_froze_in_a_group_stays_so_when_it_thaws(tiny: ck.Splits) -> None:
    notes = Notes()
    run = fit(tiny, RECIPE.replace(groups=(BACKBONE,)), notes, FreezesInAGroup())
    assert notes.changed[0] == {"head.1.weight", "head.1.bias"}
    assert notes.changed[1] == notes.changed[2] == {*notes.states[0]} - STAY
    assert not run.model.get_parameter("backbone.4.bias").requires_grad
    assert "FreezesInAGroup: which weights are frozen" in run.facts.changed_by_callbacks


@pytest.mark.parametrize("at", [(0, 0), (0, 3), (0, 6), (1, 2)])
def test_it_stays_so_too_where_training_resumes(
    at: tuple[int, int], tiny: ck.Splits, tmp_path: Path
) -> None:
    recipe = RECIPE.replace(groups=(BACKBONE, ck.Group("head.1.bias", frozen_epochs="all")))
    whole = fit(tiny, recipe, FreezesInAGroup()).model
    folder = {"run_dir": tmp_path / "run"}
    with pytest.raises(KeyboardInterrupt):
        fit(tiny, recipe, FreezesInAGroup(), InterruptsAt(at), **folder)
    trainer = ck.Trainer(recipe, device="cpu", callbacks=[FreezesInAGroup()], **folder)
    again = trainer.fit(network(), tiny, resume=True).model
    assert same_bits(again, whole)
    assert not changed(network().state_dict(), again.state_dict()) & (STAY | {"head.1.bias"})


@pytest.mark.parametrize(
    "hook", ["on_epoch_start", "on_batch_start", "on_batch_end", "on_epoch_end"]
)
def test_a_callback_that_wakes_all_layers_wakes_no_frozen_one(hook: str, tiny: ck.Splits) -> None:
    def wakes(self: ck.Callback, run: ck.Run) -> None:
        run.model.train()

    notes, callback = Notes(), type("Wakes", (ck.Callback,), {hook: wakes})()
    groups = (ck.Group("backbone.*", frozen_epochs=2),)
    fit(tiny, RECIPE.replace(groups=groups), notes, callback)
    first, second, third = notes.changed
    assert first == second == {"head.1.weight", "head.1.bias"}
    assert third == {*notes.states[0]}


def test_a_callback_that_freezes_the_rest_is_refused(tiny: ck.Splits) -> None:
    class FreezesTheHead(ck.Callback):
        def on_fit_start(self, run: ck.Run) -> None:
            run.model.head.requires_grad_(False)

    model = network()
    with pytest.raises(ck.RecipeError, match=r"leave no weight to train in epoch 1; freeze fewer"):
        fit(tiny, RECIPE.replace(groups=(BACKBONE,)), FreezesTheHead(), model=model)
    assert all(weight.requires_grad for weight in model.backbone.parameters())


# --- layers with other state, and weights in several layers


def three_parts(layer: Callable[[], nn.Module], pattern: str) -> tuple[nn.Module, ck.Group]:
    with ck.seeded("weights", 0):
        frozen = nn.Sequential(nn.Conv2d(3, 8, 3), layer())
        model = nn.Sequential(
            frozen, nn.ReLU(), nn.AdaptiveAvgPool2d(2), nn.Flatten(), nn.Linear(32, 10)
        )
    return model, ck.Group(pattern, frozen_epochs=2)


STATEFUL: dict[str, Callable[[], nn.Module]] = {
    "instance norm": lambda: nn.InstanceNorm2d(8, affine=True, track_running_stats=True),
    "instance norm without weights": lambda: nn.InstanceNorm2d(8, track_running_stats=True),
    "spectral norm": lambda: parametrizations.spectral_norm(nn.Conv2d(8, 8, 3)),
    "spectral norm by a hook": lambda: spectral_norm(nn.Conv2d(8, 8, 3)),
    "weight norm": lambda: parametrizations.weight_norm(nn.Conv2d(8, 8, 3)),
    "a subclass of batch norm": lambda: type("Own", (nn.BatchNorm2d,), {})(8),
}


@pytest.mark.parametrize("pattern", ["0.*", "0.*[tslg01]"])
@pytest.mark.parametrize("kind", STATEFUL)
def test_a_frozen_layer_keeps_its_other_state(kind: str, pattern: str, tiny: ck.Splits) -> None:
    """The second pattern matches no buffer: weights, biases and originals, `weight_orig`."""
    model, group = three_parts(STATEFUL[kind], pattern)
    names = {*model.state_dict()}
    notes = Notes()
    fit(tiny, RECIPE.replace(groups=(group,)), notes, model=model)
    first, second, third = notes.changed
    assert first == second == {"4.weight", "4.bias"}
    assert third | {"0.1.num_batches_tracked"} >= names  # a control


def test_dropout_in_a_frozen_layer_goes_on(tiny: ck.Splits) -> None:
    model, group = three_parts(lambda: nn.Sequential(nn.Dropout(0.5), nn.BatchNorm2d(8)), "0.*")
    notes = Notes()
    fit(tiny, RECIPE.replace(groups=(group,)), notes, model=model)
    names = [name for name, _ in model.named_modules()]
    modes = [{n for n, on in zip(names, each, strict=True) if not on} for each in notes.modes]
    assert modes == [{"0.1.1"}] * 14 + [set()] * 7


class Tied(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.a, self.b, self.c = nn.Conv2d(3, 8, 3), nn.Conv2d(8, 8, 3), nn.Conv2d(8, 8, 3)
        self.c.weight = self.b.weight
        self.norm, self.other = nn.BatchNorm2d(8), nn.BatchNorm2d(8)
        self.other.weight, self.other.bias = self.norm.weight, self.norm.bias
        self.again = self.norm
        self.head = nn.Linear(8, 10)

    def forward(self, images: Tensor) -> Tensor:
        out = self.c(self.again(self.b(self.norm(self.a(images))))).relu()
        logits: Tensor = self.head(self.other(out).mean((2, 3)))
        return logits


NORMS = [f"{name}.running_mean" for name in ("norm", "again", "other")]
NORMS += [name.replace("mean", "var") for name in NORMS] + ["norm.weight", "other.bias"]


@pytest.mark.parametrize(
    ("pattern", "kept"),
    [
        ("b.*", ["b.weight", "c.weight", "b.bias"]),
        ("c.*", ["b.weight", "c.weight", "c.bias"]),
        ("norm.*", NORMS),
        ("other.*", NORMS),
        ("again.*", NORMS),
    ],
)
def test_a_weight_in_several_layers_is_matched_by_each_name(
    pattern: str, kept: list[str], tiny: ck.Splits
) -> None:
    notes = Notes()
    recipe = RECIPE.replace(epochs=1, optimizer=ck.SGD(lr=0.1))
    groups = (ck.Group(pattern, frozen_epochs="all"),)
    fit(tiny, recipe.replace(groups=groups), notes, model=network(Tied))
    assert not notes.changed[0] & {*kept}
    assert {"a.weight", "head.weight"} <= notes.changed[0]


def test_rates_of_a_weight_in_several_layers_are_scaled_by_each_name(tiny: ck.Splits) -> None:
    recipe = RECIPE.replace(epochs=1, optimizer=ck.SGD(lr=0.1))
    first, second = (
        fit(tiny, recipe.replace(groups=(ck.Group(name, lr_scale=0.5),)), model=network(Tied))
        for name in ("b.weight", "c.weight")
    )
    assert same_bits(first.model, second.model)
    assert not same_bits(first.model, fit(tiny, recipe, model=network(Tied)).model)
    groups = ck.Group("b.*", lr_scale=0.5), ck.Group("c.*", lr_scale=0.1)
    with pytest.raises(ck.RecipeError, match=r"'b\.weight', also named 'c\.weight'; a weight has"):
        fit(tiny, recipe.replace(groups=groups), model=network(Tied))


def test_groups_that_leave_nothing_are_refused_before_training(tiny: ck.Splits) -> None:
    class Never(ck.Callback):
        def on_fit_start(self, run: ck.Run) -> None:
            raise AssertionError

    everything = (ck.Group("backbone.*", frozen_epochs=1), ck.Group("head.*", frozen_epochs="all"))
    with pytest.raises(ck.RecipeError, match=r"freeze every weight.*last layer, 'head\.1\.bias'"):
        fit(tiny, RECIPE.replace(groups=everything), Never())
    with pytest.raises(ck.RecipeError, match=r"did you mean 'backbone\.\*'"):
        fit(tiny, RECIPE.replace(groups=(ck.Group("backbone"),)), Never())
    model = network()
    model.head.requires_grad_(False)
    with pytest.raises(ck.RecipeError, match="freeze every weight"):
        fit(tiny, RECIPE.replace(groups=(BACKBONE,)), Never(), model=model)


# --- rates


def test_a_scale_multiplies_the_rate_of_every_step(tiny: ck.Splits) -> None:
    recipe = RECIPE.replace(optimizer=ck.SGD(lr=0.05), schedule=ck.OneCycle(peak=0.1))
    notes, plain = Notes(), Notes()
    run = fit(tiny, recipe.replace(groups=(ck.Group("*.[04].*", lr_scale=0.25),)), notes)
    alone = fit(tiny, recipe, plain)
    assert [quarter for _, quarter in notes.rates] == [0.25 * rate for (rate,) in plain.rates]
    assert [rate for rate, _ in notes.rates] == [rate for (rate,) in plain.rates]
    assert run.history.column("lr") == alone.history.column("lr")
    assert len({rate for (rate,) in plain.rates}) > 3


def test_the_rate_in_the_record_is_the_main_one_where_all_are_scaled(tiny: ck.Splits) -> None:
    notes = Notes()
    groups = ck.Group("backbone.*", lr_scale=0.25), ck.Group("head.*", lr_scale=0.5)
    run = fit(tiny, RECIPE.replace(optimizer=ck.SGD(lr=0.5), groups=groups), notes)
    assert notes.rates[-1] == [0.125, 0.25]
    assert run.history.column("lr") == [0.5, 0.5, 0.5]


def test_muon_scales_each_of_its_rates(tiny: ck.Splits) -> None:
    notes = Notes()
    optimizer = ck.Muon(lr=0.5, matrix_lr=0.25, bias_lr=1.0)
    fit(tiny, RECIPE.replace(optimizer=optimizer, groups=(BACKBONE,)), notes)
    assert notes.rates[0] == [0.05, 0.25, 1.0, 0.1]


def test_a_scheduler_of_torchs_in_a_callback_keeps_the_scale(tiny: ck.Splits) -> None:
    class Halves(ck.Callback):
        def on_fit_start(self, run: ck.Run) -> None:
            self.scheduler = torch.optim.lr_scheduler.LambdaLR(
                run.state.optimizer, lambda epoch: 0.5**epoch
            )

        def on_epoch_end(self, run: ck.Run) -> None:
            self.scheduler.step()

    notes = Notes()
    fit(tiny, RECIPE.replace(optimizer=ck.SGD(lr=0.5), groups=(BACKBONE,)), notes, Halves())
    assert notes.rates[0] == [0.5, 0.05]
    assert notes.rates[-1] == [0.125, 0.0125]


def test_the_search_for_a_rate_keeps_the_proportion_and_names_the_main_rate(
    tiny: ck.Splits,
) -> None:
    class Rates(ck.Callback):
        def on_fit_start(self, run: ck.Run) -> None:
            self.rates = list[list[float]]()

        def on_batch_start(self, run: ck.Run) -> None:
            self.rates.append([group["lr"] for group in run.state.optimizer.param_groups])

    finder, seen = ck.LRFinder(start=1e-4, end=1e-2, steps=10), Rates()
    groups = ck.Group("backbone.*", lr_scale=0.25), ck.Group("head.*", lr_scale=0.5)
    fit(tiny, RECIPE.replace(groups=groups), finder, seen)
    for rate, pair in zip(finder.rates, seen.rates, strict=True):
        assert pair == pytest.approx([0.25 * rate, 0.5 * rate])


def even_mults(start: float, stop: float, n: int) -> Iterable[float]:
    """Return fastai's rates for `slice(start, stop)`, as `fastcore.basics.even_mults` has them."""
    step = (stop / start) ** (1 / (n - 1))
    return [start * step**i for i in range(n)]


def test_groups_can_have_fastais_discriminative_rates(tiny: ck.Splits) -> None:
    """`fit_one_cycle(lr_max=slice(1e-5, 1e-3))`: rates rise by equal factors towards the head."""
    groups = ck.Group("backbone.[01].*", lr_scale=0.01), ck.Group("backbone.4.*", lr_scale=0.1)
    notes = Notes()
    fit(tiny, RECIPE.replace(epochs=1, optimizer=ck.Adam(lr=1e-3), groups=groups), notes)
    assert sorted(notes.rates[0]) == pytest.approx(even_mults(1e-5, 1e-3, 3))


def test_groups_do_what_timms_lr_scale_does(tiny: ck.Splits) -> None:
    timm = pytest.importorskip("timm.scheduler", exc_type=ImportError)
    recipe = RECIPE.replace(optimizer=ck.SGD(lr=0.5), schedule=ck.Step(every=1))
    notes, model = Notes(), network()
    assert isinstance(model, Net)
    fit(tiny, recipe.replace(groups=(ck.Group("backbone.*", lr_scale=0.1),)), notes)
    theirs = torch.optim.SGD(
        [
            {"params": model.head.parameters(), "lr_scale": 1.0},
            {"params": model.backbone.parameters(), "lr_scale": 0.1},
        ],
        lr=0.5,
    )
    scheduler = timm.StepLRScheduler(theirs, decay_t=1, decay_rate=0.1)
    for epoch in range(3):
        scheduler.step(epoch)
        rates = [group["lr"] for group in theirs.param_groups]
        assert notes.rates[7 * epoch] == pytest.approx(rates)
