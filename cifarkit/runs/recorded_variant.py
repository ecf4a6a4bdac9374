"""Find the variant that a record names, and build its network."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

from torch import nn

from cifarkit.errors import CifarkitError, RunFolderError, UnknownModelError
from cifarkit.models.registry import registry
from cifarkit.models.variant import Variant

__all__ = ["build_network", "find_variant"]


def find_variant(described: dict[str, Any] | None, recipe: Any) -> Variant | None:
    """Return the registered variant, with the run's options and recipe.

    Where its name is not registered, such as that of a trial of a search, it is the variant with
    the same code.

    Args:
        described: the variant in `run.json`; None for a network without a name.
        recipe: the run's recipe.

    Raises:
        UnknownModelError: it is not registered here.
    """
    if described is None:
        return None
    options = {  # JSON has no tuples
        name: tuple(value) if isinstance(value, list) else value
        for name, value in described["options"].items()
    }
    if described["name"] in registry:
        variant = registry[described["name"]]
        return dataclasses.replace(variant, options=options, recipe=recipe)
    for variant in registry.values():
        own = dataclasses.replace(variant, name=described["name"], options=options, recipe=recipe)
        if own.code == described["code"]:
            return own
    raise UnknownModelError(
        f"the run was trained on {described['name']!r} from {described['source']}, which is "
        "not registered here; import that file first (--import FILE on the command line)"
    )


def build_network(variant: Variant, num_classes: int, folder: Path) -> nn.Module:
    """Build the network of a run.

    Args:
        variant: the run's variant.
        num_classes: how many classes its data has.
        folder: the run's folder, for the message.

    Raises:
        RunFolderError: it cannot be built.
    """
    try:
        return variant.build(num_classes=num_classes)
    except RuntimeError as error:  # torch's error for impossible sizes
        if isinstance(error, CifarkitError):
            raise
        raise RunFolderError(
            f"the network of the run in {str(folder)!r} cannot be built: {error}"
        ) from error
