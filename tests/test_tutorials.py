"""Tutorials run as notebooks, in a kernel of their own, offline, with warnings as errors."""

from __future__ import annotations

import importlib
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbformat import NotebookNode

from cifarkit.practise.exercises import SMALL  # the build of the site runs the sizes in the scripts

ROOT = Path(__file__).parents[1]
TUTORIALS = sorted((ROOT / "tutorials").glob("*.py"))
# Before the first cell: what a tutorial must not do, and a count of the figures that it opens.
FIRST = """
import socket, warnings
import matplotlib.pyplot as plt

def refuse(*_, **__):
    raise AssertionError("a tutorial must not do this: the network, or showing a figure")

def counted(*arguments, make=plt.figure, **settings):
    opened.append(1)
    return make(*arguments, **settings)

opened = []
socket.socket.connect = socket.getaddrinfo = plt.show = refuse
plt.figure = counted
warnings.simplefilter("error")
for deprecated in (DeprecationWarning, PendingDeprecationWarning):  # as in pyproject.toml
    warnings.simplefilter("ignore", deprecated)
    warnings.filterwarnings("error", category=deprecated, module="cifarkit|__main__")
"""
# After the last: the count, and what each check says to answers that return nothing.
LAST = """
print("opened", len(opened))
for name, check in list(globals().items()):
    if name.startswith("check_"):
        print("empty work:", end=" ")
        check(lambda *_, **__: None)
"""


@pytest.fixture
def writers(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Return a way to import what writes the pages of the site."""
    monkeypatch.syspath_prepend(str(ROOT / "docs"))
    return importlib.import_module


@pytest.fixture
def percent(writers: Any) -> Any:
    return writers("writers.percent")


def made_small(source: str) -> str:
    for name, value in SMALL.items():
        source, found = re.subn(rf"^{name} = [\d_]+", f"{name} = {value}", source, flags=re.M)
        assert found == 1, f"the tutorial has {found} lines {name} = …"
    return source


def test_there_are_tutorials() -> None:
    assert TUTORIALS


@pytest.mark.parametrize("tutorial", TUTORIALS, ids=lambda path: path.stem)
def test_a_tutorial_runs_as_the_notebook_that_the_site_offers(
    tutorial: Path, percent: Any, run_notebook: Callable[[NotebookNode], NotebookNode]
) -> None:
    source = tutorial.read_text(encoding="utf-8")
    text = percent.to_notebook(percent.parse(made_small(source)))
    notebook = nbformat.reads(text, as_version=4)
    first, last = (nbformat.v4.new_code_cell(code) for code in (FIRST, LAST))
    notebook.cells = [first, *notebook.cells, last]
    outputs = [one for cell in run_notebook(notebook).cells for one in cell.get("outputs", [])]
    printed = "".join(one.text for one in outputs if one.output_type == "stream")
    # Each exercise is checked as it is given, with its solution, and with empty work.
    exercises = source.count("\n# ### Exercise ")
    assert printed.count("Right") == exercises >= 1
    assert printed.count("Not yet") == 2 * exercises
    assert printed.count("empty work: Not yet") == exercises
    figures = sum("image/png" in one.get("data", {}) for one in outputs)
    assert f"opened {figures}\n" in printed
    assert figures >= 1


@pytest.mark.parametrize("tutorial", TUTORIALS, ids=lambda path: path.stem)
def test_page_and_notebook_hold_the_code_of_the_script(tutorial: Path, percent: Any) -> None:
    source = tutorial.read_text(encoding="utf-8")
    cells = percent.parse(source)
    code = [cell.text for cell in cells if cell.kind != "markdown"]
    program = [line for line in source.splitlines() if line and not line.startswith("#")]
    assert [line for text in code for line in text.splitlines() if line] == program

    page = percent.to_markdown(cells)
    assert page.startswith("# ")
    assert page.count("```python\n") == len(code)
    assert page.count('??? note "Solution"') == source.count('# %% tags=["solution"]') >= 1

    notebook = json.loads(percent.to_notebook(cells))
    sources = ["".join(cell["source"]) for cell in notebook["cells"]]
    kinds = [cell["cell_type"] for cell in notebook["cells"]]
    assert [text for text, kind in zip(sources, kinds, strict=True) if kind == "code"] == code
    assert not any(".md" in text or "][cifarkit" in text for text in sources)


def test_solutions_are_folded_on_the_page_and_hidden_in_the_notebook(percent: Any) -> None:
    cells = percent.parse('# %% [markdown]\n# # T\n\n# %% tags=["solution"]\nx = 1\n\ny = 2\n')
    page = percent.to_markdown(cells)
    assert page == '# T\n\n??? note "Solution"\n\n    ```python\n    x = 1\n\n    y = 2\n    ```\n'
    notebook = json.loads(percent.to_notebook(cells))
    assert notebook["cells"][1]["metadata"]["jupyter"] == {"source_hidden": True}


def test_links_to_colab_come_with_the_address_of_the_repository(writers: Any) -> None:
    (script, *_), address = TUTORIALS, "https://github.com/owner/name"
    offline = writers("build").tutorial(script, "")
    assert "colab" not in offline[".md"].lower()
    online = writers("build").tutorial(script, address)
    link = "/github/owner/name/blob/gh-pages/tutorials/01_the_whole_assignment.ipynb)."
    assert f"(https://colab.research.google.com{link}" in online[".md"]
    first, *rest = json.loads(online[".ipynb"])["cells"]
    assert first["source"][-1] == f"%pip install --quiet git+{address}"
    assert len(rest) == len(json.loads(offline[".ipynb"])["cells"])
