"""The gradient of a convolution's weights as one product of matrices, against torch's."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

import cifarkit as ck
from cifarkit.models import weight_gradient
from cifarkit.randomness import generator_for

BFLOAT16 = 2.0**-8  # half the distance from 1 to the next number
small = st.integers(1, 5)


def some(*shape: int, seed: int = 0, dtype: torch.dtype = torch.bfloat16) -> Tensor:
    return torch.randn(shape, generator=generator_for("weight gradient", seed)).to(dtype)


def gradients(output: Tensor, *inputs: Tensor) -> list[Tensor]:
    found = torch.autograd.grad(output, inputs, some(*output.shape, seed=2, dtype=output.dtype))
    return [gradient.double() for gradient in found]


def off(found: Tensor, exact: Tensor) -> float:
    return float((found - exact).norm() / exact.norm().clamp(min=1e-9))


def sizes(signal: Tensor, filters: Tensor) -> list[Tensor]:
    """Return what the gradients would be if no numbers of both signs cancelled in their sums.

    Rounding errors are small beside these. Beside a sum that cancels, an error can be large.
    """
    absolute = [tensor.detach().double().abs().requires_grad_() for tensor in (signal, filters)]
    output = F.conv2d(*absolute, padding=1)
    outer = some(*output.shape, seed=2, dtype=torch.bfloat16).double().abs()
    return list(torch.autograd.grad(output, absolute, outer))


@settings(deadline=None, max_examples=60)
@given(
    batch=st.integers(0, 3),
    widths=st.tuples(small, small),
    size=st.tuples(small, small),
    channels_last=st.booleans(),
)
def test_it_is_torchs_convolution_and_so_are_its_gradients(
    batch: int, widths: tuple[int, int], size: tuple[int, int], channels_last: bool
) -> None:
    layout = torch.channels_last if channels_last else torch.contiguous_format
    signal = some(batch, widths[0], *size).to(memory_format=layout).requires_grad_()
    filters = some(widths[1], widths[0], 3, 3, seed=1).to(memory_format=layout).requires_grad_()
    output = weight_gradient.convolved(signal, filters)
    assert torch.equal(output, F.conv2d(signal, filters, padding=1))
    exact = F.conv2d(signal.double(), filters.double(), padding=1)
    found = gradients(output, signal, filters)
    expected = gradients(exact, signal, filters)
    for one, other, size in zip(found, expected, sizes(signal, filters), strict=True):
        assert (one - other).norm() <= 2 * BFLOAT16 * size.norm()


def test_neighbours_in_another_order_would_be_told_apart() -> None:
    signal, filters = some(3, 4, 5, 5), some(4, 4, 3, 3, seed=1).requires_grad_()
    (found,) = gradients(weight_gradient.convolved(signal, filters), filters)
    (turned,) = gradients(F.conv2d(signal.mT.double(), filters.double(), padding=1), filters)
    assert off(found, turned) > 0.5


def test_gradients_are_exact_and_can_be_differentiated_again() -> None:
    inputs = some(2, 2, 4, 3, dtype=torch.float64), some(3, 2, 3, 3, seed=1, dtype=torch.float64)
    exact = [tensor.requires_grad_() for tensor in inputs]
    assert torch.autograd.gradcheck(weight_gradient._Convolution.apply, exact)
    assert torch.autograd.gradgradcheck(weight_gradient._Convolution.apply, exact)


def test_gradients_of_single_pictures_can_be_mapped() -> None:
    signal, filters = some(3, 1, 2, 4, 4), some(3, 2, 3, 3, seed=1)

    def loss(filters: Tensor, picture: Tensor) -> Tensor:
        return weight_gradient.convolved(picture, filters).float().square().sum()

    together = torch.func.vmap(torch.func.grad(loss), (None, 0))(filters, signal)
    alone = torch.stack([torch.func.grad(loss)(filters, picture) for picture in signal])
    assert off(together.double(), alone.double()) < BFLOAT16


@pytest.mark.parametrize(
    ("signal", "width", "expected"),
    [
        (some(2, 4, 2, 2), 16, True),
        (some(2, 4, 2, 2), 15, False),  # too many pixels for these channels
        (some(2, 4, 5, 5), 100, True),
        (some(2, 4, 0, 2), 16, False),
        (some(4, 2, 2), 16, False),  # without a batch
        (some(2, 3, 2, 2), 16, False),  # another number of channels: left to torch's error
        (some(2, 4, 2, 2, dtype=torch.float32), 16, False),
        (some(2, 4, 2, 2, dtype=torch.float16), 16, False),
        (some(2, 4, 2, 2).to("meta"), 16, False),
    ],
)
def test_it_pays_for_small_pictures_with_many_channels(
    signal: Tensor, width: int, expected: bool
) -> None:
    filters = some(width, 4, 3, 3, dtype=signal.dtype).requires_grad_()
    assert weight_gradient.pays(signal, filters) == expected
    assert not weight_gradient.pays(signal, filters.detach())
    with torch.no_grad():
        assert not weight_gradient.pays(signal, filters)


def test_mixed_types_are_left_to_torch_except_under_autocast() -> None:
    signal = some(2, 4, 2, 2, dtype=torch.float32)
    filters = some(16, 4, 3, 3).requires_grad_()
    assert not weight_gradient.pays(signal, filters)
    assert not weight_gradient.pays(signal.bfloat16(), filters.detach().float().requires_grad_())
    with torch.autocast("cpu", torch.bfloat16):
        assert weight_gradient.pays(signal, filters)
    with torch.autocast("cpu", torch.float16):
        assert not weight_gradient.pays(signal.bfloat16(), filters)


def test_under_autocast_a_layer_learns_as_torchs_does(monkeypatch: pytest.MonkeyPatch) -> None:
    layer, signal = ck.WinogradConv2d(8, 32), some(4, 8, 2, 2, dtype=torch.float32)
    signal.requires_grad_()
    found = []
    for pays in (weight_gradient.pays, lambda *_: False):
        monkeypatch.setattr(weight_gradient, "pays", pays)
        with torch.autocast("cpu", torch.bfloat16):
            output = layer(signal)
        assert output.dtype == torch.bfloat16
        found.append((output, *torch.autograd.grad(output.float().sum(), (signal, layer.weight))))
    (output, of_signal, of_weight), (torchs_output, torchs_of_signal, torchs_of_weight) = found
    assert torch.equal(output, torchs_output)
    assert torch.equal(of_signal, torchs_of_signal)
    assert of_weight.dtype == torch.float32
    assert off(of_weight.double(), torchs_of_weight.double()) < 2 * BFLOAT16


def test_a_layer_is_compiled_with_it() -> None:
    layer, signal = ck.WinogradConv2d(4, 16), some(2, 4, 2, 2, dtype=torch.float32)
    compiled = torch.compile(layer, backend="aot_eager", fullgraph=True)
    found = []
    for network in (layer, compiled):
        with torch.autocast("cpu", torch.bfloat16):
            output = network(signal)
        found.append(torch.autograd.grad(output.float().square().sum(), layer.weight)[0])
    assert off(found[1].double(), found[0].double()) < 2 * BFLOAT16
