"""The laws of the page that everybody opens first."""

from __future__ import annotations

import ast
import dataclasses
import inspect
import textwrap
from collections.abc import Iterator
from typing import Any

import pytest
from torch import nn

import cifarkit as ck
from cifarkit.runs.state import TrainingState
from cifarkit.training import loop
from cifarkit.training.ledger import Ledger
from cifarkit.training.loop import Loop
from cifarkit.training.metrics import EpochMetrics
from cifarkit.training.weight_average import WeightAverage

SOURCE = inspect.getsource(loop)


def names_of_ours(source: str) -> list[str]:
    return [
        alias.name
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("cifarkit")
        for alias in node.names
    ]


def calls(method: Any) -> Iterator[str]:
    """Yield what a method calls, in the order of its lines; of a hook, the hook's name."""
    tree = ast.parse(dedented(method))
    found = [node for node in ast.walk(tree) if isinstance(node, ast.Call)]
    for node in sorted(found, key=lambda node: (node.lineno, node.col_offset)):
        name = ast.unparse(node.func).removeprefix("self.")
        yield ast.literal_eval(node.args[0]) if name == "callbacks.notify" else name


def dedented(method: Any) -> str:
    return textwrap.dedent(inspect.getsource(method))


def test_it_is_one_page_that_names_few_of_our_things() -> None:
    assert len(SOURCE.splitlines()) <= 100
    assert len(names_of_ours(SOURCE)) <= 8
    assert len(names_of_ours("from cifarkit.a import b, c\nfrom torch import nn")) == 2  # a control


def test_a_step_is_that_of_a_bare_loop_in_its_order() -> None:
    assert list(calls(Loop.step)) == [
        "engine.loss",
        "ledger.check_finite",  # before the step, on the CPU
        "optimizer.zero_grad",
        "loss.backward",
        "on_backward_end",
        "engine.clip_gradients",
        "optimizer.step",
    ]


def test_an_epoch_goes_rates_hook_seed_step_average_hook() -> None:
    order = list(calls(Loop.train_epoch))
    within = order[order.index("enumerate") :]
    assert [name for name in within if name not in ("enumerate", "epoch_batches")] == [
        "set_learning_rates",
        "on_batch_start",
        "engine.seed_step",
        "step",
        "ledger.count",
        "average.update",
        "on_batch_end",
        "engine.must_end",  # one agreement a step, in every process
        "ledger.checkpoint_if_asked",
    ]


def test_a_checkpoint_is_written_when_the_weights_are_back_from_their_average() -> None:
    order = list(calls(Loop.end_epoch))
    assert order.index("average.in_place") < order.index("on_epoch_end")
    assert order[-1] == "ledger.checkpoint"
    tree = ast.parse(dedented(Loop.end_epoch))
    (block,) = (node for node in ast.walk(tree) if isinstance(node, ast.With))
    assert "ledger.checkpoint" not in ast.unparse(block)


def test_the_state_has_seven_fields() -> None:
    assert [field.name for field in dataclasses.fields(TrainingState)] == [
        *("splits", "optimizer", "steps_per_epoch", "epoch", "step", "batch", "loss")
    ]


# Every attribute of what a training has in hand: saved in checkpoints, or derived.
SAVED = {
    TrainingState: {"optimizer", "epoch", "step", "loss"},
    Ledger: {"metrics", "first_step", "began"},
    EpochMetrics: {"losses", "correct", "counts"},
    WeightAverage: {"steps", "averages"},
}
DERIVED = {
    TrainingState: {"splits", "steps_per_epoch", "batch"},
    Ledger: {"run", "engine", "average", "callbacks", "folder", "has_stepped"},
    EpochMetrics: {"run", "model", "average", "device", "checks_at_once", "rates"}
    | {"weights_before"},
    WeightAverage: {"model", "decay"},
}


def test_what_a_training_has_in_hand_is_saved_or_derived(tiny: ck.Splits) -> None:
    class Look(ck.Callback):
        def on_batch_end(self, run: ck.Run) -> None:
            frames = [frame.frame.f_locals for frame in inspect.stack()]
            (self.loop,) = {
                id(one): one for names in frames if isinstance(one := names.get("self"), Loop)
            }.values()
            self.state = {name for name in dir(run.state) if not name.startswith("_")}
            self.metrics = vars(self.loop.ledger.metrics).keys()

    look = Look()
    ck.train("linear", tiny, epochs=1, callbacks=[look], ema_decay=0.5)
    found = {
        TrainingState: look.state,
        Ledger: vars(look.loop.ledger).keys(),
        EpochMetrics: look.metrics,
        WeightAverage: vars(look.loop.average).keys(),
    }
    for part, attributes in found.items():
        assert SAVED[part] | DERIVED[part] == set(attributes), part
        assert not SAVED[part] & DERIVED[part]


def test_interrupting_is_not_stopping(tiny: ck.Splits) -> None:
    class Ends(ck.Callback):
        def __init__(self, how: str) -> None:
            self.how = how

        def on_batch_end(self, run: ck.Run) -> None:
            if run.state.step == 1:
                run.interrupt() if self.how == "interrupt" else run.stop("enough")

    stopped = ck.train("linear", tiny, epochs=2, batch_size=32, callbacks=[Ends("stop")])
    assert (stopped.status, len(stopped.history)) == ("stopped", 1)
    trainer = ck.Trainer(ck.Recipe(epochs=2, batch_size=32), callbacks=[Ends("interrupt")])
    network = nn.Sequential(nn.Flatten(), nn.Linear(3072, 10))
    with pytest.raises(KeyboardInterrupt, match="nothing was saved"):
        trainer.fit(network, tiny)
    assert not network.training
