"""Measure what matters on a GPU, and print it as one table: see `on_gpu.sh`.

A row that takes too long or fails says so, and the other rows are still measured.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import torch
from speedrun import once, with_val_in_train

import cifarkit as ck

HERE = Path(__file__).parent
DRAWN = "synthetic:n_train=512,n_test=100,val_size=50"
SEEDS_AT_ONCE = (1, 8)  # networks that one step trains


class Given(NamedTuple):
    """What to measure with: where the pictures are, and how many of everything.

    Args:
        data: as cifarkit's own `--data`.
        seeds: trainings of `speedrun-gpu`.
        seconds: the most that one row may take.
        steps: timed steps of several networks at once.
        epochs: of each training; `None` for those of its recipe.
        airbench: the script of airbench94_muon, if there is one.
    """

    data: str
    seeds: int
    seconds: int
    steps: int
    epochs: int | None
    airbench: str


FULL = {"seeds": 25, "seconds": 150, "steps": 200, "epochs": None}
REHEARSAL = {"seeds": 1, "seconds": 300, "steps": 2, "epochs": 1}


def training(variant: str, given: Given, seed: int, **settings: str) -> dict[str, float]:
    """Train a variant once in a child process; return the numbers it prints."""
    words = [sys.executable, str(HERE / "speedrun.py"), variant, "--round", str(seed)]
    words += ["--data", given.data, "--warm-up", "--compile", settings.pop("compile", "auto")]
    words += ["--epochs", str(given.epochs)] if given.epochs else []
    done = _child(words, given.seconds, settings)
    numbers: dict[str, float] = json.loads(done.splitlines()[-1])
    return numbers


def assignment(compile: str, layout: str = "0") -> Callable[[Given], str]:
    """Return a row: ten epochs of the baseline, with or without compiling."""

    def row(given: Given) -> str:
        found = training(
            "baseline", given, 0, compile=compile, TORCHINDUCTOR_FORCE_LAYOUT_OPT=layout
        )
        return f"{found['seconds']:.2f} s, {100 * found['test accuracy']:.1f} %"

    return row


def speedrun(given: Given) -> str:
    """Train `speedrun-gpu` with as many seeds as the budget has time for, after one untimed."""
    data = with_val_in_train(ck.load_data(given.data))
    once("speedrun-gpu", data, 0, epochs=given.epochs)
    begin, found = time.perf_counter(), list[dict[str, float]]()
    while len(found) < given.seeds and time.perf_counter() - begin < given.seconds:
        found.append(once("speedrun-gpu", data, len(found), epochs=given.epochs))
    seconds = statistics.median(one["seconds"] for one in found)
    accuracy = statistics.fmean(one["test accuracy"] for one in found)
    return f"{seconds:.2f} s (median), {100 * accuracy:.2f} % (mean), n = {len(found)}"


def airbench(given: Given) -> str:
    """Run the script of airbench; return the last line that it prints."""
    if not given.airbench:
        return "left out: AIRBENCH names no script"
    lines = _child([sys.executable, given.airbench], 2 * given.seconds, {}).splitlines()
    return lines[-1] if lines else "printed nothing"


class PullThePlug(ck.Callback):
    """Raises in the second epoch."""

    def on_batch_end(self, run: ck.Run) -> None:
        if run.state.epoch == 1 and run.state.step == 1:
            raise RuntimeError("the plug was pulled")


def resume(given: Given) -> str:
    """Cut a training off in its second epoch, resume it, and compare with one that was not cut."""
    data = ck.load_data(given.data)

    def train(folder: str, *callbacks: ck.Callback) -> ck.Run:
        return ck.train(
            "augmented", data, epochs=2, run_dir=folder, resume=True, callbacks=callbacks
        )

    with tempfile.TemporaryDirectory() as folder:
        try:
            train(f"{folder}/cut", PullThePlug())
        except ck.CallbackError:
            resumed, whole = train(f"{folder}/cut"), train(f"{folder}/whole")
    pairs = zip(resumed.model.state_dict().values(), whole.model.state_dict().values(), strict=True)
    same = all(torch.equal(one, other) for one, other in pairs)
    return (
        f"{'the same bits' if same else 'OTHER BITS'}, on {next(whole.model.parameters()).device}"
    )


def several_at_once(given: Given) -> str:
    """Time one step of several networks without dropout, their weights stacked."""
    device = "cuda" if torch.cuda.is_available() else "cpu"
    images = torch.randn(64, 3, 32, 32, device=device)
    labels = torch.arange(64, device=device) % 10
    rates = []
    for networks in SEEDS_AT_ONCE:
        step = _stacked_step(networks, images, labels)
        seconds = _time(step, given.steps, device)
        rates.append(f"{networks}: {networks * len(images) * given.steps / seconds:,.0f} images/s")
    return ", ".join(rates)


def _stacked_step(networks: int, images: torch.Tensor, labels: torch.Tensor) -> Callable[[], None]:
    models = [ck.create_model("baseline", dropout=0.0).to(images.device) for _ in range(networks)]
    weights, buffers = torch.func.stack_module_state(models)  # type: ignore[arg-type]

    def loss(weights: dict[str, torch.Tensor], buffers: dict[str, torch.Tensor]) -> torch.Tensor:
        logits = torch.func.functional_call(models[0], (weights, buffers), (images,))
        return torch.nn.functional.cross_entropy(logits, labels)

    gradients = torch.func.vmap(torch.func.grad(loss))

    def step() -> None:
        for name, gradient in gradients(weights, buffers).items():
            weights[name].data.sub_(gradient, alpha=0.01)

    return step


def _time(step: Callable[[], None], steps: int, device: str) -> float:
    """Return the seconds of so many steps; on CUDA, a step is captured as a graph before."""
    if device == "cuda":
        stream = torch.cuda.Stream()
        with torch.cuda.stream(stream):
            for _ in range(3):  # warm up, as capturing asks for
                step()
        torch.cuda.synchronize()
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph):
            step()
        step = graph.replay
    step()
    begin = time.perf_counter()
    for _ in range(steps):
        step()
    if device == "cuda":
        torch.cuda.synchronize()
    return time.perf_counter() - begin


def _child(words: list[str], seconds: int, variables: dict[str, str]) -> str:
    done = subprocess.run(
        words, capture_output=True, text=True, timeout=seconds, env=os.environ | variables
    )
    if done.returncode:
        raise RuntimeError((done.stderr.strip().splitlines() or ["no message"])[-1])
    return done.stdout


ROWS: dict[str, Callable[[Given], str]] = {
    "baseline, captured": assignment("auto"),
    "baseline, eager": assignment("off"),
    "baseline, compiled": assignment("on"),
    "baseline, compiled, forced layout": assignment("on", layout="1"),
    "speedrun-gpu": speedrun,
    "airbench94_muon": airbench,
    "resume": resume,
    "networks at once": several_at_once,
}


def table(given: Given, rows: dict[str, Callable[[Given], str]]) -> str:
    """Measure each row; a row that fails says why."""
    lines = []
    for name, measure in rows.items():
        begin = time.perf_counter()
        try:
            found = measure(given)
        except subprocess.TimeoutExpired as late:
            found = f"FAILED: it took more than {late.timeout:.0f} seconds"
        except (RuntimeError, ck.CifarkitError, OSError) as error:
            found = f"FAILED: {error}"
        lines.append(f"{name:34} {found}  [{time.perf_counter() - begin:.0f} s]")
        print(lines[-1], file=sys.stderr)
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", nargs="?", default="", help="the folder of CIFAR-10")
    parser.add_argument("--rehearse", action="store_true", help="small, on drawn pictures")
    words = parser.parse_args()
    if not words.data and not words.rehearse:
        parser.error("name the folder of CIFAR-10, or say --rehearse")
    sizes = REHEARSAL if words.rehearse else FULL
    data = DRAWN if words.rehearse else words.data
    given = Given(data, airbench=os.environ.get("AIRBENCH", ""), **sizes)
    where = torch.cuda.get_device_name() if torch.cuda.is_available() else "a CPU: a rehearsal"
    print(f"torch {torch.__version__} on {where}\n{table(given, ROWS)}")


if __name__ == "__main__":
    main()
