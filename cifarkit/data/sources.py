"""Load a data source by its name, as the command line and run folders write it."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from cifarkit.data.cifar import load_cifar10, load_cifar100
from cifarkit.data.image_folder import load_image_folder
from cifarkit.data.splits import Splits
from cifarkit.data.synthetic import DEFAULTS, load_synthetic
from cifarkit.errors import DataError
from cifarkit.guidance import explains_arguments
from cifarkit.storage.folders import expanded

__all__ = ["load_data"]


@explains_arguments("ck.load_data")
def load_data(spec: str | Path) -> Splits:
    """Load a data source by name, with its default sizes.

    Args:
        spec: `"cifar10"`, `"cifar100"`, `"synthetic"`, or the path of an image folder. The drawn
            set has other sizes too: `"synthetic:n_train=600,n_test=200,val_size=100"`.

    Returns:
        The three image sets.

    Raises:
        DataError: it is something else, or the loader raises it.

    >>> load_data("synthetic:n_train=200,n_test=50,val_size=20").train
    ImageSet(180 images of 10 classes)
    """
    if not isinstance(spec, str | Path):
        raise DataError(
            f"a data source is a name such as 'cifar10' or the path of a folder, found {spec!r}"
        )
    if spec == "cifar10":
        return load_cifar10()
    if spec == "cifar100":
        return load_cifar100()
    name, _, settings = str(spec).partition(":")
    if name == "synthetic":
        return load_synthetic(**_settings(settings))
    if _is_folder(spec):
        return load_image_folder(spec)
    raise DataError(
        f"there is no data source {str(spec)!r}; allowed are 'cifar10', 'cifar100', 'synthetic' "
        "or the path of a folder with train/<class>/ and test/<class>/, or <class>/, in it"
    )


def _settings(text: str) -> dict[str, Any]:
    """Read the sizes of the drawn set.

    Raises:
        DataError: a name is unknown, or a value is not a number.
    """
    settings: dict[str, Any] = {}
    for part in filter(None, text.split(",")):
        name, _, value = part.partition("=")
        if name not in DEFAULTS or not re.fullmatch(r"\d+|0?\.\d+|\d(\.\d+)?e-\d+", value):
            raise DataError(
                f"{part!r} is not a setting of the synthetic set; allowed are numbers for "
                f"{', '.join(DEFAULTS)}, such as 'synthetic:n_train=600,n_test=200,val_size=100'"
            )
        settings[name] = int(value) if value.isdigit() else float(value)
    return settings


def _is_folder(spec: str | Path) -> bool:
    try:
        return expanded(spec).is_dir()
    except OSError:  # such as a name too long for any disk
        return False
