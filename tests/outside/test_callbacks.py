"""What a callback changes: honoured as in a bare loop, and recorded; or refused when it happens."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn
from torch.nn.utils import prune
from torch.optim import lr_scheduler

import cifarkit as ck

RECIPE = ck.Recipe(
    epochs=3, batch_size=80, precision="float32", optimizer=ck.SGD(lr=0.05, momentum=0.0)
)
Hook = Callable[[ck.Run], Any]


def network() -> nn.Sequential:
    with ck.seeded("weights", 0):
        return nn.Sequential(
            *(nn.Conv2d(3, 8, 3), nn.BatchNorm2d(8), nn.ReLU(), nn.Dropout(0.1)),
            *(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(8, 10)),
        )


def listener(**hooks: Hook) -> ck.Callback:
    """Make a callback of functions."""
    methods = {name: lambda self, run, hook=hook: hook(run) for name, hook in hooks.items()}
    return type("Mine", (ck.Callback,), methods)()


def trained(
    tiny: ck.Splits, *callbacks: ck.Callback, recipe: ck.Recipe = RECIPE, **settings: Any
) -> ck.Run:
    trainer = ck.Trainer(recipe, device="cpu", callbacks=callbacks, **settings)
    return trainer.fit(network(), tiny)


def same(one: nn.Module, other: nn.Module) -> bool:
    pairs = zip(one.state_dict().values(), other.state_dict().values(), strict=True)
    return all(torch.equal(left, right) for left, right in pairs)


# --- learning rates


class Scheduled(ck.Callback):
    """Steps a scheduler of torch's, as its manual shows it."""

    def __init__(self, make: Callable[[torch.optim.Optimizer], Any], *, every_batch: bool) -> None:
        self.make, self.every_batch = make, every_batch

    def on_fit_start(self, run: ck.Run) -> None:
        self.scheduler = self.make(run.now.optimizer)

    def _step(self, run: ck.Run) -> None:
        is_plateau = isinstance(self.scheduler, lr_scheduler.ReduceLROnPlateau)
        self.scheduler.step(*([run.history[-1]["val_loss"]] if is_plateau else []))

    def on_batch_end(self, run: ck.Run) -> None:
        if self.every_batch:
            self._step(run)

    def on_epoch_end(self, run: ck.Run) -> None:
        if not self.every_batch:
            self._step(run)

    def state_dict(self) -> dict[str, Any]:
        return {
            name: value
            for name, value in self.scheduler.state_dict().items()
            if not isinstance(value, type | list) or name == "base_lrs"
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.scheduler.load_state_dict(self.scheduler.state_dict() | state)


SCHEDULERS: dict[str, tuple[Callable[[torch.optim.Optimizer], Any], bool]] = {
    "plateau": (
        lambda optimizer: lr_scheduler.ReduceLROnPlateau(optimizer, patience=0, threshold=9.0),
        False,
    ),
    "steps": (lambda optimizer: lr_scheduler.StepLR(optimizer, 1, gamma=0.5), False),
    "warm-up": (lambda optimizer: lr_scheduler.LambdaLR(optimizer, lambda n: (n + 1) / 9), True),
    "cosine": (lambda optimizer: lr_scheduler.CosineAnnealingLR(optimizer, 9), True),
    "one cycle": (
        lambda optimizer: lr_scheduler.OneCycleLR(
            optimizer, max_lr=0.1, total_steps=9, cycle_momentum=False
        ),
        True,
    ),
}


def bare_loop(tiny: ck.Splits, make: Callable[..., Any], *, every_batch: bool) -> nn.Module:
    """Train as the manual of torch's schedulers does."""
    model = network().to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    optimizer = RECIPE.optimizer.build(list(model.parameters()))
    scheduler = make(optimizer)
    for epoch in range(RECIPE.epochs):
        model.train()
        for step, (images, labels) in enumerate(
            ck.training_batches(tiny.train, RECIPE.batch_size, seed=0, epoch=epoch)
        ):
            torch.manual_seed(ck.seed_for("dropout", 0, epoch, step))
            loss = F.cross_entropy(model(images), labels)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            if every_batch:
                scheduler.step()
        if not every_batch:
            is_plateau = isinstance(scheduler, lr_scheduler.ReduceLROnPlateau)
            scheduler.step(*([ck.evaluate(model, tiny.val).loss] if is_plateau else []))
    return model


@pytest.mark.parametrize("name", SCHEDULERS)
def test_a_scheduler_of_torchs_does_what_it_does_in_a_bare_loop(name: str, tiny: ck.Splits) -> None:
    make, every_batch = SCHEDULERS[name]
    run = trained(tiny, Scheduled(make, every_batch=every_batch))
    assert same(run.model, bare_loop(tiny, make, every_batch=every_batch))
    assert "Scheduled: the learning rate" in run.facts["changed_by_callbacks"]


@pytest.mark.parametrize("name", SCHEDULERS)
def test_a_scheduler_goes_on_as_if_it_had_never_stopped(
    name: str, tiny: ck.Splits, tmp_path: Path
) -> None:
    make, every_batch = SCHEDULERS[name]

    def cut(run: ck.Run) -> None:
        if run.state.epoch == 1:
            run.interrupt()

    whole = trained(tiny, Scheduled(make, every_batch=every_batch))
    listeners = Scheduled(make, every_batch=every_batch), listener(on_epoch_end=cut)
    with pytest.raises(KeyboardInterrupt):
        trained(tiny, *listeners, run_dir=tmp_path / "run")
    trainer = ck.Trainer(
        RECIPE,
        device="cpu",
        callbacks=[Scheduled(make, every_batch=every_batch)],
        run_dir=tmp_path / "run",
    )
    resumed = trainer.fit(network(), tiny, resume=True)
    assert resumed.history["lr"] == whole.history["lr"]
    assert same(resumed.model, whole.model)


def test_a_scheduler_beside_another_schedule_is_refused_when_they_meet(tiny: ck.Splits) -> None:
    scheduled = Scheduled(SCHEDULERS["steps"][0], every_batch=False)
    recipe = RECIPE.replace(schedule=ck.Step(every=2))  # they agree for the second epoch alone
    with pytest.raises(ck.TrainingError, match=r"set the learning rate to 0\.0125, and now Step.*"):
        trained(tiny, scheduled, recipe=recipe)
    with pytest.raises(ck.TrainingError, match=r"schedule=ck.Constant\(\)"):
        trained(tiny, scheduled, recipe=RECIPE.replace(schedule=ck.Cosine()))


def test_the_rates_of_a_schedule_are_those_of_its_formula(tiny: ck.Splits) -> None:
    seen: list[float] = []
    rates = listener(on_batch_end=lambda run: seen.append(run.now.optimizer.param_groups[0]["lr"]))
    recipe = RECIPE.replace(schedule=ck.Cosine(warmup=0.5))
    trained(tiny, rates, recipe=recipe)
    places = [epoch + step / 3 for epoch in range(3) for step in range(3)]
    assert seen == [recipe.schedule.rate(place, 3, 0.05) for place in places]


def test_a_rate_that_a_callback_set_is_kept_over_a_resume(tiny: ck.Splits, tmp_path: Path) -> None:
    def halve(run: ck.Run) -> None:
        if run.now.epoch == 0:
            run.now.optimizer.param_groups[0]["lr"] /= 2

    def fail(run: ck.Run) -> None:
        if run.now.epoch == 1:
            raise RuntimeError

    whole = trained(tiny, listener(on_epoch_end=halve))
    with pytest.raises(ck.CallbackError):
        trained(tiny, listener(on_epoch_end=halve, on_batch_end=fail), run_dir=tmp_path / "run")
    trainer = ck.Trainer(
        RECIPE, device="cpu", callbacks=[listener(on_epoch_end=halve)], run_dir=tmp_path / "run"
    )
    rest = trainer.fit(network(), tiny, resume=True)
    assert rest.history.column("lr") == whole.history.column("lr") == [0.05, 0.025, 0.025]
    assert same(rest.model, whole.model)
    assert rest.facts["changed_by_callbacks"] == ["Mine: the learning rate"]


# --- layers, weights, modes


def hold(run: ck.Run) -> None:
    run.model[1].eval()


@pytest.mark.parametrize("hook", ["on_fit_start", "on_epoch_start"])
def test_batch_norm_that_is_held_stays_held(hook: str, tiny: ck.Splits) -> None:
    run = trained(tiny, listener(**{hook: hold}))
    assert torch.equal(run.model[1].running_mean, torch.zeros(8))
    free = trained(tiny)
    assert not torch.equal(free.model[1].running_mean, torch.zeros(8))
    assert "changed_by_callbacks" not in free.facts


def test_a_network_left_in_evaluation_mode_learns_on_in_training_mode(tiny: ck.Splits) -> None:
    run = trained(tiny, listener(on_epoch_end=lambda run: run.model.eval()))
    assert same(run.model, trained(tiny).model)


def freeze_at_first(run: ck.Run) -> None:
    run.model[0].requires_grad_(False)


def unfreeze_later(run: ck.Run) -> None:
    if run.now.epoch == 1:
        run.model[0].requires_grad_(True)


def test_layers_may_be_frozen_first_and_unfrozen_later(tiny: ck.Splits) -> None:
    before = network()[0].weight.clone()
    seen: list[bool] = []
    run = trained(
        tiny,
        listener(
            on_fit_start=freeze_at_first,
            on_epoch_start=unfreeze_later,
            on_epoch_end=lambda run: seen.append(torch.equal(run.model[0].weight, before)),
        ),
    )
    assert seen == [True, False, False]
    assert "Mine: which weights are frozen" in run.facts["changed_by_callbacks"]


def test_what_is_frozen_and_held_is_so_after_a_resume(tiny: ck.Splits, tmp_path: Path) -> None:
    def listen(*, fails: bool) -> ck.Callback:
        def fail(run: ck.Run) -> None:
            if fails and run.now.epoch == 2:
                raise RuntimeError

        def later(run: ck.Run) -> None:
            unfreeze_later(run)
            if run.now.epoch == 1:
                hold(run)

        hooks = {"on_fit_start": freeze_at_first, "on_epoch_start": later, "on_batch_end": fail}
        return listener(**hooks)

    whole = trained(tiny, listen(fails=False))
    with pytest.raises(ck.CallbackError):
        trained(tiny, listen(fails=True), run_dir=tmp_path / "run")
    callbacks = [listen(fails=False)]
    trainer = ck.Trainer(RECIPE, device="cpu", callbacks=callbacks, run_dir=tmp_path / "run")
    assert same(trainer.fit(network(), tiny, resume=True).model, whole.model)


def swap_layer(run: ck.Run) -> None:
    run.model[6] = nn.Linear(8, 10)


def swap_function(run: ck.Run) -> None:
    run.model[2] = nn.Tanh()


def add_layer(run: ck.Run) -> None:
    run.model.append(nn.Linear(10, 10))


def swap_weight(run: ck.Run) -> None:
    run.model[6].weight = nn.Parameter(torch.zeros(10, 8))


def swap_optimizer(run: ck.Run) -> None:
    run.now.optimizer = torch.optim.Adam(run.model.parameters())


def swap_splits(run: ck.Run) -> None:
    run.now.splits = run.now.splits.__class__(*[run.now.splits.train] * 3, "mine", "mine")


def swap_recipe(run: ck.Run) -> None:
    run.recipe = run.recipe.replace(ema_decay=0.1)


def swap_history(run: ck.Run) -> None:
    run.history = ck.History()


def swap_batch(run: ck.Run) -> None:
    run.now.batch = ck.Batch(torch.zeros(2, 3, 32, 32), torch.zeros(2, dtype=torch.int64))


def go_on(run: ck.Run) -> None:
    run.now.epoch += 1


REFUSED: dict[str, tuple[Hook, str]] = {
    "a layer": (swap_layer, "replaced the layer '6'.*build the network with it"),
    "a function": (swap_function, "replaced the layer '2'"),
    "one more layer": (add_layer, "replaced the layer '7'"),
    "a weight": (swap_weight, "gave the network '6.weight', which the optimiser does not hold"),
    "the optimiser": (swap_optimizer, "replaced run.state.optimizer.*another optimizer="),
    "the splits": (swap_splits, "replaced run.state.splits"),
    "the recipe": (swap_recipe, "replaced run.recipe"),
    "the history": (swap_history, "replaced run.history"),
    "the batch": (swap_batch, "replaced run.state.batch.*in on_batch_start"),
    "the epoch": (go_on, r"replaced run.state.epoch.*run.stop\(reason\)"),
}


@pytest.mark.parametrize("hook", ["on_fit_start", "on_epoch_start", "on_batch_end", "on_epoch_end"])
@pytest.mark.parametrize("what", REFUSED)
def test_what_training_does_not_go_by_is_refused_at_once(
    what: str, hook: str, tiny: ck.Splits
) -> None:
    change, message = REFUSED[what]
    with pytest.raises(ck.CallbackError, match=f"Mine.{hook} {message}"):
        trained(tiny, listener(**{hook: change}))


def test_a_weight_unfrozen_behind_the_optimisers_back_is_refused(tiny: ck.Splits) -> None:
    model = network()
    model[0].requires_grad_(False)
    thaw = listener(on_epoch_start=lambda run: run.model.requires_grad_(True))
    with pytest.raises(ck.CallbackError, match=r"unfroze '0.weight'.*freeze it in on_fit_start"):
        ck.Trainer(RECIPE, callbacks=[thaw]).fit(model, tiny)


def write(run: ck.Run) -> None:
    with torch.no_grad():
        run.model[6].weight.clamp_(-0.1, 0.1)


def drop_more(run: ck.Run) -> None:
    run.model[3].p = 0.5


def decay(run: ck.Run) -> None:
    run.now.optimizer.param_groups[0]["weight_decay"] = 0.1


@pytest.mark.parametrize(
    ("change", "what"),
    [
        (write, "weights"),
        (drop_more, "modes or settings of layers"),
        (decay, "settings of the optimiser"),
    ],
)
def test_what_is_honoured_is_recorded(change: Hook, what: str, tiny: ck.Splits) -> None:
    looks = listener(on_batch_end=lambda run: run.log("size", len(run.now.batch.images)))
    plain, changed = trained(tiny, looks), trained(tiny, listener(on_batch_end=change))
    assert "changed_by_callbacks" not in plain.facts
    assert changed.facts["changed_by_callbacks"] == [f"Mine: {what}"]
    assert not same(changed.model, plain.model)


def test_a_run_that_a_callback_changed_is_not_said_to_be_repeatable(
    tiny: ck.Splits, tmp_path: Path
) -> None:
    lower = listener(on_epoch_end=lambda run: run.now.optimizer.param_groups[0].update(lr=1e-4))
    run = ck.train("linear", tiny, epochs=2, run_dir=tmp_path / "run", callbacks=[lower])
    ck.score_on_test(run, tiny)
    found = ck.verify(tmp_path / "run", tiny, retrain=True)
    assert found.repeated == "not repeatable"
    assert "Mine: the learning rate" in str(found)


def test_a_trainer_is_not_changed_once_it_is_made() -> None:
    trainer = ck.Trainer()
    for name in ("forward", "make_step", "recipe", "callbacks", "seed"):
        with pytest.raises(ck.TrainingError, match=f"a trainer's {name} cannot be changed"):
            setattr(trainer, name, None)


@pytest.mark.filterwarnings("ignore:.torch.jit")
def test_a_callback_listens_to_a_scripted_network(tiny: ck.Splits) -> None:
    scripted = torch.jit.script(network())  # type: ignore[no-untyped-call]
    looks = listener(on_batch_end=lambda run: None, on_epoch_end=lambda run: None)
    run = ck.Trainer(RECIPE, device="cpu", callbacks=[looks]).fit(scripted, tiny)
    assert run.is_over
    assert "changed_by_callbacks" not in run.facts


def test_a_number_that_no_float_holds_is_refused(tiny: ck.Splits) -> None:
    with pytest.raises(ck.TrainingError, match=r"run.log\('size', …\) takes a number"):
        trained(tiny, listener(on_epoch_end=lambda run: run.log("size", 10**400)))


def test_an_optimiser_that_passes_several_times_is_refused(tiny: ck.Splits) -> None:
    recipe = RECIPE.replace(optimizer=Quasi())
    with pytest.raises(ck.RecipeError, match=r"LBFGS.step needs arguments.*ck.Adam"):
        trained(tiny, recipe=recipe)


class PlainDescent(torch.optim.Optimizer):
    """One of a course: its step takes no closure."""

    def __init__(self, parameters: Any, lr: float) -> None:
        super().__init__(parameters, {"lr": lr})

    @torch.no_grad()
    def step(self) -> None:  # type: ignore[override]
        for group in self.param_groups:
            for weight in group["params"]:
                weight -= group["lr"] * weight.grad


@dataclass(frozen=True)
class Plain(ck.Optimizer):
    lr: float = 0.05

    def build(self, parameters: Any) -> torch.optim.Optimizer:
        return PlainDescent(parameters, self.lr)


def test_an_optimiser_whose_step_takes_nothing_trains(tiny: ck.Splits) -> None:
    own = trained(tiny, recipe=RECIPE.replace(optimizer=Plain()))
    torchs = trained(tiny, recipe=RECIPE.replace(optimizer=ck.SGD(lr=0.05, momentum=0.0)))
    assert own.history["train_loss"] == pytest.approx(torchs.history["train_loss"], rel=1e-5)


@dataclass(frozen=True)
class Quasi(ck.Optimizer):
    lr: float = 1.0

    def build(self, parameters: Any) -> torch.optim.Optimizer:
        return torch.optim.LBFGS(parameters, lr=self.lr)


def test_a_trainer_of_another_class_is_in_the_record(tiny: ck.Splits) -> None:
    class Mine(ck.Trainer):
        pass

    run = Mine(RECIPE.replace(epochs=1)).fit(network(), tiny)
    assert run.facts["intervening"] == [f"{__name__}.{Mine.__qualname__}"]


# --- what is put back where it is refused, table by table


def group(run: ck.Run) -> dict[str, Any]:
    return run.now.optimizer.param_groups[0]


def patch_forward(run: ck.Run) -> None:
    run.model.forward = lambda images: images.flatten(1)[:, :10]


def half_a_group(run: ck.Run) -> None:
    run.now.optimizer.param_groups.append({"lr": 1.0})


REFUSED_TOO: dict[str, tuple[Hook, str]] = {
    "a tensor as rate": (lambda run: group(run).update(lr=torch.tensor(0.01)), "set lr .*plain"),
    "a rate below 0": (lambda run: group(run).update(lr=-0.1), "set lr .* to -0.1; it must be"),
    "no rate": (lambda run: group(run).update(lr=None), "set lr .* to None; it must be"),
    "a momentum below 0": (lambda run: group(run).update(momentum=-1.0), "set momentum"),
    "doubles": (lambda run: run.model.double(), "made '0.weight' float64 .*which was float32"),
    "halves": (lambda run: run.model.half(), "made '0.weight' float16 .*before training"),
    "another device": (lambda run: run.model.to("meta"), "made '0.weight' .* on meta"),
    "pruning": (
        lambda run: prune.l1_unstructured(run.model[6], "weight", 0.5),
        "made '6.weight' nothing, which was float32",
    ),
    "a parametrisation": (
        lambda run: nn.utils.parametrizations.spectral_norm(run.model[6]),
        "replaced the layer '6'",
    ),
    "a buffer": (lambda run: run.model.register_buffer("mine", torch.zeros(1)), "made 'mine'"),
    "forward": (patch_forward, "replaced the class or forward"),
    "a stride": (lambda run: setattr(run.model[0], "stride", (2, 2)), "changed stride of .* '0'"),
    "no groups": (lambda run: run.now.optimizer.param_groups.clear(), "took '0.bias' out of the"),
    "a stranger's weight": (
        lambda run: run.now.optimizer.add_param_group({"params": [nn.Parameter(torch.ones(2))]}),
        "gave the optimiser a weight that is not in the network",
    ),
    "half a group": (half_a_group, "left a group without"),
    "another class of optimiser": (
        lambda run: setattr(run.now.optimizer, "__class__", torch.optim.Adam),
        "wrote into run.state.optimizer; give the recipe",
    ),
    "the splits": (lambda run: run.now.splits.test.labels.mul_(1), "wrote into run.state.splits"),
    "a flag of Keras": (
        lambda run: setattr(run.model, "stop_training", True),
        r"set run.model.stop_training, which has no effect; run.stop\(reason\)",
    ),
    "a flag of Lightning": (
        lambda run: setattr(run, "should_stop", True),
        r"set run.should_stop, which has no effect; run.stop\(reason\)",
    ),
    "gradients off": (lambda run: torch.set_grad_enabled(False), "left gradients switched off"),
    "all frozen": (lambda run: run.model.requires_grad_(False), r"froze all .*run.stop\(reason\)"),
    "weights that are no numbers": (
        lambda run: run.model[6].weight.data.fill_(float("nan")),
        "left NaN or infinite numbers in '6.weight'",
    ),
    "a view": (
        lambda run: run.model[0].weight.to(memory_format=torch.channels_last).view(-1),
        r".*write .flatten\(\) in place of .view",
    ),
    "the model": (lambda run: setattr(run, "model", network()), ".*the network before training"),
} | {
    f"run.now.{name}": (
        lambda run, name=name: setattr(run.now, name, 7),
        f"replaced run.state.{name}, which training does not use",
    )
    for name in ("loss", "steps_per_epoch")
}


@pytest.mark.parametrize("hook", ["on_fit_start", "on_epoch_end"])
@pytest.mark.parametrize("what", REFUSED_TOO)
def test_what_is_refused_is_put_back_and_the_run_can_be_gone_on_with(
    what: str, hook: str, tiny: ck.Splits, tmp_path: Path
) -> None:
    change, message = REFUSED_TOO[what]

    def late(run: ck.Run) -> None:
        if hook == "on_fit_start" or run.now.epoch == 1:
            change(run)

    recipe = RECIPE.replace(ema_decay=0.5, optimizer=ck.SGD(lr=0.05, momentum=0.9))
    with pytest.raises(ck.CallbackError, match=f"Mine.{hook} .*{message}"):
        trained(tiny, listener(**{hook: late}), recipe=recipe, run_dir=tmp_path / "run")
    assert torch.is_grad_enabled()
    if hook == "on_epoch_end":
        ck.load_weights(network(), tmp_path / "run")
        trainer = ck.Trainer(recipe, device="cpu", run_dir=tmp_path / "run")
        assert trainer.fit(network(), tiny, resume=True).status == "finished"


def test_a_hook_that_raises_leaves_the_network_as_it_was(tiny: ck.Splits, tmp_path: Path) -> None:
    def fail(run: ck.Run) -> None:
        if run.now.epoch == 1:
            swap_layer(run)
            swap_history(run)
            raise ValueError("out of luck")

    with pytest.raises(ck.CallbackError, match="out of luck"):
        trained(tiny, listener(on_epoch_end=fail), run_dir=tmp_path / "run")
    rest = ck.Trainer(RECIPE, device="cpu", run_dir=tmp_path / "run")
    assert same(rest.fit(network(), tiny, resume=True).model, trained(tiny).model)


def write_through_data(run: ck.Run) -> None:
    for weight in run.model.parameters():
        weight.data.mul_(0.9)


def hook_a_layer(run: ck.Run) -> None:
    run.model[0].register_forward_hook(lambda layer, images, features: features * 0)


def hook_a_weight(run: ck.Run) -> None:
    run.model[0].weight.register_hook(lambda gradient: gradient * 0)


def patch_zero_grad(run: ck.Run) -> None:
    run.now.optimizer.zero_grad = lambda set_to_none=True: None


@pytest.mark.parametrize(
    ("change", "hook", "what"),
    [
        (write_through_data, "on_batch_end", "weights"),
        (lambda run: run.now.optimizer.step(), "on_batch_end", "weights"),
        (write_through_data, "on_fit_end", "weights after the last epoch was measured"),
        (hook_a_layer, "on_fit_start", "hooks of layers or weights"),
        (hook_a_weight, "on_fit_start", "hooks of layers or weights"),
        (patch_zero_grad, "on_fit_start", "hooks of the optimiser"),
        (
            lambda run: run.now.optimizer.state.clear(),
            "on_epoch_start",
            "state of the optimiser",
        ),
    ],
)
def test_what_leaves_no_trace_in_torch_is_recorded(
    change: Hook, hook: str, what: str, tiny: ck.Splits, tmp_path: Path
) -> None:
    recipe = RECIPE.replace(optimizer=ck.SGD(lr=0.05, momentum=0.9))
    run = trained(tiny, listener(**{hook: change}), recipe=recipe, run_dir=tmp_path / "run")
    assert run.facts["changed_by_callbacks"] == [f"Mine: {what}"]
    assert not same(run.model, trained(tiny, recipe=recipe).model)
    loaded = network()
    ck.load_weights(loaded, tmp_path / "run")
    assert same(loaded, run.model)


def test_a_rate_of_numpys_is_a_plain_number_in_the_history(tiny: ck.Splits, tmp_path: Path) -> None:
    lower = listener(on_epoch_start=lambda run: group(run).update(lr=np.float32(0.5)))
    run = trained(tiny, lower, run_dir=tmp_path / "run")
    assert [type(rate) for rate in run.history["lr"]] == [float] * 3
    assert ck.load_run(tmp_path / "run").history["lr"] == [0.5] * 3


def test_weights_written_into_their_average_are_refused_for_they_would_not_last(
    tiny: ck.Splits,
) -> None:
    recipe = RECIPE.replace(ema_decay=0.9)
    with pytest.raises(ck.CallbackError, match="does not last; change them in on_epoch_start"):
        trained(tiny, listener(on_epoch_end=write_through_data), recipe=recipe)


def test_numbers_of_the_history_are_changed_on_the_record_alone(tiny: ck.Splits) -> None:
    better = listener(on_epoch_end=lambda run: run.history[-1].update(val_loss=0.0))
    assert trained(tiny, better).facts["changed_by_callbacks"] == ["Mine: numbers in the history"]
    word = listener(on_epoch_end=lambda run: run.history[-1].update(f1=torch.ones(1)))
    with pytest.raises(ck.CallbackError, match=r"not a number in run.history; run.log\("):
        trained(tiny, word)


def test_layers_are_unfrozen_later_under_momentum_too(tiny: ck.Splits) -> None:
    recipe = RECIPE.replace(optimizer=ck.SGD(lr=0.05, momentum=0.9))
    hooks = {"on_fit_start": freeze_at_first, "on_epoch_start": unfreeze_later}
    run = trained(tiny, listener(**hooks), recipe=recipe)
    assert not torch.equal(run.model[0].weight, network()[0].weight)


def one_hot(labels: torch.Tensor) -> torch.Tensor:
    return F.one_hot(labels, 10).float()


# What may become of images and labels, and what is said of it.
BATCHES: dict[str, tuple[Callable[..., tuple[Any, Any]], str]] = {
    "empty": (lambda x, y: (x[:0], y[:0]), r"shape \(0, 3, 32, 32\); it must be batch 3 32 32"),
    "a single image": (lambda x, y: (x[:1], y[:1]), "of 2 images at least"),
    "bytes": (lambda x, y: (x.byte(), y), r"images of torch.uint8; .* \[-1, 1\] already"),
    "doubles": (lambda x, y: (x.double(), y), "images of torch.float64; they must be"),
    "no square": (lambda x, y: (x[..., :24, :], y), "must be batch 3 32 32"),
    "channels last": (lambda x, y: (x.permute(0, 2, 3, 1), y), "must be batch 3 32 32"),
    "too small for the network": (lambda x, y: (x[..., :2, :2], y), "2 x 2 .*does not take"),
    "flat": (lambda x, y: (x.flatten(1), y), "must be batch 3 32 32"),
    "NaN": (lambda x, y: (x * float("nan"), y), "NaN or infinite pixels"),
    "arrays": (lambda x, y: (x.numpy(), y), "ndarray images .*must be a dense tensor"),
    "elsewhere": (lambda x, y: (x.to("meta"), y), "images on meta; they must be on cpu"),
    "too few labels": (lambda x, y: (x, y[:3]), r"targets of shape \(3,\) for 80 images"),
    "labels too high": (lambda x, y: (x, y + 10), r"labels from 1\d to 1\d; allowed are"),
    "ignored labels": (lambda x, y: (x, y * 0 - 100), "labels from -100 to -100"),
    "small labels": (lambda x, y: (x, y.int()), "targets of torch.int32; allowed are int64"),
    "shares of whole numbers": (lambda x, y: (x, F.one_hot(y, 10)), "targets of torch.int64"),
    "shares above 1": (lambda x, y: (x, one_hot(y) * 2), "not shares of 1"),
    "shares below 0": (lambda x, y: (x, one_hot(y) * 1.9 - 0.09), "not shares of 1"),
    "shares of nine": (lambda x, y: (x, one_hot(y)[:, :9]), r"shape \(80, 9\) for 80 images"),
}


def batch_changed(change: Callable[..., tuple[Any, Any]]) -> ck.Callback:
    def replace(run: ck.Run) -> None:
        run.now.batch = ck.Batch(*change(*run.now.batch))

    return listener(on_batch_start=replace)


@pytest.mark.parametrize("what", BATCHES)
def test_a_batch_that_cannot_be_trained_on_is_refused_by_name(what: str, tiny: ck.Splits) -> None:
    change, message = BATCHES[what]
    with pytest.raises(ck.CallbackError, match=f"Mine.on_batch_start left .*{message}"):
        trained(tiny, batch_changed(change))


@pytest.mark.parametrize(
    "change",
    [
        lambda x, y: (x[:40], y[:40]),
        lambda x, y: (torch.cat([x, x.flip(3)]), torch.cat([y, y])),
        lambda x, y: (x[..., :24, :24], y),
        lambda x, y: (x, one_hot(y) * 0.9 + 0.01),
    ],
)
def test_a_batch_of_another_size_or_with_shares_is_trained_on(
    change: Callable[..., tuple[Any, Any]], tiny: ck.Splits
) -> None:
    run = trained(tiny, batch_changed(change))
    assert run.status == "finished"
    assert not same(run.model, trained(tiny).model)


@pytest.mark.parametrize("hook", ["on_fit_start", "on_batch_end", "on_epoch_end", "on_fit_end"])
def test_an_exception_that_stops_is_answered_with_the_way(hook: str, tiny: ck.Splits) -> None:
    def stop(run: ck.Run) -> None:
        raise StopIteration

    with pytest.raises(ck.CallbackError, match=r"to end the training, call run.stop\(reason\)"):
        trained(tiny, listener(**{hook: stop}))


@pytest.mark.parametrize("error", [KeyboardInterrupt, SystemExit])
def test_a_program_that_is_ended_in_a_hook_leaves_a_whole_run(
    error: type[BaseException], tiny: ck.Splits, tmp_path: Path
) -> None:
    def end(run: ck.Run) -> None:
        if run.now.epoch == 1:
            raise error

    with pytest.raises(error):
        trained(tiny, listener(on_epoch_end=end), run_dir=tmp_path / "run")
    rest = ck.Trainer(RECIPE, device="cpu", run_dir=tmp_path / "run")
    assert same(rest.fit(network(), tiny, resume=True).model, trained(tiny).model)


# --- gradients that are no numbers


@pytest.mark.parametrize("step", [0, 1, 2])
@pytest.mark.parametrize("epoch", [0, 2])
def test_a_gradient_that_is_no_number_leaves_weights_that_are(
    epoch: int, step: int, tiny: ck.Splits
) -> None:
    def spoil(run: ck.Run) -> None:
        if (run.now.epoch, run.now.step) == (epoch, step):
            run.model[0].weight.grad.fill_(float("nan"))

    model = network()
    trainer = ck.Trainer(RECIPE, callbacks=[listener(on_backward_end=spoil)], device="cpu")
    with pytest.raises(ck.NonFiniteLossError, match="with which the epoch began here"):
        trainer.fit(model, tiny)
    assert all(weight.isfinite().all() for weight in model.parameters())


def test_a_checkpoint_never_holds_weights_that_are_no_numbers(
    tiny: ck.Splits, tmp_path: Path
) -> None:
    def spoil(run: ck.Run) -> None:
        if (run.now.epoch, run.now.step) == (1, 1):
            run.model[0].weight.grad.fill_(float("inf"))
            run.checkpoint()

    callbacks = [listener(on_backward_end=spoil)]
    with pytest.raises(ck.NonFiniteLossError, match=r"'0.weight' is NaN or infinite after epoch 2"):
        trained(tiny, *callbacks, run_dir=tmp_path / "run")
    model = network()
    ck.load_weights(model, tmp_path / "run")
    assert all(weight.isfinite().all() for weight in model.parameters())
