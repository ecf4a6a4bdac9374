"""Record versions and hardware, because the results of a run depend on them."""

from __future__ import annotations

import os
import platform
from collections.abc import Mapping
from importlib import metadata
from typing import Any

import torch
import torch.distributed as dist

__all__ = ["TORCHRUN", "cpu_capabilities", "describe_environment", "is_first_process"]

TORCHRUN = "TORCHELASTIC_RUN_ID"  # an environment variable that torchrun sets


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


def is_first_process() -> bool:
    """Return whether this process is the one that prints and writes."""
    if dist.is_available() and dist.is_initialized():
        return dist.get_rank() == 0
    return TORCHRUN not in os.environ or os.environ.get("RANK", "0") == "0"


def cpu_capabilities() -> Mapping[str, Any]:
    """Return the processor's name and instructions, as torch finds them from 2.10 on."""
    return torch.cpu.get_capabilities() if hasattr(torch.cpu, "get_capabilities") else {}


def _processor() -> str:
    """Return the processor's name, if torch knows it, its kind, and the instructions torch uses.

    Even two processors that differ only in name can give different bits: libraries choose their
    code by it.
    """
    kind = f"{platform.machine()} {torch.backends.cpu.get_cpu_capability()}"
    name = " ".join(cpu_capabilities().get("cpu_name", "").split())
    return f"{name}, {kind}" if name else kind


def _version(package: str) -> str | None:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None
