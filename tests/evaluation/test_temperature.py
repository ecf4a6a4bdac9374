"""Temperature scaling: the lowest loss on val, and the same answers."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize_scalar
from torch import Tensor, nn

import cifarkit as ck
from cifarkit.evaluation.temperature import temperature_of

fast = settings(max_examples=100, deadline=None, database=None)


def drawn(n: int, *, sharpened: float = 1.0, seed: int = 0) -> ck.Evaluation:
    """Draw each label with the probabilities that the logits say, then sharpen the logits."""
    random = np.random.default_rng(seed)
    logits = random.normal(0, 2, (n, 5))
    chances = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    labels = (chances.cumsum(axis=1) < random.random((n, 1))).sum(axis=1).clip(0, 4)
    return ck.Evaluation((sharpened * logits).astype(np.float32), labels, tuple("abcde"))


@st.composite
def evaluations(draw: Any) -> ck.Evaluation:
    n, classes = draw(st.integers(2, 40)), draw(st.integers(2, 5))
    random = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    scale = draw(st.sampled_from([0.01, 0.3, 3.0, 1000.0]))
    labels = random.integers(0, classes, n)
    logits = random.standard_normal((n, classes))
    logits[np.arange(n), labels] += draw(st.sampled_from([0.0, 1.0, 2.0]))
    return ck.Evaluation((logits * scale).astype(np.float32), labels, tuple("abcde"[:classes]))


def fitted(evaluation: ck.Evaluation) -> ck.Temperature:
    try:
        return temperature_of(evaluation)
    except ck.DataError:
        assume(False)
        raise


def loss_at(evaluation: ck.Evaluation, temperature: float) -> float:
    logits = torch.from_numpy(evaluation.logits).double() / temperature
    return F.cross_entropy(logits, torch.from_numpy(evaluation.labels)).item()


def by_lbfgs(evaluation: ck.Evaluation) -> float:
    """Fit as the authors' code does (gpleiss/temperature_scaling), but until it converges."""
    logits, labels = torch.from_numpy(evaluation.logits).double(), evaluation.labels
    temperature = nn.Parameter(torch.ones(1, dtype=torch.float64) * 1.5)
    optimizer = torch.optim.LBFGS([temperature], max_iter=500, line_search_fn="strong_wolfe")

    def closure() -> Tensor:
        optimizer.zero_grad()
        scaled = logits / temperature.unsqueeze(1).expand(logits.size(0), logits.size(1))
        loss = nn.CrossEntropyLoss()(scaled, torch.from_numpy(labels))
        loss.backward()
        return loss

    optimizer.step(closure)
    return temperature.item()


@pytest.mark.parametrize("sharpened", [0.5, 1.0, 2.0])
def test_it_is_the_temperature_of_the_authors_code(sharpened: float) -> None:
    evaluation = drawn(1_000, sharpened=sharpened)
    assert temperature_of(evaluation).value == pytest.approx(by_lbfgs(evaluation), rel=1e-4)


@fast
@given(evaluations())
def test_no_other_temperature_has_a_lower_loss(evaluation: ck.Evaluation) -> None:
    value = fitted(evaluation).value
    found = loss_at(evaluation, value)
    assert found <= min(loss_at(evaluation, value * other) for other in (0.5, 0.99, 1.01, 2)) + 1e-9
    searched = minimize_scalar(lambda log: loss_at(evaluation, math.exp(log)), bracket=(-1, 1))
    assert found == pytest.approx(searched.fun, abs=1e-9)


@fast
@given(evaluations())
def test_the_loss_is_not_worse_than_before_and_the_answers_are_the_same(
    evaluation: ck.Evaluation,
) -> None:
    after = fitted(evaluation).applied(evaluation)
    assert after.loss <= evaluation.loss * (1 + 1e-6)
    assert np.array_equal(after.predicted, evaluation.predicted)
    assert after.accuracy == evaluation.accuracy
    assert np.array_equal(after.labels, evaluation.labels)


@fast
@given(evaluations(), st.floats(0.01, 100))
def test_logits_are_divided(evaluation: ck.Evaluation, value: float) -> None:
    after = ck.Temperature(value).applied(evaluation)
    logits = torch.from_numpy(evaluation.logits).double() / value
    assert after.probabilities == pytest.approx(torch.softmax(logits, 1).numpy(), abs=2e-5)


def test_rounding_makes_no_ties() -> None:
    close = np.array([[2 - 2**-22, 2 - 2**-23]], np.float32)
    assert len(np.unique(close / np.float32(1.9))) == 1  # as it would
    evaluation = ck.Evaluation(close, np.array([1]), ("a", "b"))
    assert ck.Temperature(1.9).applied(evaluation).accuracy == evaluation.accuracy == 1.0


@fast
@given(evaluations(), st.sampled_from([0.25, 3.0, 100.0]))
def test_logits_times_a_number_need_that_times_the_temperature(
    evaluation: ck.Evaluation, factor: float
) -> None:
    once = fitted(evaluation).value
    logits = evaluation.logits.astype(np.float64) * factor
    times = ck.Evaluation(logits, evaluation.labels, evaluation.classes)
    assert fitted(times).value == pytest.approx(factor * once, rel=1e-4)


def test_calibrated_logits_need_none_and_sharpened_ones_do() -> None:
    spread = [temperature_of(drawn(2_000, seed=seed)).value for seed in range(20)]
    assert np.mean(spread) == pytest.approx(1.0, abs=4 * np.std(spread) / 20**0.5)
    assert np.std(spread) < 0.05
    before = drawn(20_000, sharpened=3.0)
    temperature = temperature_of(before)
    assert temperature.value == pytest.approx(3.0, rel=0.02)
    # Judged on images that it was not fitted on.
    new = drawn(20_000, sharpened=3.0, seed=1)
    assert ck.calibrate(new).ece > 0.1
    assert ck.calibrate(temperature.applied(new)).ece < 0.015


def test_only_val_is_asked(tiny: ck.Splits) -> None:
    asked: list[int] = []

    class Counts(nn.Module):
        def forward(self, images: Tensor) -> Tensor:
            asked.append(len(images))
            return torch.cat([images.mean((1, 2, 3))[:, None], torch.zeros(len(images), 9)], 1)

    assert tiny.val is not None
    model = Counts()
    labels = torch.zeros_like(tiny.val.labels)
    labels[:3] = 1
    val = ck.ImageSet(torch.full_like(tiny.val.images, 200), labels, tiny.val.classes)
    splits = ck.Splits(tiny.train, val, tiny.test, "tiny", "made up")
    temperature = ck.fit_temperature(model, splits)
    assert sum(asked) == len(val)
    assert temperature == temperature_of(ck.evaluate(model, val))


def test_what_cannot_be_fitted_is_refused(tiny: ck.Splits) -> None:
    right = ck.Evaluation(np.eye(3, dtype=np.float32), np.arange(3), tuple("abc"))
    with pytest.raises(ck.DataError, match="right on each of the 3 images"):
        temperature_of(right)
    for logits in (-right.logits, 0 * right.logits):
        with pytest.raises(ck.DataError, match="say too little about the labels, or the opposite"):
            temperature_of(ck.Evaluation(logits, right.labels, right.classes))
    lost = ck.Evaluation(right.logits * np.float32(np.nan), right.labels, right.classes)
    with pytest.raises(ck.NonFiniteLossError, match="NaN or infinity"):
        temperature_of(lost)
    without = ck.Splits(tiny.train, None, tiny.test, "tiny", "made up")
    with pytest.raises(ck.DataError, match="these splits have none; load the data with val_size"):
        ck.fit_temperature(ck.create_model("linear"), without)
    with pytest.raises(ck.DataError, match="takes Splits"):
        ck.fit_temperature(ck.create_model("linear"), tiny.test)  # type: ignore[arg-type]
    with pytest.raises(ck.DataError, match="needs an Evaluation"):
        ck.Temperature(1.0).applied(tiny.test)  # type: ignore[arg-type]


@pytest.mark.parametrize("value", [0, -1, math.nan, math.inf, True, "1", None])
def test_a_temperature_is_a_number_above_0(value: Any) -> None:
    with pytest.raises(ck.DataError, match="the temperature must be a number, value > 0; found"):
        ck.Temperature(value)
