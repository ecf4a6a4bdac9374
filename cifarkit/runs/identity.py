"""The identity of a run, read from its record.

Its factors decide its numbers. Its conditions, the machine and its software, decide their last
bits. A comparison finds existing runs by both. A run resumes if its factors are the same, with a
warning if its conditions are not.
"""

from __future__ import annotations

import hashlib
import json
from typing import Any

from cifarkit.runs.facts import Facts, is_user_code
from cifarkit.runs.format_1 import first_training

__all__ = [
    "conditions_of",
    "factors_of",
    "has_comparable_code",
    "is_known",
    "key_of",
    "training_of",
]

WATCHERS = (  # cifarkit's callbacks that do not change training
    "cifarkit.cli.",
    "cifarkit.comparison.",
    "cifarkit.report.",
    "cifarkit.training.callbacks.checkpoint.",
    "cifarkit.training.progress.",
)


def factors_of(about: dict[str, Any]) -> dict[str, Any]:
    """Return everything that decides a run's numbers, by name, including the fields of its recipe.

    Args:
        about: the contents of its `run.json`.
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
    """Return what else the last bits of a run's numbers depend on, by name.

    Args:
        about: the contents of its `run.json`.
    """
    facts = _facts_of(about)
    environment = facts.environment
    # With the settings of cifarkit's callbacks; the repr of other callbacks may be anything.
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
        about: the contents of one `run.json`.
        other: the contents of the other.
    """
    versions, others = (_facts_of(record).environment["versions"] for record in (about, other))
    return all(versions[name] == others[name] for name in ("python", "cifarkit"))


def training_of(about: dict[str, Any]) -> str:
    """Return what decides a run's numbers, without its seed and the machine, as one text.

    Args:
        about: the contents of its `run.json`.

    Returns:
        Variant, code, options, recipe, data and callbacks; equal texts mean the same training.
    """
    variant = about["variant"] or {}
    recipe, callbacks = first_training(about["recipe"], _that_matter(about))
    parts = {
        **{name: variant.get(name) for name in ("name", "code", "options")},
        "recipe": recipe,
        "data": _facts_of(about).data["fingerprint"],
        "callbacks": sorted(callbacks),
    }
    return json.dumps(parts, sort_keys=True, default=repr)


def key_of(about: dict[str, Any]) -> str:
    """Return a hash of what identifies a run: training, seed, device, precision and versions.

    Args:
        about: the contents of its `run.json`.
    """
    conditions = conditions_of(about)
    names = ("device", "precision", "cifarkit", "torch")
    parts = [training_of(about), about["seed"], *(conditions[name] for name in names)]
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:32]


def is_known(about: dict[str, Any]) -> bool:
    """Return whether a record is enough to find the run again in a comparison.

    It is not if the run had a user's callbacks, whose code is not in the record, or was compiled,
    which changes last digits.

    Args:
        about: the contents of its `run.json`.
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
