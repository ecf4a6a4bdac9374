"""What callbacks may ask of a run and tell it."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode

import cifarkit as ck


class Log(ck.Callback):
    """Logs as a script tells it."""

    def __init__(self, hook: str, name: object, values: list[object]) -> None:
        self.hook, self.name, self.values = hook, name, values

    def _log(self, run: ck.Run) -> None:
        for value in self.values:
            run.log(self.name, value)

    def on_batch_end(self, run: ck.Run) -> None:
        if self.hook == "batch":
            self._log(run)

    def on_epoch_end(self, run: ck.Run) -> None:
        if self.hook == "epoch":
            self._log(run)


@pytest.mark.parametrize("hook", ["batch", "epoch"])
def test_the_record_holds_the_mean_of_what_was_logged(hook: str, tiny: ck.Splits) -> None:
    log = Log(hook, "score", [1.0, torch.tensor(2.0), 6])
    run = ck.train("linear", tiny, epochs=2, callbacks=[log])
    assert run.history.column("score") == [3.0, 3.0]


def test_a_tensor_is_not_asked_before_the_epoch_ends_and_may_be_written_to_again(
    tiny: ck.Splits,
) -> None:
    asked: list[str] = []

    class Watch(TorchDispatchMode):
        def __torch_dispatch__(
            self, function: Any, types: Any, args: Any = (), kwargs: Any = None
        ) -> Any:
            asked.extend(["item"] * (function is torch.ops.aten._local_scalar_dense.default))
            return function(*args, **(kwargs or {}))

    class Logs(ck.Callback):
        columns = ("score",)
        place = torch.zeros(())

        def on_batch_end(self, run: ck.Run) -> None:
            self.place.fill_(run.now.step)
            with Watch():
                run.log("score", self.place)

    run = ck.train("linear", tiny, epochs=1, batch_size=50, callbacks=[Logs()])
    assert asked == []
    assert run.history.column("score") == [1.5]  # of steps 0 to 3
    with Watch():
        torch.zeros(()).item()
    assert asked == ["item"]


@pytest.mark.parametrize("value", [torch.tensor(True), torch.tensor(1j), torch.zeros(2)])
def test_a_tensor_of_something_else_is_refused(value: torch.Tensor, tiny: ck.Splits) -> None:
    with pytest.raises(ck.TrainingError, match=r"run.log\('score', …\) takes a number, found tens"):
        ck.train("linear", tiny, epochs=1, callbacks=[Log("batch", "score", [value])])


@pytest.mark.parametrize(
    "name", ["val_loss", "epoch", "lr", "train_score", "two words", "", 3, None]
)
def test_names_of_the_trainers_own_and_nonsense_are_refused(name: Any, tiny: ck.Splits) -> None:
    with pytest.raises(ck.TrainingError, match="cannot be logged"):
        ck.train("linear", tiny, epochs=1, callbacks=[Log("epoch", name, [1.0])])


@pytest.mark.parametrize("value", ["1", None, True, torch.zeros(2)])
def test_what_is_no_number_is_refused(value: object, tiny: ck.Splits) -> None:
    with pytest.raises(ck.TrainingError, match="takes a number"):
        ck.train("linear", tiny, epochs=1, callbacks=[Log("epoch", "score", [value])])


def test_the_moment_is_there_only_while_training(tiny: ck.Splits) -> None:
    seen: list[tuple[int, int, int]] = []

    class Look(ck.Callback):
        def on_batch_end(self, run: ck.Run) -> None:
            seen.append((run.now.epoch, run.now.step, run.now.steps_per_epoch))

    run = ck.train("linear", tiny, epochs=2, batch_size=100, callbacks=[Look()])
    assert seen == [(0, 0, 2), (0, 1, 2), (1, 0, 2), (1, 1, 2)]
    with pytest.raises(ck.TrainingError, match="only while the run is training"):
        _ = run.now


def test_a_finished_run_knows_what_it_was(tiny: ck.Splits) -> None:
    run = ck.train("linear", tiny, epochs=1, seed=4)
    assert (run.status, run.stopped, run.seed, run.classes) == ("finished", None, 4, tiny.classes)
    assert run.facts["data"]["fingerprint"] == tiny.fingerprint
    assert run.facts["parameters"] == 30_730
    assert run.facts["environment"]["versions"]["torch"] == torch.__version__.partition("+")[0]
    assert not run.model.training
