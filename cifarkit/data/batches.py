"""From an image set to what a network is given: index, augment, scale, mix, a batch at once."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from cifarkit.arguments import Count, checked
from cifarkit.data.augmentation_context import AugmentationContext
from cifarkit.data.augmentations import Augmentation
from cifarkit.data.image_set import ImageSet, to_floats
from cifarkit.data.mixing import Mix
from cifarkit.data.sampling import Sampling, Shuffled
from cifarkit.errors import DataError
from cifarkit.guidance import explains_arguments
from cifarkit.modes import float32_by_default
from cifarkit.randomness import generator_for, seeded
from cifarkit.values import Value

__all__ = ["Batch", "batch_indices", "count_batches", "training_batches"]


class Batch(NamedTuple):
    """Images, and the targets that the network should predict.

    Attributes:
        images: float32 `batch 3 32 32` in [-1, 1], or smaller where an augmentation cuts.
        targets: int64 `batch` labels, or float32 `batch classes` shares that sum to 1.

    >>> images, targets = Batch(torch.zeros(2, 3, 32, 32), torch.tensor([0, 9]))
    >>> targets.tolist()
    [0, 9]
    """

    images: Tensor
    targets: Tensor

    @property
    def signature(self) -> tuple[tuple[torch.Size, torch.dtype], ...]:
        """Shape and type of both, for which a step can be prepared."""
        return tuple((part.shape, part.dtype) for part in self)


@explains_arguments("ck.training_batches")
def training_batches(
    train: ImageSet,
    batch_size: int,
    *,
    seed: int,
    epoch: int,
    epochs: int | None = None,
    augment: Sequence[Augmentation] = (),
    sampling: Sampling | None = None,
    mix: Mix | None = None,
    first_step: int = 0,
    layout: torch.memory_format = torch.channels_last,
) -> Iterator[Batch]:
    """Go once through the training images in the order of `(seed, epoch)`.

    The order depends on seed and epoch alone, augmentation and mixing on seed, epoch and step
    alone. While your own code of these runs, the global generators of torch, NumPy and Python
    are seeded by the same key. A last batch of a single image joins the batch before it, because
    batch norm cannot learn from one image.

    Args:
        train: the images.
        batch_size: images a batch.
        seed: the seed of the run.
        epoch: counted from 0.
        epochs: how many training has in all, for augmentations that change over the epochs; None
            means that this epoch is the last.
        augment: the augmentations, in this order.
        sampling: which images come, and in which order; all, shuffled, when None.
        mix: mixes each batch after that; its targets are then shares of classes.
        first_step: the batch to begin with, counted from 0, where an epoch is resumed.
        layout: how the images lie in memory; most convolutions run fastest on channels-last.

    Returns:
        Batches on the device of the image set, one after the other.

    Raises:
        DataError: it is not an image set or is empty, `batch_size` is not a whole number from 1
            on, or an augmentation, sampling or mix does not return what it must.

    >>> pictures = torch.zeros(9, 3, 32, 32, dtype=torch.uint8)
    >>> nine = ImageSet(pictures, torch.zeros(9, dtype=torch.int64), ("cat", "dog"))
    >>> [len(batch.images) for batch in training_batches(nine, 4, seed=0, epoch=0)]
    [4, 5]
    """
    if not isinstance(train, ImageSet):
        raise DataError(
            f"batches are cut from one image set, such as data.train; found {type(train).__name__}"
        )
    batches = batch_indices(train.labels, batch_size, seed=seed, epoch=epoch, sampling=sampling)
    order = torch.cat(batches).to(train.images.device)  # one transfer, as each costs
    on_device = _cut(order, batch_size)
    epochs = epoch + 1 if epochs is None else epochs

    @float32_by_default()
    def batch_of(step: int) -> Batch:
        context = AugmentationContext(
            seed, epoch=epoch, epochs=epochs, step=step, indices=batches[step], total=len(train)
        )
        images = train.images[on_device[step]]
        for number, augmentation in enumerate(augment):
            with _keyed(augmentation, "augment globally", seed, epoch, step, number):
                changed = augmentation(images, context)
            images = _checked(augmentation, changed, images)
        images = images.contiguous(memory_format=layout)  # while it is still small
        batch = Batch(to_floats(images), train.labels[on_device[step]])
        return batch if mix is None else _mixed(mix, batch, len(train.classes), seed, epoch, step)

    return map(batch_of, range(first_step, len(batches)))


def batch_indices(
    labels: Tensor,
    batch_size: int,
    *,
    seed: int,
    epoch: int,
    sampling: Sampling | None = None,
) -> list[Tensor]:
    """Return which images the batches of an epoch hold, one after the other.

    Args:
        labels: of the training set, int64 `n`.
        batch_size: images a batch.
        seed: the seed of the run.
        epoch: counted from 0.
        sampling: which images come, and in which order; all, shuffled, when None.

    Returns:
        int64 `batch` for each batch, on the CPU.

    Raises:
        DataError: there are no images, or the sampling does not return an epoch.

    >>> labels = torch.tensor([0, 1, 1, 0, 1])
    >>> [indices.tolist() for indices in batch_indices(labels, 3, seed=0, epoch=0)]
    [[2, 0, 4], [3, 1]]
    """
    count_batches(len(labels), batch_size)  # refuses what has none
    sampling = sampling or Shuffled()
    with _keyed(sampling, "order globally", seed, epoch):
        order = sampling(labels.cpu(), generator_for("order", seed, epoch))
    return _cut(_checked_order(sampling, order, len(labels)), batch_size)


def count_batches(images: int, batch_size: int) -> int:
    """Count the batches of one epoch.

    >>> count_batches(9, 4), count_batches(1, 4)
    (2, 1)
    """
    return len(_cut(torch.empty(images), batch_size))


def _keyed(value: Value, *key: str | int) -> AbstractContextManager[None]:
    """Key the global generators for code that may draw from them; cifarkit's own does not."""
    is_ours = type(value).__module__.startswith("cifarkit.")
    return nullcontext() if is_ours else seeded(*key)


def _mixed(mix: Mix, batch: Batch, classes: int, *key: int) -> Batch:
    shares = F.one_hot(batch.targets, classes).to(batch.images.dtype)  # batch classes
    whole = Batch(batch.images, shares)
    with _keyed(mix, "mix globally", *key):
        mixed = mix(*whole, generator_for("mixup", *key))
    is_pair = isinstance(mixed, tuple) and len(mixed) == 2
    if not (is_pair and all(isinstance(part, Tensor) for part in mixed)):
        raise DataError(f"{mix!r} must return images and shares, but returned {type(mixed)}")
    if Batch(*mixed).signature != whole.signature:
        found = " and ".join(f"{part.dtype} {tuple(part.shape)}" for part in mixed)
        raise DataError(
            f"{mix!r} must return images and shares like those it gets, {whole.images.dtype} "
            f"{tuple(whole.images.shape)} and {tuple(shares.shape)}; it returned {found}"
        )
    return Batch(*mixed)


def _checked_order(sampling: Sampling, order: Tensor, images: int) -> Tensor:
    # A float or a mask would index something else silently.
    is_order = isinstance(order, Tensor) and order.dtype == torch.int64
    if not (is_order and order.shape == (images,)):
        found = f"{order.dtype} {tuple(order.shape)}" if isinstance(order, Tensor) else repr(order)
        raise DataError(
            f"{sampling!r} must return an epoch of indices, torch.int64 ({images},), as many as "
            f"there are training images; it returned {found}"
        )
    if order.min() < 0 or order.max() >= images:
        raise DataError(
            f"{sampling!r} must return indices from 0 to {images - 1}; it returned "
            f"{order.min()} to {order.max()}"
        )
    return order.cpu()


def _checked(augmentation: Augmentation, changed: Tensor, images: Tensor) -> Tensor:
    # Fractions, for example, would be scaled once more and give wrong pictures silently.
    if not isinstance(changed, Tensor):
        raise DataError(f"{augmentation!r} must return a batch, but returned {changed!r}")
    size = changed.shape[-1] if changed.ndim else 0
    fits = changed.shape == (*images.shape[:2], size, size) and size <= images.shape[-1]
    if changed.dtype != images.dtype or not fits:
        raise DataError(
            f"{augmentation!r} must return a batch like the one it gets, {images.dtype} "
            f"{tuple(images.shape)}, or smaller square images; it returned {changed.dtype} "
            f"{tuple(changed.shape)}"
        )
    return changed


def _cut(order: Tensor, batch_size: int) -> list[Tensor]:
    if len(order) == 0:
        raise DataError("there are no images to train on; load more, or take a smaller val_size")
    batches = list(order.split(checked("batch_size", batch_size, Count)))
    if batch_size > 1 and len(batches) > 1 and len(batches[-1]) == 1:
        batches[-2:] = [torch.cat(batches[-2:])]
    return batches
