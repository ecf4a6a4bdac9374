"""What every test shares: small data, and a machine that is left as it was found."""

from __future__ import annotations

import dataclasses
import io
import os
import random
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import matplotlib
import numpy as np
import pytest
import torch
from hypothesis import settings

import cifarkit as ck
from cifarkit.models.registry import registry
from cifarkit.runs.facts import Facts

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from nbformat import NotebookNode

matplotlib.use("Agg")
# Two processes share the tests, and each keeps to one core, as do the programs that it starts.
torch.set_num_threads(1)
os.environ.setdefault("OMP_NUM_THREADS", "1")
# A busy machine is no mistake in the code.
settings.register_profile("cifarkit", deadline=None)
settings.load_profile("cifarkit")


@pytest.fixture(autouse=True)
def _own_caches(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep every test out of the user's caches and away from a `./data` of theirs."""
    folder: Path = tmp_path_factory.mktemp("machine")
    monkeypatch.setenv("CIFARKIT_DATA", str(folder / "data"))
    monkeypatch.chdir(folder)


@pytest.fixture(autouse=True)
def _registry_as_found() -> Iterator[None]:
    """Undo what a test registers in the default registry."""
    before = {name: registry[name] for name in registry}
    yield
    registry._variants.clear()
    registry._variants.update(before)


MADE_ON = {
    "device": "cpu",
    "cpu": "made up",
    "threads": 1,
    "platform": "nowhere",
    "versions": {"python": "3", "torch": "2", "cifarkit": "0"},
}
FILE_OPERATIONS = ("open", "close", "mkdir", "fsync", "chmod", "replace")


@pytest.fixture
def failing_at(monkeypatch: pytest.MonkeyPatch) -> Callable[[int, int], Any]:
    """Return a block in which the file operation number `turn` fails once.

    It gives the list of those that were asked for.
    """

    @contextmanager
    def block(turn: int, code: int) -> Iterator[list[str]]:
        asked: list[str] = []

        def guarded(name: str, real: Callable[..., Any]) -> Callable[..., Any]:
            def operation(*arguments: Any, **options: Any) -> Any:
                asked.append(name)
                if len(asked) == turn:
                    if name == "close":
                        real(*arguments)  # a close that fails has closed all the same
                    raise OSError(code, os.strerror(code), name)
                return real(*arguments, **options)

            return operation

        with monkeypatch.context() as patch:
            for name in FILE_OPERATIONS:
                patch.setattr(os, name, guarded(name, getattr(os, name)))
            patch.setattr(io, "open", guarded("io.open", io.open))
            yield asked

    return block


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--long", action="store_true", help="repeat chance and kills far oftener")
    parser.addoption("--site", metavar="DIR", help="look at this built site in a Chromium")


@pytest.fixture
def times(request: pytest.FixtureRequest) -> Callable[[int, int], int]:
    """Return how often to repeat something: the first number, with --long the second."""
    return lambda usual, long: long if request.config.getoption("--long") else usual


@pytest.fixture
def chance() -> random.Random:
    """Return a source of chance whose seed is printed."""
    seed = random.SystemRandom().randrange(2**32)
    print(f"seed {seed}")
    return random.Random(seed)


@pytest.fixture
def mangled(chance: random.Random) -> Callable[[bytes], bytes]:
    """Return what replaces, inserts and deletes a few bytes, half of them in the header."""

    def mangle(whole: bytes) -> bytes:
        content = bytearray(whole)
        for _ in range(chance.randint(1, 8)):
            place = chance.randrange(chance.choice((80, len(content))))
            content[place : place + chance.randint(0, 16)] = chance.randbytes(chance.randint(0, 16))
        return bytes(content)

    return mangle


@pytest.fixture(scope="session")
def tiny() -> ck.Splits:
    """Return a data set on which an epoch takes a moment."""
    return ck.load_synthetic(n_train=240, n_test=60, val_size=40)


@pytest.fixture
def generator() -> torch.Generator:
    return torch.Generator().manual_seed(0)


@pytest.fixture
def make_comparison() -> Callable[..., ck.Comparison]:
    """Make a comparison out of accuracies, `{variant: [one a seed] or {seed: accuracy}}`.

    Nothing is trained: a name that is not registered is `baseline` under another name, and the
    first images are the right ones.
    """

    def make(
        accuracies: dict[str, Any],
        *,
        data: str = "made up",
        images: int = 1000,
        classes: int = 10,
        environment: dict[str, Any] | None = None,
        **more: Any,
    ) -> ck.Comparison:
        facts = Facts(
            seconds=9.0,
            started="2026-01-01",
            precision="float32",
            environment=environment or MADE_ON,
        )
        labels = np.arange(images) % classes
        variants, outcomes = [], []
        for name, given in accuracies.items():
            known = name if name in registry else "baseline"
            variants.append(dataclasses.replace(ck.get_variant(known), name=name))
            by_seed = given if isinstance(given, dict) else dict(enumerate(given))
            for seed, accuracy in by_seed.items():
                right = np.arange(images) < round(accuracy * images)
                predicted = np.where(right, labels, (labels + 1) % classes)
                logits = np.zeros((images, classes), np.float16)
                record = {"train_loss": 2.0, "val_loss": 1.5 - accuracy, "val_accuracy": accuracy}
                outcomes.append(
                    ck.Outcome(
                        variants[-1],
                        seed,
                        Path("runs") / f"{name}-seed{seed}",
                        facts,
                        ck.History([{"epoch": epoch, **record} for epoch in (1, 2)]),
                        ck.TestPredictions(logits, predicted, labels),
                        ck.TestAccess(0, at_end=True, flagged=False),
                    )
                )
        about = {"name": data, "fingerprint": "0" * 64, "train": 900, "val": 100, "test": images}
        about["classes"] = tuple(f"class {number}" for number in range(classes))
        return ck.Comparison(tuple(variants), tuple(outcomes), about, **more)

    return make


@pytest.fixture
def run_notebook(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Callable[[NotebookNode], NotebookNode]:
    """Run the cells of a notebook in a real kernel of this Python, as Jupyter does."""
    from jupyter_client.kernelspec import KernelSpecManager
    from nbclient import NotebookClient

    for name in ("IPYTHONDIR", "JUPYTER_RUNTIME_DIR", "JUPYTER_CONFIG_DIR"):
        monkeypatch.setenv(name, str(tmp_path / "jupyter"))
    monkeypatch.delenv("MPLBACKEND", raising=False)  # else figures would not be shown inline

    def run(notebook: NotebookNode) -> NotebookNode:
        own = KernelSpecManager(kernel_dirs=[])  # not what else is installed as "python3"
        folder = {"metadata": {"path": str(tmp_path)}}
        client = NotebookClient(notebook, resources=folder, timeout=None)
        client.create_kernel_manager().kernel_spec_manager = own
        return client.execute(env=os.environ | {"CIFARKIT_DATA": str(tmp_path / "data")})

    return run
