"""The names of machines and software, also from records that say little or nonsense."""

from __future__ import annotations

from cifarkit.runs.facts import Facts
from cifarkit.verification.machines import machine_of, software_of


def test_a_graphics_card_and_several_processes_are_named() -> None:
    environment = {"device": "NVIDIA H200", "cpu": "Zen 5", "threads": 16}
    facts = Facts(environment=environment, processes=2, compile="on", precision="bfloat16")
    assert machine_of(facts) == "NVIDIA H200, Zen 5, threads: 16, processes: 2"
    assert software_of(facts) == "cifarkit None, torch None, bfloat16, compiled"


def test_a_record_without_a_machine_has_an_unknown_machine() -> None:
    assert machine_of(Facts()) == "unknown, threads: unknown"
