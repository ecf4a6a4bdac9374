"""Convolution by Winograd's algorithm, against torch's."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor
from torch._subclasses.fake_tensor import FakeTensorMode

import cifarkit as ck
from cifarkit.models import winograd
from cifarkit.randomness import generator_for

channels, sides = st.integers(1, 5), st.integers(1, 18)


def some(*shape: int, seed: int = 0, dtype: torch.dtype = torch.float64) -> Tensor:
    return torch.randn(shape, generator=generator_for("winograd", seed), dtype=dtype)


def torchs(layer: ck.WinogradConv2d, signal: Tensor) -> Tensor:
    return F.conv2d(signal, layer.weight, padding=1)


def with_gradients(answer: Tensor, *inputs: Tensor) -> tuple[Tensor, ...]:
    return (answer, *torch.autograd.grad(answer, inputs, some(*answer.shape, seed=2)))


@settings(deadline=None, max_examples=60)
@given(
    batch=st.integers(0, 3),
    widths=st.tuples(channels, channels),
    size=st.tuples(sides, sides),
    before_pooling=st.booleans(),
    channels_last=st.booleans(),
)
def test_it_is_torchs_convolution_and_so_are_its_gradients(
    batch: int,
    widths: tuple[int, int],
    size: tuple[int, int],
    before_pooling: bool,
    channels_last: bool,
) -> None:
    layer = ck.WinogradConv2d(*widths, before_pooling=before_pooling).double()
    signal = some(batch, widths[0], *size)
    if channels_last:
        signal = signal.contiguous(memory_format=torch.channels_last)
    signal.requires_grad_()
    answer = layer(signal)
    rows, columns = answer.shape[2:]
    seen = [side - side % 2 if before_pooling and min(size) > 1 else side for side in size]
    assert [rows, columns] == seen
    ours = with_gradients(answer, signal, layer.weight)
    theirs = torchs(layer, signal)[..., :rows, :columns]
    theirs = with_gradients(theirs, signal, layer.weight)
    torch.testing.assert_close(ours, theirs, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("filters", [torch.contiguous_format, torch.channels_last])
@pytest.mark.parametrize("signals", [torch.contiguous_format, torch.channels_last])
@pytest.mark.parametrize("side", [6, 18, 19])
def test_answers_are_laid_out_as_torchs_are(
    side: int, signals: torch.memory_format, filters: torch.memory_format
) -> None:
    layer = ck.WinogradConv2d(3, 4).to(memory_format=filters)
    signal = torch.zeros(2, 3, side, side).contiguous(memory_format=signals)
    assert layer(signal).stride() == torchs(layer, signal).stride()
    for loose in (signal.transpose(2, 3), signal[:, :, 1:], signal[:1].expand(2, -1, -1, -1)):
        ours, theirs = layer(loose), torchs(layer, loose)
        assert ours.is_contiguous() or not theirs.is_contiguous()


def test_filters_turned_around_would_be_told_apart() -> None:
    layer, signal = ck.WinogradConv2d(2, 3).double(), some(1, 2, 6, 6)
    turned = F.conv2d(signal, layer.weight.flip(2, 3), padding=1)
    assert not torch.allclose(layer(signal), turned, rtol=0.1, atol=0.1)


@pytest.mark.parametrize("side", [2, 3, 4, 5, 6, 12, 13])
def test_in_float32_it_is_off_by_a_hundred_thousandth(side: int) -> None:
    layer, signal = ck.WinogradConv2d(64, 64), some(4, 64, side, side)
    exact = F.conv2d(signal, layer.weight.double(), padding=1)
    off = (layer(signal.float()).double() - exact).norm() / exact.norm()
    assert off < 1e-5
    assert off > 1e-8  # float32 it is


def test_gradients_can_be_differentiated_again() -> None:
    layer = ck.WinogradConv2d(1, 2).double()
    assert torch.autograd.gradgradcheck(layer, some(1, 1, 8, 3).requires_grad_())


@pytest.mark.parametrize("before_pooling", [False, True])
def test_lower_precision_and_autocast_are_left_to_torch(before_pooling: bool) -> None:
    layer = ck.WinogradConv2d(8, 8, before_pooling=before_pooling)
    signal = some(2, 8, 5, 5, dtype=torch.float32)
    with torch.autocast("cpu", torch.bfloat16):
        assert torch.equal(layer(signal), torchs(layer, signal))
    output = layer(signal)
    assert not torch.equal(output, torchs(layer, signal)[..., : output.shape[2], : output.shape[3]])
    layer, signal = layer.bfloat16(), signal.bfloat16()
    assert torch.equal(layer(signal), torchs(layer, signal))


def test_batch_norm_can_be_fused_into_it() -> None:
    layer, norm = ck.WinogradConv2d(3, 4).eval(), torch.nn.BatchNorm2d(4).eval()
    torch.nn.init.ones_(norm.bias)
    signal = some(2, 3, 6, 6, dtype=torch.float32)
    fused = torch.nn.utils.fuse_conv_bn_eval(layer, norm)
    torch.testing.assert_close(fused(signal), norm(layer(signal)), rtol=1e-4, atol=1e-5)


def test_one_picture_without_a_batch_is_left_to_torch() -> None:
    layer, signal = ck.WinogradConv2d(3, 4).double(), some(3, 7, 6)
    torch.testing.assert_close(layer(signal), layer(signal[None])[0])


def test_a_wrong_number_of_channels_is_refused_in_torchs_words() -> None:
    with pytest.raises(RuntimeError, match="to have 3 channels, but got 4"):
        ck.WinogradConv2d(3, 5)(torch.zeros(2, 4, 6, 6))


def test_the_default_device_does_not_matter() -> None:
    layer, signal = ck.WinogradConv2d(3, 4), some(2, 3, 6, 6, dtype=torch.float32)
    with torch.device("meta"):
        assert layer(signal).device.type == "cpu"


def test_it_says_what_it_leaves_out() -> None:
    assert "before_pooling=True" in repr(ck.WinogradConv2d(3, 4, before_pooling=True))
    assert "pooling" not in repr(ck.WinogradConv2d(3, 4))


def test_what_is_not_finite_stays_in_its_own_picture() -> None:
    layer, signal = ck.WinogradConv2d(3, 4), some(2, 3, 12, 12, dtype=torch.float32)
    clean = layer(signal)
    signal[0, 0, 5, 5] = float("nan")
    spoilt = layer(signal)
    assert spoilt[0].isnan().any()
    torch.testing.assert_close(spoilt[1], clean[1])


def test_large_signals_are_left_to_torch() -> None:
    layer = ck.WinogradConv2d(8, 8)
    small, large = (some(1, 8, 3, side, dtype=torch.float32) for side in (18, 19))
    assert torch.equal(layer(large), torchs(layer, large))
    assert not torch.equal(layer(small), torchs(layer, small))


@pytest.mark.parametrize("side", [13, 19])
def test_pooling_finds_the_same_whatever_is_left_out_before(side: int) -> None:
    whole = ck.WinogradConv2d(3, 4).double()
    fewer = ck.WinogradConv2d(3, 4, before_pooling=True).double()
    fewer.load_state_dict(whole.state_dict())
    signal = some(2, 3, side, 12)
    torch.testing.assert_close(F.max_pool2d(fewer(signal), 2), F.max_pool2d(whole(signal), 2))


def test_its_weights_are_those_of_any_convolution() -> None:
    theirs = torch.nn.Conv2d(3, 4, 3, padding=1, bias=False)
    ours = ck.WinogradConv2d(3, 4)
    ours.load_state_dict(theirs.state_dict())
    signal = some(2, 3, 8, 8, dtype=torch.float32)
    torch.testing.assert_close(ours(signal), theirs(signal), rtol=1e-4, atol=1e-5)


@pytest.mark.filterwarnings("ignore:.*get_attr:UserWarning")
@pytest.mark.parametrize("strict", [False, True])
@pytest.mark.parametrize("name", ["speedrun", "speedrun-wide", "speedrun-gpu"])
def test_networks_with_it_can_be_exported_for_any_number_of_pictures(
    name: str, strict: bool
) -> None:
    network, batch = ck.create_model(name).eval(), torch.export.Dim("batch")
    pictures = some(5, 3, 32, 32, dtype=torch.float32)
    program = torch.export.export(
        network, (pictures[:2],), dynamic_shapes=({0: batch},), strict=strict
    )
    assert torch.equal(program.module()(pictures), network(pictures))
    assert "linalg" not in program.graph_module.code  # its matrices are constants


def test_it_is_compiled_whole_for_one_size_after_another() -> None:
    torch.compiler.reset()
    layer = ck.WinogradConv2d(3, 4)
    compiled = torch.compile(layer, backend="eager", fullgraph=True)
    for size in ((6, 6), (7, 9), (8, 12)):
        signal = some(2, 3, *size, dtype=torch.float32)
        assert torch.equal(compiled(signal), layer(signal))


def test_what_was_made_without_numbers_or_gradients_is_not_kept() -> None:
    winograd._arrays.cache_clear()
    layer, signal = ck.WinogradConv2d(3, 4).double(), some(2, 3, 7, 11)
    with FakeTensorMode(allow_non_fake_inputs=True) as mode:
        assert layer(mode.from_tensor(signal)).shape == (2, 4, 7, 11)
    with torch.inference_mode():
        layer(signal)
    answer = layer(signal)
    answer.sum().backward()
    torch.testing.assert_close(answer, torchs(layer, signal))
