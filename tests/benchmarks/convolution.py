"""Time the 3 by 3 convolutions of a speedrun, forward and back, by one way of convolving."""

from __future__ import annotations

import argparse
import json
import time
from functools import partial

import torch
from torch import Tensor, nn

import cifarkit as ck
from cifarkit.training.engine.memory import retained_memory

BATCH = 500
# Where it has `WinogradConv2d`, on windows of 28: how often, rows, channels in and out.
SHAPES = {
    "speedrun": [(1, 12, 32, 128), (2, 6, 128, 128), (2, 3, 128, 128)],
    "speedrun-wide": [(1, 12, 64, 256), (2, 6, 256, 256), (2, 3, 256, 256)],
}
WAYS = {
    "torch.nn.Conv2d": partial(nn.Conv2d, kernel_size=3, padding=1, bias=False),
    "WinogradConv2d": ck.WinogradConv2d,
}


def seconds(layer: nn.Module, signal: Tensor, gradient: Tensor, steps: int) -> float:
    """Return what one step takes, forward and back."""
    with retained_memory():
        for step in range(-2, steps):  # two to warm up
            if step == 0:
                begin = time.perf_counter()
            layer(signal).backward(gradient)
        return (time.perf_counter() - begin) / steps


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("contender", choices=WAYS)
    parser.add_argument("--round", type=int, help="not used")
    parser.add_argument("--network", choices=SHAPES, default="speedrun-wide")
    parser.add_argument("--steps", type=int, default=8)
    given = parser.parse_args()
    total, single = 0.0, {}
    for times, side, channels, width in SHAPES[given.network]:
        layer = WAYS[given.contender](channels, width).to(memory_format=torch.channels_last)
        signal, gradient = (
            torch.randn(BATCH, some, side, side).contiguous(memory_format=torch.channels_last)
            for some in (channels, width)
        )
        spent = seconds(layer, signal.requires_grad_(), gradient, given.steps)
        total += times * spent
        single[f"{channels} to {width} channels, {side} by {side}, ms"] = 1000 * spent
    print(json.dumps({"images/s through all five": BATCH / total} | single))


if __name__ == "__main__":
    main()
