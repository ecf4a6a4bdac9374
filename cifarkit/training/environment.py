"""What a run ran on: recorded, because results depend on it."""

from __future__ import annotations

import platform
from importlib import metadata
from typing import Any

import torch

from cifarkit.training.engine.device import cpu_capabilities

__all__ = ["describe_environment"]


def describe_environment(device: torch.device) -> dict[str, Any]:
    """Return versions and hardware as JSON types.

    >>> sorted(describe_environment(torch.device("cpu")))
    ['cpu', 'device', 'platform', 'threads', 'versions']
    """
    packages = ("cifarkit", "torch", "torchvision", "numpy")
    versions = {name: _version(name) for name in packages}
    accelerator = torch.cuda.get_device_name(device) if device.type == "cuda" else device.type
    return {
        "versions": {"python": platform.python_version(), **versions},
        "platform": platform.platform(),
        "device": accelerator,
        "cpu": _processor(),
        "threads": torch.get_num_threads(),
    }


def _processor() -> str:
    """Return the processor's name, where torch knows it, its kind, and what torch makes use of.

    Two that differ in their name alone need not leave the same bits: libraries choose by it.
    """
    kind = f"{platform.machine()} {torch.backends.cpu.get_cpu_capability()}"
    name = " ".join(cpu_capabilities().get("cpu_name", "").split())
    return f"{name}, {kind}" if name else kind


def _version(package: str) -> str | None:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None
