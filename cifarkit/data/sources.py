"""A data source by one word, as the command line and run folders name it."""

from __future__ import annotations

from pathlib import Path

from cifarkit.data.cifar import load_cifar10, load_cifar100
from cifarkit.data.image_folder import load_image_folder
from cifarkit.data.splits import Splits
from cifarkit.data.synthetic import load_synthetic
from cifarkit.errors import DataError
from cifarkit.storage.folders import expanded

__all__ = ["load_data"]


def load_data(spec: str | Path) -> Splits:
    """Load a data source by name, with its default sizes.

    Args:
        spec: `"cifar10"`, `"cifar100"`, `"synthetic"`, or the path of an image folder.

    Returns:
        The three image sets.

    Raises:
        DataError: it is none of these; or as the loader itself raises.

    >>> load_data("synthetic").name
    'synthetic'
    """
    if spec == "cifar10":
        return load_cifar10()
    if spec == "cifar100":
        return load_cifar100()
    if spec == "synthetic":
        return load_synthetic()
    if _is_folder(spec):
        return load_image_folder(spec)
    raise DataError(
        f"there is no data source {str(spec)!r}; allowed are 'cifar10', 'cifar100', 'synthetic' "
        "or the path of a folder with train/<class>/ and test/<class>/ in it"
    )


def _is_folder(spec: str | Path) -> bool:
    try:
        return expanded(spec).is_dir()
    except OSError:  # such as a name too long for any disk
        return False
