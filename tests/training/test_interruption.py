"""Ctrl-C and SIGTERM: the step is finished, all is saved, and the handlers are put back."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

import cifarkit as ck
from cifarkit.training import interruption as interruption_module
from cifarkit.training import trainer as trainer_module
from cifarkit.training.progress import progress as progress_module

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
    with pytest.raises(KeyboardInterrupt, match="without a run_dir nothing was saved"):
        fit(tiny, None, Send(signal.SIGINT))


def test_a_notebook_gets_the_run_back(
    tiny: ck.Splits, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(progress_module, "in_notebook", lambda: True)
    monkeypatch.setattr(progress_module, "wants_progress", lambda *_, **__: False)
    said: list[str] = []
    notebook = SimpleNamespace(say=said.append)
    monkeypatch.setattr(progress_module, "Notebook", lambda: notebook)
    run = fit(tiny, tmp_path / "run", Send(signal.SIGINT))
    assert "interrupted: all is saved" in said[0]
    assert f"ck.train('linear', …, run_dir={str(tmp_path / 'run')!r}, resume=True)" in said[0]
    assert repr(run).startswith("Run('linear', seed 0, 1 of 3 epochs, interrupted; all is saved")
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
    assert "interrupted; resume it with: cifarkit resume 'a run'" in told[-1]
    assert "Traceback" not in told[-1]
    assert ck.load_run(tmp_path / "a run").status == "interrupted"


def test_one_that_comes_while_a_finished_run_is_read_still_reaches_the_script(
    tiny: ck.Splits, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Or a script that trains many runs would not hear it while it reads those it has."""
    fit(tiny, tmp_path / "run")
    read = trainer_module.load_checkpoint

    def read_slowly(*arguments: Any) -> Any:
        signal.raise_signal(signal.SIGINT)
        return read(*arguments)

    monkeypatch.setattr(trainer_module, "load_checkpoint", read_slowly)
    with pytest.raises(KeyboardInterrupt, match="the run is over"):
        fit(tiny, tmp_path / "run")


@pytest.mark.parametrize("turn", range(8))
def test_two_that_come_while_handlers_are_changed_leave_none_behind(
    turn: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two before or after each of the four changes."""
    usual = [signal.getsignal(one) for one in SIGNALS]
    change, moments = signal.signal, iter(range(8))

    def interrupted_here() -> None:
        if next(moments) == turn:
            for _ in range(2):
                signal.raise_signal(signal.SIGINT)

    def change_slowly(number: signal.Signals, handler: Any) -> None:
        interrupted_here()
        change(number, handler)
        interrupted_here()

    heard = False
    with monkeypatch.context() as patch:
        patch.setattr(interruption_module.signal, "signal", change_slowly)
        try:
            with interruption_module.noticed_interruptions() as interruption:
                pass
            heard = interruption.heard
        except KeyboardInterrupt:
            heard = True
    assert heard
    assert [signal.getsignal(one) for one in SIGNALS] == usual


SIGNALLED = """
import contextlib, json, os, pathlib, random, signal, sys, time, traceback
import torch
import cifarkit as ck
from cifarkit.training import process
from cifarkit.training.interruption import SIGNALS, Interruption

torch.set_num_threads(1)
folder, wanted, seed, how = pathlib.Path(sys.argv[1]), *map(int, sys.argv[2:4]), sys.argv[4]
data = ck.load_synthetic(n_train=760, n_test=60, val_size=640)
PLACES = {"measure": "val", "checkpoint": "save", "train_epoch": "step"}
EVENTS = 12  # each of 6 steps begins and ends; a save or val comes next

@ck.register_model("small")
def small(*, num_classes=10):
    pooled = torch.nn.AvgPool2d(8), torch.nn.Flatten()
    return torch.nn.Sequential(*pooled, torch.nn.Linear(48, num_classes))

class Tell(ck.Callback):
    def on_batch_start(self, run):
        os.write(teller, b".")

    on_batch_end = on_batch_start

def train(run_dir):
    callbacks = [ck.Checkpoint(every_steps=1), Tell()]
    return ck.train("small", data, epochs=3, batch_size=60, run_dir=run_dir, resume=True,
                    callbacks=callbacks, device="cpu")

def tell(word):
    os.write(teller, f".{word}.".encode())

def tell_place(self, number, frame, hear=Interruption.hear):
    while frame is not None and frame.f_code.co_name not in PLACES:
        frame = frame.f_back
    tell(PLACES[frame.f_code.co_name] if frame else "between")
    hear(self, number, None)

def end_of(run_dir):
    try:
        train(run_dir)
        return "finished"
    except KeyboardInterrupt as interrupt:
        return "interrupted" if str(interrupt) else "at-once"

def child(run_dir):
    # A training in a process of its own; its id, and where it tells what happens.
    global teller
    listener, teller = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.setpgid(0, 0)
        for number, handler in SIGNALS.items():
            signal.signal(number, handler)
        try:
            end = end_of(run_dir)
            left = [signal.getsignal(number) != handler for number, handler in SIGNALS.items()]
            if how == "orphans" and os.fork() == 0:
                os.close(teller)
                time.sleep(60)
            tell("handler-left" if any(left) else end)
        except BaseException:  # a signal, too, that comes when all is over
            traceback.print_exc()
        os._exit(0)
    os.close(teller)
    return pid, listener

def leaves_orphans(pid):
    with contextlib.suppress(ProcessLookupError):
        os.killpg(pid, signal.SIGKILL)
        return True
    return False

def is_as_promised(run_dir, sent, end, killed_by):
    # One signal: the step is finished, all is saved. Two: at once, and nothing is lost.
    about = run_dir / "run.json"  # none: it came before the first step, and nothing was begun
    status = json.loads(about.read_text())["facts"]["status"] if about.exists() else "none"
    if end in ("finished", "interrupted"):
        return status in (end, "finished")  # it may come in the last step
    if sent == 2 and end == "at-once":
        return True
    # One that comes when the training is over, and its handlers are put back.
    over = ("finished",) if sent == 1 else ("finished", "interrupted")
    return status in over and killed_by in (0, signal.SIGTERM)

teller = os.open(os.devnull, os.O_WRONLY)
begin = time.perf_counter()
whole = train(folder / "whole")
pause = (time.perf_counter() - begin) / EVENTS
if how == "unnoticed":
    process.noticed_interruptions = lambda: contextlib.nullcontext(Interruption())
else:
    Interruption.hear = tell_place
chance, signals, wrong, orphans, seen, runs = random.Random(seed), 0, [], 0, [], 0
while signals < wanted or (how == "noticed" and not {"val", "save", "step"} <= set(seen)):
    run_dir, end = folder / str(runs), ""
    runs += 1
    while end != "finished":
        pid, listener = child(run_dir)
        numbers = chance.choices(list(SIGNALS), k=chance.choice((1, 1, 2)))
        for _ in range(chance.randint(1, EVENTS // 2)):
            is_there = os.read(listener, 1) == b"."
        if is_there:  # else the run is over by now
            time.sleep(chance.choice((0, chance.uniform(0, pause))))
            for number in numbers:
                os.kill(pid, number)
                signals += 1
                time.sleep(chance.choice((0, chance.uniform(0, pause))))
        killed_by = os.waitpid(pid, 0)[1] & 0x7F
        orphans += leaves_orphans(pid)
        with open(listener) as told:
            *places, end = ["over", *told.read().replace(".", " ").split()]
        seen += places[1:]
        if not is_as_promised(run_dir, len(numbers), end, killed_by):
            wrong.append((runs, numbers, end, killed_by))
    again = ck.load_run(run_dir)
    ours, theirs = again.model.state_dict(), whole.model.state_dict()
    columns = [name for name in whole.history.columns if name != "seconds"]
    if not all(torch.equal(ours[name], theirs[name]) for name in ours):
        wrong.append((runs, "weights"))
    if any(again.history.column(name) != whole.history.column(name) for name in columns):
        wrong.append((runs, "history"))
counts = {place: seen.count(place) for place in sorted(set(seen))}
print(f"{signals} signals, {runs} runs, {counts}, wrong: {wrong}", file=sys.stderr)
print(len(wrong), orphans)
"""


def signalled(folder: Path, signals: int, how: str) -> tuple[int, int]:
    """Interrupt trainings at random moments; return how often it went wrong, and left processes."""
    seed = random.SystemRandom().randrange(2**32)
    print(f"seed {seed}")
    done = subprocess.run(
        [
            *(sys.executable, "-W", "ignore::DeprecationWarning", "-c", SIGNALLED),
            *(str(folder), str(signals), str(seed), how),
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    print(done.stdout, done.stderr)
    wrong, orphans = done.stdout.split()
    return int(wrong), int(orphans)


needs_fork = pytest.mark.skipif(
    sys.platform == "win32", reason="interrupts forked children, which Windows has not"
)


@needs_fork
def test_signals_at_any_moment_cost_no_bit_and_leave_no_handler_and_no_process(
    tmp_path: Path, times: Callable[[int, int], int]
) -> None:
    assert signalled(tmp_path, times(20, 500), "noticed") == (0, 0)


@needs_fork
@pytest.mark.parametrize(
    ("how", "found"), [("unnoticed", (True, False)), ("orphans", (False, True))]
)
def test_what_is_not_as_promised_is_found(
    how: str, found: tuple[bool, bool], tmp_path: Path
) -> None:
    """The negative control: signals that nobody notices; a child that leaves one of its own."""
    wrong, orphans = signalled(tmp_path, 8, how)
    assert (wrong > 0, orphans > 0) == found
