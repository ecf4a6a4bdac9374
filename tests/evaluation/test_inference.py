from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

import cifarkit as ck
from cifarkit.evaluation.inference import BATCH, compute_logits


class Watches(nn.Module):
    """Keeps what it was shown."""

    def __init__(self, dtype: torch.dtype = torch.float32) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(1, dtype=dtype))
        self.seen: list[Tensor] = []

    def forward(self, images: Tensor) -> Tensor:
        assert not self.training
        assert not torch.is_grad_enabled()
        self.seen.append(images)
        return images.flatten(1)[:, :10] * self.weight


def some_bytes(n: int) -> Tensor:
    return (torch.arange(n * 3072) % 256).to(torch.uint8).reshape(n, 3, 32, 32)


@pytest.mark.parametrize("n", [1, BATCH - 1, BATCH, BATCH + 1, 2 * BATCH + 3])
def test_images_come_in_batches_of_one_fixed_size(n: int) -> None:
    model = Watches()
    logits = compute_logits(model, some_bytes(n))
    sizes = [len(part) for part in model.seen]
    assert sum(sizes) == n
    assert set(sizes[:-1]) <= {BATCH}
    assert sizes[-1] <= BATCH
    assert torch.equal(logits, ck.to_floats(some_bytes(n)).flatten(1)[:, :10])


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16])
def test_a_network_sees_floats_of_its_own_type_and_gives_float32(dtype: torch.dtype) -> None:
    model = Watches(dtype)
    logits = compute_logits(model, some_bytes(2))
    assert model.seen[0].dtype == dtype
    assert torch.equal(model.seen[0], ck.to_floats(some_bytes(2)).to(dtype))
    assert (logits.dtype, logits.device.type) == (torch.float32, "cpu")


@pytest.mark.parametrize("dtype", [torch.float16, torch.float32, torch.float64])
def test_floats_are_taken_as_they_are(dtype: torch.dtype) -> None:
    images = torch.linspace(-1, 1, 3072, dtype=dtype).reshape(1, 3, 32, 32)
    model = Watches()
    compute_logits(model, images)
    assert torch.equal(model.seen[0], images.float())


@pytest.mark.parametrize("side", [28, 40])
def test_without_views_a_picture_of_any_size_is_shown_whole(side: int) -> None:
    images = torch.linspace(-1, 1, 3 * side**2).reshape(1, 3, side, side)
    model = Watches()
    compute_logits(model, images)
    assert torch.equal(model.seen[0], images)
    with pytest.raises(ck.DataError, match="have sides of 28"):
        compute_logits(model, images[..., :28, :28], ck.TestTimeAugmentation())


def test_a_network_without_weights_sees_float32() -> None:
    assert compute_logits(nn.Flatten(), some_bytes(1)).dtype == torch.float32


def test_the_logits_carry_no_gradient() -> None:
    assert not compute_logits(Watches(), some_bytes(1)).requires_grad


def test_the_autocast_of_a_script_changes_no_logit(tiny: ck.Splits) -> None:
    model = ck.create_model("baseline")
    plain = compute_logits(model, tiny.test.images)
    with torch.autocast("cpu", torch.bfloat16):
        assert torch.equal(compute_logits(model, tiny.test.images), plain)
        assert model(ck.to_floats(tiny.test.images)).dtype == torch.bfloat16  # the control
