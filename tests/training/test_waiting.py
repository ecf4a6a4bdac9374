"""Whether a network waits for the GPU: with a stand-in for what CUDA refuses, and with CUDA."""

from __future__ import annotations

import copy

import pytest
import torch
from torch import Tensor, nn

import cifarkit as ck
from cifarkit.training.waiting import waits

BATCH = ck.Batch(torch.rand(4, 3, 32, 32) * 2 - 1, torch.arange(4))


class Waits(nn.Module):
    """Waits for a GPU on its way, as `torch.linalg.inv` does, or on the way back, or not at all."""

    def __init__(self, where: str) -> None:
        super().__init__()
        self.where, self.layer, self.norm = where, nn.Linear(3072, 10), nn.BatchNorm1d(10)

    def forward(self, images: Tensor) -> Tensor:
        weights = self.layer(images.flatten(1))
        assert self.training  # or it would be another way
        if self.where == "there":
            wait()
        if self.where == "back":
            weights.register_hook(lambda gradient: wait())
        logits: Tensor = self.norm(weights)
        return logits


refusing = ["default"]


def wait() -> None:
    if refusing[-1] == "error":
        raise RuntimeError("called a synchronizing CUDA operation")


@pytest.mark.parametrize(("where", "answer"), [("there", True), ("back", True), ("nowhere", False)])
def test_what_waits_for_a_gpu_is_found_out_and_nothing_changed(
    where: str, answer: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cuda, "get_sync_debug_mode", lambda: refusing[-1])
    monkeypatch.setattr(torch.cuda, "set_sync_debug_mode", refusing.append)
    model = Waits(where).eval()
    before = copy.deepcopy(model.state_dict())
    assert waits(model, BATCH, 0.1, torch.device("cuda")) is answer
    assert refusing[-1] == "default"
    assert all(torch.equal(before[name], now) for name, now in model.state_dict().items())
    assert not model.norm.training
    assert all(weight.grad is None for weight in model.parameters())


def test_nothing_waits_for_a_gpu_where_there_is_none() -> None:
    assert not waits(Waits("there"), BATCH, 0.1, torch.device("cpu"))


@pytest.mark.skipif(not torch.cuda.is_available(), reason="only CUDA tells what waits for it")
@pytest.mark.parametrize("name", ck.list_models())
def test_no_variant_waits_for_the_gpu(name: str) -> None:
    device = torch.device("cuda")
    batch = ck.Batch(*(part.to(device) for part in BATCH))
    with torch.autocast("cuda", torch.bfloat16):
        assert not waits(ck.create_model(name).to(device), batch, 0.1, device)
        asks = nn.Sequential(nn.Flatten(), nn.Linear(3072, 10), Asks()).to(device)
        assert waits(asks, batch, 0.1, device)


class Asks(nn.Module):
    def forward(self, logits: Tensor) -> Tensor:
        return logits * logits.mean().item()
