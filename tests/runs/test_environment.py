"""What a run says of the machine that it ran on."""

from __future__ import annotations

import platform

import pytest
import torch

from cifarkit.runs.environment import describe_environment


@pytest.mark.parametrize(
    ("found", "before"),
    [
        ({"cpu_name": "AMD EPYC"}, "AMD EPYC, "),
        ({"cpu_name": "  Intel(R)  Xeon(R) \n"}, "Intel(R) Xeon(R), "),
        ({"cpu_name": ""}, ""),
        ({}, ""),
    ],
)
def test_the_processor_is_named_where_torch_knows_its_name(
    found: dict[str, str], before: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: found, raising=False)
    kind = f"{platform.machine()} {torch.backends.cpu.get_cpu_capability()}"
    assert describe_environment(torch.device("cpu"))["cpu"] == before + kind
