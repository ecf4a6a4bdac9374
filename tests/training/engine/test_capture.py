"""Who gets recorded steps, and that a training of them is the training."""

from __future__ import annotations

import copy
import gc
import hashlib
import inspect
import io
import sys
import weakref
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.optim import optimizer as optimizers

import cifarkit as ck
from cifarkit.annotations import all_subclasses
from cifarkit.recipes.torch_classes import REFUSED
from cifarkit.training.engine import capture, cuda_graph, engine
from cifarkit.training.engine.capture import can_capture, has_hooks, unknown_layer
from cifarkit.training.engine.cuda_graph import CUDAGraphStep

needs_cuda = pytest.mark.skipif(not torch.cuda.is_available(), reason="CUDA graphs need CUDA")
RECIPE = ck.Recipe(epochs=3, batch_size=32, precision="float32", optimizer=ck.Muon(lr=0.02))
NOT_RECORDABLE = {ck.Adagrad}  # torch's takes no rate in a tensor
KINDS = {
    kind
    for kind in all_subclasses(ck.Optimizer)
    if kind.__module__.startswith("cifarkit.") and kind is not ck.TorchOptimizer
}
TORCHS = [
    kind
    for kind in vars(torch.optim).values()
    if isinstance(kind, type)
    and kind.__name__ not in REFUSED
    and "capturable" in inspect.signature(kind).parameters
]
UNFUSED = [
    ck.RMSprop(),
    ck.RMSprop(momentum=0.5, centered=True, weight_decay=0.1),
    ck.NAdam(),
    *(ck.TorchOptimizer(kind) for kind in TORCHS),
    ck.TorchOptimizer(torch.optim.Adam, amsgrad=True),
]
OPTIMIZERS = [
    *(kind() for kind in sorted(KINDS - {ck.RMSprop, ck.NAdam} - NOT_RECORDABLE, key=repr)),
    ck.SGD(lr=0.1, momentum=0.9, nesterov=True, weight_decay=5e-4),
]


@pytest.fixture
def _optimizers_as_on_cuda(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let torch's optimisers make steps on the CPU as on CUDA: of all weights at once."""
    chosen = {
        "_get_capturable_supported_devices": lambda *_, **__: ["cpu"],
        "_default_to_fused_or_foreach": lambda *_, **__: (False, True),
    }
    for kind in {*TORCHS, torch.optim.RMSprop, torch.optim.NAdam}:
        for name, choose in chosen.items():
            monkeypatch.setattr(sys.modules[kind.__module__], name, choose, raising=False)


@pytest.mark.parametrize(
    ("compile", "device", "precision", "answer"),
    [
        ("auto", "cuda", torch.bfloat16, True),
        ("auto", "cuda", torch.float32, False),
        ("on", "cuda", torch.float32, True),
        ("off", "cuda", torch.bfloat16, False),
        ("on", "cpu", torch.bfloat16, False),
        ("auto", "mps", torch.float32, False),
    ],
)
def test_steps_are_recorded_on_cuda_alone_and_by_auto_not_in_strict_float32(
    compile: Any, device: str, precision: torch.dtype, answer: bool
) -> None:
    assert can_capture(compile, torch.device(device), precision) is answer


@pytest.fixture(autouse=True)
def _on_the_cpu(request: pytest.FixtureRequest) -> None:
    if request.node.get_closest_marker("skipif") is None:  # those on CUDA have the true ones
        request.getfixturevalue("cuda_graphs")


def digest(model: nn.Module | None) -> str:
    assert model is not None
    tensors = [tensor.float().cpu().numpy().tobytes() for tensor in model.state_dict().values()]
    return hashlib.sha256(b"".join(tensors)).hexdigest()


def network() -> nn.Sequential:
    with ck.seeded("weights", 0):
        return nn.Sequential(
            *(nn.Conv2d(3, 8, 3), nn.BatchNorm2d(8), nn.ReLU(), nn.Dropout(0.2)),
            *(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(8, 10)),
        )


def trained(
    tiny: ck.Splits,
    *callbacks: ck.Callback,
    recipe: ck.Recipe = RECIPE,
    records: bool = True,
    device: str = "cpu",
    model: nn.Module | None = None,
    **settings: Any,
) -> ck.Run:
    trainer = ck.Trainer(recipe, device=device, callbacks=callbacks, **settings)
    with pytest.MonkeyPatch.context() as patch:  # as on a GPU
        patch.setattr(engine, "can_capture", lambda *settings: records)
        return trainer.fit(network() if model is None else model, tiny)


@pytest.fixture
def recordings(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """One entry for each recording."""
    made: list[int] = []
    whole = CUDAGraphStep._capture

    def noted(self: CUDAGraphStep, batch: ck.Batch) -> None:
        made.append(len(batch.images))
        whole(self, batch)

    monkeypatch.setattr(CUDAGraphStep, "_capture", noted)
    return made


def test_a_training_of_recorded_steps_is_the_training(
    tiny: ck.Splits, recordings: list[int]
) -> None:
    by_hand = trained(tiny, records=False)
    assert recordings == []
    recorded = trained(tiny)
    assert recordings == [32]
    assert digest(recorded.model) == digest(by_hand.model)
    for column in ("train_loss", "train_accuracy", "val_loss", "lr"):
        assert recorded.history.column(column) == by_hand.history.column(column)
    assert (recorded.facts["steps_captured"], by_hand.facts["steps_captured"]) == (True, False)
    quicker = trained(tiny, recipe=RECIPE.replace(optimizer=ck.Muon(lr=0.03)))
    assert digest(quicker.model) != digest(by_hand.model)  # else a rate that stayed would go unseen


def varied(optimizer: ck.Optimizer, precision: str) -> ck.Recipe:
    """Return a recipe in which each step differs from the others."""
    return RECIPE.replace(
        optimizer=optimizer,
        precision=precision,
        schedule=ck.Linear(),
        augment=(ck.AlternatingFlip(), ck.GrowingCrop(first=24, last=32, step=4)),
        ema_decay=0.5,
    )


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
@pytest.mark.parametrize("optimizer", OPTIMIZERS, ids=repr)
def test_what_is_played_is_what_a_plain_call_would_do(
    optimizer: ck.Optimizer, precision: str, tiny: ck.Splits, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Rates, windows, chance and running averages are those of each step, not of the recording."""
    recipe = varied(optimizer, precision)
    played = trained(tiny, recipe=recipe)
    assert played.facts["steps_captured"]
    monkeypatch.setattr(cuda_graph, "capture_cuda_graph", lambda step, device: step)
    called = trained(tiny, recipe=recipe)
    assert digest(played.model) == digest(called.model)
    assert played.history.column("train_loss") == called.history.column("train_loss")
    assert len(set(played.history.column("train_loss"))) == 3


@pytest.mark.parametrize("optimizer", OPTIMIZERS, ids=repr)
def test_a_step_is_captured_anew_when_weights_thaw(
    optimizer: ck.Optimizer,
    tiny: ck.Splits,
    recordings: list[int],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    groups = ck.Group("[01].*", lr_scale=0.25, frozen_epochs=1), ck.Group("6.bias", frozen_epochs=2)
    recipe = RECIPE.replace(  # with rates that float32 has
        optimizer=optimizer.replace(lr=2**-10),
        schedule=ck.Step(every=1, factor=0.5),
        epochs=4,
        groups=groups,
    )
    played = trained(tiny, recipe=recipe)
    assert recordings == [32, 32, 32]
    with monkeypatch.context() as patch:
        patch.setattr(cuda_graph, "capture_cuda_graph", lambda step, device: step)
        assert digest(trained(tiny, recipe=recipe).model) == digest(played.model)
    monkeypatch.setattr(engine.Engine, "_follow_frozen", keeps_its_step)
    assert digest(trained(tiny, recipe=recipe).model) != digest(played.model)


def test_a_step_is_captured_anew_when_a_layer_without_weights_thaws(
    tiny: ck.Splits, recordings: list[int]
) -> None:
    model = network()
    model[0].requires_grad_(False)  # as of a student, so that the group thaws no weight
    model[1] = nn.BatchNorm2d(8, affine=False)
    recipe = RECIPE.replace(epochs=3, groups=(ck.Group("[01].*", frozen_epochs=2),))
    captured, eager = (
        trained(tiny, recipe=recipe, model=copy.deepcopy(model), records=records)
        for records in (True, False)
    )
    assert recordings == [32, 32]
    assert digest(captured.model) == digest(eager.model)


def keeps_its_step(engine: Any, run: ck.Run) -> None:
    """Stand in for `_follow_frozen`: the step of the first epoch is played in all."""
    engine.network = run.model


@pytest.mark.usefixtures("_optimizers_as_on_cuda")
@pytest.mark.parametrize("optimizer", UNFUSED, ids=repr)
def test_what_is_not_fused_is_played_as_it_is_called_with_its_rates_in_tensors(
    optimizer: ck.Optimizer, tiny: ck.Splits, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With numbers in their place, torch computes last digits otherwise."""
    recipe = varied(optimizer, "float32")
    played, by_hand = (trained(tiny, recipe=recipe, records=records) for records in (True, False))
    assert played.facts["steps_captured"]
    assert not by_hand.facts["steps_captured"]
    monkeypatch.setattr(CUDAGraphStep, "_capture", lambda *_: None)
    called = trained(tiny, recipe=recipe)
    assert digest(played.model) == digest(called.model)
    losses = by_hand.history.column("train_loss")
    assert played.history.column("train_loss") == pytest.approx(losses, rel=1e-3)


@pytest.mark.parametrize("records", [True, False])
def test_a_training_lets_its_memory_go_when_it_ends(records: bool, tiny: ck.Splits) -> None:
    """Not when Python next looks for circles: a graph holds the memory of all its tensors."""
    held: list[weakref.ref[Any]] = []

    class Holds(ck.Callback):
        def on_fit_start(self, run: ck.Run) -> None:
            held.append(weakref.ref(run.state.optimizer))

    gc.disable()
    try:
        run = trained(tiny, Holds(), records=records)
        assert run.facts.steps_captured is records
        assert [ref() for ref in held] == [None]
    finally:
        gc.enable()


def test_a_training_in_which_nothing_was_played_does_not_say_so(tiny: ck.Splits) -> None:
    run = trained(tiny, recipe=RECIPE.replace(epochs=1, batch_size=len(tiny.train)))
    assert run.facts["steps_captured"] is False


def test_a_recorded_loss_that_is_no_number_is_found_at_the_epochs_end(tiny: ck.Splits) -> None:
    model = network()
    with pytest.raises(ck.NonFiniteLossError, match="with which the epoch began here"):
        trained(
            tiny,
            model=model,
            recipe=RECIPE.replace(
                optimizer=ck.SGD(lr=900.0, momentum=0.9, nesterov=True, weight_decay=5e-4)
            ),
        )
    assert all(tensor.isfinite().all() for tensor in model.state_dict().values())


@pytest.mark.filterwarnings("ignore:.*outside of state_dict")  # as a warm-up by count is
def test_what_python_would_have_changed_is_lost_in_a_recording(
    tiny: ck.Splits, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The control: were such a network recorded, another one would be trained."""
    by_hand = trained(tiny, model=WarmsUp())
    assert by_hand.facts["steps_captured"] is False
    monkeypatch.setattr(capture, "unknown_layer", lambda model: None)
    recorded = trained(tiny, model=WarmsUp())
    assert recorded.facts["steps_captured"]
    assert digest(recorded.model) != digest(by_hand.model)


class WarmsUp(nn.Module):
    """Begins with small logits, by a count that it keeps in a dict."""

    def __init__(self) -> None:
        super().__init__()
        with ck.seeded("weights", 0):
            self.layer = nn.Linear(3072, 10)
        self.kept = {"calls": 0}

    def forward(self, images: Tensor) -> Tensor:
        self.kept["calls"] += self.training
        logits: Tensor = self.layer(images.flatten(1)) * min(self.kept["calls"] / 30, 1.0)
        return logits


def test_a_captured_training_that_was_cut_off_is_the_whole_one(
    tiny: ck.Splits, tmp_path: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Cut(ck.Callback):
        def on_epoch_end(self, run: ck.Run) -> None:
            raise KeyboardInterrupt

    whole = trained(tiny)
    with pytest.raises(KeyboardInterrupt):
        trained(tiny, Cut(), run_dir=tmp_path / "run")
    trainer = ck.Trainer(RECIPE, device="cpu", run_dir=tmp_path / "run")
    monkeypatch.setattr(engine, "can_capture", lambda *settings: True)
    assert digest(trainer.fit(network(), tiny, resume=True).model) == digest(whole.model)


class Half(ck.Callback):
    """Halves every gradient by giving the weights new ones."""

    def on_backward_end(self, run: ck.Run) -> None:
        for weight in run.model.parameters():
            weight.grad = None if weight.grad is None else weight.grad * 0.5


class TestAccess(ck.Callback):
    def on_batch_end(self, run: ck.Run) -> None:
        assert run.now.loss is not None


class HearsTheOptimizer(ck.Callback):
    def on_fit_start(self, run: ck.Run) -> None:
        run.now.optimizer.register_step_post_hook(lambda *told: None)


class Replaces(ck.Callback):
    def on_batch_start(self, run: ck.Run) -> None:
        run.now.batch = run.now.batch._replace(images=-run.now.batch.images)


@pytest.mark.parametrize(
    ("callback", "reason"),
    [
        (Half(), "Half runs between gradients and step"),
        (TestAccess(), "TestAccess runs at every batch"),
        (HearsTheOptimizer(), "a layer, a weight or the optimiser has a hook"),
        (Replaces(), "Replaces runs at every batch"),
        (ck.GradientClip(0.1), "GradientClip runs between gradients and step"),
    ],
    ids=lambda one: type(one).__name__,
)
def test_who_comes_at_every_step_sees_steps_by_hand_and_is_named(
    callback: ck.Callback, reason: str, tiny: ck.Splits, recordings: list[int]
) -> None:
    run = trained(tiny, callback)
    assert recordings == []
    assert run.facts["eager_because"] == reason


def test_why_steps_are_made_by_hand_is_said_once_while_it_trains(tiny: ck.Splits) -> None:
    said = io.StringIO()
    trained(tiny, TestAccess(), ck.Progress(said))
    line = "steps run eagerly, which takes longer: TestAccess runs at every batch\n"
    assert said.getvalue().count(line) == said.getvalue().count("eagerly") == 1


@pytest.mark.parametrize("records", [True, False])
def test_no_reason_is_given_where_steps_are_recorded_or_nobody_asked(
    records: bool, tiny: ck.Splits
) -> None:
    said = io.StringIO()
    run = trained(tiny, ck.Progress(said), records=records)
    assert run.facts["steps_captured"] is records
    assert "eager_because" not in run.facts
    assert "eagerly" not in said.getvalue()


def test_a_loss_that_is_still_held_keeps_steps_by_hand(
    tiny: ck.Splits, recordings: list[int]
) -> None:
    model = network()
    loss = model(tiny.train.images[:4].float()).sum()
    run = trained(tiny, model=model)
    assert "is still held" in run.facts["eager_because"]
    assert recordings == []
    del loss
    trained(tiny, model=model)
    assert recordings == [32]


def test_a_hook_of_one_callback_alone_is_seen_too(tiny: ck.Splits, recordings: list[int]) -> None:
    callback = ck.EarlyStopping("val_loss")
    callback.on_backward_end = lambda run: None
    trained(tiny, callback)
    assert recordings == []


def test_cifarkits_own_callbacks_keep_the_recording(
    tiny: ck.Splits, recordings: list[int], tmp_path: Any
) -> None:
    own = [ck.EarlyStopping("val_loss", patience=9), ck.Checkpoint(every_seconds=1e9)]
    by_hand = trained(tiny, records=False)
    recorded = trained(tiny, *own, run_dir=tmp_path / "run")
    assert recordings == [32]
    assert digest(recorded.model) == digest(by_hand.model)


@pytest.mark.parametrize("mix", [ck.Mixup(), ck.CutMix()])
def test_mixed_and_balanced_batches_keep_the_recording(
    mix: ck.Mix, tiny: ck.Splits, recordings: list[int]
) -> None:
    recipe = RECIPE.replace(mix=mix, sampling=ck.Balanced())
    by_hand = trained(tiny, recipe=recipe, records=False)
    recorded = trained(tiny, recipe=recipe)
    assert recordings == [32]
    assert digest(recorded.model) == digest(by_hand.model)
    assert digest(recorded.model) != digest(trained(tiny, records=False).model)  # a control


def freeze(run: ck.Run) -> None:
    run.model[0].requires_grad_(False)


def swap(run: ck.Run) -> None:
    run.model[1].momentum = 0.5


def roll_back(run: ck.Run) -> None:
    run.now.optimizer.state.clear()


def soften(run: ck.Run) -> None:
    run.now.optimizer.param_groups[0]["momentum"] = 0.1


@pytest.mark.parametrize("change", [freeze, swap, roll_back, soften])
def test_what_a_callback_changes_between_epochs_is_recorded_anew(
    change: Callable[[ck.Run], None], tiny: ck.Splits, recordings: list[int]
) -> None:
    class Change(ck.Callback):
        def on_epoch_start(self, run: ck.Run) -> None:
            if run.now.epoch == 1:
                change(run)

    by_hand = trained(tiny, Change(), records=False)
    assert recordings == []
    recorded = trained(tiny, Change())
    assert recordings == [32, 32, 32]  # one an epoch
    assert digest(recorded.model) == digest(by_hand.model)


def test_an_optimizer_says_of_itself_that_it_can_be_recorded(
    tiny: ck.Splits, recordings: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    for kind in KINDS - NOT_RECORDABLE:
        assert vars(kind)["recordable"], kind
    for kind in NOT_RECORDABLE:
        assert "recordable" not in vars(kind)
        assert not kind.recordable
    assert ck.TorchOptimizer(torch.optim.RAdam).recordable
    assert not ck.TorchOptimizer(torch.optim.SGD).recordable
    assert not ck.TorchOptimizer(torch.optim.RAdam, foreach=False).recordable
    monkeypatch.delattr(ck.Muon, "recordable")
    run = trained(tiny)
    assert recordings == []
    assert run.facts["eager_because"] == "Muon does not say that it is recordable"


def test_a_network_with_hooks_or_with_a_say_is_trained_by_hand(
    tiny: ck.Splits, recordings: list[int]
) -> None:
    class Counts(nn.Module):
        calls = 0

        def forward(self, signal: Tensor) -> Tensor:
            self.calls += 1
            return signal

    reasons, heard = [], network()
    heard[0].weight.register_hook(lambda gradient: gradient)
    for model in (heard, nn.Sequential(Counts(), nn.Flatten(), nn.Linear(3072, 10))):
        run = trained(tiny, model=model)
        assert run.facts["steps_captured"] is False
        reasons.append(run.facts["eager_because"])
    assert recordings == []
    assert reasons[0].endswith("has a hook")
    assert reasons[1].startswith("Counts is a layer that may do something else each time")


@pytest.mark.parametrize("name", ck.list_models())
def test_every_variant_is_made_of_known_layers(name: str) -> None:
    assert unknown_layer(ck.create_model(name)) is None


def test_a_layer_with_a_forward_of_its_own_is_not_known() -> None:
    class Own(nn.Linear):
        pass

    class OwnWeight(nn.Parameter):
        pass

    patched, weighed, noted = (nn.Linear(2, 2) for _ in range(3))
    assert unknown_layer(patched) is None
    patched.forward = lambda signal: signal
    weighed.weight = OwnWeight(weighed.weight)
    noted.register_buffer("scale", torch.ones(1).as_subclass(OwnTensor))
    parametrized = nn.utils.parametrizations.weight_norm(nn.Linear(2, 2))
    recurrent = nn.LSTM(2, 2)
    for layer in (Own(2, 2), patched, weighed, noted, parametrized, recurrent):
        assert unknown_layer(layer)
        assert unknown_layer(nn.Sequential(nn.Flatten(), layer))


class OwnTensor(Tensor):
    pass


def test_a_class_whose_forward_was_replaced_is_not_known(monkeypatch: pytest.MonkeyPatch) -> None:
    network = nn.Sequential(nn.Flatten(), nn.ReLU())
    assert unknown_layer(network) is None
    monkeypatch.setattr(nn.ReLU, "forward", lambda layer, signal: signal)
    assert unknown_layer(network) == "ReLU"


def test_hooks_are_found_wherever_they_hang() -> None:
    def model() -> nn.Sequential:
        return nn.Sequential(nn.Flatten(), nn.Linear(3072, 10))

    def optimizer() -> torch.optim.Optimizer:
        return torch.optim.SGD(model().parameters())

    assert not has_hooks(model(), optimizer())
    for hang in (
        lambda one: one.register_forward_hook(print),
        lambda one: one[1].register_forward_pre_hook(print),
        lambda one: one[1].register_full_backward_hook(print),
        lambda one: one[1].weight.register_hook(print),
        lambda one: one[1].bias.register_post_accumulate_grad_hook(print),
    ):
        hung = model()
        hang(hung)
        assert has_hooks(hung, optimizer())
    for listen in ("register_step_pre_hook", "register_step_post_hook"):
        heard = optimizer()
        getattr(heard, listen)(print)
        assert has_hooks(model(), heard)
    for listen_to_all in (
        nn.modules.module.register_module_forward_hook,
        nn.modules.module.register_module_forward_pre_hook,
        nn.modules.module.register_module_full_backward_hook,
        optimizers.register_optimizer_step_pre_hook,
        optimizers.register_optimizer_step_post_hook,
    ):
        hook = listen_to_all(lambda *told: None)
        assert has_hooks(model(), optimizer())
        hook.remove()
    assert not has_hooks(model(), optimizer())


@needs_cuda
@pytest.mark.parametrize("optimizer", [*OPTIMIZERS, *UNFUSED], ids=repr)
def test_on_cuda_a_recorded_training_is_the_training(
    optimizer: ck.Optimizer, tiny: ck.Splits, recordings: list[int]
) -> None:
    recipe = RECIPE.replace(optimizer=optimizer, precision="bfloat16")
    by_hand = trained(tiny, recipe=recipe, records=False, device="cuda")
    recorded = trained(tiny, recipe=recipe, device="cuda")
    assert recordings == [32]
    assert recorded.history.column("train_loss") == pytest.approx(
        by_hand.history.column("train_loss"), rel=1e-3
    )
    again = trained(tiny, recipe=recipe, device="cuda")
    assert digest(again.model) == digest(recorded.model)
