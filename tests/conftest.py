"""What every test shares: small data, and a machine that is left as it was found."""

from __future__ import annotations

from typing import TYPE_CHECKING

import matplotlib
import pytest
import torch

import cifarkit as ck
from cifarkit.models.registry import registry

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

matplotlib.use("Agg")


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


@pytest.fixture(scope="session")
def tiny() -> ck.Splits:
    """Return a data set on which an epoch takes a moment."""
    return ck.load_synthetic(n_train=240, n_test=60, val_size=40)


@pytest.fixture
def generator() -> torch.Generator:
    return torch.Generator().manual_seed(0)
