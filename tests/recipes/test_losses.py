"""Losses against torch's own, and against the formulas of their papers, one image at a time."""

from __future__ import annotations

import dataclasses
import math
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given
from hypothesis import strategies as st
from sklearn.utils.class_weight import compute_class_weight
from torch import Tensor, nn

import cifarkit as ck

CLASSES = 5
WEIGHTS = (0.5, 1.0, 2.0, 0.0, 3.0)
seeds = st.integers(0, 2**32)


def answers(seed: int, n: int = 7) -> tuple[Tensor, Tensor, Tensor]:
    """Draw logits, labels, and shares that sum to 1."""
    generator = torch.Generator().manual_seed(seed)
    logits = 3 * torch.randn(n, CLASSES, generator=generator)
    labels = torch.randint(CLASSES, (n,), generator=generator)
    return logits, labels, torch.rand(n, CLASSES, generator=generator).softmax(1)


@given(seeds, st.floats(0, 0.9), st.sampled_from([None, WEIGHTS]))
def test_cross_entropy_is_torchs(seed: int, smoothing: float, weights: Any) -> None:
    logits, labels, shares = answers(seed)
    loss = ck.CrossEntropy(label_smoothing=smoothing, class_weights=weights)
    torchs = nn.CrossEntropyLoss(
        weight=None if weights is None else torch.tensor(weights),
        label_smoothing=smoothing,
        reduction="none",
    )
    for targets in (labels, shares):
        assert torch.equal(loss(logits, targets), torchs(logits, targets))
        torch.testing.assert_close(loss.mean(logits, targets), torchs(logits, targets).mean())
    if weights is None:
        exact = F.cross_entropy(logits, labels, label_smoothing=smoothing)
        assert torch.equal(loss.mean(logits, labels), exact)


@given(seeds, st.floats(0, 5), st.sampled_from([None, WEIGHTS]))
def test_focal_loss_is_its_papers_formula(seed: int, gamma: float, weights: Any) -> None:
    logits, labels, _ = answers(seed)
    found = ck.FocalLoss(gamma=gamma, class_weights=weights)(logits, labels)
    for row, label, loss in zip(logits.double(), labels.tolist(), found.tolist(), strict=True):
        p = float(row.softmax(0)[label])
        weight = 1.0 if weights is None else weights[label]
        due = -weight * (1 - p) ** gamma * math.log(p)
        assert loss == pytest.approx(due, rel=1e-3, abs=1e-5)


@given(seeds)
def test_focal_loss_without_focus_is_cross_entropy(seed: int) -> None:
    logits, labels, shares = answers(seed)
    for targets in (labels, shares):
        due = ck.CrossEntropy()(logits, targets)
        torch.testing.assert_close(ck.FocalLoss(gamma=0)(logits, targets), due)
    focused, plain = ck.FocalLoss(gamma=1)(logits, labels), ck.CrossEntropy()(logits, labels)
    assert (focused <= plain).all()
    assert (focused < plain).any()  # the negative control


@given(seeds, st.sampled_from([1, 2]), st.floats(0.1, 3), st.sampled_from([None, WEIGHTS]))
def test_the_hinge_loss_is_torchs(seed: int, p: Any, margin: float, weights: Any) -> None:
    logits, labels, _ = answers(seed)
    tensor = None if weights is None else torch.tensor(weights)
    torchs = nn.MultiMarginLoss(p=p, margin=margin, weight=tensor, reduction="none")
    loss = ck.MultiMargin(margin=margin, p=p, class_weights=weights)
    assert torch.equal(loss(logits, labels), torchs(logits, labels))
    assert loss(logits.bfloat16(), labels).dtype == torch.float32


@given(seeds)
def test_a_label_is_a_share_of_one(seed: int) -> None:
    logits, labels, _ = answers(seed)
    shares = F.one_hot(labels, CLASSES).float()
    for loss in (ck.CrossEntropy(class_weights=WEIGHTS), ck.FocalLoss(class_weights=WEIGHTS)):
        assert loss.soft_targets
        torch.testing.assert_close(loss(logits, shares), loss(logits, labels))


@given(st.lists(st.integers(0, CLASSES - 1), min_size=1, max_size=60))
def test_balanced_weights_are_scikit_learns(labels: list[int]) -> None:
    labels += list(range(CLASSES))  # scikit-learn knows only classes that are there
    due = compute_class_weight("balanced", classes=np.arange(CLASSES), y=labels)
    loss = ck.CrossEntropy(class_weights="balanced").for_training_set(torch.tensor(labels), CLASSES)
    assert loss.class_weights == pytest.approx(tuple(due))


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        (F.cross_entropy, ck.CrossEntropy()),
        (nn.CrossEntropyLoss, ck.CrossEntropy()),
        (nn.CrossEntropyLoss(label_smoothing=0.25), ck.CrossEntropy(label_smoothing=0.25)),
        (
            nn.CrossEntropyLoss(weight=torch.tensor([1.0, 2.5])),
            ck.CrossEntropy(class_weights=(1.0, 2.5)),
        ),
        (nn.MultiMarginLoss(p=2, margin=0.5), ck.MultiMargin(margin=0.5, p=2)),
        ("focal_loss", ck.FocalLoss()),
        (ck.FocalLoss, ck.FocalLoss()),
    ],
)
def test_what_has_one_meaning_is_taken(written: Any, meant: ck.Loss) -> None:
    assert ck.Recipe(loss=written).loss == meant


@pytest.mark.parametrize(
    "torchs",
    [
        nn.CrossEntropyLoss(ignore_index=3),
        nn.CrossEntropyLoss(reduction="sum"),
        nn.MultiMarginLoss(reduction="sum"),
    ],
)
def test_settings_of_torchs_losses_without_a_counterpart_are_refused(torchs: nn.Module) -> None:
    with pytest.raises(ck.RecipeError, match="one with reduction='mean' and without ignore_index"):
        ck.Recipe(loss=torchs)


@pytest.mark.parametrize("gamma", [0.0, 0.25, 0.5, 1.0, 2.0])
def test_the_focal_loss_of_a_certain_answer_has_a_gradient(gamma: float) -> None:
    logits = torch.tensor([[40.0, 0.0, 0.0], [0.0, 40.0, 0.0]], requires_grad=True)
    ck.FocalLoss(gamma=gamma).mean(logits, torch.tensor([0, 0])).backward()
    assert logits.grad is not None
    assert logits.grad.isfinite().all()
    assert logits.grad[1].any()


@pytest.mark.parametrize("weights", [[1, 2.5], np.array([1, 2.5]), torch.tensor([1, 2.5])])
def test_weights_may_come_as_others_keep_them(weights: Any) -> None:
    assert ck.CrossEntropy(class_weights=weights).class_weights == (1.0, 2.5)
    assert ck.CrossEntropy(class_weights={1: 2.5, 0: 1}).class_weights == (1.0, 2.5)


@pytest.mark.parametrize("weights", [(-1.0, 1.0), "balance", {"cat": 1.0}, {1: 1.0}, 3, [None]])
def test_weights_that_nobody_can_use_are_refused(weights: Any) -> None:
    with pytest.raises(ck.RecipeError, match=r"class_weights=.*: allowed is"):
        ck.CrossEntropy(class_weights=weights)


def test_weights_of_another_number_of_classes_are_refused(tiny: ck.Splits) -> None:
    loss = ck.CrossEntropy(class_weights=(1.0, 2.0))
    with pytest.raises(ck.RecipeError, match="has 2 numbers, and the data has 10 classes"):
        ck.train("linear", tiny, epochs=1, loss=loss)


@pytest.mark.parametrize("loss", [nn.MSELoss(), F.nll_loss, lambda logits, targets: 0, "mse", 3])
def test_other_losses_are_refused_with_the_way(loss: Any) -> None:
    with pytest.raises(ck.RecipeError, match=r"loss=.*: allowed is .*CrossEntropy"):
        ck.Recipe(loss=loss)


@dataclasses.dataclass(frozen=True)
class Squared(ck.Loss):
    """Brier's score, as a student would add it."""

    reduced: bool = False

    def __call__(self, logits: Tensor, targets: Tensor) -> Tensor:
        errors = (logits.softmax(1) - F.one_hot(targets, logits.shape[1])) ** 2
        return errors.mean() if self.reduced else errors.sum(1)


def test_a_loss_of_ones_own_trains_and_is_recorded(tiny: ck.Splits, tmp_path: Any) -> None:
    folder = tmp_path / "run"
    run = ck.train("linear", tiny, epochs=2, loss=Squared(), run_dir=folder)
    assert run.history["train_loss"][-1] < 2  # its largest value: it is not in nats
    assert ck.load_run(folder).recipe.loss == Squared()


def test_a_loss_that_is_already_a_mean_is_refused(tiny: ck.Splits) -> None:
    with pytest.raises(ck.RecipeError, match=r"one loss for each image.*reduction='none'"):
        ck.train("linear", tiny, epochs=1, loss=Squared(reduced=True))


class Halves(ck.Callback):
    """Gives half of each label to the next class."""

    def on_batch_start(self, run: ck.Run) -> None:
        images, labels = run.state.batch
        shares = F.one_hot(labels, 10).float()
        run.state.batch = ck.Batch(images, (shares + shares.roll(1, 1)) / 2)


def test_a_loss_of_labels_refuses_shares_with_the_way(tiny: ck.Splits) -> None:
    way = r"MultiMargin.* takes labels.*ck\.CrossEntropy\(\)"
    with pytest.raises(ck.RecipeError, match=rf"Mixup\(alpha=0\.2\) makes shares.*{way}") as caught:
        ck.train("linear", tiny, epochs=1, loss=ck.MultiMargin(), mix=ck.Mixup())
    assert "\n" not in str(caught.value)
    with pytest.raises(ck.RecipeError, match=way):
        ck.train("linear", tiny, epochs=1, loss=ck.MultiMargin(), callbacks=[Halves()])
    run = ck.train("linear", tiny, epochs=1, loss=ck.FocalLoss(), mix=ck.Mixup())
    assert run.status == "finished"


def test_the_loss_is_a_factor_of_a_variant() -> None:
    plain = ck.Recipe()
    focal = plain.replace(loss=ck.FocalLoss())
    assert focal.differs_from(plain) == {"loss": (ck.CrossEntropy(), ck.FocalLoss())}


def test_val_is_measured_by_cross_entropy_whatever_is_trained(tiny: ck.Splits) -> None:
    run = ck.train("linear", tiny, epochs=1, loss=ck.MultiMargin(), device="cpu")
    assert run.history["val_loss"][-1] == pytest.approx(ck.evaluate(run.model, tiny.val).loss)
