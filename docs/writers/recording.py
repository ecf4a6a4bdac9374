"""Run the Python of a page in a fresh process, and keep what it prints and draws.

A recording is kept in `build/recordings` under a hash of the code of the page and of cifarkit, so
that a page is run again only when one of the two has changed.
"""

from __future__ import annotations

import contextlib
import datetime
import hashlib
import io
import json
import linecache
import multiprocessing
import os
import sys
import tempfile
import time
import types
import warnings
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

__all__ = ["Figure", "Output", "Recording", "record"]

ROOT = Path(__file__).parents[2]
KEPT = ROOT / "build" / "recordings"
# A process for each page. Where processes can fork, they fork from one that has imported what takes
# seconds to import, and has done nothing else.
FORKS = "forkserver" in multiprocessing.get_all_start_methods()
FRESH = multiprocessing.get_context("forkserver" if FORKS else "spawn")
FRESH.set_forkserver_preload(["cifarkit.comparison.comparison"])


@dataclass(frozen=True)
class Figure:
    """A figure that a cell drew: what it shows, its two forms, and its size in inches."""

    shows: str
    light: str
    dark: str
    letters: float
    inches: tuple[float, float]


@dataclass(frozen=True)
class Output:
    """What one cell left: its text, from stdout and stderr as they came, and its figures."""

    text: str
    figures: tuple[Figure, ...]


@dataclass(frozen=True)
class Recording:
    """The outputs of a page's cells, and one sentence on where they come from."""

    outputs: tuple[Output, ...]
    origin: str


def record(cells: Sequence[str], page: str) -> Recording:
    """Return the recording of a page's cells, run in this order in one process.

    Raises:
        RuntimeError: a cell raised or warned; the message names the page and ends with the
            traceback.
    """
    kept = KEPT / f"{_key(cells)}.json"
    if not kept.is_file():
        _write(kept, _run_elsewhere(cells, page))
    document = json.loads(kept.read_text(encoding="utf-8"))
    outputs = [
        Output(output["text"], tuple(Figure(**figure) for figure in output["figures"]))
        for output in document["outputs"]
    ]
    return Recording(tuple(outputs), document["origin"])


def _key(cells: Sequence[str]) -> str:
    digest = hashlib.sha256(repr([sys.version, *cells]).encode())
    here = Path(__file__).parent
    writers = [here / "figures.py", here / "recording.py"]
    for file in sorted([*writers, *(ROOT / "cifarkit").rglob("*.py")]):
        digest.update(file.read_bytes())
    return digest.hexdigest()[:32]


def _write(path: Path, text: str) -> None:
    """Write a whole file or none, also if another process writes the same."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile(
        "w", encoding="utf-8", dir=path.parent, suffix=".part", delete=False
    ) as part:
        part.write(text)
    Path(part.name).replace(path)


def _run_elsewhere(cells: Sequence[str], page: str) -> str:
    with (
        tempfile.TemporaryDirectory() as folder,
        ProcessPoolExecutor(1, FRESH, _settle, (folder,)) as process,
    ):
        running = process.submit(_run, cells)
        if error := running.exception():  # its cause is the traceback in that process
            raise RuntimeError(f"{page}: the page failed:\n{error.__cause__ or repr(error)}")
        return json.dumps(running.result())


def _settle(folder: str) -> None:
    """Make this process one in which a page can run: a folder of its own, and one thread."""
    import torch

    os.chdir(folder)
    # Pages run side by side, and the networks on them are too small to share out.
    torch.set_num_threads(1)
    os.environ |= {"CIFARKIT_DATA": folder, "MPLBACKEND": "Agg", "OMP_NUM_THREADS": "1"}
    warnings.simplefilter("error")


def _run(cells: Sequence[str]) -> dict[str, Any]:
    """Run the cells here; return a recording in JSON types."""
    begin = time.perf_counter()
    page = sys.modules["__main__"] = types.ModuleType("__main__")
    outputs = [
        asdict(_run_cell(f"cell_{number}.py", code, vars(page)))
        for number, code in enumerate(cells, start=1)
    ]
    return {"outputs": outputs, "origin": _origin(time.perf_counter() - begin)}


def _run_cell(name: str, code: str, namespace: dict[str, Any]) -> Output:
    # With its lines known, a builder that a cell defines can be named by file and line.
    linecache.cache[name] = (len(code), None, code.splitlines(keepends=True), name)
    text = io.StringIO()
    with contextlib.redirect_stdout(text), contextlib.redirect_stderr(text):
        exec(compile(code, name, "exec", dont_inherit=True), namespace)
    return Output(text.getvalue(), tuple(_take_figures()))


def _take_figures() -> list[Figure]:
    plt = sys.modules.get("matplotlib.pyplot")
    if plt is None:
        return []
    from writers.figures import forms_of

    figures = []
    for number in plt.get_fignums():
        figure = plt.figure(number)
        shows, inches = _describe(figure), tuple(map(float, figure.get_size_inches()))
        figures.append(Figure(shows, **asdict(forms_of(figure)), inches=inches))
    plt.close("all")
    return figures


def _describe(figure: Any) -> str:
    """Say in words what a figure shows: its title, and what its first axes are of."""
    titles = [figure.get_suptitle(), *(ax.get_title(loc="left") for ax in figure.axes)]
    words = [next(filter(None, titles), "Figure")]
    for which in ("x", "y"):
        labels = [getattr(ax, f"get_{which}label")() for ax in figure.axes]
        words += [f"{which}: {label}" for label in labels if label][:1]
    return "; ".join(" ".join(text.split()) for text in words)


def _origin(seconds: float) -> str:
    from cifarkit.runs.environment import describe_environment
    from cifarkit.training.engine.device import choose_device

    facts = describe_environment(choose_device("auto"))
    versions = facts["versions"]
    names = ", ".join(f"{name} {versions[name]}" for name in ("cifarkit", "torch", "python"))
    return (
        f"Recorded on {datetime.date.today():%d %B %Y} by running the code of this page: {names}, "
        f"on the {facts['device']} ({facts['cpu']}, threads: {facts['threads']}), "
        f"{seconds:.0f} seconds in all."
    )
