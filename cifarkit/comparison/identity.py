"""What makes a run that one and no other, read from its record."""

from __future__ import annotations

import hashlib
import json
from typing import Any

from cifarkit.runs.facts import Facts, is_user_code

__all__ = ["is_known", "key_of", "training_of"]

WATCHERS = (  # callbacks of cifarkit's own that leave training as it is
    "cifarkit.cli.",
    "cifarkit.comparison.",
    "cifarkit.training.callbacks.checkpoint.",
    "cifarkit.training.progress.",
)


def training_of(about: dict[str, Any]) -> str:
    """Name all that decides a run's numbers, apart from its seed and the machine.

    Args:
        about: what its `run.json` says.

    Returns:
        Variant, code, options, recipe, data and callbacks as one text; equal texts are the same
        training.
    """
    variant = about["variant"] or {}
    parts = {
        **{name: variant.get(name) for name in ("name", "code", "options")},
        "recipe": about["recipe"],
        "data": about["facts"]["data"]["fingerprint"],
        "callbacks": sorted(_that_matter(about)),
    }
    return json.dumps(parts, sort_keys=True, default=repr)


def key_of(about: dict[str, Any]) -> str:
    """Return a digest of all that a run is: training, seed, device, precision, versions.

    Args:
        about: what its `run.json` says.
    """
    environment = about["facts"]["environment"]
    versions = [environment["versions"][name] for name in ("cifarkit", "torch")]
    machine = [environment["device"], about["facts"].get("precision")]
    parts = [training_of(about), about["seed"], *machine, *versions]
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:32]


def is_known(about: dict[str, Any]) -> bool:
    """Return whether the record says all that matters, and is of a run as comparisons make them.

    Of foreign callbacks it has no code; and what was compiled has other last digits.
    """
    is_compiled = about["facts"].get("compile") == "on"
    return not is_compiled and all(not is_user_code(one) for one in _that_matter(about))


def _that_matter(about: dict[str, Any]) -> list[str]:
    facts: Facts = about["facts"]
    pairs = zip(facts.callbacks_as_values(), facts.callbacks, strict=True)
    return [text for listener, text in pairs if not listener.kind.startswith(WATCHERS)]
