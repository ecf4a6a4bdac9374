"""torchvision that does not match torch is explained, with the command that mends it."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
import torchvision

import cifarkit as ck
from cifarkit.data.torchvision_datasets import import_datasets


@pytest.fixture
def broken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[Exception], None]:
    """Put a torchvision in the way that raises when it is imported."""

    def put(error: Exception) -> None:
        package = tmp_path / "packages" / "torchvision"
        package.mkdir(parents=True)
        (package / "__init__.py").write_text(f"raise {type(error).__name__}({str(error)!r})")
        monkeypatch.syspath_prepend(package.parent)
        monkeypatch.delitem(sys.modules, "torchvision")

    return put


def test_it_is_torchvisions_own_module() -> None:
    assert import_datasets() is torchvision.datasets


@pytest.mark.parametrize(
    "error",
    [
        RuntimeError("operator torchvision::nms does not exist"),
        ImportError("libcudart.so.12: cannot open shared object file"),
        OSError("undefined symbol: _ZN3c106detail"),
        AttributeError("partially initialized module 'torchvision' has no attribute 'extension'"),
    ],
    ids=lambda error: type(error).__name__,
)
def test_a_torchvision_of_another_torch_is_an_install_error(
    error: Exception, broken: Callable[[Exception], None]
) -> None:
    broken(error)
    with pytest.raises(ck.InstallError) as caught:
        import_datasets()
    text = str(caught.value)
    assert f"torch {torch.__version__}" in text
    assert "python -m pip install --upgrade --force-reinstall torch torchvision" in text


def test_a_missing_torchvision_is_an_install_error_that_both_names_catch(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "torchvision", None)  # as if it were not installed
    with pytest.raises(ImportError, match="pip install"):
        import_datasets()


def test_cifar10_passes_the_explanation_on(broken: Callable[[Exception], None]) -> None:
    broken(RuntimeError("operator torchvision::nms does not exist"))
    with pytest.raises(ck.InstallError, match=r"torchvision::nms does not exist"):
        ck.load_cifar10()


def test_the_synthetic_set_does_without(broken: Callable[[Exception], None]) -> None:
    broken(RuntimeError("operator torchvision::nms does not exist"))
    assert len(ck.load_synthetic(n_train=10, n_test=10, val_size=0).train) == 10
