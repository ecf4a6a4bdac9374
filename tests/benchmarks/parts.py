"""Train the assignment's network by a bare loop with some of what makes cifarkit's fast."""

from __future__ import annotations

import argparse
import json
import time
from contextlib import nullcontext

import torch
import torch.nn.functional as F
from torch import nn

import cifarkit as ck
from cifarkit.training.engine.memory import retained_memory

BATCH = 64
# What each contender has of it; each has what the one before it has, but for the last.
PARTS = {
    "a plain loop on tensors": set(),
    "+ fused Adam": {"fused"},
    "+ channels-last": {"fused", "layout"},
    "+ pooling before ReLU": {"fused", "layout", "pool"},
    "+ quick dropout": {"fused", "layout", "pool", "dropout"},
    "+ kept memory": {"fused", "layout", "pool", "dropout", "memory"},
    "+ torch.compile": {"fused", "layout", "pool", "dropout", "memory", "compile"},
}


def network(parts: set[str]) -> nn.Module:
    dropout = ck.Dropout if "dropout" in parts else nn.Dropout
    rest = (nn.MaxPool2d(2), nn.ReLU()) if "pool" in parts else (nn.ReLU(), nn.MaxPool2d(2))
    model = nn.Sequential(
        *(nn.Conv2d(3, 32, 3, padding=1), *rest, nn.Conv2d(32, 64, 3, padding=1), *rest),
        *(dropout(0.25), nn.Flatten(), nn.Linear(4096, 512), nn.ReLU()),
        *(dropout(0.25), nn.Linear(512, 10)),
    )
    return model.to(memory_format=layout(parts))


def layout(parts: set[str]) -> torch.memory_format:
    return torch.channels_last if "layout" in parts else torch.contiguous_format


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("contender", choices=PARTS)
    parser.add_argument("--round", type=int, help="not used")
    parser.add_argument("--images", type=int, default=6_400)
    given = parser.parse_args()
    parts = PARTS[given.contender]
    train = ck.load_synthetic(n_train=given.images, n_test=100, val_size=0).train
    torch.manual_seed(0)
    model = network(parts)
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3, fused="fused" in parts)
    forward = torch.compile(model) if "compile" in parts else model

    def epoch() -> None:
        for places in torch.randperm(len(train)).split(BATCH):
            images = train.images[places].contiguous(memory_format=layout(parts))
            loss = F.cross_entropy(forward(ck.to_floats(images)), train.labels[places])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()

    with retained_memory() if "memory" in parts else nullcontext():
        epoch()
        begin = time.perf_counter()
        epoch()
        seconds = time.perf_counter() - begin
    print(json.dumps({"images/s": given.images / seconds}))


if __name__ == "__main__":
    main()
