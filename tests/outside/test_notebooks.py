"""What a notebook shows below its cells, in a real kernel."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import nbformat
import pytest
from nbformat import NotebookNode

import cifarkit as ck

FIRST = """
import signal
import matplotlib.pyplot as plt
import torch
import cifarkit as ck

torch.set_num_threads(1)
data = ck.load_synthetic(n_train=200, n_test=50, val_size=20)

class Interrupt(ck.Callback):
    def on_batch_end(self, run):
        if run.now.epoch == 1:
            signal.raise_signal(signal.SIGINT)
"""
# What is in each cell, and how many figures stand below it.
FIGURES = {
    "single": ("ck.plots.curves(run)", 1),
    "second": ("ck.plots.confusion(evaluation)", 1),
    "grid as the last line": ("ck.plots.samples(data.test)", 1),
    "grid with a semicolon": ("ck.plots.samples(data.test);", 1),
    "grid under a name": ("grid = ck.plots.predictions(evaluation, data.test)", 1),
    "shown again": ("grid", 1),
    "several": (
        "ck.plots.curves(run)\nck.plots.samples(data.test)\nck.plots.per_class(evaluation)",
        3,
    ),
    "own axes": ("figure, ax = plt.subplots()\nck.plots.reliability(evaluation, ax=ax)", 1),
    "own figure": ("ck.plots.samples(data.test, figure=plt.figure(figsize=(5, 5)))", 1),
    "show": ("ck.plots.samples(data.test)\nplt.show()", 1),
    "saved": ("ck.plots.samples(data.test)\nplt.savefig('samples.png')", 1),
    "magic": ("%matplotlib inline\nck.plots.curves(run)", 1),
    "none": ("1 + 1", 0),
}
CELLS = {
    "train": "run = ck.train('linear', data, epochs=2)\n"
    "evaluation = ck.evaluate(run.model, data.test)",
    **{name: code for name, (code, _) in FIGURES.items()},
    "quiet": "ck.train('linear', data, epochs=1, show_progress=False);",
    "compare": "result = ck.compare(['linear', 'mlp'], data, seeds=2, epochs=1)",
    "compared": "result",
    "run": "run",
    "summary": "ck.summary('linear')",
    "recipe": "run.recipe",
    "interrupted": "part = ck.train('linear', data, epochs=3, run_dir='a $b$ <c>', "
    "callbacks=[Interrupt()])\nprint('next line')",
    "part": "part",
    "lost": "ck.train('linear', data, epochs=3, callbacks=[Interrupt()], show_progress=False);",
    "resumed": "whole = ck.train('linear', data, epochs=3, run_dir='a $b$ <c>', resume=True)",
    "check": "report = ck.check_model('linear')",
    "records": "print(part.facts['callbacks'], whole.facts['callbacks'], whole.status)",
}
GOES_ON = "ck.train('linear', …, run_dir='a $b$ <c>', resume=True)"


@pytest.fixture
def below(
    run_notebook: Callable[[NotebookNode], NotebookNode],
) -> dict[str, list[dict[str, Any]]]:
    """Return what stands below each cell: the data of each output, or its text."""
    cells = [nbformat.v4.new_code_cell(code) for code in (FIRST, *CELLS.values())]
    done = run_notebook(nbformat.v4.new_notebook(cells=cells))
    return {
        name: [output.get("data") or {"stream": output.text} for output in cell.outputs]
        for name, cell in zip(CELLS, done.cells[1:], strict=True)
    }


def test_a_notebook_shows_each_thing_once_and_readably(
    below: dict[str, list[dict[str, Any]]],
) -> None:
    found = {name: sum("image/png" in one for one in below[name]) for name in FIGURES}
    assert found == {name: figures for name, (_, figures) in FIGURES.items()}
    # Progress: one output, a table in both forms; none where it was switched off.
    (table,) = below["train"]
    assert table["text/html"].count("<tr>") == 3
    assert "epoch  train loss" in table["text/plain"]
    assert below["quiet"] == []
    assert below["check"] == []
    (table,) = below["compare"]
    assert "4 of 4 runs done" in table["text/html"]
    assert table["text/plain"].splitlines()[:2] == [
        "        seed 0  seed 1",
        "linear    done    done",
    ]
    # Objects at the end of a cell.
    assert "What may be said" in below["compared"][0]["text/plain"]
    for name in ("compared", "run", "summary", "recipe", "part"):
        (output,) = below[name]
        assert "<table>" in output["text/html"], name
    assert below["summary"][0]["text/plain"].endswith("30,730         30,720")
    assert below["recipe"][0]["text/plain"].startswith("Recipe(epochs=2, batch_size=64")
    # An interrupted cell says so, and names the line that goes on.
    table, printed = below["interrupted"]
    assert "interrupted in epoch 2 of 3: all is saved; the same call" in table["text/plain"]
    assert GOES_ON in table["text/plain"]
    assert GOES_ON.replace("<c>", "&lt;c&gt;") in table["text/html"]
    assert printed == {"stream": "next line\n"}
    assert "1 of 3 epochs, interrupted" in below["part"][0]["text/plain"]
    assert GOES_ON in below["part"][0]["text/plain"]
    (said,) = below["lost"]
    assert "without a run_dir nothing was saved" in said["text/plain"]
    (table,) = below["resumed"]
    assert table["text/html"].count("<tr>") == 4  # the first epoch's row is there too
    (records,) = below["records"]
    assert records["stream"].startswith("['__main__.Interrupt'] [] finished")


NOT_A_FLAG = ["yes", "off", 2, None]


@pytest.mark.parametrize("found", NOT_A_FLAG)
def test_what_is_no_way_to_show_progress_is_refused(found: object, tiny: ck.Splits) -> None:
    text = r"^show_progress must be True"
    with pytest.raises(ck.TrainingError, match=text):
        ck.train("linear", tiny, show_progress=found)  # type: ignore[arg-type]
    with pytest.raises(ck.ComparisonError, match=text):
        ck.compare(["linear"], tiny, show_progress=found)  # type: ignore[arg-type]
