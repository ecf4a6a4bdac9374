"""Single pictures as an epoch of training shows them."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor

from cifarkit.data.augmentations import Augmentation
from cifarkit.data.batches import batch_indices, training_batches
from cifarkit.data.image_set import ImageSet, to_bytes

__all__ = ["pictures_in_epoch"]


def pictures_in_epoch(
    train: ImageSet,
    indices: Sequence[int],
    batch_size: int,
    *,
    seed: int,
    epoch: int,
    epochs: int,
    augment: Sequence[Augmentation],
) -> list[Tensor]:
    """Return some pictures with exactly the augmentation that they get in an epoch.

    Each is augmented in its own batch, whose step keys the randomness; other batches are left out.

    Args:
        train: the training images.
        indices: the indices of the pictures.
        batch_size: images a batch.
        seed: the seed of the run.
        epoch: counted from 0.
        epochs: how many epochs the training has in all.
        augment: the augmentations, in this order.

    Returns:
        uint8 `3 side side` for each index, on the CPU.
    """
    seen: dict[int, Tensor] = {}
    for step, members in enumerate(batch_indices(len(train), batch_size, seed=seed, epoch=epoch)):
        positions = {index: at for at, index in enumerate(members.tolist()) if index in indices}
        if positions:
            rest = training_batches(
                train,
                batch_size,
                seed=seed,
                epoch=epoch,
                epochs=epochs,
                augment=augment,
                first_step=step,
            )
            images = to_bytes(next(rest).images).cpu()
            seen |= {index: images[at] for index, at in positions.items()}
    return [seen[index] for index in indices]
