"""Samplings: equal counts of classes, against torch's sampler; and the order of ever."""

from __future__ import annotations

import dataclasses
import random
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Generator, Tensor
from torch.utils.data import RandomSampler, WeightedRandomSampler

import cifarkit as ck
from cifarkit.annotations import all_subclasses
from cifarkit.data.batches import batch_indices
from cifarkit.randomness import generator_for

CLASSES = ("cat", "dog", "hen", "owl")
COUNTS = (2, 5, 12, 1)  # of 20 pictures
LABELS = torch.arange(4).repeat_interleave(torch.tensor(COUNTS))
OURS = [kind() for kind in all_subclasses(ck.Sampling) if kind.__module__.startswith("cifarkit.")]
labels_of = st.lists(st.integers(0, 3), min_size=1, max_size=60).map(torch.tensor)


def epoch_of(sampling: ck.Sampling, labels: Tensor = LABELS, seed: int = 0, epoch: int = 0) -> Any:
    return torch.cat(batch_indices(labels, 4, seed=seed, epoch=epoch, sampling=sampling))


def shares_over(sampling: ck.Sampling, epochs: int) -> Tensor:
    """Return how often each picture comes in an epoch, on average."""
    orders = [epoch_of(sampling, epoch=epoch) for epoch in range(epochs)]
    return torch.cat(orders).bincount(minlength=len(LABELS)) / epochs


def test_the_sweep_has_all() -> None:
    assert [ck.Shuffled(), ck.Balanced()] == OURS


@pytest.mark.parametrize("sampling", OURS)
@settings(max_examples=30)
@given(labels=labels_of, seed=st.integers(0, 2**63 - 1), epoch=st.integers(0, 99))
def test_an_epoch_is_as_long_as_ever_and_depends_on_its_key_alone(
    sampling: ck.Sampling, labels: Tensor, seed: int, epoch: int
) -> None:
    order = epoch_of(sampling, labels, seed, epoch)
    assert order.shape == labels.shape
    torch.rand(3)
    assert torch.equal(epoch_of(sampling, labels, seed, epoch), order)
    if len(labels) > 20:
        assert not torch.equal(epoch_of(sampling, labels, seed, epoch + 1), order)


@given(labels_of, st.integers(0, 2**63 - 1), st.integers(0, 99))
def test_shuffled_is_the_order_of_ever(labels: Tensor, seed: int, epoch: int) -> None:
    due = torch.randperm(len(labels), generator=generator_for("order", seed, epoch))
    assert torch.equal(epoch_of(ck.Shuffled(), labels, seed, epoch), due)
    assert torch.equal(torch.cat(batch_indices(labels, 4, seed=seed, epoch=epoch)), due)


@given(labels_of, st.integers(0, 2**63 - 1))
def test_counts_of_classes_and_of_pictures_in_one_differ_by_one_at_most(
    labels: Tensor, seed: int
) -> None:
    order = epoch_of(ck.Balanced(), labels, seed)
    present = labels.unique()
    classes = labels[order].bincount(minlength=4)[present]
    assert classes.max() - classes.min() <= 1
    pictures = order.bincount(minlength=len(labels))
    for label in present:
        counts = pictures[labels == label]
        assert counts.max() - counts.min() <= 1


def test_shuffled_counts_would_be_told_from_balanced_ones() -> None:
    """The negative control."""
    counts = LABELS[epoch_of(ck.Shuffled())].bincount()
    assert tuple(counts.tolist()) == COUNTS


def test_on_average_it_is_torchs_weighted_sampler() -> None:
    weights = 1 / LABELS.bincount()[LABELS].double()
    sampler = WeightedRandomSampler(
        weights.tolist(), 20 * 4000, generator=torch.Generator().manual_seed(0)
    )
    torchs = torch.tensor(list(sampler)).bincount(minlength=20) / 4000
    ours = shares_over(ck.Balanced(), 1000)
    exact = 20 * weights / weights.sum()
    torch.testing.assert_close(torchs.double(), exact, atol=0.1, rtol=0)
    torch.testing.assert_close(ours.double(), exact, atol=0.05, rtol=0)
    plain = shares_over(ck.Shuffled(), 10).double()
    assert (plain - exact).abs().max() > 0.5  # the negative control


def test_where_classes_are_equal_every_picture_comes_once() -> None:
    labels = torch.arange(4).repeat(6)
    assert epoch_of(ck.Balanced(), labels).unique().numel() == 24


def test_a_class_without_a_picture_is_left_out() -> None:
    labels = torch.tensor([0, 0, 0, 0, 3, 3])
    assert labels[epoch_of(ck.Balanced(), labels)].bincount().tolist() == [3, 0, 0, 3]


def test_an_epoch_resumes_at_any_step() -> None:
    train = ck.ImageSet(
        torch.arange(20, dtype=torch.uint8)[:, None, None, None].expand(20, 3, 32, 32),
        LABELS,
        CLASSES,
    )
    asked: dict[str, Any] = {
        "seed": 1,
        "epoch": 2,
        "sampling": ck.Balanced(),
        "augment": (ck.Flip(),),
    }
    whole = list(ck.training_batches(train, 4, **asked))
    for step in range(len(whole)):
        first = next(ck.training_batches(train, 4, **asked, first_step=step))
        assert torch.equal(first.images, whole[step].images)
        assert torch.equal(first.targets, whole[step].targets)


@dataclasses.dataclass(frozen=True)
class GivesOrder(ck.Sampling):
    """A sampling of one's own, which gives what it was told to."""

    order: Any = None

    def __call__(self, labels: Tensor, generator: Generator) -> Any:
        return torch.tensor(self.order) if isinstance(self.order, tuple) else self.order


@pytest.mark.parametrize(
    ("order", "said"),
    [
        ((0, 1, 2), r"must return an epoch .*int64 \(4,\), .*; it returned torch.int64 \(3,\)"),
        ((0.0, 1.0, 2.0, 3.0), r"it returned torch.float32 \(4,\)"),
        ((True, False, True, True), r"it returned torch.bool \(4,\)"),
        ((0, 1, 2, 4), r"must return indices from 0 to 3; it returned 0 to 4"),
        ((-1, 1, 2, 3), r"it returned -1 to 3"),
        (None, r"it returned None"),
    ],
)
def test_what_is_no_epoch_is_refused(order: Any, said: str) -> None:
    with pytest.raises(ck.DataError, match=said):
        batch_indices(
            torch.zeros(4, dtype=torch.int64), 2, seed=0, epoch=0, sampling=GivesOrder(order)
        )


@dataclasses.dataclass(frozen=True)
class Careless(ck.Sampling):
    """Draws from a global generator, as a student might."""

    def __call__(self, labels: Tensor, generator: Generator) -> Tensor:
        return torch.tensor([random.randrange(len(labels)) for _ in labels])


def test_a_sampling_of_ones_own_trains_and_is_recorded(tiny: ck.Splits, tmp_path: Any) -> None:
    run = ck.train("linear", tiny, epochs=1, sampling=Careless(), run_dir=tmp_path / "run")
    again = ck.train("linear", tiny, epochs=1, sampling=Careless())
    assert torch.equal(run.model[1].weight, again.model[1].weight)
    assert ck.load_run(tmp_path / "run").recipe.sampling == Careless()


@pytest.mark.parametrize(
    ("written", "meant"),
    [("balanced", ck.Balanced()), (ck.Balanced, ck.Balanced()), (None, ck.Shuffled())],
)
def test_what_has_one_meaning_is_taken(written: Any, meant: ck.Sampling) -> None:
    assert ck.Recipe(sampling=written).sampling == meant


@pytest.mark.parametrize(
    ("written", "way"),
    [
        (WeightedRandomSampler([1.0], 1), r"ck\.Balanced\(\)"),
        (RandomSampler, r"ck\.Shuffled\(\)"),
        (len, r"frozen dataclass over ck\.Sampling"),
        ("balance", "did you mean 'Balanced'"),
        (3, "Balanced, "),
    ],
)
def test_others_are_refused_with_the_way(written: Any, way: str) -> None:
    with pytest.raises(ck.RecipeError, match=rf"sampling=.*: allowed is .*{way}"):
        ck.Recipe(sampling=written)
