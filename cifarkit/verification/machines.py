"""Name the machine and the software of a run: seconds are compared on one machine only."""

from __future__ import annotations

from cifarkit.runs.facts import Facts

__all__ = ["machine_of", "software_of"]


def machine_of(facts: Facts) -> str:
    """Return the class of machines a run was trained on: processor or GPU, threads, processes.

    >>> machine_of(Facts(environment={"device": "cpu", "cpu": "Zen 5", "threads": 2}))
    'Zen 5, threads: 2'
    """
    found = {"device": "cpu", "cpu": "unknown", "threads": "unknown", **facts.environment}
    device = [] if found["device"] == "cpu" else [f"{found['device']}"]
    processes = [] if facts.processes == 1 else [f"processes: {facts.processes}"]
    return ", ".join([*device, f"{found['cpu']}", f"threads: {found['threads']}", *processes])


def software_of(facts: Facts) -> str:
    """Return the versions and the precision of a run, and whether it was compiled.

    >>> versions = {"torch": "2.14.1", "cifarkit": "0.1.0"}
    >>> software_of(Facts(environment={"versions": versions}, precision="float32"))
    'cifarkit 0.1.0, torch 2.14.1, float32'
    """
    versions = facts.environment.get("versions", {})
    named = [f"{name} {versions.get(name)}" for name in ("cifarkit", "torch")]
    return ", ".join([*named, f"{facts.precision}", *(["compiled"] * (facts.compile == "on"))])
