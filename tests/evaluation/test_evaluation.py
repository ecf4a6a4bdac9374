from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import sklearn.metrics
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

import cifarkit as ck

fast = settings(max_examples=40, deadline=None, database=None)
NAMES = tuple("abcdefg")


@st.composite
def evaluations(draw: Any, largest: float = 30.0) -> ck.Evaluation:
    """Draw logits, ties and missing classes among them."""
    classes = draw(st.integers(2, 6))
    n = draw(st.integers(1, 25))
    scale = draw(st.sampled_from([0.0, 1.0, largest]))
    random = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    logits = (random.standard_normal((n, classes)) * scale).astype(np.float32)
    if draw(st.booleans()):
        logits = logits.round()  # ties
    labels = random.integers(0, draw(st.integers(1, classes)), n)
    return ck.Evaluation(logits, labels, NAMES[:classes])


def small(n: int = 3) -> ck.Evaluation:
    logits = np.array([[2.0, 0.0], [0.0, 1.0], [3.0, 0.0]], np.float32)[:n]
    return ck.Evaluation(logits, np.array([0, 1, 1])[:n], ("cat", "dog"))


@settings(max_examples=20, deadline=None, database=None)
@given(evaluations(largest=4.0))  # beyond, scikit-learn clips its probabilities
def test_the_numbers_are_scikit_learns(evaluation: ck.Evaluation) -> None:
    labels, predicted = evaluation.labels, evaluation.predicted
    classes = range(len(evaluation.classes))
    confusion = sklearn.metrics.confusion_matrix(labels, predicted, labels=classes)
    assert np.array_equal(evaluation.confusion, confusion)
    assert evaluation.accuracy == sklearn.metrics.accuracy_score(labels, predicted)
    log_loss = sklearn.metrics.log_loss(
        labels, torch.softmax(torch.from_numpy(evaluation.logits).double(), 1), labels=classes
    )
    assert evaluation.loss == pytest.approx(log_loss, rel=1e-5, abs=1e-6)
    table = evaluation.per_class
    for column, score in (
        ("precision", sklearn.metrics.precision_score),
        ("recall", sklearn.metrics.recall_score),
        ("f1", sklearn.metrics.f1_score),
    ):
        expected = score(labels, predicted, labels=classes, average=None, zero_division=0.0)
        np.testing.assert_allclose(table[column], expected)
    assert table["n"].tolist() == np.bincount(labels, minlength=len(classes)).tolist()
    report = sklearn.metrics.classification_report(
        labels,
        predicted,
        labels=classes,
        target_names=evaluation.classes,
        digits=4,
        zero_division=0.0,
    )
    assert evaluation.report() == report


@fast
@given(evaluations())
def test_the_laws_hold(evaluation: ck.Evaluation) -> None:
    n = len(evaluation)
    confusion = evaluation.confusion
    assert confusion.sum() == n
    assert evaluation.correct == confusion.trace()
    assert evaluation.accuracy == confusion.trace() / n
    assert np.array_equal(
        confusion.sum(axis=1), np.bincount(evaluation.labels, minlength=len(confusion))
    )
    assert np.array_equal(
        confusion.sum(axis=0), np.bincount(evaluation.predicted, minlength=len(confusion))
    )
    probabilities = evaluation.probabilities
    assert probabilities.dtype == np.float32
    assert ((probabilities >= 0) & (probabilities <= 1)).all()
    np.testing.assert_allclose(probabilities.sum(axis=1), 1, rtol=1e-5)
    chosen = probabilities[np.arange(n), evaluation.labels].astype(np.float64)
    safe = chosen > 1e-30  # below, the probability has fewer digits than its logarithm
    np.testing.assert_allclose(evaluation.losses[safe], -np.log(chosen[safe]), rtol=1e-3, atol=1e-6)
    assert (evaluation.losses >= 0).all()
    assert evaluation.loss == pytest.approx(math.fsum(evaluation.losses.tolist()) / n)
    low, high = evaluation.accuracy_interval
    assert 0 <= low <= evaluation.accuracy <= high <= 1


@fast
@given(evaluations(), st.randoms())
def test_another_order_of_the_images_changes_no_number(
    evaluation: ck.Evaluation, random: Any
) -> None:
    order = list(range(len(evaluation)))
    random.shuffle(order)
    shuffled = ck.Evaluation(evaluation.logits[order], evaluation.labels[order], evaluation.classes)
    assert np.array_equal(shuffled.predicted, evaluation.predicted[order])
    assert np.array_equal(shuffled.losses, evaluation.losses[order])
    assert np.array_equal(shuffled.confusion, evaluation.confusion)
    assert shuffled.loss == pytest.approx(evaluation.loss, rel=1e-12)
    assert shuffled.per_class.equals(evaluation.per_class)


def test_a_confusion_with_rows_and_columns_swapped_would_be_found() -> None:
    evaluation = small()
    swapped = sklearn.metrics.confusion_matrix(evaluation.predicted, evaluation.labels)
    assert not np.array_equal(evaluation.confusion, swapped)


@fast
@given(st.integers(2, 5), st.integers(0, 10_000), st.sampled_from([1e4, 3e38, np.inf]))
def test_logits_as_large_as_they_come_are_handled(classes: int, seed: int, size: float) -> None:
    random = np.random.default_rng(seed)
    signs = random.choice([-1.0, 0.0], (6, classes)) if math.isinf(size) else None
    if signs is None:
        logits = random.choice([-size, 0.0, size], (6, classes)).astype(np.float32)
    else:
        logits = np.where(signs < 0, -np.inf, 0.0).astype(np.float32)
        logits[:, 0] = 1.0  # a row of nothing but -inf has no softmax
    evaluation = ck.Evaluation(logits, random.integers(0, classes, 6), NAMES[:classes])
    assert np.isfinite(evaluation.probabilities).all()
    assert not np.isnan(evaluation.losses).any()
    assert not math.isnan(evaluation.loss)
    assert evaluation.confusion.sum() == 6
    assert "loss" in repr(evaluation)
    assert 0 <= ck.calibrate(evaluation).ece <= 1
    assert len(ck.top_losses(evaluation)) == 6
    assert evaluation.per_class.notna().all(axis=None)


def test_one_image_is_an_evaluation() -> None:
    evaluation = small(1)
    assert (len(evaluation), evaluation.accuracy, evaluation.correct) == (1, 1.0, 1)
    assert evaluation.confusion.tolist() == [[1, 0], [0, 0]]
    assert evaluation.per_class.loc["dog"].tolist() == [0.0, 0.0, 0.0, 1.0, 0.0, 0.0]
    assert "accuracy" in evaluation.report()


def test_a_class_that_never_occurs_and_one_never_predicted_are_defined() -> None:
    logits = np.array([[9, 0, 0], [9, 0, 0]], np.float32)
    evaluation = ck.Evaluation(logits, np.array([0, 1]), ("a", "b", "c"))
    table = evaluation.per_class
    assert table["n"].tolist() == [1, 1, 0]
    assert table["recall"].tolist() == [1.0, 0.0, 0.0]
    assert table["precision"].tolist() == [0.5, 0.0, 0.0]
    assert (table.loc["c", "recall_low"], table.loc["c", "recall_high"]) == (0.0, 1.0)


def test_the_recalls_interval_is_wilsons() -> None:
    row = small().per_class.loc["dog"]
    assert (row["recall_low"], row["recall_high"]) == ck.wilson_interval(1, 2)
    assert list(small().per_class.index) == ["cat", "dog"]


GOOD = np.zeros((3, 2), np.float32)


@pytest.mark.parametrize(
    ("logits", "labels", "message"),
    [
        (np.zeros((0, 2), np.float32), np.zeros(0, np.int64), "nothing to evaluate"),
        (np.zeros((3, 3), np.float32), np.zeros(3, np.int64), r"here n 2, found float32 \(3, 3\)"),
        (np.zeros(3, np.float32), np.zeros(3, np.int64), r"found float32 \(3,\)"),
        (np.zeros((3, 2), bool), np.zeros(3, np.int64), "found bool"),
        (np.array([["a", "b"]]), np.zeros(1, np.int64), "logits must be numbers"),
        (GOOD, np.zeros(2, np.int64), r"each of the 3 rows of logits, found int64 \(2,\)"),
        (GOOD, np.zeros((3, 2), np.int64), "labels must be whole numbers"),
        (GOOD, np.zeros(3, np.float32), "found float32"),
        (GOOD, np.array([0, 1, 2]), "between 0 and 1, found 0 to 2"),
        (GOOD, np.array([0, -1, 1]), "between 0 and 1, found -1 to 1"),
    ],
)
def test_logits_and_labels_that_do_not_fit_are_refused(
    logits: Any, labels: Any, message: str
) -> None:
    with pytest.raises(ck.DataError, match=message):
        ck.Evaluation(logits, labels, ("cat", "dog"))


@pytest.mark.parametrize(
    ("logits", "labels"),
    [
        (GOOD.astype(np.float64), np.zeros(3, np.int32)),
        (GOOD.astype(np.float16), np.zeros(3, np.uint8)),
        (GOOD[::-1], np.zeros(6, np.int64)[::-2]),
        (np.broadcast_to(np.float32(0), (3, 2)), np.broadcast_to(0, 3)),
        (GOOD.astype(">f4"), np.zeros(3, ">i8")),
        (GOOD.tolist(), [0, 0, 0]),
        (torch.zeros(3, 2), torch.zeros(3, dtype=torch.int64)),
    ],
)
def test_any_array_of_these_numbers_gives_the_same_numbers(logits: Any, labels: Any) -> None:
    evaluation = ck.Evaluation(logits, labels, ("cat", "dog"))
    assert evaluation.loss == pytest.approx(math.log(2))
    assert evaluation.correct == 3
    assert evaluation.probabilities.dtype == np.float32


def reading(classes: int = 10) -> nn.Module:
    """Return a network that reads a label written into the first pixel: 12 for each class."""

    class Reads(nn.Module):
        def forward(self, images: Tensor) -> Tensor:
            written = ((images[:, 0, 0, 0] + 1) * 127.5 / 12).round()
            return -10 * (written[:, None] - torch.arange(classes)).abs()

    return Reads()


def written(labels: list[int], classes: int = 10) -> ck.ImageSet:
    images = torch.zeros(len(labels), 3, 32, 32, dtype=torch.uint8)
    images[:, 0, 0, 0] = torch.tensor(labels, dtype=torch.uint8) * 12
    names = tuple(f"class {label}" for label in range(classes))
    return ck.ImageSet(images, torch.tensor(labels, dtype=torch.int64), names)


@pytest.mark.parametrize("n", [1, 2, 499, 500, 501, 1001])
def test_every_image_is_seen_once_and_in_order(n: int) -> None:
    image_set = written([index * 7 % 10 for index in range(n)])
    evaluation = ck.evaluate(reading(), image_set)
    assert len(evaluation) == n
    assert np.array_equal(evaluation.predicted, image_set.labels.numpy())
    assert evaluation.accuracy == 1.0


def test_evaluation_is_that_of_the_network_called_by_hand(tiny: ck.Splits) -> None:
    model = ck.create_model("batchnorm")
    evaluation = ck.evaluate(model, tiny.test)
    with torch.no_grad():
        logits = model.eval()(ck.to_floats(tiny.test.images))
    assert np.array_equal(evaluation.logits, logits.numpy())
    assert evaluation.loss == pytest.approx(
        float(torch.nn.functional.cross_entropy(logits, tiny.test.labels)), rel=1e-6
    )


def test_evaluating_twice_gives_the_same_bits(tiny: ck.Splits) -> None:
    model = ck.create_model("baseline")  # with dropout, which must not act
    first, second = ck.evaluate(model, tiny.test), ck.evaluate(model, tiny.test)
    assert np.array_equal(first.logits, second.logits)


class Restless(nn.Module):
    """Draws numbers, normalises, and may fail, so that any trace of evaluation shows."""

    def __init__(self, fails: bool = False) -> None:
        super().__init__()
        self.norm = nn.BatchNorm2d(3)
        self.drop = nn.Dropout(0.5)
        self.frozen = nn.BatchNorm2d(3).eval()
        self.last = nn.Linear(3072, 10)
        self.fails = fails

    def forward(self, images: Tensor) -> Tensor:
        images = self.frozen(self.drop(self.norm(images))) + torch.randn(())
        if self.fails:
            raise ZeroDivisionError
        return self.last(images.flatten(1))


def observed(model: nn.Module) -> tuple[Any, ...]:
    state = {name: tensor.tolist() for name, tensor in model.state_dict().items()}
    modes = [module.training for module in model.modules()]
    return state, modes, torch.get_rng_state().tolist(), torch.is_grad_enabled()


@pytest.mark.parametrize("fails", [False, True])
def test_network_and_generators_are_left_as_they_were(tiny: ck.Splits, fails: bool) -> None:
    model = Restless(fails)
    before = observed(model)
    if fails:
        with pytest.raises(ck.ModelContractError, match="ZeroDivisionError"):
            ck.evaluate(model, tiny.test)
    else:
        ck.evaluate(model, tiny.test)
    assert observed(model) == before
    assert all(weight.grad is None for weight in model.parameters())


def test_a_network_that_is_only_called_would_show_it(tiny: ck.Splits) -> None:
    model = Restless()
    before = observed(model)
    model(ck.to_floats(tiny.test.images))
    assert observed(model) != before


def test_a_network_can_still_learn_after_it_was_evaluated(tiny: ck.Splits) -> None:
    model = ck.create_model("batchnorm")
    ck.evaluate(model, tiny.test)
    model(ck.to_floats(tiny.test.images)).sum().backward()
    assert all(weight.grad is not None for weight in model.parameters())


@pytest.mark.parametrize(
    ("dtype", "near"), [(torch.float64, 1e-5), (torch.bfloat16, 0.1), (torch.float16, 0.01)]
)
def test_a_network_of_any_float_type_is_evaluated(
    tiny: ck.Splits, dtype: torch.dtype, near: float
) -> None:
    with ck.seeded("weights", 0):
        model = ck.create_model("resnet20")
    few = tiny.test.subset(range(4))
    plain = ck.evaluate(model, few)
    evaluation = ck.evaluate(model.to(dtype), few)
    assert evaluation.logits.dtype == np.float32
    np.testing.assert_allclose(evaluation.logits, plain.logits, atol=near)


def test_the_images_are_not_changed(tiny: ck.Splits) -> None:
    class Eats(nn.Module):
        def forward(self, images: Tensor) -> Tensor:
            return images.mul_(0).flatten(1)[:, :10]

    before = tiny.test.images.clone()
    ck.evaluate(Eats(), tiny.test)
    assert torch.equal(tiny.test.images, before)


@pytest.mark.parametrize("wrong", ["linear", None, nn.Linear, lambda images: images])
def test_what_is_no_network_is_refused(tiny: ck.Splits, wrong: Any) -> None:
    with pytest.raises(ck.ModelContractError, match=r"the model must be an nn.Module, found .*; "):
        ck.evaluate(wrong, tiny.test)


def test_what_is_no_image_set_is_refused(tiny: ck.Splits) -> None:
    model = ck.create_model("linear")
    with pytest.raises(ck.DataError, match=r"such as splits\.test; found Splits"):
        ck.evaluate(model, tiny)  # type: ignore[arg-type]
    with pytest.raises(ck.DataError, match="found Tensor"):
        ck.evaluate(model, tiny.test.images)  # type: ignore[arg-type]
    with pytest.raises(ck.DataError, match="found NoneType"):
        ck.evaluate(model, None)  # type: ignore[arg-type]


def test_an_empty_set_is_refused(tiny: ck.Splits) -> None:
    with pytest.raises(ck.DataError, match="the image set is empty"):
        ck.evaluate(ck.create_model("linear"), tiny.test.subset([]))


@pytest.mark.parametrize(
    ("function", "message"),
    [
        (lambda images: (images,), "logits, found tuple"),
        (lambda images: None, "logits, found NoneType; return the logits"),
        (lambda images: images.sum(), "found a single number for a batch of 60"),
        (lambda images: images[:1, 0, 0, :10], "found 1 10 for a batch of 60"),
        (lambda images: images[:, :1, :1, :10], "found 60 1 1 10 for a batch of 60"),
        (lambda images: images.flatten(1)[:, :9], "gives 60 9 for 60 images of 10 classes"),
    ],
)
def test_a_network_that_gives_no_logits_is_refused(
    tiny: ck.Splits, function: Any, message: str
) -> None:
    class Gives(nn.Module):
        def forward(self, images: Tensor) -> Any:
            return function(images)

    with pytest.raises(ck.ModelContractError, match=message):
        ck.evaluate(Gives(), tiny.test)
