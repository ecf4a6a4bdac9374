"""Heat maps beside those of captum, which nobody here wrote (https://captum.ai)."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

import cifarkit as ck

captum = pytest.importorskip("captum.attr", reason="needs captum, which the extra dev brings")


@pytest.mark.parametrize("name", ["baseline", "batchnorm", "resnet20"])
def test_grad_cam_is_captums(name: str, pictures: Tensor) -> None:
    model = ck.create_model(name).eval()
    floats, labels = ck.to_floats(pictures), torch.arange(len(pictures)) % 10
    layer = [each for each in model.modules() if isinstance(each, nn.Conv2d)][-1]
    cam = captum.LayerGradCam(model, layer)
    heat = cam.attribute(floats, target=labels, relu_attributions=True)
    heat = F.interpolate(heat, (32, 32), mode="bilinear")[:, 0].detach()
    heat = heat / heat.amax((1, 2), keepdim=True).clamp_min(1e-30)
    found = ck.grad_cam(model, pictures, targets=labels, layer=layer)
    assert torch.allclose(found, heat, atol=1e-4)
    others = ck.grad_cam(model, pictures, targets=(labels + 1) % 10, layer=layer)
    assert not torch.allclose(others, heat, atol=0.1)


@pytest.mark.parametrize(("size", "stride"), [(8, 8), (8, 4), (16, 2)])
def test_occlusion_is_captums(size: int, stride: int, pictures: Tensor) -> None:
    model = ck.create_model("baseline").eval()
    labels = torch.tensor([3, 8])
    squares = captum.Occlusion(lambda images: model(images).softmax(1))
    drops = squares.attribute(
        ck.to_floats(pictures[:2]),
        target=labels,
        sliding_window_shapes=(3, size, size),
        strides=(3, stride, stride),
        baselines=0.0,
    )
    found = ck.occlusion(model, pictures[:2], targets=labels, size=size, stride=stride)
    assert torch.allclose(found, drops[:, 0].float(), atol=1e-6)
    assert found.abs().max() > 1e-5
