"""`cifarkit doctor`."""

from __future__ import annotations

import contextlib
import io
import json
import os
import platform
import shutil
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

import typer

from cifarkit import __version__
from cifarkit.cli.options import AsJson
from cifarkit.cli.saying import echo
from cifarkit.errors import CifarkitError
from cifarkit.findings import Finding, tabulated
from cifarkit.storage.folders import data_folder

__all__ = ["doctor"]

WIDTH = 80
CIFAR_NEEDS = 600_000_000  # bytes: the archive, what it unpacks to, and the tensors made of that
RUN_NEEDS = 100_000_000  # bytes: the weights, and two checkpoints with the optimiser's state
PAIR = "python -m pip install --upgrade --force-reinstall torch torchvision"

TRY = "cifarkit train linear --data synthetic --epochs 1 --debug (it shows where)"


class _TroubleError(Exception):
    """What is wrong, and what repairs it."""

    def __init__(self, message: str, hint: str) -> None:
        super().__init__(message)
        self.hint = hint


def doctor(as_json: AsJson = False) -> None:
    """Check that training has everything it needs; exit status 1 if something is missing.

    It also trains for a moment, in a folder that it deletes. Nothing is fetched, and nothing else
    is written. Below each problem stands the command that repairs it.
    """
    findings = []
    for name, check in CHECKS.items():
        findings.append(_made(name, check))
        if name == "torch" and findings[-1].outcome == "failed":
            break  # every later check would fail for the same reason
    if as_json:
        echo(json.dumps([asdict(finding) for finding in findings]))
    else:
        echo("\n".join(tabulated(findings, WIDTH)))
    if any(finding.outcome == "failed" for finding in findings):
        raise typer.Exit(1)


def _made(name: str, check: Callable[[], str]) -> Finding:
    try:
        return Finding(name, "passed", check())
    except _TroubleError as trouble:
        return Finding(name, "failed", str(trouble), trouble.hint)
    except (CifarkitError, OSError) as error:
        return Finding(name, "failed", str(error))


def _python() -> str:
    return f"{platform.python_version()} on {platform.platform(terse=True)}, in {sys.prefix}"


def _cifarkit() -> str:
    return f"{__version__}, in {Path(__file__).parents[1]}"


def _runs() -> str:
    here = Path.cwd()
    return f"go to {here / 'runs'}, {_room(here, RUN_NEEDS, 'another folder with --run-dir')}"


def _torch() -> str:
    try:
        import torch
    except (ImportError, OSError) as error:
        raise _TroubleError(f"cannot be imported: {error}", PAIR) from error
    return str(torch.__version__)


def _torchvision() -> str:
    import torch

    from cifarkit.data.torchvision_datasets import import_datasets
    from cifarkit.errors import InstallError

    try:
        import_datasets()
    except InstallError as error:
        raise _TroubleError(
            f"does not fit torch {torch.__version__}: {error.__cause__}", PAIR
        ) from error
    import torchvision

    return f"{torchvision.__version__}, which works with torch {torch.__version__}"


def _device() -> str:
    import torch

    from cifarkit.recipes.recipe import Recipe
    from cifarkit.training.engine.device import choose_device, choose_precision

    device = choose_device("auto")
    precision = str(choose_precision(Recipe(), device)).removeprefix("torch.")
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else f"the {device.type}"
    return f"{name}, in {precision}; threads: {torch.get_num_threads()} of {os.cpu_count()}"


def _training() -> str:
    from cifarkit.data.synthetic import load_synthetic
    from cifarkit.runs.folder import load_run
    from cifarkit.training.train import train

    began = time.perf_counter()
    quiet = io.StringIO()
    try:
        with (
            tempfile.TemporaryDirectory() as folder,
            contextlib.redirect_stdout(quiet),
            contextlib.redirect_stderr(quiet),
        ):
            path = Path(folder) / "run"
            data = load_synthetic(n_train=100, n_test=20, val_size=20)
            train("linear", data, epochs=1, run_dir=path)
            load_run(path)
    except Exception as error:  # any error here would end the user's own run, too
        raise _TroubleError(f"ended in {type(error).__name__}: {error}", TRY) from error
    return f"a small run was written and read again in {time.perf_counter() - began:.1f} s"


def _cifar10() -> str:
    from cifarkit.data.archives import CIFAR10
    from cifarkit.data.cifar import locate

    home = data_folder()
    ready = home / f"{CIFAR10.name}.safetensors"
    if path := ready if ready.is_file() else locate(CIFAR10):
        return f"in {path}"
    room = _room(home, CIFAR_NEEDS, "set CIFARKIT_DATA to a folder on another disk")
    raise _TroubleError(
        f"neither in {home}, {room}, nor in {Path('data').absolute()}; without it, practise with "
        "`--data synthetic`, on generated pictures",
        "cifarkit data fetch (without a network: --from FILE)",
    )


def _room(folder: Path, needed: int, hint: str) -> str:
    """Return how much space is free; refuse a folder that cannot be written, or is too small.

    Raises:
        _TroubleError: the folder cannot be written, or has too little space.
    """
    there = next(path for path in (folder, *folder.absolute().parents) if path.exists())
    free = shutil.disk_usage(there).free
    if not os.access(there, os.W_OK):
        raise _TroubleError(f"{there} cannot be written", hint)
    if free < needed:
        raise _TroubleError(
            f"{there} has {free / 1e9:.2f} GB free, and {needed / 1e9:.1f} GB are needed", hint
        )
    return f"where {free / 1e9:,.0f} GB are free"


CHECKS = {
    "Python": _python,
    "cifarkit": _cifarkit,
    "runs": _runs,
    "torch": _torch,
    "torchvision": _torchvision,
    "device": _device,
    "training": _training,
    "CIFAR-10": _cifar10,
}
