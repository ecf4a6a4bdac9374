"""First weights that are computed from the training pictures, as values."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

from cifarkit.annotations import Range
from cifarkit.errors import ModelContractError
from cifarkit.values import Value

if TYPE_CHECKING:  # recipes are listed without torch
    from torch import Tensor, nn

__all__ = ["Initialization", "Whitening"]


class Initialization(Value, ABC):
    """Base of all initialisations. To add one, write a frozen dataclass with a `__call__`.

    >>> @dataclass(frozen=True)
    ... class Zeros(Initialization):
    ...     def __call__(self, model, images):
    ...         for weight in model.parameters():
    ...             weight.data.zero_()
    >>> Zeros()
    Zeros()
    """

    @abstractmethod
    def __call__(self, model: nn.Module, images: Tensor) -> None:
        """Change the weights of a network, before its first step.

        Args:
            model: the network, in place.
            images: uint8 `n 3 32 32`, the training pictures.
        """


@dataclass(frozen=True)
class Whitening(Initialization):
    """Fix the first convolution to filters that whiten small patches of the training pictures.

    The filters are the eigenvectors of the second moments of all patches as large as the kernel,
    each divided by the root of its eigenvalue: what comes out is of one size in every direction.
    The second half of the channels is the first half with the other sign. The layer is then no
    longer trained: Jordan 2024, arXiv 2404.00498, section 3.2, after Page 2018, "How to train
    your ResNet" (https://myrtle.ai/learn/how-to-train-your-resnet-8-bag-of-tricks/). Where the
    layer has too few channels for all eigenvectors, it gets those of the largest eigenvalues.

    Args:
        pictures: how many of the training pictures to look at.
        eps: added to each eigenvalue, so that those of almost nothing are not blown up.

    Raises:
        ModelContractError: the network does not begin with a convolution of three channels, not
            dilated, and an even number of filters, at most two for each number in a patch.

    >>> import torch
    >>> model = torch.nn.Sequential(torch.nn.Conv2d(3, 24, kernel_size=2))
    >>> pictures = torch.randint(256, (100, 3, 32, 32)).to(torch.uint8)
    >>> Whitening()(model, pictures)
    >>> model[0].weight.requires_grad
    False
    """

    pictures: Annotated[int, Range(1, 1_000_000)] = 5_000
    eps: Annotated[float, Range(0, 1, open="(")] = 2e-3

    def __call__(self, model: nn.Module, images: Tensor) -> None:
        """Set and freeze the first convolution."""
        import torch

        from cifarkit.data.image_set import to_floats

        layer = _first_convolution(model)
        half = len(layer.weight) // 2
        floats = to_floats(images[: self.pictures])
        height, width = layer.kernel_size
        patches = floats.unfold(2, height, 1).unfold(3, width, 1)  # n 3 rows columns height width
        patches = patches.permute(0, 2, 3, 1, 4, 5).flatten(0, 2).flatten(1)  # patches numbers
        moments = patches.T @ patches / len(patches)  # numbers numbers
        values, vectors = torch.linalg.eigh(moments.cpu())  # smallest first
        values = values.clamp_min(0)  # rounding takes those of nothing below
        filters = vectors.T / (values + self.eps).sqrt()[:, None]
        filters = filters[-half:].view(half, *layer.weight.shape[1:])
        with torch.no_grad():
            layer.weight.copy_(torch.cat([filters, -filters]))
            if layer.bias is not None:
                layer.bias.zero_()
        layer.requires_grad_(False)


def _first_convolution(model: nn.Module) -> nn.Conv2d:
    from torch import nn

    for layer in model.modules():
        if isinstance(layer, nn.Conv2d):
            filters, numbers = len(layer.weight), layer.weight[0].numel()
            if (
                layer.in_channels == 3
                and layer.groups == 1
                and layer.dilation == (1, 1)
                and filters % 2 == 0
                and filters <= 2 * numbers
            ):
                return layer
            raise ModelContractError(
                f"Whitening cannot set {layer}: it needs 3 channels in, no dilation, and an even "
                f"number of filters, here at most {2 * numbers}"
            )
    raise ModelContractError("Whitening sets the first convolution, and this network has none")
