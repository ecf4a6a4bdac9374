"""What training and corruptions draw does not depend on torch's default type of numbers."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import torch

import cifarkit as ck
from cifarkit.data.batches import training_batches


@pytest.fixture
def _doubles() -> Iterator[None]:
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(torch.float32)


AUGMENTATIONS = (
    *(ck.Flip(), ck.Crop(padding=4), ck.Rotation(), ck.ColorJitter(), ck.TrivialAugment()),
    *(ck.Noise(), ck.RandomErasing(), ck.Cutout(8)),
)


def batch_of(train: ck.ImageSet) -> torch.Tensor:
    batches = training_batches(
        train, 32, seed=0, epoch=0, augment=AUGMENTATIONS, sampling=ck.Balanced(), mix=ck.CutMix()
    )
    return next(iter(batches)).images


DATA = ck.load_synthetic(n_train=60, n_test=6, val_size=10)
BATCH = batch_of(DATA.train)
CORRUPTED = {name: ck.corrupt(DATA.test, name, 3).images for name in ck.list_corruptions()}


@pytest.mark.usefixtures("_doubles")
def test_batches_are_the_same() -> None:
    assert torch.get_default_dtype() == torch.float64
    assert torch.equal(batch_of(DATA.train), BATCH)
    assert torch.get_default_dtype() == torch.float64


@pytest.mark.usefixtures("_doubles")
@pytest.mark.parametrize("name", CORRUPTED)
def test_corrupted_pictures_are_the_same(name: str) -> None:
    assert torch.equal(ck.corrupt(DATA.test, name, 3).images, CORRUPTED[name])


@pytest.mark.usefixtures("_doubles")
def test_without_it_other_numbers_are_drawn() -> None:
    drawn = torch.rand(3, generator=torch.Generator().manual_seed(0))
    single = torch.rand(3, generator=torch.Generator().manual_seed(0), dtype=torch.float32)
    assert not torch.allclose(drawn, single.double())
