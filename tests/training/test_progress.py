"""What a user sees while a run trains, in each of the three places."""

from __future__ import annotations

import io
import re
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

import cifarkit as ck
from cifarkit.training.progress.pace import Pace

RECORD = {
    **{"epoch": 10, "train_loss": 0.5, "train_accuracy": 0.81, "val_loss": 0.75},
    **{"val_accuracy": 0.7333, "lr": 0.001, "seconds": 12.34},
}


class Screen(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self) -> bool:
        return True


def shown(stream: io.StringIO, data: ck.Splits, **options: Any) -> str:
    ck.train("linear", data, epochs=2, callbacks=[ck.Progress(stream)], **options)
    return stream.getvalue()


def test_a_log_gets_one_plain_line_an_epoch(tiny: ck.Splits) -> None:
    text = shown(io.StringIO(), tiny)
    assert re.search(r"[^\n -~]", text) is None  # no control characters, nothing but ASCII
    lines = text.splitlines()
    assert lines[0].startswith("first batch: loss ")
    assert "ln 10 = 2.303" in lines[0]
    assert [line.split("  ")[0] for line in lines[1:3]] == ["epoch 1/2", "epoch 2/2"]
    assert re.search(r"val_loss \d\.\d{4}  val_accuracy \d+\.\d %", lines[1])


def test_the_lines_hold_the_numbers_of_the_history(tiny: ck.Splits) -> None:
    log = io.StringIO()
    run = ck.train("linear", tiny, epochs=2, callbacks=[ck.GradientClip(), ck.Progress(log)])
    for record, line in zip(run.history, log.getvalue().splitlines()[1:3], strict=True):
        assert f"train_loss {record['train_loss']:.4f}" in line
        assert f"gradient_norm {record['gradient_norm']:.4g}" in line


@pytest.fixture
def wide(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "120")
    monkeypatch.setenv("TERM", "xterm-256color")


@pytest.mark.usefixtures("wide")
def test_a_terminal_gets_a_bar_and_rows_that_stay(tiny: ck.Splits) -> None:
    text = shown(Screen(), tiny)
    assert "\x1b[" in text  # it redraws
    plain = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", text)
    assert "epoch  train loss  train acc  val loss  val acc        lr  seconds" in plain
    assert len(re.findall(r"\n? +[12]  +\d\.\d{4}", plain)) == 2


@pytest.mark.usefixtures("wide")
def test_a_dumb_terminal_gets_plain_lines(tiny: ck.Splits, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "dumb")
    assert "\x1b" not in shown(Screen(), tiny)


@pytest.mark.usefixtures("wide")
def test_no_color_is_honoured(tiny: ck.Splits, monkeypatch: pytest.MonkeyPatch) -> None:
    coloured = re.compile(r"\x1b\[[0-9;]*3[0-9](;[0-9]+)*m")
    assert coloured.search(shown(Screen(), tiny))  # the control
    monkeypatch.setenv("NO_COLOR", "1")
    assert not coloured.search(shown(Screen(), tiny))


@pytest.mark.parametrize("width", range(20, 130, 7))
def test_rows_fit_the_width_and_keep_what_matters_most(width: int) -> None:
    head, row = ck.History([RECORD]).table().as_text(width).splitlines()
    assert len(head) <= len(row) <= width
    assert row.endswith("*")
    assert head.startswith("epoch")
    assert width < 25 or "val acc" in head


def test_the_best_epoch_is_the_one_with_the_lowest_val_loss() -> None:
    history = ck.History([{"val_loss": loss} for loss in (3.0, 2.0, 2.5, 1.0, float("nan"))])
    assert history.best_so_far() == [True, True, False, True, False]
    assert ck.History([{"train_loss": 1.0}]).best_so_far() == [False]


class Broken(io.StringIO):
    """A pipe whose reader is gone after some characters."""

    def write(self, text: str) -> int:
        raise BrokenPipeError


class BrokenScreen(Broken, Screen):
    """The same, on a terminal."""


def test_a_reader_that_goes_away_does_not_end_the_training(tiny: ck.Splits) -> None:
    closed = io.StringIO()
    closed.close()
    for stream in (Broken(), BrokenScreen(), closed):
        run = ck.train("linear", tiny, epochs=2, callbacks=[ck.Progress(stream)])
        assert (run.status, len(run.history)) == ("finished", 2)


def test_no_stream_at_all_is_silence(tiny: ck.Splits, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stderr", None)
    assert ck.train("linear", tiny, epochs=1, callbacks=[ck.Progress()]).status == "finished"


def test_why_it_stopped_is_said(tiny: ck.Splits) -> None:
    class Stop(ck.Callback):
        def on_epoch_end(self, run: ck.Run) -> None:
            run.stop("the tea is ready")

    log = io.StringIO()
    ck.train("linear", tiny, callbacks=[Stop(), ck.Progress(log)])
    assert "stopped: the tea is ready" in log.getvalue()


def test_a_notebook_gets_one_table_that_is_updated(
    tiny: ck.Splits, monkeypatch: pytest.MonkeyPatch
) -> None:
    pages: list[str] = []
    shell = type("ZMQInteractiveShell", (), {})()
    handle = SimpleNamespace(update=lambda forms, raw: pages.append(forms["text/html"]))
    displays: list[str] = []

    def display(forms: dict[str, str], raw: bool, display_id: bool) -> SimpleNamespace:
        displays.append(forms["text/html"])
        return handle

    ipython = SimpleNamespace(get_ipython=lambda: shell)
    monkeypatch.setitem(sys.modules, "IPython", ipython)
    monkeypatch.setitem(sys.modules, "IPython.display", SimpleNamespace(display=display))
    run = ck.train("linear", tiny, epochs=2)
    assert len(displays) == 1
    last = pages[-1]
    assert last.count("<tr>") == 3
    assert ">val acc</th>" in last
    assert f">{run.history[1]['train_loss']:.4f}</td>" in last
    assert "<progress" not in last


@pytest.mark.usefixtures("wide")
def test_a_resumed_run_has_headings_above_its_rows(tiny: ck.Splits, tmp_path: Path) -> None:
    class Interrupt(ck.Callback):
        def on_epoch_end(self, run: ck.Run) -> None:
            run.interrupt()

    with pytest.raises(KeyboardInterrupt):
        ck.train("linear", tiny, epochs=2, run_dir=tmp_path / "run", callbacks=[Interrupt()])
    text = shown(Screen(), tiny, run_dir=tmp_path / "run", resume=True)
    assert "epoch  train loss" in text


def test_the_time_left_is_that_of_the_whole_run(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = [0.0]
    monkeypatch.setattr("time.perf_counter", lambda: clock[0])
    pace = Pace()
    state = SimpleNamespace(epoch=1, step=4, steps_per_epoch=10)  # 15 of 30 steps are done
    run: Any = SimpleNamespace(state=state, recipe=SimpleNamespace(epochs=3))
    for _ in range(5):  # the ten before were made before a resume
        pace.count()
    clock[0] = 1.0
    assert pace.in_words(run, "; ") == ""  # too early to tell
    clock[0] = 20.0
    assert pace.in_words(run, "; ") == "; about 20 s left, 60 s of the run"


@pytest.mark.usefixtures("wide")
def test_progress_is_shown_by_default_on_a_terminal_alone(
    tiny: ck.Splits, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def train(stream: io.StringIO, **options: Any) -> tuple[str, list[str]]:
        monkeypatch.setattr(sys, "stderr", stream)
        run = ck.train("linear", tiny, epochs=1, **options)
        return stream.getvalue(), run.facts["callbacks"]

    watched, recorded = train(Screen())
    assert "epoch  train loss" in watched
    assert recorded == []  # what is recorded does not depend on who watched
    assert train(Screen(), show_progress=False) == ("", [])
    assert train(io.StringIO()) == ("", [])
    assert "epoch 1/1" in train(io.StringIO(), show_progress=True)[0]
    once, _ = train(Screen(), callbacks=[ck.Progress()])
    assert once.count("epoch  train loss") == 1
