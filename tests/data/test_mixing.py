"""Mixes against torchvision's, for the same share, partners and rectangle."""

from __future__ import annotations

import dataclasses
from typing import Any, NamedTuple

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from torch import Generator, Tensor
from torchvision.transforms import v2

import cifarkit as ck
from cifarkit.annotations import all_subclasses

N = 6
OURS = [kind() for kind in all_subclasses(ck.Mix) if kind.__module__.startswith("cifarkit.")]
seeds = st.integers(0, 2**32)


def pictures(seed: int, n: int = N, side: int = 32) -> Tensor:
    return torch.rand(n, 3, side, side, generator=torch.Generator().manual_seed(seed)) * 2 - 1


class Mixed(NamedTuple):
    """A mixed batch in which every picture has a class of its own, so that shares tell partners."""

    before: Tensor
    images: Tensor
    targets: Tensor

    @property
    def partners(self) -> list[int]:
        return [
            int(row.scatter(0, torch.tensor(n), 0.0).argmax()) if row[n] < 1 else n
            for n, row in enumerate(self.targets)
        ]

    @property
    def share(self) -> float:
        own = [float(self.targets[n, n]) for n, other in enumerate(self.partners) if n != other]
        return own[0] if own else 1.0


def mixed(mix: ck.Mix, seed: int, side: int = 32) -> Mixed:
    before = pictures(seed, side=side)
    images, targets = mix(before, torch.eye(N), torch.Generator().manual_seed(seed))
    return Mixed(before, images, targets)


def by_torchvision(kind: Any, batch: Mixed, **params: Any) -> tuple[Tensor, Tensor]:
    """Mix each picture with its partner; torchvision's partner is the one before in the batch."""
    images, targets = [], []
    for n, other in enumerate(batch.partners):
        labels = torch.tensor([other, n])
        params |= {"labels": labels, "batch_size": 2}
        transform = kind(num_classes=N)
        images.append(transform.transform(batch.before[labels], params)[1])
        targets.append(transform._mixup_label(labels, lam=batch.share)[1])
    return torch.stack(images), torch.stack(targets)


def test_the_sweep_has_all() -> None:
    assert [ck.Mixup(), ck.CutMix()] == OURS


@pytest.mark.parametrize("mix", OURS)
@settings(max_examples=30, deadline=None)
@given(seed=seeds, side=st.sampled_from([32, 27, 8]))
def test_shares_sum_to_one_and_the_batch_stays(mix: ck.Mix, seed: int, side: int) -> None:
    batch = mixed(mix, seed, side)
    torch.testing.assert_close(batch.targets.sum(1), torch.ones(N))
    torch.testing.assert_close(batch.targets.sum(0), torch.ones(N))  # all are partners once
    assert torch.equal(batch.before, pictures(seed, side=side))
    assert batch.images.shape == batch.before.shape


@settings(max_examples=60, deadline=None)
@given(seed=seeds, alpha=st.sampled_from([0.2, 1.0, 5.0]))
def test_mixup_is_torchvisions(seed: int, alpha: float) -> None:
    batch = mixed(ck.Mixup(alpha=alpha), seed)
    images, targets = by_torchvision(v2.MixUp, batch, lam=batch.share)
    torch.testing.assert_close(batch.images, images, atol=1e-5, rtol=0)
    torch.testing.assert_close(batch.targets, targets, atol=1e-6, rtol=0)


@settings(max_examples=60, deadline=None)
@given(seed=seeds, side=st.sampled_from([32, 27]))
def test_cutmix_is_torchvisions_and_its_share_the_area(seed: int, side: int) -> None:
    batch = mixed(ck.CutMix(), seed, side)
    pasted = (batch.images != batch.before).any(1).any(0)  # side side, of all pictures
    if not pasted.any():
        assert batch.share == 1 or batch.partners == list(range(N))
        return
    rows, columns = pasted.any(1).nonzero()[:, 0], pasted.any(0).nonzero()[:, 0]
    box = (int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1)
    area = (box[2] - box[0]) * (box[3] - box[1])
    assert batch.share == pytest.approx(1 - area / side**2, abs=1e-7)
    images, targets = by_torchvision(v2.CutMix, batch, box=box, lam_adjusted=batch.share)
    assert torch.equal(batch.images, images)
    torch.testing.assert_close(batch.targets, targets, atol=1e-6, rtol=0)


def shares_of(mix: ck.Mix, n: int = 1500) -> list[float]:
    drawn = (
        mix(torch.zeros(2, 3, 32, 32), torch.eye(2), ck.generator_for("t", k)) for k in range(n)
    )
    return [float(targets[0, 0]) for _, targets in drawn if targets[0, 0] not in (0, 1)]


def torchvisions_shares(kind: Any, name: str, alpha: float, n: int = 1500) -> list[float]:
    transform = kind(alpha=alpha, num_classes=2)
    with ck.seeded("torchvision"):
        inputs = [torch.zeros(2, 3, 32, 32)]
        return [share for _ in range(n) if (share := transform.make_params(inputs)[name]) < 1]


@pytest.mark.parametrize(
    ("mix", "kind", "name"),
    [
        (ck.Mixup(alpha=0.2), v2.MixUp, "lam"),
        (ck.Mixup(alpha=2.0), v2.MixUp, "lam"),
        (ck.CutMix(), v2.CutMix, "lam_adjusted"),
        (ck.CutMix(alpha=0.3), v2.CutMix, "lam_adjusted"),
    ],
)
def test_shares_are_distributed_as_torchvisions(mix: Any, kind: Any, name: str) -> None:
    ours = shares_of(mix)
    theirs, others = (torchvisions_shares(kind, name, a) for a in (mix.alpha, 4 * mix.alpha))
    assert stats.ks_2samp(ours, theirs).pvalue > 1e-3
    assert stats.ks_2samp(ours, others).pvalue < 1e-6  # the negative control


def test_rectangles_lie_anywhere() -> None:
    hits = np.zeros((32, 32))
    for key in range(400):
        images, _ = ck.CutMix()(
            torch.arange(2.0).repeat_interleave(3 * 32 * 32).view(2, 3, 32, 32),
            torch.eye(2),
            ck.generator_for("place", key),
        )
        hits += images[0, 0].numpy()
    assert hits.min() > 0
    np.testing.assert_allclose(hits / hits.mean(), hits.T / hits.mean(), atol=0.5)


def numbered(tiny: ck.Splits) -> dict[str, Any]:
    return {"train": tiny.train, "batch_size": 50, "seed": 3, "augment": (ck.Flip(), ck.Crop())}


@pytest.mark.parametrize("mix", OURS)
def test_a_batch_is_augmented_then_mixed_by_seed_epoch_and_step(
    mix: ck.Mix, tiny: ck.Splits
) -> None:
    asked = numbered(tiny)
    plain = list(ck.training_batches(**asked, epoch=2))
    batches = list(ck.training_batches(**asked, epoch=2, mix=mix))
    for step, (images, labels) in enumerate(plain):
        shares = torch.nn.functional.one_hot(labels, 10).float()
        due = mix(images, shares, ck.generator_for("mixup", 3, 2, step))
        assert torch.equal(batches[step].images, due[0])
        assert torch.equal(batches[step].targets, due[1])
    last = next(ck.training_batches(**asked, epoch=2, mix=mix, first_step=3))
    assert torch.equal(last.images, batches[3].images)
    other = next(ck.training_batches(**asked, epoch=1, mix=mix))
    assert not torch.equal(other.targets, batches[0].targets)


@dataclasses.dataclass(frozen=True)
class GivesBatch(ck.Mix):
    """A mix of one's own, which gives what it was told to."""

    what: str = "nothing"

    def __call__(self, images: Tensor, targets: Tensor, generator: Generator) -> Any:
        share = torch.rand(())  # of the global generator
        wrong = {"nothing": None, "images": images, "labels": (images, targets.argmax(1))}
        wrong["bytes"] = images.byte(), targets
        return wrong.get(self.what, (images.lerp(images.flip(0), share), targets))


@pytest.mark.parametrize(
    ("what", "said"),
    [
        ("nothing", "must return images and shares, but returned <class 'NoneType'>"),
        ("images", "but returned <class 'torch.Tensor'>"),
        ("labels", r"like those it gets, .*; it returned .*torch.int64 \(50,\)"),
        ("bytes", "it returned torch.uint8"),
    ],
)
def test_what_is_no_mixed_batch_is_refused(what: str, said: str, tiny: ck.Splits) -> None:
    with pytest.raises(ck.DataError, match=said):
        next(ck.training_batches(**numbered(tiny), epoch=0, mix=GivesBatch(what)))


def test_a_mix_of_ones_own_trains_and_is_recorded(tiny: ck.Splits, tmp_path: Any) -> None:
    mix = GivesBatch("mixed")
    run = ck.train("linear", tiny, epochs=1, mix=mix, run_dir=tmp_path / "run")
    again = ck.train("linear", tiny, epochs=1, mix=mix)
    assert torch.equal(run.model[1].weight, again.model[1].weight)
    assert ck.load_run(tmp_path / "run").recipe.mix == mix


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("cutmix", ck.CutMix()),
        (ck.Mixup, ck.Mixup()),
        (v2.MixUp(alpha=0.4, num_classes=10), ck.Mixup(alpha=0.4)),
        (v2.CutMix(alpha=0.7, num_classes=10), ck.CutMix(alpha=0.7)),
    ],
)
def test_what_has_one_meaning_is_taken(written: Any, meant: ck.Mix) -> None:
    assert ck.Recipe(mix=written).mix == meant


@pytest.mark.parametrize(
    ("written", "way"),
    [
        (0.2, "CutMix, "),
        (len, r"frozen dataclass over ck\.Mix"),
        (v2.RandomErasing(), "Mixup"),
    ],
)
def test_others_are_refused_with_the_way(written: Any, way: str) -> None:
    with pytest.raises(ck.RecipeError, match=rf"mix=.*: allowed is .*{way}"):
        ck.Recipe(mix=written)


def test_the_mix_is_a_factor_of_a_variant() -> None:
    plain = ck.Recipe()
    both = plain.replace(mix=ck.CutMix(), sampling=ck.Balanced())
    assert both.differs_from(plain) == {
        "sampling": (ck.Shuffled(), ck.Balanced()),
        "mix": (None, ck.CutMix()),
    }


@pytest.mark.parametrize("dtype", [torch.float64, torch.bfloat16])
def test_a_network_of_another_type_takes_shares(dtype: torch.dtype, tiny: ck.Splits) -> None:
    model = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(3072, 10)).to(dtype)
    assert ck.Trainer(ck.Recipe(epochs=1, mix=ck.CutMix())).fit(model, tiny).status == "finished"


def test_the_train_accuracy_counts_the_largest_share(tiny: ck.Splits) -> None:
    recipe = ck.Recipe(epochs=1, optimizer=ck.SGD(lr=1e-30), mix=ck.CutMix(), precision="float32")
    run = ck.Trainer(recipe, seed=4, device="cpu").fit(ck.create_model("mlp"), tiny)
    batches = ck.training_batches(tiny.train, recipe.batch_size, seed=4, epoch=0, mix=recipe.mix)
    with torch.no_grad():
        correct = sum(
            int((run.model(images).argmax(1) == shares.argmax(1)).sum())
            for images, shares in batches
        )
    assert run.history["train_accuracy"][0] == correct / len(tiny.train)
