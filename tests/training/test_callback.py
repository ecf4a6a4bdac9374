"""The protocol: the order of calls, misspelt hooks, and an end for each start."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn import functional as F

import cifarkit as ck
from cifarkit.training.callback import HOOKS, qualified_name

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

STEPS = [name for name in HOOKS if "fit" not in name]


def listener(name: str, heard: list[str], fail_in: str = "", at: int = 0) -> ck.Callback:
    """A callback that notes every call, and may raise at the n-th call of one hook."""

    def hook(hook_name: str) -> Callable[[ck.Callback, ck.Run], None]:
        def method(self: ck.Callback, run: ck.Run) -> None:
            heard.append(f"{name}.{hook_name}")
            if hook_name == fail_in and heard.count(f"{name}.{hook_name}") == at + 1:
                raise ZeroDivisionError("planted")

        return method

    return type(name, (ck.Callback,), {hook_name: hook(hook_name) for hook_name in HOOKS})()


def test_hooks_come_in_the_order_of_a_training(tiny: ck.Splits) -> None:
    heard: list[str] = []
    ck.train("linear", tiny, epochs=2, batch_size=100, callbacks=[listener("A", heard)])
    batch = ["on_batch_start", "on_backward_end", "on_batch_end"]
    epoch = ["on_epoch_start", *batch, *batch, "on_epoch_end"]
    assert heard == [f"A.{hook}" for hook in ["on_fit_start", *epoch, *epoch, "on_fit_end"]]


def test_callbacks_come_in_the_order_of_the_list_and_end_in_reverse(tiny: ck.Splits) -> None:
    heard: list[str] = []
    ck.train("linear", tiny, epochs=1, callbacks=[listener("A", heard), listener("B", heard)])
    assert heard[:2] == ["A.on_fit_start", "B.on_fit_start"]
    assert heard[-2:] == ["B.on_fit_end", "A.on_fit_end"]
    assert heard[-4:-2] == ["A.on_epoch_end", "B.on_epoch_end"]


@settings(max_examples=40, deadline=None)
@given(hook=st.sampled_from(HOOKS), at=st.integers(0, 3), place=st.integers(0, 2))
def test_an_error_in_any_hook_names_it_and_the_others_still_end(
    hook: str, at: int, place: int
) -> None:
    data = ck.load_synthetic(n_train=40, n_test=10, val_size=10)
    heard: list[str] = []
    callbacks = [listener("A", heard), listener("B", heard), listener("C", heard)]
    callbacks[place] = listener("Bad", heard, hook, at)
    names = [type(callback).__name__ for callback in callbacks]

    def train() -> None:
        ck.train("linear", data, epochs=2, batch_size=15, callbacks=callbacks)

    calls = 1 if "fit" in hook else 2 if "epoch" in hook else 4
    ended = names
    if at >= calls:  # called too few times to fail: the control
        train()
    else:
        with pytest.raises(ck.CallbackError, match=rf"Bad\.{hook} raised ZeroDivisionError") as e:
            train()
        assert isinstance(e.value.__cause__, ZeroDivisionError)
        ended = names[:place] if hook == "on_fit_start" else names
    assert [line for line in heard if "fit_end" in line] == [
        f"{name}.on_fit_end" for name in ended[::-1]
    ]


@pytest.mark.parametrize(
    ("misspelt", "meant"),
    [("on_epcoh_end", "on_epoch_end"), ("on_batch_starts", "on_batch_start"), ("on_fit_began", "")],
)
def test_a_misspelt_hook_is_an_error_where_it_is_written(misspelt: str, meant: str) -> None:
    with pytest.raises(TypeError, match=rf"{misspelt} is not a hook; .*{meant}"):
        type("Misspelt", (ck.Callback,), {misspelt: lambda self, run: None})


async def awaited(self: ck.Callback, run: ck.Run) -> None:
    """Would end without having begun."""


def yielding(self: ck.Callback, run: ck.Run) -> Iterator[None]:
    yield


@pytest.mark.parametrize(
    "hook",
    [
        lambda self, epoch, logs, more: None,
        lambda self, epoch, logs=None: None,  # Keras
        lambda self, trainer, pl_module=None: None,
        awaited,
        yielding,
    ],
)
def test_a_hook_that_would_not_be_called_so_is_an_error_where_it_is_written(hook: Any) -> None:
    with pytest.raises(TypeError, match=r"write def on_epoch_end\(self, run\)"):
        type("Old", (ck.Callback,), {"on_epoch_end": hook})


def test_fields_that_make_no_callback_again_are_an_error_that_names_the_way(
    tiny: ck.Splits,
) -> None:
    with pytest.raises(
        TypeError, match=r"Counts.fields are the names .* give the attribute that you mean"
    ):
        type("Counts", (ck.Callback,), {"fields": {"images": 3}})

    class Lost(ck.Callback):
        fields = ("steps",)

    with pytest.raises(TypeError, match=r"Lost.fields names 'steps'.*write self.steps = steps"):
        ck.train("linear", tiny, epochs=1, callbacks=[Lost()])

    class Own(ck.Callback):
        def __init__(self) -> None:
            self.fields = ["images", "labels"]  # of its own, and not the class's

    assert ck.train("linear", tiny, epochs=1, callbacks=[Own()]).is_over


def test_methods_that_are_no_hooks_may_have_any_name() -> None:
    class Fine(ck.Callback):
        def once(self) -> int:
            return 1

    assert Fine().once() == 1


def test_a_replaced_batch_is_what_the_network_learns_from(tiny: ck.Splits) -> None:
    class Black(ck.Callback):
        def on_batch_start(self, run: ck.Run) -> None:
            run.now.batch = run.now.batch._replace(images=torch.full_like(run.now.batch.images, -1))

    run = ck.train(
        "linear", tiny, epochs=1, batch_size=200, precision="float32", callbacks=[Black()]
    )
    with ck.seeded("weights", 0):
        model = ck.create_model("linear")
    logits = model(torch.full((200, 3, 32, 32), -1.0))
    (batch,) = ck.training_batches(tiny.train, 200, seed=0, epoch=0)
    assert run.history[0]["train_loss"] == pytest.approx(
        F.cross_entropy(logits, batch.targets).item()
    )


def test_gradients_that_are_taken_away_move_nothing(tiny: ck.Splits) -> None:
    class NoGradients(ck.Callback):
        def on_backward_end(self, run: ck.Run) -> None:
            for parameter in run.model.parameters():
                parameter.grad = None

    run = ck.train("linear", tiny, epochs=1, callbacks=[NoGradients()])
    with ck.seeded("weights", 0):
        untouched = ck.create_model("linear")
    assert torch.equal(run.model[1].weight, untouched[1].weight)


@pytest.mark.parametrize("hook", STEPS)
def test_stopping_in_any_hook_ends_training_and_keeps_the_first_reason(
    hook: str, tiny: ck.Splits
) -> None:
    def stop(self: ck.Callback, run: ck.Run) -> None:
        run.stop("enough")
        run.stop("more than enough")

    callback = type("Stop", (ck.Callback,), {hook: stop})()
    run = ck.train("linear", tiny, epochs=5, callbacks=[callback])
    assert run.stopped == "enough"
    assert run.status == "stopped"
    assert len(run.history) == 1


def test_ctrl_c_passes_through_and_the_run_is_saved(tiny: ck.Splits, tmp_path: Path) -> None:
    heard: list[str] = []

    class Interrupt(ck.Callback):
        def on_batch_end(self, run: ck.Run) -> None:
            if run.now.epoch == 1:
                raise KeyboardInterrupt

    callbacks = [listener("A", heard), Interrupt()]
    with pytest.raises(KeyboardInterrupt):
        ck.train("linear", tiny, epochs=3, callbacks=callbacks, run_dir=tmp_path / "run")
    assert heard[-1] == "A.on_fit_end"
    saved = ck.load_run(tmp_path / "run")
    assert saved.status == "interrupted"
    assert len(saved.history) == 1


def test_what_is_no_batch_is_refused_by_the_callbacks_name(tiny: ck.Splits) -> None:
    class Tuples(ck.Callback):
        def on_batch_start(self, run: ck.Run) -> None:
            run.now.batch = tuple(run.now.batch)  # type: ignore[assignment]

    with pytest.raises(ck.CallbackError, match=r"Tuples.on_batch_start left a tuple in run.state"):
        ck.train("linear", tiny, epochs=1, callbacks=[Tuples()])


def test_weights_that_a_callback_adds_to_the_optimiser_are_trained(tiny: ck.Splits) -> None:
    class Late(ck.Callback):
        def on_epoch_start(self, run: ck.Run) -> None:
            if run.now.epoch == 1:
                run.model[1].bias.requires_grad_(True)  # type: ignore[union-attr, operator]
                run.now.optimizer.add_param_group({"params": [run.model[1].bias], "lr": 0.5})  # type: ignore[union-attr]

    with ck.seeded("weights", 0):
        model = ck.create_model("linear")
    model[1].bias.requires_grad_(False)  # type: ignore[index]
    first = model[1].bias.clone()  # type: ignore[index]
    ck.Trainer(ck.Recipe(epochs=2), callbacks=[Late()]).fit(model, tiny)
    assert not torch.equal(model[1].bias, first)  # type: ignore[index]


def test_a_column_that_is_no_tuple_is_shown_the_right_spelling() -> None:
    class Logs(ck.Callback):
        columns = "metric"  # type: ignore[assignment]

    with pytest.raises(TypeError, match=r"write Logs.columns = \('metric',\)"):
        ck.Trainer(callbacks=[Logs()])


def test_a_hook_of_one_instance_may_intervene_as_one_of_its_class(tiny: ck.Splits) -> None:
    class Watches(ck.Callback):
        def on_epoch_end(self, run: ck.Run) -> None: ...

    class Changes(ck.Callback):
        def on_batch_start(self, run: ck.Run) -> None: ...

    patched = Watches()
    patched.on_batch_start = lambda run: None  # type: ignore[method-assign]
    watches, changes = Watches(), Changes()
    run = ck.train("linear", tiny, epochs=1, callbacks=[watches, changes, patched])
    assert run.facts["intervening"] == [qualified_name(changes), qualified_name(patched)]
