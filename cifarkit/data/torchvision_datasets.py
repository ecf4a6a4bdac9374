"""Import torchvision only when it is needed, and explain a failed import."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from types import ModuleType

from cifarkit.errors import InstallError

__all__ = ["import_datasets", "import_transforms"]


def import_datasets() -> ModuleType:
    """Return `torchvision.datasets`.

    Raises:
        InstallError: torchvision is missing, or was built for another torch; the message has
            the command that repairs it.
    """
    with _explained():
        from torchvision import datasets
    module: ModuleType = datasets
    return module


def import_transforms() -> dict[str, ModuleType]:
    """Return `torchvision.transforms` and its `v2` under their usual names.

    Raises:
        InstallError: see `import_datasets`.
    """
    with _explained():
        from torchvision import transforms
        from torchvision.transforms import v2
    return {"transforms": transforms, "v2": v2}


@contextmanager
def _explained() -> Iterator[None]:
    try:
        yield
    except (ImportError, RuntimeError, OSError, AttributeError) as error:
        import torch

        raise InstallError(
            f"torchvision does not work with the installed torch {torch.__version__} ({error}). "
            "The two come in matching pairs; this installs one:\n"
            "  python -m pip install --upgrade --force-reinstall torch torchvision"
        ) from error
