"""Every image once an epoch, in an order and with changes that only their key decides."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Generator, Tensor, nn

import cifarkit as ck
from cifarkit.data.batches import Batch, count_batches, training_batches
from cifarkit.data.image_set import to_bytes
from cifarkit.randomness import generator_for

PAIR = ("cat", "dog")
B = 4


def numbered(count: int) -> ck.ImageSet:
    """Make images that carry their own number and a label that follows from it."""
    images = torch.zeros(count, 3, 32, 32, dtype=torch.uint8)
    images[:, 0, 0, 0] = torch.arange(count).to(torch.uint8)
    return ck.ImageSet(images, torch.arange(count) % 2, PAIR)


def numbers(batches: Iterable[Batch]) -> list[list[int]]:
    return [to_bytes(batch.images)[:, 0, 0, 0].tolist() for batch in batches]


def covers_once(batches: list[list[int]], count: int) -> bool:
    return sorted(number for batch in batches for number in batch) == list(range(count))


@settings(deadline=None, max_examples=50)
@given(
    count=st.integers(1, 40),
    size=st.integers(1, 45),
    seed=st.integers(0, 2**63 - 1),
    epoch=st.integers(0, 100),
)
def test_batches_cover_every_image_exactly_once(
    count: int, size: int, seed: int, epoch: int
) -> None:
    batches = list(training_batches(numbered(count), size, seed=seed, epoch=epoch))
    found = numbers(batches)
    assert covers_once(found, count)
    assert len(batches) == count_batches(count, size)
    assert all(len(batch) == size for batch in found[:-1] if len(found) > 2)
    assert max(map(len, found)) <= size + 1
    # One image alone is for batch norm no batch; only where there is no other is there one.
    assert all(len(batch) > 1 for batch in found) or size == 1 or count == 1
    for batch, indices in zip(batches, found, strict=True):
        assert batch.targets.tolist() == [index % 2 for index in indices]
        assert (batch.images.dtype, batch.images.shape[1:]) == (torch.float32, (3, 32, 32))


def test_batches_that_repeat_or_forget_an_image_would_be_caught() -> None:
    assert covers_once([[0, 2], [1]], 3)
    assert not covers_once([[0, 2], [2]], 3)
    assert not covers_once([[0, 2]], 3)


@pytest.mark.parametrize(
    ("count", "lengths"),
    [
        (1, [1]),
        (2, [2]),
        (B - 1, [3]),
        (B, [4]),
        (B + 1, [5]),
        (2 * B + 1, [4, 5]),
        (10, [4, 4, 2]),
    ],
)
def test_the_lengths_at_the_edges(count: int, lengths: list[int]) -> None:
    batches = training_batches(numbered(count), B, seed=0, epoch=0)
    assert [len(batch.images) for batch in batches] == lengths
    assert count_batches(count, B) == len(lengths)


def test_no_images_are_an_error_before_any_batch() -> None:
    with pytest.raises(ck.DataError, match="no images to train on"):
        next(training_batches(numbered(0), B, seed=0, epoch=0))
    with pytest.raises(ck.DataError, match="no images to train on"):
        count_batches(0, B)


@pytest.mark.parametrize("batch_size", [0, -3, 2.0, "8", None, True])
def test_nonsense_for_a_batch_size_is_refused(batch_size: Any) -> None:
    with pytest.raises(ck.DataError, match="batch_size must be a whole number, value >= 1; found"):
        next(training_batches(numbered(9), batch_size, seed=0, epoch=0))


@settings(deadline=None, max_examples=30)
@given(seed=st.integers(0, 2**62), epoch=st.integers(0, 100), drawn=st.integers(0, 9))
def test_the_order_depends_on_seed_and_epoch_alone(seed: int, epoch: int, drawn: int) -> None:
    def order(seed: int, epoch: int, size: int = 50) -> list[int]:
        batches = numbers(training_batches(numbered(30), size, seed=seed, epoch=epoch))
        return [number for batch in batches for number in batch]

    first = order(seed, epoch)
    torch.rand(drawn)
    assert order(seed, epoch) == first
    assert order(seed, epoch, size=7) == first
    assert order(seed + 1, epoch) != first
    assert order(seed, epoch + 1) != first


def test_the_global_generator_is_not_touched() -> None:
    before = torch.get_rng_state()
    list(training_batches(numbered(9), B, seed=0, epoch=0, augment=(ck.Flip(), ck.Crop())))
    assert torch.equal(torch.get_rng_state(), before)


def first_of(epochs: Iterable[int]) -> list[int]:
    return [
        number
        for epoch in epochs
        for batch in numbers(training_batches(numbered(20), 20, seed=0, epoch=epoch))
        for number in batch[:1]
    ]


def test_every_image_comes_first_some_time() -> None:
    first = first_of(range(300))  # each with probability 1/20: 15 times, standard deviation 3.8
    assert min(first.count(number) for number in range(20)) > 0


def augmented(
    image_set: ck.ImageSet, size: int, seed: int, epoch: int, augment: tuple[ck.Augmentation, ...]
) -> list[Tensor]:
    batches = training_batches(image_set, size, seed=seed, epoch=epoch, augment=augment)
    return [to_bytes(batch.images) for batch in batches]


AUGMENT = (ck.Flip(), ck.Crop(padding=4), ck.Cutout(size=8))


def by_hand(image_set: ck.ImageSet, size: int, seed: int, epoch: int) -> list[Tensor]:
    """Do what the docstring says, one step after the other."""
    order = torch.randperm(len(image_set), generator=generator_for("order", seed, epoch)).tolist()
    batches = []
    for step in range(len(order) // size):
        images = image_set.images[order[step * size : (step + 1) * size]]
        generator = generator_for("augment", seed, epoch, step)
        for augmentation in AUGMENT:
            images = augmentation(images, generator)
        batches.append(images)
    return batches


@settings(deadline=None, max_examples=10)
@given(seed=st.integers(0, 2**62), epoch=st.integers(0, 9))
def test_the_changes_of_a_step_depend_on_seed_epoch_and_step_alone(
    tiny: ck.Splits, seed: int, epoch: int
) -> None:
    quick = augmented(tiny.train, 50, seed, epoch, AUGMENT)
    for ours, theirs in zip(quick, by_hand(tiny.train, 50, seed, epoch), strict=True):
        assert torch.equal(ours, theirs)


def test_another_seed_epoch_or_step_is_changed_otherwise() -> None:
    # All pictures are one, so that the order plays no part.
    picture = torch.arange(3 * 32 * 32).remainder(251).to(torch.uint8).reshape(1, 3, 32, 32)
    same = ck.ImageSet(picture.repeat(40, 1, 1, 1), torch.zeros(40, dtype=torch.int64), PAIR)
    drawn = [
        batch
        for seed, epoch in [(0, 0), (0, 1), (1, 0)]
        for batch in augmented(same, 20, seed, epoch, AUGMENT)
    ]
    assert all(not torch.equal(one, other) for one, other in pairwise(drawn))
    assert len({batch.numpy().tobytes() for batch in drawn}) == 6


def test_what_came_before_does_not_matter(tiny: ck.Splits) -> None:
    batches = training_batches(tiny.train, 50, seed=0, epoch=3, augment=AUGMENT)
    next(batches)
    torch.rand(7)
    second = next(batches).images
    assert torch.equal(to_bytes(second), augmented(tiny.train, 50, 0, 3, AUGMENT)[1])


def test_augmentations_follow_one_another_in_their_order(tiny: ck.Splits) -> None:
    there = augmented(tiny.train, 50, 0, 0, (ck.Cutout(size=8), ck.Crop(padding=8)))
    back = augmented(tiny.train, 50, 0, 0, (ck.Crop(padding=8), ck.Cutout(size=8)))
    assert not torch.equal(there[0], back[0])


def test_the_set_itself_is_never_changed(tiny: ck.Splits) -> None:
    before = tiny.train.images.clone()
    for batch in training_batches(tiny.train, 50, seed=0, epoch=0, augment=AUGMENT):
        batch.images.zero_()
        batch.targets.zero_()
    assert torch.equal(tiny.train.images, before)
    assert tiny.train.labels.unique().numel() == 10


@dataclass(frozen=True)
class Watch(ck.Augmentation):
    """Remember every picture it is shown."""

    def __call__(self, images: Tensor, generator: Generator) -> Tensor:
        SEEN.update(image.numpy().tobytes() for image in images)
        return images


SEEN: set[bytes] = set()


def test_augmentation_reaches_train_and_nothing_else(tiny: ck.Splits) -> None:
    SEEN.clear()
    ck.train("linear", tiny, epochs=1, augment=(Watch(),), track_test=True)
    assert tiny.val is not None
    own = {
        name: {image.numpy().tobytes() for image in part.images}
        for name, part in (("train", tiny.train), ("val", tiny.val), ("test", tiny.test))
    }
    assert own["train"] == SEEN
    assert not SEEN & (own["val"] | own["test"])


@dataclass(frozen=True)
class Floats(ck.Augmentation):
    def __call__(self, images: Tensor, generator: Generator) -> Tensor:
        return images / 255


@dataclass(frozen=True)
class Larger(ck.Augmentation):
    def __call__(self, images: Tensor, generator: Generator) -> Tensor:
        return images.repeat(1, 1, 2, 2)


@dataclass(frozen=True)
class Nothing(ck.Augmentation):
    def __call__(self, images: Tensor, generator: Generator) -> Any:
        images.flip(3)  # and is not returned


@dataclass(frozen=True)
class Fewer(ck.Augmentation):
    def __call__(self, images: Tensor, generator: Generator) -> Tensor:
        return images[1:]


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (Floats(), r"Floats\(\) must return .*uint8 \(4, 3, 32, 32\), .*returned torch\.float32"),
        (Larger(), r"Larger\(\) must return .* it returned torch\.uint8 \(4, 3, 64, 64\)"),
        (Nothing(), r"Nothing\(\) must return a batch, but returned None"),
        (Fewer(), r"Fewer\(\) must return .* it returned torch\.uint8 \(3, 3, 32, 32\)"),
    ],
    ids=["floats", "larger", "nothing", "fewer"],
)
def test_an_augmentation_that_gives_something_else_is_named(
    wrong: ck.Augmentation, message: str
) -> None:
    batches = training_batches(numbered(8), B, seed=0, epoch=0, augment=(ck.Flip(), wrong))
    with pytest.raises(ck.DataError, match=message):
        next(batches)


def test_pictures_may_become_smaller_and_are_laid_out_channels_last() -> None:
    for augment, side in (((), 32), ((ck.Flip(), ck.Crop(padding=0, size=28)), 28)):
        for batch in training_batches(numbered(9), B, seed=0, epoch=0, augment=augment):
            assert batch.images.shape[1:] == (3, side, side)
            assert batch.images.is_contiguous(memory_format=torch.channels_last)


def test_windows_grow_along_training_and_alone_an_epoch_is_the_last() -> None:
    def sides(epochs: int | None) -> list[int]:
        return [
            next(
                training_batches(
                    numbered(9), B, seed=0, epoch=epoch, epochs=epochs, augment=(ck.GrowingCrop(),)
                )
            ).images.shape[-1]
            for epoch in range(3)
        ]

    assert sides(3) == [20, 24, 28]
    assert sides(None) == [28, 28, 28]


def test_a_network_that_cannot_take_smaller_pictures_is_refused_before_training(
    tiny: ck.Splits,
) -> None:
    with pytest.raises(ck.ModelContractError, match="does not take images batch 3 28 28"):
        ck.train("linear", tiny, augment=(ck.Crop(padding=0, size=28),))


class Even(nn.Module):
    """A network that takes pictures of even sides alone."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(12, 10)

    def forward(self, images: Tensor) -> Tensor:
        logits: Tensor = self.layer(nn.functional.pixel_unshuffle(images, 2).mean((2, 3)))
        return logits


def test_windows_between_the_first_and_the_last_are_tried_too(tiny: ck.Splits) -> None:
    def trained(step: int) -> ck.Run:
        augment = (ck.GrowingCrop(first=20, last=28, step=step),)
        return ck.Trainer(ck.Recipe(epochs=9, batch_size=100, augment=augment)).fit(Even(), tiny)

    assert len(trained(2).history) == 9
    with pytest.raises(ck.ModelContractError, match="does not take images batch 3 21 21"):
        trained(1)


def test_windows_that_will_have_grown_too_large_are_refused_before_training(
    tiny: ck.Splits,
) -> None:
    augment = (ck.Crop(padding=0, size=24), ck.GrowingCrop(first=20, last=28))
    hooks: list[str] = []

    class Listen(ck.Callback):
        def on_batch_start(self, run: ck.Run) -> None:
            hooks.append("a step was made")

    with pytest.raises(
        ck.DataError, match=r"GrowingCrop\(first=20, last=28, step=1\) cannot be cut"
    ):
        ck.train("speedrun", tiny, augment=augment, epochs=3, callbacks=[Listen()])
    assert hooks == []


def test_the_form_of_a_batch_is_shape_and_type_of_both() -> None:
    images, labels = torch.zeros(4, 3, 32, 32), torch.zeros(4, dtype=torch.int64)
    same = [Batch(images, labels), Batch(images + 1, labels + 1)]
    others = [
        Batch(images[:3], labels[:3]),
        Batch(images[..., :24, :24], labels),
        Batch(images.double(), labels),
        Batch(images, labels.int()),
        Batch(images, torch.zeros(4, 10)),
    ]
    assert len({batch.signature for batch in same}) == 1
    assert len({batch.signature for batch in same + others}) == 6
