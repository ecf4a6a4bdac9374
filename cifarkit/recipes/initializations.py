"""Initial weights that are computed from the training pictures, as values."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, cast

from cifarkit.annotations import Range
from cifarkit.errors import DataError, ModelContractError
from cifarkit.values import Value

if TYPE_CHECKING:  # recipes are listed without torch
    from torch import Tensor, nn

__all__ = ["Initialization", "Whitening"]

PART = 500  # pictures at once


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
            model: the network; it is changed in place.
            images: the training pictures, uint8 `n 3 32 32`.
        """


@dataclass(frozen=True)
class Whitening(Initialization):
    """Fix the first convolution to filters that whiten small patches of its input.

    The input is the pictures, or the output of the layers before it, untrained and in evaluation
    mode. The filters are the eigenvectors of the second moments of all patches as large as the
    kernel, each divided by the root of its eigenvalue. So the output varies equally in every
    direction. The second half of the channels is the first half with the opposite sign. The layer
    is then frozen: Jordan 2024, arXiv 2404.00498, section 3.2, after Page 2018, "How to train your
    ResNet" (https://myrtle.ai/learn/how-to-train-your-resnet-8-bag-of-tricks/). If the layer has
    too few channels for all eigenvectors, it gets the ones with the largest eigenvalues.

    Args:
        pictures: how many of the training pictures to use, spread over all of them, because an
            image folder is in the order of the classes.
        eps: added to each eigenvalue, so that tiny ones do not make huge filters.

    Raises:
        ModelContractError: the pictures reach no convolution, or the first one is not fit. It needs
            three channels in, no dilation, a kernel that fits, an even number of filters, at most
            two for each number in a patch, and a weight that is not computed from others.
        DataError: there are no pictures, or they are not a tensor of bytes.

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

        layer, moments = _second_moments(model, _spread(images, self.pictures))
        values, vectors = torch.linalg.eigh(moments.cpu())  # smallest first
        values = values.clamp_min(0)  # rounding may make tiny ones negative
        filters = vectors.T / (values + self.eps).sqrt()[:, None]
        half = len(layer.weight) // 2
        filters = filters[-half:].view(half, *layer.weight.shape[1:])
        with torch.no_grad():
            layer.weight.copy_(torch.cat([filters, -filters]))
            if layer.bias is not None:
                layer.bias.zero_()
        layer.requires_grad_(False)


def _spread(images: Tensor, count: int) -> Tensor:
    """Return `count` images at equal distances, or all of them."""
    import torch

    if not isinstance(images, torch.Tensor) or images.dtype != torch.uint8 or len(images) == 0:
        kind = f"{images.dtype} {tuple(images.shape)}" if hasattr(images, "dtype") else images
        raise DataError(f"Whitening takes pictures as a tensor uint8 n 3 32 32, found {kind}")
    count = min(count, len(images))
    return images[torch.arange(count, device=images.device) * len(images) // count]


def _second_moments(model: nn.Module, images: Tensor) -> tuple[nn.Conv2d, Tensor]:
    """Return the first convolution, and the second moments `numbers numbers` of its patches."""
    import torch

    moments, count = [], 0
    for part in images.split(PART):  # all patches together would take gigabytes
        layer, given = _first_convolution(model, part)
        height, width = layer.kernel_size
        given = given.to(torch.promote_types(given.dtype, torch.float32))
        patches = given.unfold(2, height, 1).unfold(3, width, 1)
        patches = patches.permute(0, 2, 3, 1, 4, 5).flatten(0, 2).flatten(1)  # patches numbers
        moments.append(patches.T @ patches)
        count += len(patches)
    return layer, torch.stack(moments).sum(0) / count


class _Reached(Exception):  # noqa: N818 - not an error: it ends a forward pass early
    def __init__(self, layer: nn.Conv2d, given: Tensor) -> None:
        super().__init__()
        self.layer, self.given = layer, given


def _first_convolution(model: nn.Module, images: Tensor) -> tuple[nn.Conv2d, Tensor]:
    """Return the convolution that images reach first, and its input."""
    import torch
    from torch import nn

    from cifarkit.data.image_set import to_floats
    from cifarkit.modes import in_evaluation

    def stop(layer: nn.Module, given: tuple[Tensor, ...], named: dict[str, Tensor]) -> None:
        raise _Reached(cast("nn.Conv2d", layer), given[0] if given else named["input"])

    convolutions = [layer for layer in model.modules() if isinstance(layer, nn.Conv2d)]
    hooks = [layer.register_forward_pre_hook(stop, with_kwargs=True) for layer in convolutions]
    weights = [weight for weight in model.parameters() if weight.is_floating_point()]
    try:
        with in_evaluation(model), torch.no_grad():  # so that the layers before it learn nothing
            if convolutions:
                model(to_floats(images).to(weights[0].device, weights[0].dtype))
    except _Reached as reached:
        _check(reached.layer, reached.given)
        return reached.layer, reached.given
    finally:
        for hook in hooks:
            hook.remove()
    raise ModelContractError(
        "Whitening sets the first nn.Conv2d that pictures reach, and in this network they reach "
        "none"
    )


def _check(layer: nn.Conv2d, given: Tensor) -> None:
    """Refuse a convolution that no filters can be computed for."""
    numbers = layer.in_channels * layer.kernel_size[0] * layer.kernel_size[1]
    if not (
        layer.in_channels == 3
        and layer.groups == 1
        and layer.dilation == (1, 1)
        and layer.out_channels % 2 == 0
        and layer.out_channels <= 2 * numbers
    ):
        raise ModelContractError(
            f"Whitening cannot set {layer}: it needs 3 channels in, no dilation, and an even "
            f"number of filters, here at most {2 * numbers}"
        )
    if "weight" not in layer._parameters:
        raise ModelContractError(
            f"Whitening cannot set {layer}: its weight is computed from others, as weight_norm "
            "does; build the network without that"
        )
    if given.ndim != 4:
        raise ModelContractError(
            f"Whitening cannot set {layer}: its input is {' '.join(map(str, given.shape))}, not "
            "a batch n 3 rows columns"
        )
    if layer.kernel_size[0] > given.shape[2] or layer.kernel_size[1] > given.shape[3]:
        raise ModelContractError(
            f"Whitening cannot set {layer}: its patches are larger than the pictures, "
            f"{given.shape[2]} by {given.shape[3]}"
        )
