"""Ctrl-C and SIGTERM: the step is finished, all is saved, and the handlers are put back."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import cifarkit as ck
from cifarkit.training import trainer as trainer_module

SIGNALS = [signal.SIGINT, signal.SIGTERM]


class Send(ck.Callback):
    """Sends this process a signal while a step is under way, and notes whether it is finished."""

    def __init__(self, number: signal.Signals, *, times: int = 1, hook: str = "batch") -> None:
        self.number, self.times, self.hook, self.finished = number, times, hook, False

    def _send(self) -> None:
        for _ in range(self.times):
            signal.raise_signal(self.number)

    def on_backward_end(self, run: ck.Run) -> None:
        if self.hook == "batch" and (run.now.epoch, run.now.step) == (1, 1):
            self._send()

    def on_batch_end(self, run: ck.Run) -> None:
        self.finished = (run.now.epoch, run.now.step) == (1, 1)

    def on_epoch_end(self, run: ck.Run) -> None:
        if self.hook == "epoch" and run.now.epoch == 1:
            self._send()


@pytest.fixture(autouse=True)
def _usual_handlers() -> Iterator[None]:
    """Hear signals also where the tests run in the background, with Ctrl-C ignored."""
    usual = {signal.SIGINT: signal.default_int_handler, signal.SIGTERM: signal.SIG_DFL}
    before = {number: signal.signal(number, handler) for number, handler in usual.items()}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


def fit(splits: ck.Splits, folder: Path | None, *callbacks: ck.Callback) -> ck.Run:
    return ck.train(
        "linear",
        splits,
        epochs=3,
        batch_size=64,
        run_dir=folder,
        callbacks=callbacks,
        resume=folder is not None,
    )


@pytest.mark.parametrize("number", SIGNALS)
def test_the_step_is_finished_and_all_is_saved(
    number: signal.Signals, tiny: ck.Splits, tmp_path: Path
) -> None:
    before = [signal.getsignal(one) for one in SIGNALS]
    send = Send(number)
    with pytest.raises(KeyboardInterrupt, match="all is saved; the same call with resume=True"):
        fit(tiny, tmp_path / "run", send)
    assert send.finished
    assert [signal.getsignal(one) for one in SIGNALS] == before
    run = ck.load_run(tmp_path / "run")
    assert (run.status, len(run.history)) == ("interrupted", 1)
    again = fit(tiny, tmp_path / "run", Send(number, times=0))
    assert again.facts["resumed"] == ["epoch 2, step 3"]
    whole = fit(tiny, None)
    assert again.history.column("train_loss") == whole.history.column("train_loss")


@pytest.mark.parametrize("number", SIGNALS)
def test_a_second_one_stops_at_once(
    number: signal.Signals, tiny: ck.Splits, tmp_path: Path
) -> None:
    before = [signal.getsignal(one) for one in SIGNALS]
    send = Send(number, times=2)
    with pytest.raises(KeyboardInterrupt):
        fit(tiny, tmp_path / "run", send)
    assert not send.finished
    assert [signal.getsignal(one) for one in SIGNALS] == before
    again = fit(tiny, tmp_path / "run", Send(number, times=0))  # from the end of the epoch before
    assert again.facts["resumed"] == ["epoch 2, step 1"]
    assert again.history.column("val_loss") == fit(tiny, None).history.column("val_loss")


def test_one_that_comes_while_val_is_measured_waits_for_the_record(
    tiny: ck.Splits, tmp_path: Path
) -> None:
    with pytest.raises(KeyboardInterrupt):
        fit(tiny, tmp_path / "run", Send(signal.SIGINT, hook="epoch"))
    assert len(ck.load_run(tmp_path / "run").history) == 2
    again = fit(tiny, tmp_path / "run", Send(signal.SIGINT, times=0))
    assert again.facts["resumed"] == ["epoch 3, step 1"]


def test_one_in_the_last_step_still_reaches_the_script(tiny: ck.Splits, tmp_path: Path) -> None:
    class Late(ck.Callback):
        def on_epoch_end(self, run: ck.Run) -> None:
            if run.now.epoch == 2:
                signal.raise_signal(signal.SIGINT)

    with pytest.raises(KeyboardInterrupt, match="the run is over"):
        fit(tiny, tmp_path / "run", Late())
    assert ck.load_run(tmp_path / "run").status == "finished"


def test_without_a_folder_the_network_keeps_what_it_has_learnt(tiny: ck.Splits) -> None:
    with pytest.raises(KeyboardInterrupt, match="nothing was saved, there is no run_dir"):
        fit(tiny, None, Send(signal.SIGINT))


def test_a_notebook_gets_the_run_back(
    tiny: ck.Splits, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(trainer_module, "in_notebook", lambda: True)
    run = fit(tiny, tmp_path / "run", Send(signal.SIGINT))
    assert (run.status, len(run.history)) == ("interrupted", 1)
    assert not run.model.training


def test_a_handler_of_ones_own_stays(tiny: ck.Splits) -> None:
    heard: list[int] = []
    before = signal.signal(signal.SIGTERM, lambda number, frame: heard.append(number))
    try:
        run = fit(tiny, None, Send(signal.SIGTERM))
    finally:
        signal.signal(signal.SIGTERM, before)
    assert heard == [signal.SIGTERM]
    assert run.status == "finished"


def test_another_thread_trains_without_touching_handlers(tiny: ck.Splits) -> None:
    runs: list[ck.Run] = []
    thread = threading.Thread(target=lambda: runs.append(fit(tiny, None)))
    thread.start()
    thread.join()
    assert runs[0].status == "finished"


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGTERM to send")
@pytest.mark.parametrize("number", SIGNALS)
def test_the_command_line_exits_with_130_and_says_how_to_go_on(
    number: signal.Signals, tmp_path: Path
) -> None:
    line = ["train", "linear", "--data", "synthetic", "--epochs", "500", "--run-dir", "a run"]
    command: Any = subprocess.Popen(
        [sys.executable, "-m", "cifarkit", *line],
        cwd=tmp_path,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )
    told = []
    for text in command.stderr:
        told.append(text)
        if text.startswith("epoch 2/"):
            break
    time.sleep(0.05)
    command.send_signal(number)
    told.append(command.stderr.read())
    assert command.wait() == 130
    command.stderr.close()
    assert "interrupted; go on with: cifarkit resume 'a run'" in told[-1]
    assert "Traceback" not in told[-1]
    assert ck.load_run(tmp_path / "a run").status == "interrupted"
