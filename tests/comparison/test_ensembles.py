"""The accuracy of all seeds together."""

from __future__ import annotations

import html
import json
import math
import tempfile
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import cifarkit as ck
from cifarkit.comparison.ensembles import ensemble_accuracy
from cifarkit.comparison.wording import ensembles

fast = settings(max_examples=100, deadline=None, database=None)
LIMITATION = "All networks of a variant together are an ensemble (Lakshminarayanan et al. 2017)."


@st.composite
def seeds(draw: Any, least: int = 1) -> list[ck.TestPredictions]:
    """Draw the predictions of several networks on the same images."""
    n, classes = draw(st.integers(1, 30)), draw(st.integers(2, 5))
    random = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    scale = draw(st.sampled_from([1e-3, 1.0, 100.0, 1e6]))  # rounding ties many of the first
    labels = random.integers(0, classes, n)
    names = tuple("abcde"[:classes])
    return [
        ck.TestPredictions.of(
            ck.Evaluation(
                (10 + scale * random.standard_normal((n, classes))).astype(np.float32),
                labels,
                names,
            )
        )
        for _ in range(draw(st.integers(least, 6)))
    ]


@fast
@given(seeds())
def test_one_seed_and_equal_copies_are_as_good_as_the_one(
    members: list[ck.TestPredictions],
) -> None:
    for member in members:
        assert ensemble_accuracy([member]) == member.accuracy
        assert ensemble_accuracy([member] * 3) == member.accuracy


@fast
@given(seeds(least=2), st.randoms())
def test_their_order_changes_nothing(members: list[ck.TestPredictions], random: Any) -> None:
    shuffled = random.sample(members, len(members))
    assert ensemble_accuracy(shuffled) == ensemble_accuracy(members)


@fast
@given(seeds(least=2))
def test_it_is_the_mean_of_probabilities_image_by_image(
    members: list[ck.TestPredictions],
) -> None:
    right = 0
    for image, label in enumerate(members[0].labels):
        logits = [torch.from_numpy(member.logits[image]).double() for member in members]
        mean = torch.stack([row.softmax(0) for row in logits]).mean(0)
        first, second = mean.topk(2).values
        if first - second < 1e-8:
            return  # two classes are as good: their votes decide
        right += int(mean.argmax()) == label
    assert ensemble_accuracy(members) == right / len(members[0].labels)


def test_the_mean_of_logits_would_be_found() -> None:
    """One sure network does not outvote two others, as it would in the mean of the logits."""
    labels = np.zeros(1, np.int64)
    rows = ([3.0, 0.0], [3.0, 0.0], [0.0, 90.0])
    logits = [np.array([row], np.float16) for row in rows]
    members = [ck.TestPredictions(each, each.argmax(1), labels) for each in logits]
    assert np.mean(logits, axis=0).argmax() == 1
    assert ensemble_accuracy(members) == 1.0


def test_of_two_as_good_the_one_with_more_votes_is_the_answer() -> None:
    labels, flat = np.array([1]), np.zeros((1, 3), np.float16)
    votes = [ck.TestPredictions(flat, np.array([vote]), labels) for vote in (0, 1, 1)]
    assert ensemble_accuracy(votes) == 1.0
    assert ensemble_accuracy([votes[0], *votes[:2]]) == 0.0


def test_a_comparison_has_it_for_each_variant_with_two_seeds_or_more(make_comparison: Any) -> None:
    comparison = make_comparison({"linear": [0.4, 0.5, 0.6], "mlp": [0.7], "baseline": []})
    table = comparison.table
    members = [run.test_predictions for run in comparison.of("linear")]
    assert table.loc["linear", "ensemble"] == ensemble_accuracy(members)
    assert math.isnan(table.loc["mlp", "ensemble"])
    assert math.isnan(table.loc["baseline", "ensemble"])
    first, last = ensembles(comparison)
    assert first == (
        f"linear: the mean of 3 seeds' probabilities is right on "
        f"{100 * ensemble_accuracy(members):.1f} % of the test images."
    )
    assert last.startswith(LIMITATION)
    for text in (str(comparison), comparison.to_markdown()):
        assert "All seeds together" in text
        for sentence in (first, last):
            assert sentence in " ".join(text.split())
    variants = json.loads(comparison.to_json())["variants"]
    assert [each["ensemble"] for each in variants] == [ensemble_accuracy(members), None, None]
    assert first not in comparison.to_latex()


def test_a_single_seed_is_no_ensemble(make_comparison: Any) -> None:
    comparison = make_comparison({"linear": [0.4], "mlp": [0.7]})
    assert ensembles(comparison) == []
    assert "All seeds together" not in str(comparison)


def test_the_page_has_it_too(make_comparison: Any, tmp_path: Any) -> None:
    comparison = make_comparison({"linear": [0.4, 0.5], "mlp": [0.6, 0.7]})
    page = ck.write_report(comparison, path=tmp_path / "page.html").read_text(encoding="utf-8")
    for sentence in ensembles(comparison):
        assert sentence in html.unescape(page)


def test_of_trained_runs_it_is_the_mean_of_what_their_networks_say(tiny: ck.Splits) -> None:
    with ThreadPoolExecutor(1) as here:
        comparison = ck.compare(
            ["linear"],
            tiny,
            seeds=3,
            epochs=2,
            run_dir=tempfile.mkdtemp(),
            executor=here,
            show_progress=False,
        )
    evaluations = [ck.evaluate(run.model, tiny.test) for run in comparison.runs["linear"]]
    mean = np.mean([evaluation.probabilities for evaluation in evaluations], axis=0)
    expected = (mean.argmax(axis=1) == evaluations[0].labels).mean()
    assert comparison.table.loc["linear", "ensemble"] == expected
