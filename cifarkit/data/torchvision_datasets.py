"""torchvision, imported only when it is needed, with its commonest failure explained."""

from __future__ import annotations

from types import ModuleType

from cifarkit.errors import InstallError

__all__ = ["import_datasets"]


def import_datasets() -> ModuleType:
    """Return `torchvision.datasets`.

    Raises:
        InstallError: torchvision is missing, or was built for another torch; the message has
            the command that mends it.
    """
    try:
        from torchvision import datasets
    except (ImportError, RuntimeError, OSError, AttributeError) as error:
        import torch

        raise InstallError(
            f"torchvision does not work with the installed torch {torch.__version__} ({error}). "
            "The two come in matching pairs; this installs one:\n"
            "  python -m pip install --upgrade --force-reinstall torch torchvision"
        ) from error
    module: ModuleType = datasets
    return module
