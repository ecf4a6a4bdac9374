"""A run that was cut off and resumed equals an uninterrupted run, bit for bit."""

from __future__ import annotations

import dataclasses
import functools
import json
import random
import subprocess
import sys
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

import cifarkit as ck
from cifarkit.errors import CifarkitWarning
from cifarkit.runs import environment
from cifarkit.storage.state_file import load_state, save_state

SMALL = dataclasses.replace(
    ck.get_variant("batchnorm"), options={"batch_norm": True, "widths": (4, 8)}
)
PLAIN = ck.Recipe(epochs=2, batch_size=64, precision="float32")


class Drawing(ck.Callback):
    """Changes gradients by the global generators, as a careless callback would."""

    def on_batch_start(self, run: ck.Run) -> None:  # the step itself has keyed generators
        self.factor = random.random() + np.random.rand() + torch.rand(()).item()

    def on_backward_end(self, run: ck.Run) -> None:
        for weight in run.model.parameters():
            weight.grad.mul_(self.factor)


WAYS: dict[str, tuple[ck.Recipe, Callable[[], list[ck.Callback]]]] = {
    "the assignment's": (PLAIN, list),
    "momentum, one cycle": (
        PLAIN.replace(
            optimizer=ck.SGD(lr=0.05, momentum=0.9, nesterov=True, weight_decay=5e-4),
            schedule=ck.OneCycle(peak=0.1),
        ),
        list,
    ),
    "decay, warm-up, cosine": (
        PLAIN.replace(optimizer=ck.AdamW(), schedule=ck.Cosine(warmup=0.5)),
        list,
    ),
    "augmented": (PLAIN.replace(augment=(ck.AlternatingFlip(), ck.Crop(), ck.Cutout())), list),
    "averaged": (PLAIN.replace(ema_decay=0.8, loss=ck.CrossEntropy(label_smoothing=0.1)), list),
    "weighted, clipped": (
        PLAIN.replace(loss=ck.FocalLoss(class_weights="balanced"), clip_norm=0.5),
        list,
    ),
    "orthogonal momentum": (PLAIN.replace(optimizer=ck.Muon(lr=0.02), ema_decay=0.5), list),
    "early stopping, mixup, clipping": (
        PLAIN.replace(mix=ck.Mixup()),
        lambda: [ck.EarlyStopping("val_accuracy", patience=1), ck.GradientClip(0.5)],
    ),
    "balanced, cut and mixed": (PLAIN.replace(sampling=ck.Balanced(), mix=ck.CutMix()), list),
    "a callback that draws": (PLAIN, lambda: [Drawing()]),
    "whitened, frozen, in windows that grow": (
        PLAIN.replace(initialization=ck.Whitening(), augment=(ck.GrowingCrop(),)),
        list,
    ),
    "searching the rate": (PLAIN, lambda: [ck.LRFinder(steps=10, end=10.0)]),
    "centred squares, plateau": (
        PLAIN.replace(
            optimizer=ck.RMSprop(momentum=0.5, centered=True),
            schedule=ck.Plateau(factor=0.5, patience=0, min_delta=9.0),
        ),
        list,
    ),
    "sums of squares, milestones": (
        PLAIN.replace(
            optimizer=ck.Adagrad(lr_decay=0.1), schedule=ck.MultiStep(milestones=(0.5, 1))
        ),
        list,
    ),
    "a part that thaws, with a share of the rate": (
        PLAIN.replace(
            optimizer=ck.SGD(lr=0.05, momentum=0.9, weight_decay=5e-4),
            schedule=ck.OneCycle(peak=0.1),
            groups=(ck.Group("[0-3].*", lr_scale=0.1, frozen_epochs=1),),
            ema_decay=0.5,
        ),
        list,
    ),
    "parts that thaw and that never do, Adam": (
        PLAIN.replace(
            groups=(
                ck.Group("[01].*", frozen_epochs="all"),
                ck.Group("[2-5].*", frozen_epochs=1),
            ),
        ),
        lambda: [ck.EarlyStopping("val_accuracy", patience=1)],
    ),
    "Nesterov's Adam": (PLAIN.replace(optimizer=ck.NAdam(momentum_decay=0.1)), list),
    **{
        f"torch's {name}": (PLAIN.replace(optimizer=ck.TorchOptimizer(name)), list)
        for name in ("Adadelta", "Adafactor", "Adamax", "ASGD", "RAdam", "Rprop")
    },
}
STEPS = 4  # 240 - 40 images in batches of 64


class Interrupt(ck.Callback):
    """Asks for an end after one step of the whole run, as Ctrl-C does."""

    def __init__(self, at: int) -> None:
        self.at = at

    def on_batch_end(self, run: ck.Run) -> None:
        if run.now.epoch * run.now.steps_per_epoch + run.now.step == self.at:
            run.interrupt()


WHITENED = dataclasses.replace(
    ck.get_variant("speedrun"), options={"widths": (4, 8, 8), "whitened": 4}
)


def fit(
    way: str, splits: ck.Splits, folder: Path | None = None, *more: ck.Callback, **changes: Any
) -> ck.Run:
    recipe, callbacks = WAYS[way]
    for one in (random.seed, np.random.seed, torch.manual_seed):
        one(5)  # what a callback draws from may stand anywhere when a run begins
    return ck.train(
        dataclasses.replace(WHITENED if recipe.initialization else SMALL, recipe=recipe),
        splits,
        seed=3,
        run_dir=folder,
        callbacks=[*callbacks(), *more],
        resume=folder is not None,
        device="cpu",
        **changes,
    )


def cut_off(way: str, splits: ck.Splits, folder: Path, at: int) -> None:
    with pytest.raises(KeyboardInterrupt, match="all is saved"):
        fit(way, splits, folder, Interrupt(at))


def numbers(run: ck.Run) -> list[dict[str, float]]:
    """Return the history but for the clock."""
    return [{k: v for k, v in record.items() if k != "seconds"} for record in run.history]


def same(one: ck.Run, other: ck.Run) -> bool:
    ours, theirs = (run.model.state_dict() for run in (one, other))
    return numbers(one) == numbers(other) and all(
        torch.equal(ours[name], theirs[name]) for name in ours
    )


@pytest.mark.parametrize("way", WAYS)
def test_taken_up_after_any_step_it_is_the_run_that_was_never_cut_off(
    way: str, tiny: ck.Splits, tmp_path: Path
) -> None:
    whole = fit(way, tiny)
    for at in range(2 * STEPS):
        folder = tmp_path / str(at)
        try:
            cut_off(way, tiny, folder, at)
        except pytest.fail.Exception:
            assert whole.stopped  # the run is over before this step
            break
        random.seed(at), np.random.seed(at), torch.manual_seed(at)
        again = fit(way, tiny, folder)
        assert same(again, whole), f"cut off after step {at}"
        assert (again.status, again.stopped) == (whole.status, whole.stopped)
        assert again.facts.get("weights_of_epoch") == whole.facts.get("weights_of_epoch")
        assert same(ck.load_run(folder), whole)
    assert at > 2


def test_a_run_may_be_cut_off_again_and_again(tiny: ck.Splits, tmp_path: Path) -> None:
    for at in (0, 2, 3, 5):
        cut_off("averaged", tiny, tmp_path / "run", at)
    again = fit("averaged", tiny, tmp_path / "run")
    assert same(again, fit("averaged", tiny))
    assert again.facts["resumed"] == [
        *("epoch 1, step 2", "epoch 1, step 4", "epoch 1, step 5", "epoch 2, step 3")
    ]


@pytest.mark.parametrize("forgotten", ["optimizer", "average", "sums", "generators"])
def test_each_part_of_the_state_is_needed(forgotten: str, tiny: ck.Splits, tmp_path: Path) -> None:
    """The negative control: with one part of another moment, the runs differ."""
    ways = {
        "average": "averaged",
        "generators": "a callback that draws",
        "optimizer": "orthogonal momentum",
    }
    way = ways.get(forgotten, "momentum, one cycle")
    folders = tmp_path / "early", tmp_path / "late"
    for folder, at in zip(folders, (0, 1), strict=True):
        cut_off(way, tiny, folder, at)
    early, late = (load_state(folder / "checkpoint.safetensors") for folder in folders)
    late[forgotten] = early[forgotten]
    save_state(folders[1] / "checkpoint.safetensors", late)
    assert not same(fit(way, tiny, folders[1]), fit(way, tiny))


def test_a_finished_run_is_read_and_not_trained_again(tiny: ck.Splits, tmp_path: Path) -> None:
    class Never(ck.Callback):
        def on_batch_start(self, run: ck.Run) -> None:
            raise AssertionError

    whole = fit("augmented", tiny, tmp_path / "run")
    before = {path: path.read_bytes() for path in (tmp_path / "run").iterdir()}
    again = fit("augmented", tiny, tmp_path / "run", Never())
    assert same(again, whole)
    assert {path: path.read_bytes() for path in (tmp_path / "run").iterdir()} == before


def test_the_final_checkpoint_alone_is_left_when_the_run_is_over(
    tiny: ck.Splits, tmp_path: Path
) -> None:
    folder = tmp_path / "run"
    cut_off("averaged", tiny, folder, 5)
    (folder / ".killed.part.safetensors").write_bytes(b"half")
    assert (folder / "checkpoint-previous.safetensors").exists()
    fit("averaged", tiny, folder)
    assert sorted(path.name for path in folder.iterdir()) == [
        *("checkpoint-final.safetensors", "history.csv", "run.json", "weights.safetensors")
    ]


def test_resume_needs_a_folder(tiny: ck.Splits) -> None:
    with pytest.raises(ck.CheckpointError, match="resume=True needs run_dir="):
        ck.train("linear", tiny, resume=True)


def test_a_folder_of_other_things_is_refused(tiny: ck.Splits, tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").write_text("mine")
    with pytest.raises(ck.RunFolderError, match=r"already holds 'thesis.tex'"):
        fit("augmented", tiny, tmp_path)


@pytest.mark.parametrize(
    ("change", "found"),
    [
        ({"seed": 4}, "seed: 3 there, 4 here"),
        ({"batch_size": 32}, "batch_size: 64 there, 32 here"),
        ({"optimizer": ck.SGD()}, "optimizer: .*Adam.* there, .*SGD"),
        ({"track_test": True}, "track_test: False there, True here"),
        ({"options": {"widths": (4, 9)}}, r"options: .*\[4, 8\].* there, .*\[4, 9\]"),
        ({"name": "other"}, "model: 'batchnorm' there, 'other' here"),
    ],
)
@pytest.mark.parametrize("at", [1, 7])
def test_another_run_is_refused_before_anything_changes(
    change: dict[str, Any], found: str, at: int, tiny: ck.Splits, tmp_path: Path
) -> None:
    folder = tmp_path / "run"
    cut_off("the assignment's", tiny, folder, at)
    before = {path: path.read_bytes() for path in folder.iterdir()}
    of_variant = {key: change[key] for key in ("options", "name") if key in change}
    variant = dataclasses.replace(SMALL, recipe=PLAIN, **of_variant)
    rest = {"seed": 3, **{key: change[key] for key in change if key not in of_variant}}
    with pytest.raises(ck.CheckpointError, match=f"(?s)is another run.*{found}"):
        ck.train(variant, tiny, run_dir=folder, resume=True, **rest)
    assert {path: path.read_bytes() for path in folder.iterdir()} == before


def test_other_data_is_refused(tiny: ck.Splits, tmp_path: Path) -> None:
    cut_off("augmented", tiny, tmp_path / "run", 2)
    other = ck.load_synthetic(n_train=240, n_test=60, val_size=40, seed=1)
    with pytest.raises(ck.CheckpointError, match="data: "):
        fit("augmented", other, tmp_path / "run")


def test_another_network_is_refused_with_a_table_and_keeps_its_weights(
    tiny: ck.Splits, tmp_path: Path
) -> None:
    def net(width: int) -> nn.Module:
        layers = nn.Flatten(), nn.Linear(3072, width), nn.ReLU(), nn.Linear(width, 10)
        return nn.Sequential(*layers)

    trainer = ck.Trainer(PLAIN, callbacks=[Interrupt(2)], run_dir=tmp_path / "run")
    with pytest.raises(KeyboardInterrupt):
        trainer.fit(net(4), tiny)
    wider = net(5)
    before = {name: tensor.clone() for name, tensor in wider.state_dict().items()}
    with pytest.raises(ck.CheckpointError, match=r"(?s)is another run.*layers: "):
        trainer.fit(wider, tiny, resume=True)
    assert all(torch.equal(before[name], tensor) for name, tensor in wider.state_dict().items())


def test_a_callback_that_has_something_to_remember_is_asked_for(
    tiny: ck.Splits, tmp_path: Path
) -> None:
    with pytest.raises(KeyboardInterrupt):
        fit("the assignment's", tiny, tmp_path / "run", ck.EarlyStopping(), Interrupt(5))
    with pytest.raises(ck.CheckpointError, match="trained with EarlyStopping"):
        fit("the assignment's", tiny, tmp_path / "run")
    with pytest.raises(ck.CheckpointError, match=r"logged columns: \[\] there, .*gradient_norm"):
        fit("the assignment's", tiny, tmp_path / "run", ck.EarlyStopping(), ck.GradientClip())
    again = fit("the assignment's", tiny, tmp_path / "run", ck.EarlyStopping())
    assert same(again, fit("the assignment's", tiny, None, ck.EarlyStopping()))


def test_weights_of_other_shapes_are_refused_with_a_table(tiny: ck.Splits, tmp_path: Path) -> None:
    """Where what the network prints does not tell them apart."""
    cut_off("the assignment's", tiny, tmp_path / "run", 2)
    path = tmp_path / "run" / "checkpoint.safetensors"
    state = load_state(path)
    state["model"]["0.weight"] = torch.zeros(1)
    save_state(path, state)
    with pytest.raises(ck.CheckpointError, match=r"(?s)another network:.*differs: 0.weight is"):
        fit("the assignment's", tiny, tmp_path / "run")


def test_a_state_that_cannot_be_saved_is_named(tiny: ck.Splits, tmp_path: Path) -> None:
    class Odd(ck.Callback):
        def state_dict(self) -> dict[str, Any]:
            return {"seen": {1, 2}}

    with pytest.raises(ck.CheckpointError, match="a set at 'callbacks/0/state/seen'"):
        ck.train("linear", tiny, epochs=2, callbacks=[Odd()], run_dir=tmp_path / "run")


@pytest.fixture
def two_threads() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    yield
    torch.set_num_threads(before)


@pytest.mark.usefixtures("two_threads")
def test_another_number_of_threads_is_said_and_works(tiny: ck.Splits, tmp_path: Path) -> None:
    cut_off("augmented", tiny, tmp_path / "run", 5)
    torch.set_num_threads(1)
    with pytest.warns(CifarkitWarning, match="threads 2 then, 1 now") as told:
        run = fit("augmented", tiny, tmp_path / "run")
    assert len(told) == 1
    assert (run.status, len(run.history)) == ("finished", 2)


def test_another_torch_is_said(tiny: ck.Splits, tmp_path: Path) -> None:
    cut_off("augmented", tiny, tmp_path / "run", 5)
    path = tmp_path / "run" / "checkpoint.safetensors"
    state = load_state(path)
    state["about"]["facts"]["environment"]["versions"]["torch"] = "1.0"
    save_state(path, state)
    with pytest.warns(CifarkitWarning, match=r"torch 1\.0 then, "):
        fit("augmented", tiny, tmp_path / "run")


def test_another_processor_is_said(
    tiny: ck.Splits, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cut_off("augmented", tiny, tmp_path / "run", 5)
    monkeypatch.setattr(environment, "_processor", lambda: "another maker's")
    with pytest.warns(CifarkitWarning, match="CPU .+ then, another maker's now"):
        fit("augmented", tiny, tmp_path / "run")


def test_another_way_to_compile_is_said(tiny: ck.Splits, tmp_path: Path) -> None:
    class Interrupt(ck.Callback):
        def on_batch_end(self, run: ck.Run) -> None:
            run.interrupt()

    begun = functools.partial(ck.train, "linear", tiny, epochs=2)
    for name, compiled in (("same", "auto"), ("another", "on")):
        folder = tmp_path / name
        with pytest.raises(KeyboardInterrupt):
            begun(run_dir=folder, callbacks=[Interrupt()])
        path = folder / "checkpoint.safetensors"
        state = load_state(path)
        assert state["about"]["facts"]["compile"] == "auto"
        state["about"]["facts"]["compile"] = compiled
        save_state(path, state)
    assert begun(run_dir=tmp_path / "same", resume=True, compile="off").is_over  # nor did "auto"
    with pytest.warns(CifarkitWarning, match="compile on then, off now"):
        begun(run_dir=tmp_path / "another", resume=True)


def test_a_damaged_newest_checkpoint_costs_an_epoch_and_no_bit(
    tiny: ck.Splits, tmp_path: Path
) -> None:
    folder = tmp_path / "run"
    cut_off("averaged", tiny, folder, 6)
    newest = folder / "checkpoint.safetensors"
    newest.write_bytes(newest.read_bytes()[:-1])
    with pytest.warns(CifarkitWarning, match="the previous one is taken") as told:
        again = fit("averaged", tiny, folder)
    assert len(told) == 1
    assert again.facts["resumed"] == ["epoch 2, step 1"]
    assert same(again, fit("averaged", tiny))


def test_two_damaged_checkpoints_are_an_error_and_stay(tiny: ck.Splits, tmp_path: Path) -> None:
    folder = tmp_path / "run"
    cut_off("averaged", tiny, folder, 6)
    for path in folder.glob("checkpoint*"):
        path.write_bytes(b"rot")
    with pytest.raises(ck.CheckpointError, match="no checkpoint can be read"):
        fit("averaged", tiny, folder)
    assert len(list(folder.glob("checkpoint*"))) == 2


def test_a_checkpoint_from_the_future_says_what_to_do(tiny: ck.Splits, tmp_path: Path) -> None:
    cut_off("averaged", tiny, tmp_path / "run", 6)
    path = tmp_path / "run" / "checkpoint.safetensors"
    save_state(path, load_state(path) | {"format": 99})
    with pytest.raises(ck.CheckpointError, match=r"format 99.*newer cifarkit"):
        fit("averaged", tiny, tmp_path / "run")


KILLS = """
import dataclasses, os, pathlib, random, signal, sys, time, traceback
import torch
import cifarkit as ck

torch.set_num_threads(1)
folder, wanted, seed = pathlib.Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
data = ck.load_synthetic(n_train=240, n_test=60, val_size=40)
variant = dataclasses.replace(
    ck.get_variant("augmented"), options={"widths": (4, 8)},
    recipe=ck.Recipe(epochs=2, batch_size=32, augment=(ck.Crop(),), ema_decay=0.8),
)

def train(run_dir):
    callbacks = [ck.Checkpoint(every_steps=2), ck.EarlyStopping(patience=9)]
    return ck.train(variant, data, run_dir=run_dir, callbacks=callbacks, resume=True, device="cpu")

def child(run_dir):
    pid = os.fork()
    if pid == 0:
        code = 1
        try:
            train(run_dir)
            code = 0
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(code)
    return pid

train(folder / "warm-up")
begin = time.perf_counter()
whole = train(folder / "whole")
lasts = time.perf_counter() - begin
chance, kills, runs, wrong = random.Random(seed), 0, 0, 0
while kills < wanted:
    run_dir = folder / str(runs)
    runs += 1
    for attempt in range(4):
        pid = child(run_dir)
        if attempt < 3:
            time.sleep(chance.uniform(0, lasts))
            os.kill(pid, signal.SIGKILL)
        status = os.waitpid(pid, 0)[1]
        if not os.WIFSIGNALED(status):
            break
        kills += 1
    assert status == 0, status
    again = ck.load_run(run_dir)
    ours, theirs = again.model.state_dict(), whole.model.state_dict()
    columns = [name for name in whole.history.columns if name != "seconds"]
    wrong += not all(torch.equal(ours[name], theirs[name]) for name in ours)
    wrong += any(again.history.column(name) != whole.history.column(name) for name in columns)
print(f"{kills} kills, {runs} runs, {wrong} wrong")
"""


@pytest.mark.skipif(sys.platform == "win32", reason="kills forked children, which Windows has not")
def test_no_kill_changes_a_bit_of_a_run(tmp_path: Path, times: Callable[[int, int], int]) -> None:
    wanted, seed = times(60, 1_000), random.SystemRandom().randrange(2**32)
    print(f"seed {seed}")
    done = subprocess.run(
        [sys.executable, "-c", KILLS, str(tmp_path), str(wanted), str(seed)],
        capture_output=True,
        text=True,
        check=False,
    )
    print(done.stdout, done.stderr)
    kills, _, runs, _, wrong, _ = done.stdout.split()
    assert int(kills) >= wanted
    assert int(runs) >= wanted / 3
    assert int(wrong) == 0


def test_the_record_of_a_taken_up_run_says_so(tiny: ck.Splits, tmp_path: Path) -> None:
    cut_off("augmented", tiny, tmp_path / "run", 4)
    about = json.loads((tmp_path / "run" / "run.json").read_text())
    assert about["facts"]["status"] == "interrupted"
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        fit("augmented", tiny, tmp_path / "run")
    about = json.loads((tmp_path / "run" / "run.json").read_text())
    assert about["facts"]["status"] == "finished"
    assert about["facts"]["resumed"] == ["epoch 2, step 2"]


def test_a_refusal_leaves_the_folder_as_it_is(tiny: ck.Splits, tmp_path: Path) -> None:
    """Also one that comes from a callback, after the folder was read."""
    folder = tmp_path / "run"
    cut_off("early stopping, mixup, clipping", tiny, folder, 5)
    before = {path: path.read_bytes() for path in folder.iterdir()}

    class Refuse(ck.Callback):
        def on_fit_start(self, run: ck.Run) -> None:
            raise ValueError

    for callbacks in ([], [*WAYS["early stopping, mixup, clipping"][1](), Refuse()]):
        with pytest.raises((ck.CheckpointError, ck.CallbackError)):
            ck.train(
                dataclasses.replace(SMALL, recipe=PLAIN.replace(mix=ck.Mixup())),
                tiny,
                seed=3,
                run_dir=folder,
                resume=True,
                callbacks=callbacks,
            )
        assert {path: path.read_bytes() for path in folder.iterdir()} == before


def test_callbacks_of_one_class_get_their_own_states_in_any_order(
    tiny: ck.Splits, tmp_path: Path
) -> None:
    def stoppers() -> list[ck.Callback]:
        return [ck.EarlyStopping("val_loss"), ck.EarlyStopping("val_accuracy")]

    with pytest.raises(KeyboardInterrupt):
        fit("the assignment's", tiny, tmp_path / "run", *stoppers(), Interrupt(5))
    turned, straight = stoppers()[::-1], stoppers()
    fit("the assignment's", tiny, tmp_path / "run", *turned)
    fit("the assignment's", tiny, None, *straight)
    assert [one.best for one in turned] == [one.best for one in straight[::-1]]


def test_a_callback_that_may_change_training_is_missed_aloud(
    tiny: ck.Splits, tmp_path: Path
) -> None:
    with pytest.raises(KeyboardInterrupt):
        fit("the assignment's", tiny, tmp_path / "run", Drawing(), Interrupt(5))
    with pytest.warns(CifarkitWarning, match=r"may change batches or gradients.*Drawing.* then"):
        fit("the assignment's", tiny, tmp_path / "run")


def test_a_finished_run_of_an_unregistered_variant_is_read(tiny: ck.Splits, tmp_path: Path) -> None:
    mine = dataclasses.replace(SMALL, name="mine", recipe=PLAIN)
    one, other = (ck.train(mine, tiny, run_dir=tmp_path / "run", resume=True) for _ in range(2))
    assert same(one, other)


def test_other_layers_of_the_same_shapes_are_refused(tiny: ck.Splits, tmp_path: Path) -> None:
    def net(between: nn.Module) -> nn.Module:
        return nn.Sequential(nn.Flatten(), nn.Linear(3072, 4), between, nn.Linear(4, 10))

    trainer = ck.Trainer(PLAIN, callbacks=[Interrupt(2)], run_dir=tmp_path / "run")
    with pytest.raises(KeyboardInterrupt):
        trainer.fit(net(nn.ReLU()), tiny)
    with pytest.raises(ck.CheckpointError, match="layers: "):
        trainer.fit(net(nn.Tanh()), tiny, resume=True)


def test_other_frozen_layers_are_refused(tiny: ck.Splits, tmp_path: Path) -> None:
    def net(frozen: bool) -> nn.Module:
        model = nn.Sequential(nn.Flatten(), nn.Linear(3072, 4), nn.ReLU(), nn.Linear(4, 10))
        model[1].requires_grad_(not frozen)
        return model

    trainer = ck.Trainer(PLAIN, callbacks=[Interrupt(2)], run_dir=tmp_path / "run")
    with pytest.raises(KeyboardInterrupt):
        trainer.fit(net(frozen=True), tiny)
    with pytest.raises(ck.CheckpointError, match=r"trains 2 weight tensors.*has 4"):
        trainer.fit(net(frozen=False), tiny, resume=True)


@pytest.mark.parametrize("wrong", [lambda: 1 / 0, lambda: None], ids=["raises", "no dict"])
def test_a_state_dict_that_fails_names_its_callback(
    wrong: Callable[[], Any], tiny: ck.Splits, tmp_path: Path
) -> None:
    class Odd(ck.Callback):
        def state_dict(self) -> dict[str, Any]:
            return wrong()

    with pytest.raises(ck.CallbackError, match=r"Odd\.state_dict"):
        ck.train("linear", tiny, epochs=2, callbacks=[Odd()], run_dir=tmp_path / "run")


def test_what_is_no_tensor_in_a_networks_state_is_refused_at_once(tiny: ck.Splits) -> None:
    class Counting(nn.Sequential):
        def get_extra_state(self) -> dict[str, int]:
            return {"seen": 1}

        def set_extra_state(self, state: dict[str, int]) -> None:
            pass

    model = Counting(nn.Flatten(), nn.Linear(3072, 10))
    with pytest.raises(ck.ModelContractError, match="keeps a dict in its state"):
        ck.Trainer(PLAIN).fit(model, tiny)


def test_leftovers_of_a_killed_save_are_swept(tiny: ck.Splits, tmp_path: Path) -> None:
    folder = tmp_path / "run"
    cut_off("averaged", tiny, folder, 2)
    for name in ("new-checkpoint.safetensors", ".abc.part.json"):
        (folder / name).write_bytes(b"half")
    fit("averaged", tiny, folder)
    assert not [path.name for path in folder.iterdir() if path.name.startswith((".", "new-"))]


def test_a_run_killed_as_it_wrote_its_first_file_is_begun_again(
    tiny: ck.Splits, tmp_path: Path
) -> None:
    """Found by the long run of kills: once in a thousand the half-written file barred the way."""
    folder = tmp_path / "run"
    folder.mkdir()
    for name in (".abc.part.json", ".abc.part"):
        (folder / name).write_bytes(b"half")
    assert fit("averaged", tiny, folder).status == "finished"
    assert not [path.name for path in folder.iterdir() if path.name.startswith(".")]


def test_a_file_of_somebody_else_bars_the_way(tiny: ck.Splits, tmp_path: Path) -> None:
    folder = tmp_path / "run"
    folder.mkdir()
    (folder / ".hidden").write_bytes(b"mine")
    with pytest.raises(ck.RunFolderError, match=r"already holds '\.hidden'"):
        fit("averaged", tiny, folder)
