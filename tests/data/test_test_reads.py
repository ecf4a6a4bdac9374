"""Code that reads test pictures during training is named, whatever calls it."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

import cifarkit as ck
from cifarkit.data.image_set import to_floats
from cifarkit.training.callback import HOOKS

Train = Callable[..., ck.Run]


@pytest.fixture
def train(tiny: ck.Splits) -> Train:
    def one_epoch(*callbacks: ck.Callback, model: Any = "linear", **options: Any) -> ck.Run:
        return ck.train(model, tiny, callbacks=callbacks, **{"epochs": 1} | options)

    return one_epoch


def listening(read: Callable[[ck.Run], object], hook: str = "on_epoch_end") -> ck.Callback:
    return type("Spy", (ck.Callback,), {hook: lambda self, run: (read(run), None)[1]})()


def forged(read: Callable[[ck.Run], object]) -> ck.Callback:
    """Return a callback that says it is cifarkit's."""
    spy = listening(read)
    type(spy).__module__ = "cifarkit.training.callbacks.early_stopping"
    type(spy).__qualname__ = "EarlyStopping"
    return spy


def patched(read: Callable[[ck.Run], object]) -> ck.Callback:
    stopping = ck.EarlyStopping(patience=9)
    stopping.on_epoch_end = read  # type: ignore[method-assign,assignment]
    return stopping


def in_a_thread(read: Callable[[ck.Run], object]) -> ck.Callback:
    def start(run: ck.Run) -> None:
        thread = threading.Thread(target=read, args=[run])
        thread.start()
        thread.join()

    return listening(start)


def dying(read: Callable[[ck.Run], object]) -> ck.Callback:
    class Dies:
        def __del__(self) -> None:
            read(None)  # type: ignore[arg-type]

    return listening(lambda _: (Dies(), None)[1])


def saving(read: Callable[[ck.Run], object]) -> ck.Callback:
    return type("Spy", (ck.Callback,), {"state_dict": lambda self: (read(self), {})[1]})()


def hooking(read: Callable[[ck.Run], object]) -> ck.Callback:
    def register(run: ck.Run) -> None:
        run.model.register_forward_hook(lambda *_: (read(run), None)[1])

    return listening(register, "on_fit_start")


OTHERS = [forged, patched, in_a_thread, dying, saving, hooking]


def reads_of(data: ck.Splits) -> dict[str, Callable[[Any], object]]:
    held, some = data.test, data.test.subset(range(30, 60))
    return {
        "test": lambda _: data.test.images,
        "a picture": lambda _: data.test[3],
        "held": lambda _: held.images.sum(),
        "a part": lambda _: some.images,
        "run.state": lambda run: run.state.splits.test.images if run else data.test.images,
    }


@pytest.mark.parametrize("hook", HOOKS)
def test_a_hook_that_evaluates_test_is_named(hook: str, tiny: ck.Splits, train: Train) -> None:
    spy = listening(lambda run: ck.evaluate(run.model, tiny.test), hook)
    with pytest.warns(ck.CifarkitWarning, match=r"reads test pictures while .* track_test=True"):
        run = train(spy)
    assert len(run.facts.test_read_by) == 1
    assert ck.looks_at_test(run).flagged


@pytest.mark.filterwarnings("ignore:.*reads test pictures")
@pytest.mark.parametrize("kind", OTHERS, ids=lambda kind: kind.__name__)
def test_there_is_no_hook_in_which_it_is_not_named(
    kind: Callable[..., ck.Callback], tiny: ck.Splits, train: Train, tmp_path: Path
) -> None:
    run = train(kind(lambda _: tiny.test.images), run_dir=tmp_path / "run")
    assert len(run.facts.test_read_by) == 1
    assert ck.load_run(tmp_path / "run").facts.test_read_by == run.facts.test_read_by
    assert ck.looks_at_test(run).foreign


@pytest.mark.filterwarnings("ignore:.*reads test pictures")
@pytest.mark.parametrize("way", ["test", "a picture", "held", "a part", "run.state"])
def test_the_pictures_are_known_by_any_way_to_them(way: str, tiny: ck.Splits, train: Train) -> None:
    assert train(listening(reads_of(tiny)[way])).facts.test_read_by


@pytest.mark.filterwarnings("ignore:.*reads test pictures")
def test_code_that_is_no_callback_is_named_too(tiny: ck.Splits, train: Train) -> None:
    class Peeps(ck.CrossEntropy):
        def mean(self, logits: Tensor, targets: Tensor) -> Tensor:
            return super().mean(logits, targets) + 0 * float(tiny.test.images[0, 0, 0, 0])

    class Keeps(ck.Augmentation):
        def __call__(self, images: Tensor, *_: Any, **__: Any) -> Tensor:
            return images.clone() if len(tiny.test.images) else images

    class Net(nn.Module):
        def __init__(self, num_classes: int = 10) -> None:
            super().__init__()
            self.layer = nn.Linear(3072, num_classes)

        def forward(self, images: Tensor) -> Tensor:
            return self.layer(images.flatten(1)) + 0 * len(tiny.test.images)

    def build(*, num_classes: int = 10) -> nn.Module:
        assert len(tiny.test.images)
        return nn.Sequential(nn.Flatten(), nn.Linear(3072, num_classes))

    names = [
        run.facts.test_read_by[0].rpartition("<locals>.")[2]
        for run in (train(loss=Peeps()), train(augment=(Keeps(),)), train(model=Net))
    ]
    assert names == ["Peeps.mean", "Keeps.__call__", "Net.forward"]
    assert train(model=build).facts.test_read_by


def test_what_cifarkit_reads_itself_and_what_is_not_test_are_not_named(
    tiny: ck.Splits, train: Train
) -> None:
    """The negative control: no warning, which would be an error here, and no flag."""

    def look(run: ck.Run) -> None:
        ck.evaluate(run.model, tiny.val or tiny.train)
        assert len(tiny.test) == len(run.state.splits.test.labels)
        assert run.state.splits.train.images.shape == tiny.train.images.shape
        ck.train("linear", tiny, epochs=1, track_test=True)  # reads test for itself

    run = train(listening(look), ck.EarlyStopping(patience=9), track_test=True)
    assert run.facts.test_read_by == []
    assert "test_read_by" not in run.facts.to_json()
    assert not ck.looks_at_test(run).flagged
    assert ck.evaluate(run, tiny.test).accuracy >= 0  # after training it may be read


def test_a_copy_that_was_made_before_training_leaves_no_trace(
    tiny: ck.Splits, train: Train
) -> None:
    images = tiny.test.images
    run = train(listening(lambda run: run.model(to_floats(images)).sum()))
    assert run.facts.test_read_by == []
    assert ck.looks_at_test(run).foreign  # its callback is named all the same


@pytest.mark.filterwarnings("ignore:.*reads test pictures")
def test_a_resumed_run_stays_flagged(tiny: ck.Splits, train: Train, tmp_path: Path) -> None:
    class Spy(ck.Callback):
        def on_epoch_end(self, run: ck.Run) -> None:
            if len(run.history) == 1:
                assert torch.is_tensor(tiny.test.images)
                run.interrupt()

    with pytest.raises(KeyboardInterrupt):
        train(Spy(), epochs=3, run_dir=tmp_path / "run")
    run = train(Spy(), epochs=3, run_dir=tmp_path / "run", resume=True)
    assert len(run.facts.test_read_by) == 1
    assert ck.looks_at_test(run).flagged
    assert not ck.looks_at_test(train(epochs=3)).flagged


@pytest.mark.filterwarnings("ignore:.*reads test pictures")
def test_a_training_inside_a_training_does_not_hide_a_reader(tiny: ck.Splits, train: Train) -> None:
    other = ck.load_synthetic(n_train=60, n_test=20, val_size=10, seed=3)
    spy = listening(lambda _: tiny.test.images)

    def nest(_: ck.Run) -> None:
        inner.append(ck.train("linear", other, epochs=1, callbacks=[spy]))

    inner: list[ck.Run] = []
    assert len(train(listening(nest)).facts.test_read_by) == 1
    assert inner[0].facts.test_read_by == []  # they are not its test pictures
