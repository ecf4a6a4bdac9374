"""Hints: what to write when torch raises an error inside a network."""

from __future__ import annotations

import re

__all__ = ["torch_hint"]

LINEAR = r"mat1 and mat2 shapes cannot be multiplied \((\d+)x(\d+) and \d+x(\d+)\)"
VIEW = r"shape '\[.*\]' is invalid for input of size (\d+)"
# Patterns of torch's messages, and what to write; a number in braces is a group of the pattern.
HINTS = {
    r"before Module.__init__\(\) call": "let its __init__ begin with super().__init__()",
    r"NVIDIA driver|not compiled with CUDA|to be on the same device": "leave .cuda() and "
    ".to(device) out: training brings the network and the pictures to one device. A tensor of the "
    "network comes along after self.register_buffer(name, tensor)",
    r"weight of size \[(\d+), .*, but got (\d+) channels": "write nn.Conv2d({2}, {1}, …)",
    r"running_mean should contain (\d+) elements": "write nn.BatchNorm2d({1})",
}


def torch_hint(error: Exception, n: int = 1) -> str:
    """Return what to change in a network that raised an error, or an empty text.

    Args:
        error: as torch raised it.
        n: how many pictures the batch had.

    >>> text = "mat1 and mat2 shapes cannot be multiplied (2x3600 and 4096x10)"
    >>> torch_hint(RuntimeError(text), n=2)
    '; write nn.Linear(3600, 10)'
    """
    text = str(error)
    if match := re.search(LINEAR, text):
        rows, width, out = map(int, match.groups())
        flatten = "" if rows == n else "nn.Flatten(), "
        return f"; write {flatten}nn.Linear({rows * width // n}, {out})"
    if match := re.search(VIEW, text):
        return f"; write .flatten(1), which gives {int(match[1]) // n} numbers for each picture"
    for pattern, hint in HINTS.items():
        if match := re.search(pattern, text):
            return f"; {hint.format(match[0], *match.groups())}"
    return ""
