"""What makes a run that one and no other, read from its record.

Its factors decide its numbers. Its conditions, the machine and its software, decide their last
bits. A comparison finds the runs it has already by both; a run resumes when its factors are the
same, and warns where its conditions are not.
"""

from __future__ import annotations

import hashlib
import json
from typing import Any

from cifarkit.runs.facts import Facts, is_user_code
from cifarkit.runs.format_1 import first_recipe

__all__ = [
    "conditions_of",
    "factors_of",
    "has_comparable_code",
    "is_known",
    "key_of",
    "training_of",
]

WATCHERS = (  # callbacks of cifarkit's own that leave training as it is
    "cifarkit.cli.",
    "cifarkit.comparison.",
    "cifarkit.report.",
    "cifarkit.training.callbacks.checkpoint.",
    "cifarkit.training.progress.",
)


def factors_of(about: dict[str, Any]) -> dict[str, Any]:
    """Return what decides a run's numbers, by name; the fields of its recipe are among them.

    Args:
        about: what its `run.json` says.
    """
    facts, variant = _facts_of(about), about["variant"] or {}
    return {
        "model": variant.get("name"),
        "options": variant.get("options"),
        "code": variant.get("code"),
        "layers": facts.network,
        "seed": about["seed"],
        "classes": about["classes"],
        "data": facts.data["fingerprint"],
        "track_test": facts.track_test,
        "logged columns": facts.logged_columns,
        **about["recipe"],
    }


def conditions_of(about: dict[str, Any]) -> dict[str, Any]:
    """Return what the last bits of a run's numbers depend on besides, by name.

    Args:
        about: what its `run.json` says.
    """
    facts = _facts_of(about)
    environment = facts.environment
    # With settings where they are cifarkit's own; others print what they like.
    listeners = zip(facts.callbacks_as_values(), facts.callbacks, strict=True)
    settings = {listener.kind: text for listener, text in listeners}
    return {
        "torch": environment["versions"]["torch"],
        "cifarkit": environment["versions"]["cifarkit"],
        "device": environment["device"],
        "CPU": environment["cpu"],
        "threads": environment["threads"],
        "precision": facts.precision,
        "processes": facts.processes,
        "callbacks that may change batches or gradients:": [
            kind if is_user_code(kind) else settings.get(kind, kind) for kind in facts.intervening
        ],
        "compile": "on" if facts.compile == "on" else "off",  # "auto" does not compile
    }


def has_comparable_code(about: dict[str, Any], other: dict[str, Any]) -> bool:
    """Return whether the hashes of the code of two runs were made in the same way.

    Args:
        about: what one `run.json` says.
        other: what the other says.
    """
    versions, others = (_facts_of(record).environment["versions"] for record in (about, other))
    return all(versions[name] == others[name] for name in ("python", "cifarkit"))


def training_of(about: dict[str, Any]) -> str:
    """Return as one text what decides a run's numbers, apart from its seed and the machine.

    Args:
        about: what its `run.json` says.

    Returns:
        Variant, code, options, recipe, data and callbacks; equal texts are the same training.
    """
    variant = about["variant"] or {}
    parts = {
        **{name: variant.get(name) for name in ("name", "code", "options")},
        "recipe": first_recipe(about["recipe"]),
        "data": _facts_of(about).data["fingerprint"],
        "callbacks": sorted(_that_matter(about)),
    }
    return json.dumps(parts, sort_keys=True, default=repr)


def key_of(about: dict[str, Any]) -> str:
    """Return a hash of all that a run is: training, seed, device, precision, versions.

    Args:
        about: what its `run.json` says.
    """
    conditions = conditions_of(about)
    names = ("device", "precision", "cifarkit", "torch")
    parts = [training_of(about), about["seed"], *(conditions[name] for name in names)]
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:32]


def is_known(about: dict[str, Any]) -> bool:
    """Return whether the record says all that matters, and is of a run as comparisons make them.

    It has no code of callbacks from elsewhere; and what was compiled has other last digits.

    Args:
        about: what its `run.json` says.
    """
    is_compiled = _facts_of(about).compile == "on"
    return not is_compiled and not any(map(is_user_code, _that_matter(about)))


def _facts_of(about: dict[str, Any]) -> Facts:
    facts = about["facts"]
    return facts if isinstance(facts, Facts) else Facts.from_json(facts)


def _that_matter(about: dict[str, Any]) -> list[str]:
    facts = _facts_of(about)
    pairs = zip(facts.callbacks_as_values(), facts.callbacks, strict=True)
    return [text for listener, text in pairs if not listener.kind.startswith(WATCHERS)]
